"""CELLO's four criteria of an answer, by rules: format, phrases, the input, counts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.texts.checks.character_bleu import character_bleu
from assay.texts.checks.count_limits import Answered, Lost, count_limit
from assay.texts.checks.criteria import (
    Criteria,
    CriteriaError,
    Criterion,
    count_demands,
    first_of,
    read_criteria,
    until_none,
    words_in,
)
from assay.texts.checks.parseable import check_length, is_parseable, is_yaml

FIELDS = ("Answer_format", "Input_depdent_query", "Task_prescribed_phrases", "Count_limit")
"""Fields of a record that hold its criteria, spelled as the benchmark spells them."""
CHINESE = ("ch", "zh")
"""Beginnings of the names that records have for Chinese."""


class Marks(NamedTuple):
    """How well an answer meets each group of criteria, in [0, 1]; None where it has none."""

    answer_format: float | None
    input_dependent_query: float | None
    task_prescribed_phrases: float | None
    count_limit: float | None

    @property
    def mean(self) -> float | None:
        """The mean of those that there are; None if there is none."""
        known = [mark for mark in self if mark is not None]
        return sum(known) / len(known) if known else None


def marks(answer: str, record: Mapping[str, Any], *, mended: bool = False) -> Marks:
    """Return how well an answer meets what its record demands.

    Args:
        answer: of the model.
        record: holds `FIELDS`; `input_text`, what the answer should not merely copy; `lang`, "ch"
            for Chinese; `histories`, pairs of what was asked and answered.
        mended: score every criterion by what it says, where the published scorer does not.

    Raises:
        CriteriaError: if a criterion cannot be read.
        TooLongError: if the answer or the input is too long to be read.
    """
    check_length(answer)
    form, given, phrases, counts = (read_criteria(record.get(name)) for name in FIELDS)
    chinese = str(record.get("lang") or "").lower().startswith(CHINESE)
    before = _answer_before(record.get("histories"), answer if mended else None)
    return Marks(
        _format_mark(answer, form, mended),
        _input_mark(answer, given, record.get("input_text"), mended),
        _coverage(answer, phrases, mended),
        count_limit(Answered(answer, chinese, before), counts, mended=mended),
    )


def demands(record: Mapping[str, Any]) -> int:
    """Return how many criteria a record sets.

    Raises:
        CriteriaError: if one cannot be read.
    """
    return sum(count_demands(read_criteria(record.get(name))) for name in FIELDS)


def _format_mark(answer: str, criteria: Criteria, mended: bool) -> float | None:
    """Return the mean of what is read as a format and of the words that belong to it."""
    parts = [_parse_mark(answer, criteria, mended), _coverage(answer, criteria, mended)]
    known = [part for part in parts if part is not None]
    return sum(known) / len(known) if known else None


def _parse_mark(answer: str, criteria: Criteria, mended: bool) -> float | None:
    criterion = first_of(criteria, ("resolve",))
    if criterion is None:
        return None
    form = criterion.limit
    if mended and isinstance(form, (list, tuple)) and len(form) == 1:
        form = form[0]
    # As published a format that stands in a list is none that is known, and never met.
    if not isinstance(form, str):
        return 0.0
    if mended and form == "yaml":
        return float(is_yaml(answer, structured=True))
    return float(is_parseable(answer, form))


def _input_mark(answer: str, criteria: Criteria, given: object, mended: bool) -> float | None:
    """Return how many of the words occur, less what the answer merely copies."""
    covered = _coverage(answer, criteria, mended)
    if not covered or not isinstance(given, str) or given == "NULL":
        return covered
    check_length(given)
    return (1 - character_bleu(answer, given)) * covered


def _coverage(answer: str, criteria: Criteria, mended: bool) -> float | None:
    """Return the share of keywords that occur in an answer, spelled as they are."""
    criterion = first_of(criteria, ("keywords",))
    if criterion is None:
        return None
    if mended:
        every = [each for each in until_none(criteria) if each.kind == "keywords"]
        words = [word for each in every for word in _keywords(each, mended)]
    else:
        words = _keywords(criterion, mended)
    return sum(word in answer for word in words) / len(words)


def _keywords(criterion: Criterion, mended: bool) -> list[str]:
    if isinstance(criterion.limit, str) and criterion.limit:
        # As published a text in place of a list is read as the list of its letters.
        return [criterion.limit] if mended else list(criterion.limit)
    return words_in(criterion.limit)


def _answer_before(histories: object, answer: str | None) -> str | Lost | None:
    """Return what a history holds as its last answer; LOST if that is no text, None for no history.

    With `answer` it is the last that is not that one itself. Recorded histories end in the answer
    that is scored, so that by the published rule a revision is compared with itself.

    Raises:
        CriteriaError: if a history is no list of pairs.
    """
    if histories is None:
        return None
    if not isinstance(histories, (list, tuple)):
        raise CriteriaError("histories are a list of pairs")
    turns = list(histories)
    if answer is not None and turns and _said(turns[-1]) == answer:
        turns.pop()
    if not turns:
        return None
    return _said(turns[-1])


def _said(turn: object) -> str | Lost:
    if not isinstance(turn, (list, tuple)) or len(turn) < 2:
        raise CriteriaError("histories are a list of pairs")
    return turn[1] if isinstance(turn[1], str) else Lost.LOST
