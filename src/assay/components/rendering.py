"""Renderings: which template, which turns, how much of them, and how tokens are counted."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.components.parts import Revised
from assay.components.references import TemplateRef, name_of

CHAT = "chat"
"""Names the template that the model's own tokenizer brings along."""


class Rendering(BaseModel, Revised):
    """How a conversation becomes tokens, and which of them are scored.

    Every span is encoded by itself and the ids are joined, after one context token, so that the
    answer has the same tokens whatever stands before it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    template: TemplateRef = "alpaca"
    """alpaca, plain, bare, vicuna, wiz, nuggets, "chat" for the model's own, or a .json file."""
    turns: Literal["all", "last", "first", "each"] = "all"
    """Assistant turns that are scored; with "each", a row's mean is that of its turns' means."""
    max_tokens: int = Field(default=2048, ge=8)
    """Longest sequence; the model's own window if that is shorter."""
    context_token: Literal["auto", "bos", "eos", "none"] = "auto"  # noqa: S105  no secret
    """Token put before everything: the tokenizer's BOS, or else its EOS, or none."""
    on_truncate: Literal["score", "drop"] = "score"
    """An answer that does not fit by itself: score its beginning, or leave the row without."""
    reasoning: bool = False
    """Score an answer's hidden reasoning, too."""
    reference: Literal["", "superfiltering", "cherry"] = ""
    """Count tokens as a published code does, its slips included; see the method's page."""

    @property
    def is_chat(self) -> bool:
        """Whether the template is the one that the model's own tokenizer brings along."""
        return name_of(self.template) == CHAT

    def revision(self) -> int:
        """Return which way of making tokens this is, where there was another one before.

        2 of the chat template: arguments of calls as objects, answers found where it strips.
        3 of it: where it prints the date, that is the same one on every day.
        2 of Cherry's code: the limit of the answer alone is the published constant.
        """
        if self.is_chat:
            return 3
        return 2 if self.reference == "cherry" else 1

    def __str__(self) -> str:
        """Return the template's name and what else differs from the default, for people."""
        fields = type(self).model_fields
        rest = [
            f"{name}={value}"
            for name, value in self
            if name != "template" and value != fields[name].default
        ]
        return " ".join([name_of(self.template), *rest])


COMMON = Rendering()
"""The rendering of all likelihood methods, which therefore share their passes."""
SUPERFILTERING = Rendering(template="plain", max_tokens=1024, reference="superfiltering")
"""As the code of arXiv 2402.00530: no template, 1,024 tokens, no context token."""
CHERRY = Rendering(template="alpaca", max_tokens=512, reference="cherry")
"""As the code of arXiv 2308.12032: Alpaca's template, 512 tokens, a marker before the answer."""


def as_published(rendering: Rendering, published: Rendering) -> Rendering:
    """Return a published code's rendering, with what a given one changes of the common one.

    Args:
        rendering: as asked for, its template pinned or not; one that names a reference is taken
            as it is.
        published: what the code does by default.
    """
    if rendering.reference:
        return rendering
    plain = rendering.model_copy(update={"template": name_of(rendering.template)})
    changed = [name for name, value in plain if value != getattr(COMMON, name)]
    return published.model_copy(update={name: getattr(rendering, name) for name in changed})
