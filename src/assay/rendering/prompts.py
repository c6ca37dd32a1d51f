"""From conversations to prompts: what a model reads before it writes the last answer anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.components.rendering import Rendering
from assay.errors import ConfigError
from assay.rendering.chat_messages import ChatForm, chat_messages, chat_tool
from assay.rendering.chat_spans import NotFound, chat_spans
from assay.rendering.encoding import TextEncoding, TokenIds
from assay.rendering.templates import load_template
from assay.rendering.tokenization import Rendered, context_token, encoded, joined_ids
from assay.samples import Conversation, Flag, Message, Reason

Sent = dict[str, object]
"""A message or a tool in OpenAI's form."""
_NO_IDS: TokenIds = np.empty(0, np.int32)
_SENT = ChatForm(made_ids=True, text_arguments=True)
"""How servers take conversations: arguments as text, and an id for every call."""


@dataclass(frozen=True)
class Prompt:
    """What a model reads before it replies.

    Attributes:
        ids: shape (t,); empty where `reason` says why.
        most: tokens that the reply may have.
        cut: tokens that did not fit: those at the beginning, or all are left out for them.
        reason: why there is no prompt.
        why: the same in words, where they say more.
        flags: what happened on the way.
    """

    ids: TokenIds
    most: int = 0
    cut: int = 0
    reason: Reason = Reason.OK
    why: str = ""
    flags: Flag = Flag.NONE


def before_answer(conversation: Conversation) -> Conversation:
    """Return what a model is to reply to: all before the last answer to be learned.

    Where the last word is not the assistant's, that is everything.
    """
    messages = conversation.messages
    if not messages or messages[-1].role != "assistant":
        return conversation
    last = conversation.last_answer
    return replace(conversation, messages=messages[: len(messages) - 1 if last is None else last])


def prompts(
    model: TextEncoding,
    rendering: Rendering,
    conversations: Sequence[Conversation],
    most: int,
) -> list[Prompt]:
    """Return the tokens before each conversation's last answer.

    They are those that the answer is scored after. A prompt loses its beginning where it would
    leave less room than the reply may need, or than half of the window if that is less.

    Args:
        model: whose tokenizer encodes, and whose window is the limit.
        rendering: template, limit and context token.
        conversations: one row each.
        most: tokens that a reply may have.

    Raises:
        ConfigError: if the rendering asks for a token or a format that the model lacks.
    """
    check_rendering(rendering)
    limit = min(rendering.max_tokens, model.window)
    context = context_token(model, rendering)
    rows = [_rendered(model, rendering, conversation) for conversation in conversations]
    known = encoded(model, rows)
    return [_prompt(row, known, context, rendering, (limit, most)) for row in rows]


def check_rendering(rendering: Rendering) -> None:
    """Check that a rendering tells what stands before an answer.

    Raises:
        ConfigError: if it does not.
    """
    if rendering.reference:
        raise ConfigError(
            f"the rendering of {rendering.reference} counts tokens of answers that are there, and "
            "none is written by it"
        )
    if rendering.reasoning and rendering.is_chat:
        raise ConfigError("hidden reasoning is not read in a model's own chat format")


def end_of_turn(model: TextEncoding) -> tuple[int, ...]:
    """Return the token by which a model's own chat format ends an answer, if one does.

    Raises:
        ConfigError: if the model has no such format.
    """
    talk = Conversation((Message("user", "Name a word."), Message("assistant", "Word.")))
    found = chat_spans(model, talk)
    if isinstance(found, NotFound):
        return ()
    answered = max((place for place, span in enumerate(found.spans) if span.turn >= 0), default=-1)
    after = "".join(span.text for span in found.spans[answered + 1 :])
    ids = model.encode([after], special=True)[0] if after else []
    plain = model.encode([after])[0] if after else []
    # A token that plain text cannot hold: words such as a line break end no turn.
    return tuple(ids[:1]) if ids[:1] != plain[:1] else ()


def sent_messages(conversation: Conversation) -> tuple[list[Sent], list[Sent]]:
    """Return the messages before a row's last answer and its tools, as servers take them."""
    before = before_answer(conversation)
    messages = chat_messages(before, _SENT, {}, {})
    return messages, [chat_tool(tool) for tool in before.tools]


def _rendered(model: TextEncoding, rendering: Rendering, conversation: Conversation) -> Rendered:
    before = before_answer(conversation)
    if not conversation.question.strip():
        return Rendered(NotFound(Reason.EMPTY_PROMPT, ""), Flag.EMPTY_PROMPT)
    if not rendering.is_chat:
        answered = replace(before, messages=(*before.messages, Message("assistant", "")))
        spans = load_template(rendering.template).spans(answered, reasoning=rendering.reasoning)
        return Rendered(spans[:-1], Flag.NONE)
    found = chat_spans(model, before, answering=True)
    if isinstance(found, NotFound):
        return Rendered(found, Flag.NONE)
    return Rendered(found.spans, found.flags)


def _prompt(
    row: Rendered,
    known: dict[tuple[str, bool], list[int]],
    context: tuple[int, ...],
    rendering: Rendering,
    limits: tuple[int, int],
) -> Prompt:
    if isinstance(row.spans, NotFound):
        return Prompt(_NO_IDS, reason=row.spans.reason, why=row.spans.why, flags=row.flags)
    limit, most = limits
    body = joined_ids(row.spans, known, context)
    room = max(1, limit - min(most, limit // 2) - len(context))
    flags = row.flags
    cut = max(0, len(body) - room)
    if cut:
        if rendering.on_truncate == "drop":
            return Prompt(_NO_IDS, cut=cut, reason=Reason.TOO_LONG, flags=flags)
        flags |= Flag.PROMPT_TRUNCATED
        body = body[cut:]
    ids = np.array([*context, *body], np.int32)
    if not len(ids):
        return Prompt(ids, reason=Reason.EMPTY_PROMPT, flags=flags | Flag.EMPTY_PROMPT)
    return Prompt(ids, most=min(most, limit - len(ids)), cut=cut, flags=flags)
