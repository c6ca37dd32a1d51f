"""A question about a row as one sequence of tokens, for models that read it whole."""

import re
from collections.abc import Sequence
from functools import cache

from assay.rendering.encoding import TextEncoding
from assay.rendering.questions import Piece


def question_ids(model: TextEncoding, pieces: Sequence[Piece]) -> list[int]:
    """Return the tokens of a question, with those that the tokenizer puts around a text.

    Names of special tokens in the question's own words are these tokens, in texts of the row they
    are plain text. What stands between two of them is encoded as one text, as it is by itself.

    Args:
        model: whose tokenizer encodes.
        pieces: of the question.
    """
    ids: list[int] = []
    plain = ""
    special = _pattern(tuple(model.special_texts))
    for piece in pieces:
        parts = [piece.text] if piece.field else special.split(piece.text)
        for place, part in enumerate(parts):
            if place % 2 == 0:
                plain += part
                continue
            ids += _encoded(model, plain) + model.encode([part], special=True)[0]
            plain = ""
    before, after = _frame(model)
    return before + ids + _encoded(model, plain) + after


@cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("(" + ("|".join(map(re.escape, longest_first)) or "(?!)") + ")")


def _encoded(model: TextEncoding, text: str) -> list[int]:
    return model.encode([text])[0] if text else []


def _frame(model: TextEncoding) -> tuple[list[int], list[int]]:
    """Return the tokens that the tokenizer puts before a text, and behind it."""
    (alone,), (usual,) = model.encode(["a"]), model.encode_as_usual(["a"])
    for start in range(len(usual) - len(alone) + 1):
        if usual[start : start + len(alone)] == alone:
            return usual[:start], usual[start + len(alone) :]
    return [], []
