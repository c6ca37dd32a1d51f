"""Templates: how a conversation becomes the text that a language model reads.

A template is data, known by the digest of its content, so that results made with another wording
are never mixed. Dataset text is put in by one substitution and never looked at again: braces in
it stay braces.
"""

import re
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from assay.components.references import name_of
from assay.components.rendering import CHAT
from assay.rendering.prompt_files import known_wordings, load_wording, pin_wording
from assay.samples import Conversation, Message

_OWN = "a template is a JSON object in UTF-8: user, user_with_context, answer, ..."
_FIELD = re.compile(r"\{(instruction|context|system|content)\}")


class Span(NamedTuple):
    """A piece of rendered text.

    `turn` numbers the assistant turn it is, -1 for all else; in a `special` one the names of
    special tokens stand for these tokens.
    """

    text: str
    turn: int = -1
    special: bool = False


def answer_turns(conversation: Conversation) -> dict[int, int]:
    """Return which messages are answers: the number of each one's turn, by that of the message."""
    answers = [i for i, message in enumerate(conversation.messages) if message.role == "assistant"]
    return {place: turn for turn, place in enumerate(answers)}


class Template(BaseModel):
    """The wording around the turns of a conversation.

    The patterns hold {instruction}, {context}, {system} or {content}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    strip: bool = False
    opening: str = ""
    opening_with_context: str = ""
    system: str = "{system}"
    user: str
    user_with_context: str
    tool: str = "{content}"
    answer: str
    after_answer: str = ""
    marker: str = ""

    def spans(self, conversation: Conversation, *, reasoning: bool = False) -> list[Span]:
        """Return the conversation as text, its assistant turns apart from the rest.

        Args:
            conversation: what is rendered. A system message takes the place of the opening; tool
                calls and replies of tools are context, never part of an answer.
            reasoning: put an answer's hidden reasoning before it.
        """
        spans: list[Span] = []
        pending = self._opening(conversation)
        turns = answer_turns(conversation)
        for place, message in enumerate(conversation.messages):
            if message.role == "assistant":
                spans.append(Span(pending + self.answer))
                spans.append(Span(self._answer(message, reasoning), turns.get(place, -1)))
                pending = self.after_answer + self._calls(message)
            else:
                pending += self._before(message)
        if pending != self.after_answer:
            spans.append(Span(pending))
        return spans

    def _opening(self, conversation: Conversation) -> str:
        if any(message.role == "system" for message in conversation.messages):
            return ""
        first = next((m for m in conversation.messages if m.role == "user"), None)
        with_context = first is not None and bool(first.context)
        return self.opening_with_context if with_context else self.opening

    def _before(self, message: Message) -> str:
        if message.role == "system":
            return self._fill(self.system, system=message.content)
        if message.role == "tool":
            return self._fill(self.tool, content=message.content)
        pattern = self.user_with_context if message.context else self.user
        return self._fill(pattern, instruction=message.content, context=message.context)

    def _answer(self, message: Message, reasoning: bool) -> str:
        parts = [message.reasoning] if reasoning and message.reasoning else []
        text = "\n".join([*parts, message.content])
        return text.strip() if self.strip else text

    def _calls(self, message: Message) -> str:
        calls = (f"{call.name}({call.arguments})" for call in message.tool_calls)
        return "".join(self._fill(self.tool, content=call) for call in calls)

    def _fill(self, pattern: str, **fields: str) -> str:
        if self.strip:
            fields = {name: text.strip() for name, text in fields.items()}
        return _FIELD.sub(lambda found: fields.get(found[1], ""), pattern)


def known_templates() -> list[str]:
    """Return the names of the templates that come with Assay, and of the model's own."""
    return sorted([CHAT, *known_wordings("template")])


def pin_template(text: str) -> str:
    """Return a template's name, or the path of its file, with the digest of its content.

    Raises:
        ConfigError: if there is no such template, or it changed since it was pinned.
    """
    # That of the model is part of it, and pinned with it.
    return (
        CHAT if name_of(text) == CHAT else pin_wording("template", text, others=(CHAT,), own=_OWN)
    )


@cache
def load_template(pinned: str) -> Template:
    """Return the template of a name or path, pinned or not.

    Raises:
        ConfigError: if it cannot be read.
    """
    return load_wording("template", pinned, Template, others=(CHAT,), own=_OWN)
