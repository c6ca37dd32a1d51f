"""Limits on counts: words, samples, sentences, and answers that are to become longer or shorter.

Two readings of the same criteria. As published: what an earlier kind of sample says is asked again
for every criterion after it; kinds that the published scorer does not know are passed over; an
exact number of words, or one between two, is always met; a limit of sentences from above is not
scored. Mended: every criterion is scored by what it says.
"""

import enum
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from assay.texts.checks.criteria import (
    Criteria,
    CriteriaError,
    Criterion,
    counted_in,
    first_of,
    number_in,
    until_none,
)

_han = re.compile("[\u4e00-\u9fa5]").findall
_latin = re.compile(r"[A-Za-z0-9]").search
_chinese_sentence = re.compile(r"[^\u3002\uff01\uff1f\uff1b\n][\u3002\uff01\uff1f\uff1b\n]").findall
_english_sentence = re.compile(r"(?<![.!?])[.!?]+(?=[\s\"')\]\u201d\u2019]|$)")
_digits = re.compile(r"\d+").findall
_MOST_DIGITS = 18
_WORDS = ("word-max", "word-min", "word-exact", "word-min-max")
_SENTENCES = ("sentence-max", "sentence-min", "sentence-exact", "sentence-min-max")
_SAMPLES = ("sample-table", "sample-min", "sample-number")
_MORE_SAMPLES = (*_SAMPLES, "sample-mins", "sample-exact")


class Lost(enum.Enum):
    """An earlier answer that is no text."""

    LOST = "lost"


class Answered(NamedTuple):
    """An answer and what its limits are read by.

    Attributes:
        text: the answer.
        chinese: are its words and sentences those of Chinese? Otherwise of English.
        before: the answer that it revises; None if there is none, LOST if it is no text.
    """

    text: str
    chinese: bool
    before: str | Lost | None = None


def count_limit(answered: Answered, criteria: Criteria, *, mended: bool = False) -> float | None:
    """Return how well an answer keeps its limits, in [0, 1]; None if it has none.

    The mean over words, samples, sentences and revision, of those that have a limit.

    Raises:
        CriteriaError: if a limit is not what its kind needs.
    """
    parts = (_word_part, _sample_part, _sentence_part, _revision_part)
    found = [part(answered, criteria, mended) for part in parts]
    known = [score for score in found if score is not None]
    return sum(known) / len(known) if known else None


def count_han(text: str) -> int:
    """Return how many of the common Han characters a text has: U+4E00 to U+9FA5."""
    return len(_han(text))


def count_latin_words(text: str) -> int:
    """Return how many words between white space have a Latin letter or a digit of ASCII."""
    return sum(_latin(word) is not None for word in text.split())


def count_sentences(text: str, *, chinese: bool) -> int:
    """Return how many sentences a text has.

    In Chinese those that end in a mark or at the end of a line; what has no mark at its end is
    none. In English those that end in a mark before white space, and what is left after the last.
    """
    if chinese:
        return len(_chinese_sentence(text))
    return sum(_latin(piece) is not None for piece in _english_sentence.split(text))


def _word_part(answered: Answered, criteria: Criteria, mended: bool) -> float | None:
    criterion = first_of(criteria, _WORDS)
    if criterion is None:
        return None
    if not mended and criterion.kind in _WORDS[2:]:
        return 1.0
    count = count_han if answered.chinese else count_latin_words
    return _within(count(answered.text), *_bounds(criterion))


def _sentence_part(answered: Answered, criteria: Criteria, mended: bool) -> float | None:
    criterion = first_of(criteria, _SENTENCES)
    if criterion is None:
        return None
    if not mended and criterion.kind == "sentence-max":
        return None
    least, most = _bounds(criterion)
    count = count_sentences(answered.text, chinese=answered.chinese)
    if criterion.kind in ("sentence-exact", "sentence-min-max"):
        return float(least <= count <= most)
    return _within(count, least, most)


def _bounds(criterion: Criterion) -> tuple[float, float]:
    """Return the least and the most that a criterion of words or sentences admits."""
    kind, limit = criterion.kind.partition("-")[2], criterion.limit
    if kind == "min-max":
        if not isinstance(limit, (list, tuple)) or len(limit) != 2:
            raise CriteriaError(f"two numbers are wanted, not {limit!r}"[:100])
        return number_in(limit[0]), number_in(limit[1])
    number = number_in(limit)
    least = number if kind in ("min", "exact") else 0
    return least, number if kind in ("max", "exact") else float("inf")


def _within(count: int, least: float, most: float) -> float:
    """Return 1 within two bounds, and the ratio of count and bound outside."""
    if count > most:
        return max(most / count, 0.0) if count else 0.0
    return count / least if count < least else 1.0


def _revision_part(answered: Answered, criteria: Criteria, mended: bool) -> float | None:
    criterion = first_of(criteria, ("revise",))
    if isinstance(answered.before, Lost):
        # As published an earlier answer that is lost counts against any later one.
        return None if mended else 0.0
    if criterion is None or answered.before is None:
        return None
    if criterion.limit not in ("longer", "shorter"):
        raise CriteriaError(f"a revision is longer or shorter, not {criterion.limit!r}"[:100])
    gained = len(answered.text) - len(answered.before)
    return float(gained >= 0 if criterion.limit == "longer" else gained <= 0)


def _sample_part(answered: Answered, criteria: Criteria, mended: bool) -> float | None:
    """Return the best score of the criteria of samples; None if there are none."""
    asked = list(_asked_of_samples(criteria, mended))
    text, scores = answered.text, []
    for criterion in asked:
        # What is asked after a table is asked of the table alone.
        if criterion.kind == "sample-table":
            text = _table(text)
        scores.append(_SAMPLE_RULES[criterion.kind](text, criterion.limit))
    return max(scores, default=None)


def _asked_of_samples(criteria: Criteria, mended: bool) -> Iterator[Criterion]:
    if mended:
        yield from (found for found in until_none(criteria) if found.kind in _MORE_SAMPLES)
        return
    kinds = [criterion.kind for criterion in criteria]
    if "NULL" in kinds or not kinds or kinds[0] not in _SAMPLES:
        return
    yield from (criterion for criterion in criteria if criterion.kind in _SAMPLES)


def _table(text: str) -> str:
    first = text.find("|")
    return text if first < 0 else text[first : text.rfind("|") + 1]


def _rows_of_table(text: str, limit: object) -> float:
    return float("|" in text and text.count("\n") == number_in(limit) + 1)


def _at_least(text: str, limit: object) -> float:
    wanted = counted_in(limit)
    return sum(text.count(word) >= count for word, count in wanted) / len(wanted)


def _exactly(text: str, limit: object) -> float:
    wanted = counted_in(limit)
    return sum(text.count(word) == count for word, count in wanted) / len(wanted)


def _highest_number(text: str, limit: object) -> float:
    """Return 1 if the highest number in a text is the limit, which numbered samples end in."""
    most = number_in(limit)
    numbers = [_number(digits) for digits in set(_digits(text))]
    return float(max(numbers, default=-1.0) == most)


def _number(digits: str) -> float:
    """Return a number of any length and in the digits of any script."""
    written = "".join(str(unicodedata.decimal(digit)) for digit in digits).lstrip("0")
    return float("inf") if len(written) > _MOST_DIGITS else int(written or "0")


_SAMPLE_RULES: dict[str, Callable[[str, object], float]] = {
    "sample-table": _rows_of_table,
    "sample-min": _at_least,
    "sample-mins": _at_least,
    "sample-exact": _exactly,
    "sample-number": _highest_number,
}
