"""Questions about rows as a causal model reads them, shortened where they do not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.components.rendering import Rendering
from assay.rendering.encoding import TextEncoding
from assay.rendering.questions import Question
from assay.rendering.token_rows import TokenRow
from assay.rendering.tokenization import token_rows
from assay.samples import Conversation, Flag, Message, Reason

_PLACEHOLDER = "A"  # stands where the answer begins; a causal model does not look at it
_ANSWERS = ("response", "responses")


def judged_rows(
    model: TextEncoding,
    rendering: Rendering,
    question: Question,
    conversations: Sequence[Conversation],
) -> list[TokenRow]:
    """Return a question about each conversation as tokens, an answer of one token at its end.

    Where it does not fit, the longest text of the row in it loses its end, as far as needed: the
    question's own words stay. A row of which a text would be lost altogether is too long.

    Args:
        model: whose tokenizer encodes, and whose window is the limit.
        rendering: what stands around the question, limit and context token.
        question: its wording.
        conversations: one row each.
    """
    texts = [question.texts(conversation) for conversation in conversations]
    flags = [_flags(own) for own in texts]
    rows = _rows(model, rendering, question, texts)
    while True:
        long = [place for place, row in enumerate(rows) if _excess(row)]
        cut = [place for place in long if any(texts[place].values())]
        if not cut:
            break
        for place in cut:
            field, text = shortened(model, texts[place], _excess(rows[place]))
            texts[place][field] = text
            answer = field in _ANSWERS
            flags[place] |= Flag.RESPONSE_TRUNCATED if answer else Flag.PROMPT_TRUNCATED
        again = _rows(model, rendering, question, [texts[place] for place in cut])
        for place, row in zip(cut, again, strict=True):
            rows[place] = row
    return [
        _finished(row, own, left, question.texts(conversation))
        for row, own, left, conversation in zip(rows, flags, texts, conversations, strict=True)
    ]


def shortened(model: TextEncoding, texts: dict[str, str], excess: int) -> tuple[str, str]:
    """Return the field whose text is the longest, and what is left of it.

    Args:
        model: whose tokenizer counts.
        texts: by field.
        excess: tokens that are too many.
    """
    counts = dict(zip(texts, map(len, model.encode(list(texts.values()))), strict=True))
    field = max(texts, key=lambda name: (counts[name], len(texts[name]), name))
    text = texts[field]
    share = max(0.0, 1 - excess / max(counts[field], 1))
    return field, text[: min(int(len(text) * share), len(text) - 1)]


def _rows(
    model: TextEncoding,
    rendering: Rendering,
    question: Question,
    texts: Sequence[dict[str, str]],
) -> list[TokenRow]:
    asked = [
        Conversation(
            (
                Message("user", "".join(piece.text for piece in question.pieces(own))),
                Message("assistant", _PLACEHOLDER),
            )
        )
        for own in texts
    ]
    return token_rows(model, rendering, "prompt", asked)


def _excess(row: TokenRow) -> int:
    """Return how many tokens did not fit."""
    cut = row.flags & (Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED)
    return max(1, row.prompt_tokens + row.response_tokens - row.total_tokens + 1) if cut else 0


def _flags(texts: dict[str, str]) -> Flag:
    asked = [text for field, text in texts.items() if field not in _ANSWERS]
    return Flag.EMPTY_PROMPT if asked and not any(text.strip() for text in asked) else Flag.NONE


def _finished(
    row: TokenRow, flags: Flag, left: Mapping[str, str], whole: Mapping[str, str]
) -> TokenRow:
    """Return a row with its flags, or why it is not asked about.

    Args:
        row: the question as tokens.
        flags: what happened to it.
        left: texts in it, as they were shortened.
        whole: the same as they are in the data.
    """
    if any(name in _ANSWERS and not text.strip() for name, text in whole.items()):
        return TokenRow((), Reason.EMPTY_RESPONSE)
    lost = any(text.strip() and not left[name] for name, text in whole.items())
    if lost or _excess(row):
        return TokenRow((), Reason.TOO_LONG)
    return replace(row, flags=row.flags | flags)
