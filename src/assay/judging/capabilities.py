"""What a judge can do, each with what was seen of it, and how it is therefore asked.

Servers answer 200 to a field that they do not know and leave out what it asks for. So "accepted and
ignored" is a finding of its own, and none of them rests on a status code alone; see `probing`.
"""

import dataclasses
import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from assay.errors import ModelLoadError

Mode: TypeAlias = Literal["label_logprobs", "json_schema", "text"]
"""How an opinion is had: from the probabilities of labels, from JSON that the server holds to a
schema, or from free text."""
MODES: tuple[Mode, ...] = get_args(Mode)
"""In the order in which they are preferred: a number from probabilities hardly ever ties and costs
one token; what is held to a schema can be read; free text is what every model can give."""


class Standing(enum.StrEnum):
    """How it stands with a capability."""

    YES = "yes"
    NO = "no"
    IGNORED = "accepted and ignored"
    UNKNOWN = "not asked"


@dataclass(frozen=True)
class Finding:
    """How it stands with a capability, and what was seen: one line that is safe to show."""

    standing: Standing
    evidence: str

    @property
    def holds(self) -> bool:
        """Whether it was seen to work."""
        return self.standing is Standing.YES

    @classmethod
    def yes(cls, evidence: str) -> "Finding":
        """Return that it works."""
        return cls(Standing.YES, evidence)

    @classmethod
    def no(cls, evidence: str) -> "Finding":
        """Return that it is refused, or comes out wrong."""
        return cls(Standing.NO, evidence)

    @classmethod
    def ignored(cls, evidence: str) -> "Finding":
        """Return that it is accepted, and nothing comes of it."""
        return cls(Standing.IGNORED, evidence)

    @classmethod
    def unknown(cls, evidence: str) -> "Finding":
        """Return that it could not be asked."""
        return cls(Standing.UNKNOWN, evidence)

    def __str__(self) -> str:
        return f"{self.standing}: {self.evidence}"


@dataclass(frozen=True)
class Capabilities:
    """What was found when a judge was asked questions with known answers.

    Attributes:
        chat: it answers on `chat/completions`.
        completions: it goes on with a text on `completions`.
        system: a system message reaches the model.
        temperature: a temperature of 0 is taken.
        max_tokens: that limit holds.
        max_completion_tokens: that limit holds; asked where `max_tokens` does not.
        label_logprobs: it tells the likeliest tokens at every place of what it wrote.
        raw_logprobs: they are the same at another temperature.
        free_logprobs: they are the same where a constraint allows one word alone.
        prompt_logprobs: `echo`, or vLLM's own field, tells those of the prompt.
        json_schema: what it writes obeys a schema that demands something unlikely.
        grammar: what it writes obeys a demand for one unlikely word.
        stable: it writes the same twice at temperature 0.
        usage: it counts tokens.
        reasoning: it thinks before it answers, in tokens that are paid for.
        candidates: how many of the likeliest tokens it tells at least, of those asked for.
        limit: field that bounds a reply; "" where none does.
        choice: field by which words are demanded; "" where none does.
        label_temperature: at which the log-probabilities are those of the model.
        requests: how many the probe sent.
        tokens_in: that they had, as far as the server says.
        tokens_out: that it wrote, as far as it says.
    """

    chat: Finding
    completions: Finding
    system: Finding
    temperature: Finding
    max_tokens: Finding
    max_completion_tokens: Finding
    label_logprobs: Finding
    raw_logprobs: Finding
    free_logprobs: Finding
    prompt_logprobs: Finding
    json_schema: Finding
    grammar: Finding
    stable: Finding
    usage: Finding
    reasoning: Finding
    candidates: int = 0
    limit: str = ""
    choice: str = ""
    label_temperature: float = 0.0
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def findings(self) -> Mapping[str, Finding]:
        """Return all findings by name."""
        pairs = ((each.name, getattr(self, each.name)) for each in dataclasses.fields(self))
        return {name: value for name, value in pairs if isinstance(value, Finding)}

    def modes(self) -> tuple[Mode, ...]:
        """Return the modes that work here, the preferred one first."""
        works = {
            "label_logprobs": self.chat.holds and self.label_logprobs.holds,
            "json_schema": self.chat.holds and self.json_schema.holds,
            "text": self.chat.holds or self.completions.holds,
        }
        return tuple(mode for mode in MODES if works[mode])

    def choose(self, offered: Sequence[Mode] = MODES, wanted: Mode | None = None) -> "Choice":
        """Return the mode in which a judge is asked.

        Args:
            offered: those in which the question can be put.
            wanted: the only one that will do; None for the best that works.

        Raises:
            ModelLoadError: if none of them works; with what was seen of each.
        """
        tried = [mode for mode in MODES if mode in offered and wanted in (None, mode)]
        works = self.modes()
        for place, mode in enumerate(tried):
            if mode in works:
                return Choice(mode, tuple(self._why_not(other) for other in tried[:place]))
        seen = "; ".join(self._why_not(mode) for mode in tried)
        raise ModelLoadError(
            f"the judge cannot be asked that way: {seen or f'{wanted} is no way to ask this'}",
            hint=f"what works: {', '.join(works) or 'nothing'}",
        )

    def request(self, most_tokens: int, *, temperature: float = 0.0) -> dict[str, Any]:
        """Return the fields that this judge takes for a limit and a temperature."""
        fields: dict[str, Any] = {self.limit: most_tokens} if self.limit else {}
        if self.temperature.holds:
            fields["temperature"] = temperature
        if self.choice == "grammar":  # llama.cpp: what it kept of another prompt moves its numbers
            fields["cache_prompt"] = False
        return fields

    def demand(self, words: Sequence[str]) -> dict[str, Any]:
        """Return the fields that make this judge write one of some words; none if none does."""
        if self.choice == "grammar":
            return {"grammar": f"root ::= {' | '.join(map(_quoted, words))}"}
        if self.choice == "structured_outputs":
            return {"structured_outputs": {"choice": list(words)}}
        return {self.choice: list(words)} if self.choice else {}

    def demand_label(self, labels: Sequence[str]) -> dict[str, Any]:
        """Return the same for labels whose probabilities are to be read; none where it hurts them.

        A server that is held to labels writes one in its first place, and llama.cpp tells no place
        of a token that is a part of a letter. But where only what a constraint leaves is told, no
        share of the probability would fall on anything else.
        """
        return self.demand(labels) if self.free_logprobs.holds else {}

    def asking(self) -> dict[str, Any]:
        """Return what decides how it is asked, without what was seen and how much that took."""
        counted = ("requests", "tokens_in", "tokens_out")
        return {
            each.name: value.standing if isinstance(value, Finding) else value
            for each in dataclasses.fields(self)
            if each.name not in counted
            for value in [getattr(self, each.name)]
        }

    def facts(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "Capabilities":
        """Return what `facts` told.

        Raises:
            ValueError: if these are other facts.
        """
        try:
            return cls(**{name: _finding(value) for name, value in facts.items()})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no facts of a judge: {error}") from error

    def _why_not(self, mode: Mode) -> str:
        if mode == "text" or not self.chat.holds:
            return f"chat is {self.chat}"
        found = self.label_logprobs if mode == "label_logprobs" else self.json_schema
        return f"{mode} is {found}"


@dataclass(frozen=True)
class Choice:
    """A mode, and why those that are preferred to it do not work: one line each."""

    mode: Mode
    passed_over: tuple[str, ...] = ()


def _quoted(word: str) -> str:
    """Return a word as a grammar of llama.cpp spells it, which is as JSON does."""
    return json.dumps(word, ensure_ascii=False)


def _finding(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return Finding(Standing(value["standing"]), str(value["evidence"]))
