"""Questions about rows as a causal model reads them, shortened where they do not fit."""

from collections.abc import Callable, Mapping, Sequence
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
    whole = [question.texts(conversation) for conversation in conversations]
    texts = [dict(own) for own in whole]
    rows = [TokenRow(())] * len(texts)

    def excess(places: Sequence[int]) -> list[int]:
        read = _rows(model, rendering, question, [texts[place] for place in places])
        for place, row in zip(places, read, strict=True):
            rows[place] = row
        return [_excess(row) for row in read]

    cut = fit_texts(model, texts, excess)
    return [
        _finished(row, flags, unasked(left, own))
        for row, flags, left, own in zip(rows, cut, texts, whole, strict=True)
    ]


def fit_texts(
    model: TextEncoding,
    texts: Sequence[dict[str, str]],
    excess: Callable[[Sequence[int]], Sequence[int]],
) -> list[Flag]:
    """Shorten the texts in questions until the questions fit; return what happened to each row.

    Args:
        model: whose tokenizer counts.
        texts: of each row, by field; they are shortened in place.
        excess: returns how many tokens of some rows are too many, 0 for none; first it is asked of
            all, then of those that were shortened.
    """
    flags = [_flags(own) for own in texts]
    places: Sequence[int] = range(len(texts))
    while places:
        over = zip(places, excess(places), strict=True)
        long = [(place, more) for place, more in over if more and any(texts[place].values())]
        for place, more in long:
            field, text = shortened(model, texts[place], more)
            texts[place][field] = text
            answer = field in _ANSWERS
            flags[place] |= Flag.RESPONSE_TRUNCATED if answer else Flag.PROMPT_TRUNCATED
        places = [place for place, _ in long]
    return flags


def unasked(left: Mapping[str, str], whole: Mapping[str, str]) -> Reason:
    """Return why nothing can be asked about a row: no answer, or one of its texts is lost.

    Args:
        left: the texts in the question, as they were shortened.
        whole: the same as they are in the data.
    """
    if any(name in _ANSWERS and not text.strip() for name, text in whole.items()):
        return Reason.EMPTY_RESPONSE
    lost = any(text.strip() and not left[name] for name, text in whole.items())
    return Reason.TOO_LONG if lost else Reason.OK


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


def _finished(row: TokenRow, flags: Flag, reason: Reason) -> TokenRow:
    if not reason and _excess(row):
        reason = Reason.TOO_LONG  # not even the question's own words fit
    return TokenRow((), reason) if reason else replace(row, flags=row.flags | flags)
