"""From conversations to token rows: rendered, encoded, cut to the window."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from assay.components.rendering import Rendering
from assay.errors import ConfigError
from assay.rendering.chat_spans import NotFound, chat_spans
from assay.rendering.encoding import TextEncoding
from assay.rendering.reference_tokens import reference_rows
from assay.rendering.templates import Span, load_template
from assay.rendering.token_rows import Fitting, Part, TokenRow
from assay.samples import Conversation, Flag


class Context(BaseModel):
    """Text that stands before the prompt, such as a demonstration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str


Preceding = Literal["prompt", "nothing"] | Context
"""What an answer is scored after: its own prompt, nothing, or a text and then its prompt."""


def token_rows(
    model: TextEncoding,
    rendering: Rendering,
    given: Preceding,
    conversations: Sequence[Conversation],
) -> list[TokenRow]:
    """Return each conversation as the sequences that a model reads.

    Args:
        model: whose tokenizer encodes, and whose window is the limit.
        rendering: template, turns, limit and context token.
        given: what the answers are scored after.
        conversations: one row each.

    Raises:
        ConfigError: if the rendering asks for a token or a format that the model lacks.
    """
    if rendering.reference:
        if isinstance(given, Context):
            raise ConfigError("a reference rendering takes no other context")
        return reference_rows(model, rendering, given == "nothing", conversations)
    fitting = Fitting(
        min(rendering.max_tokens, model.window),
        context_token(model, rendering),
        rendering.on_truncate == "drop",
    )
    if rendering.reasoning and rendering.is_chat:
        raise ConfigError("hidden reasoning is not scored in a model's own chat format")
    rendered = [_render(model, rendering, given, conversation) for conversation in conversations]
    alone = given == "nothing"
    known = encoded(model, rendered, answers_only=alone)
    return [_row(row, known, fitting, alone) for row in rendered]


def context_token(model: TextEncoding, rendering: Rendering) -> tuple[int, ...]:
    """Return the token before everything, if there is one.

    Raises:
        ConfigError: if the model lacks the one that is asked for.
    """
    wanted = rendering.context_token
    if wanted == "none":
        return ()
    if wanted == "auto":
        found = model.eos if model.bos is None else model.bos
        return () if found is None else (found,)
    found = model.bos if wanted == "bos" else model.eos
    if found is None:
        raise ConfigError(f"the tokenizer has no {wanted.upper()} token", hint="context_token=auto")
    return (found,)


class Rendered(NamedTuple):
    """Spans of a row, those that are not scored numbered -1, or why they are not known."""

    spans: list[Span] | NotFound
    flags: Flag


def _render(
    model: TextEncoding, rendering: Rendering, given: Preceding, conversation: Conversation
) -> Rendered:
    flags = Flag.NONE if conversation.prompt.strip() else Flag.EMPTY_PROMPT
    if rendering.is_chat:
        found = chat_spans(model, conversation)
        if isinstance(found, NotFound):
            return Rendered(found, flags)
        spans = found.spans
        flags |= found.flags
    else:
        template = load_template(rendering.template)
        spans = template.spans(conversation, reasoning=rendering.reasoning)
    scored = _scored_turns(spans, conversation.learned_turns, rendering)
    kept = [span if span.turn in scored else span._replace(turn=-1) for span in spans]
    if isinstance(given, Context):
        kept.insert(0, Span(given.text))
    if rendering.turns in ("first", "last") and scored:
        last = max(place for place, span in enumerate(kept) if span.turn >= 0)
        kept = kept[: last + 1]
    return Rendered(kept, flags)


def _scored_turns(
    spans: Iterable[Span], learned: Collection[int], rendering: Rendering
) -> set[int]:
    answered = [span.turn for span in spans if span.turn in learned and span.text.strip()]
    if rendering.turns == "last":
        return set(answered[-1:])
    return set(answered[:1]) if rendering.turns == "first" else set(answered)


def encoded(
    model: TextEncoding, rows: Sequence[Rendered], *, answers_only: bool = False
) -> dict[tuple[str, bool], list[int]]:
    """Return the ids of every different text, each encoded once."""
    wanted = {
        (span.text, span.special): None
        for row in rows
        for span in ([] if isinstance(row.spans, NotFound) else row.spans)
        if span.turn >= 0 or not answers_only
    }
    known: dict[tuple[str, bool], list[int]] = {}
    for special in (False, True):
        texts = [text for text, is_special in wanted if is_special == special]
        ids = model.encode(texts, special=special) if texts else []
        known.update({(text, special): own for text, own in zip(texts, ids, strict=True)})
    return known


def _row(
    rendered: Rendered,
    known: dict[tuple[str, bool], list[int]],
    fitting: Fitting,
    alone: bool,
) -> TokenRow:
    if isinstance(rendered.spans, NotFound):
        return TokenRow((), rendered.spans.reason, why=rendered.spans.why)
    spans = [span for span in rendered.spans if span.turn >= 0 or not alone]
    if alone:
        return fitting.alone(_joined(_parts(spans, known)))
    parts = _after_context(spans, known, fitting.context)
    row = fitting.given_prompt(_joined(parts))
    return replace(row, flags=row.flags | rendered.flags)


def joined_ids(
    spans: Sequence[Span], known: dict[tuple[str, bool], list[int]], context: tuple[int, ...]
) -> list[int]:
    """Return the tokens of some spans one after the other, to stand after the context token."""
    return [token for part in _after_context(spans, known, context) for token in part.ids]


def _parts(spans: Sequence[Span], known: dict[tuple[str, bool], list[int]]) -> list[Part]:
    return [Part(known[span.text, span.special], span.turn) for span in spans]


def _after_context(
    spans: Sequence[Span], known: dict[tuple[str, bool], list[int]], context: tuple[int, ...]
) -> list[Part]:
    """Return the parts without the context token, where the chat format has put it there."""
    parts = _parts(spans, known)
    opening = next((place for place, span in enumerate(spans) if span.special), 0)
    if context and parts and tuple(parts[opening].ids[:1]) == context:
        parts[opening] = parts[opening]._replace(ids=parts[opening].ids[1:])
    return parts


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Return the parts, those of one answer as one."""
    joined: list[Part] = []
    for part in parts:
        if joined and part.turn >= 0 and joined[-1].turn == part.turn:
            joined[-1] = Part([*joined[-1].ids, *part.ids], part.turn)
        else:
            joined.append(part)
    return joined
