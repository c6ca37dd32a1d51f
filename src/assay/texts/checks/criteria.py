"""Criteria that a record sets for its answer, as CELLO writes them: a kind and a limit each."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

NONE = "NULL"
"""The kind of a criterion that demands nothing."""


class CriteriaError(ValueError):
    """What a record says of its answer is no criterion; the message says why."""


class Criterion(NamedTuple):
    """One demand.

    Attributes:
        kind: what is counted or looked for, such as "word-max".
        limit: how much, or which words; of the shape that the kind needs.
    """

    kind: str
    limit: object


Criteria: TypeAlias = Sequence[Criterion]


def read_criteria(value: object) -> list[Criterion]:
    """Return the criteria of a list of ``{"criterion": …, "limit": …}``; none of None.

    Raises:
        CriteriaError: if it is no such list.
    """
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise CriteriaError("criteria are a list")
    return [_criterion(item) for item in value]


def _criterion(item: object) -> Criterion:
    if not isinstance(item, Mapping) or not isinstance(item.get("criterion"), str):
        raise CriteriaError("a criterion has a kind, under `criterion`, and a `limit`")
    return Criterion(str(item["criterion"]), item.get("limit"))


def until_none(criteria: Criteria) -> Iterator[Criterion]:
    """Yield the criteria before the first that demands nothing; what follows that is not read."""
    for criterion in criteria:
        if criterion.kind == NONE:
            return
        yield criterion


def first_of(criteria: Criteria, kinds: Sequence[str]) -> Criterion | None:
    """Return the first criterion of some kinds, None if there is none."""
    return next((found for found in until_none(criteria) if found.kind in kinds), None)


def count_demands(criteria: Criteria) -> int:
    """Return how many of the criteria demand something."""
    return sum(criterion.kind != NONE for criterion in criteria)


def number_in(limit: object) -> float:
    """Return a limit that is a number.

    Raises:
        CriteriaError: if it is none.
    """
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or math.isnan(limit):
        raise CriteriaError(f"a limit is a number, not {limit!r}"[:100])
    return limit


def words_in(limit: object) -> list[str]:
    """Return a limit that is a list of texts.

    Raises:
        CriteriaError: if it is none, or empty.
    """
    if not isinstance(limit, (list, tuple)) or not limit:
        raise CriteriaError(f"keywords are a list of texts, not {limit!r}"[:100])
    if not all(isinstance(word, str) for word in limit):
        raise CriteriaError(f"keywords are texts, not {limit!r}"[:100])
    return [str(word) for word in limit]


def counted_in(limit: object) -> list[tuple[str, float]]:
    """Return a limit that is a list of texts, each with a number.

    Raises:
        CriteriaError: if it is none, or empty.
    """
    if not isinstance(limit, (list, tuple)) or not limit:
        raise CriteriaError(f"a limit is a list of texts with numbers, not {limit!r}"[:100])
    found = []
    for pair in limit:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise CriteriaError(f"a text and a number are wanted, not {pair!r}"[:100])
        found.append((pair[0], number_in(pair[1])))
    return found
