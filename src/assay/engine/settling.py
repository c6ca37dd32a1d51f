"""Makes what scorers return whole: a number or a reason for every row."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from assay.components.base import Component
from assay.components.component import Dataset, Feature, Given, Scorer, Selector
from assay.errors import Parameter, Phrase, TooManyUnscoredError
from assay.features.passes import PoolFeature
from assay.outcomes import ScoreTable, reason_counts
from assay.samples import UNFINISHED, FlagArray, FloatArray, Reason, ReasonArray, Scores
from assay.values import RowValue

_SCORE_ROWS = 1 << 18


# Whose rows a value is of


def is_of_the_pool(need: Component) -> bool:
    """Return whether a value has an entry for every row that is scored or chosen from.

    The dataset says so and never the number of rows: another file may be as long as the pool. Rows
    that were made of the pool's, one of each, stand beside them.
    """
    return isinstance(need, Scorer) or (
        isinstance(need, Feature) and isinstance(need.dataset.beside, Given)
    )


def is_by_row(scorer: Scorer) -> bool:
    """Return whether a row's score depends on no other row of the pool."""
    return scorer.rowwise and all(_keeps_rows_apart(need) for need in scorer.children())


def _keeps_rows_apart(need: Component) -> bool:
    if isinstance(need, Scorer):
        return is_by_row(need)
    if isinstance(need, PoolFeature):
        return not isinstance(need.dataset.beside, Given)
    return not (isinstance(need, Selector) or (isinstance(need, Dataset) and _is_pool(need)))


def _is_pool(dataset: Dataset) -> bool:
    return isinstance(dataset.beside, Given)


def values_of_the_pool(
    component: Component, needs: Mapping[str, Any]
) -> Iterator[RowValue | Scores]:
    """Yield the values among a component's needs that have an entry for every row."""
    for name, need in component.requires().items():
        parts = [need] if isinstance(need, Component) else need
        values = [needs[name]] if isinstance(need, Component) else needs[name]
        for part, value in zip(parts, values, strict=True):
            if is_of_the_pool(part) and isinstance(value, (RowValue, Scores)):
                yield value


def passed_on(values: Iterable[RowValue | Scores], reason: ReasonArray) -> FlagArray:
    """Give rows without a reason the first that some values have, and return the flags of all.

    Args:
        values: with an entry for every row.
        reason: changed in place. Shape (n,).

    Returns:
        Shape (n,).
    """
    flags = np.zeros(len(reason), np.uint16)
    for value in values:
        empty = reason == 0
        reason[empty] = value.reason[empty]
        if value.flags is not None:
            flags |= value.flags
    return flags


# Scores


def evaluate(scorer: Scorer, needs: dict[str, Any], count: int) -> dict[str, Scores]:
    """Call a scorer, block by block where it may be, and return its columns."""
    own = [name for name, need in scorer.requires().items()
           if not isinstance(need, Component) or is_of_the_pool(need)]  # fmt: skip
    sliceable = all(isinstance(needs[name], RowValue) for name in own)
    if not (scorer.rowwise and sliceable and count > _SCORE_ROWS):
        return _columns(scorer, scorer.score(**needs))
    parts: list[dict[str, Scores]] = []
    for start in range(0, count, _SCORE_ROWS):
        index = np.arange(start, min(start + _SCORE_ROWS, count))
        block = {name: needs[name].take(index) for name in own}
        parts.append(_columns(scorer, scorer.score(**needs | block)))
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def _columns(
    scorer: Scorer, result: FloatArray | Scores | Mapping[str, FloatArray | Scores]
) -> dict[str, Scores]:
    declared = tuple(scorer.columns)
    if not declared or not all(declared) or len(set(declared)) < len(declared):
        raise TypeError(f"{scorer.name} declares {declared}: every column has a name of its own")
    named = result if isinstance(result, Mapping) else {declared[0]: result}
    if tuple(named) != declared:
        raise TypeError(f"{scorer.name} gave columns {tuple(named)}, declared {declared}")
    return {
        name: part
        if isinstance(part, Scores)
        else Scores(np.asarray(part, np.float64), np.zeros(len(part), np.uint8))
        for name, part in named.items()
    }


def _join(parts: Sequence[Scores]) -> Scores:
    flags = [p.flags if p.flags is not None else np.zeros(len(p.reason), np.uint16) for p in parts]
    return Scores(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.reason for part in parts]),
        np.concatenate(flags),
    )


def settle(scorer: Scorer, scores: Scores, needs: Mapping[str, Any], count: int) -> Scores:
    """Give every row a number or a reason: the first that a requirement has, else its own."""
    values = np.array(scores.values, np.float64)
    if values.shape != (count,):
        raise TypeError(f"a score has shape {values.shape}, the pool has {count} rows")
    reason = np.zeros(count, np.uint8)
    flags = passed_on(values_of_the_pool(scorer, needs), reason)
    if scores.flags is not None:
        flags |= scores.flags
    reason[reason == 0] = scores.reason[reason == 0]
    reason[(reason == 0) & ~np.isfinite(values)] = Reason.NON_FINITE
    values[reason != 0] = np.nan
    return Scores(values, reason, flags)


def check_unscored(
    scorer: Scorer, scores: Scores, *, most: float, why: Callable[[int], str]
) -> None:
    """Check that no more than a share of the rows failed.

    Args:
        scorer: what scored.
        scores: what came of it.
        most: the largest share that may fail.
        why: says of a row, by its place, what is known beyond its reason.

    Raises:
        TooManyUnscoredError: if they did, with a table of the reasons.
    """
    kinds = Counter(Reason(code).kind for code in scores.reason[scores.reason != 0].tolist())
    failed = kinds["failure"]
    if failed > most * max(len(scores.reason), 1):
        counts = reason_counts(scores.reason)
        table = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
        first = next(
            place
            for place, code in enumerate(scores.reason.tolist())
            if Reason(code).kind == "failure"
        )
        reported = why(first)
        raise TooManyUnscoredError(
            f"{scorer.name}: {failed:,} of {len(scores.reason):,} rows failed ({table})"
            + (f"; {reported}" if reported else ""),
            hint=Phrase("mend the rows, or allow more with {}", Parameter("max_unscored")),
        )


def is_unfinished(table: ScoreTable) -> bool:
    """Return whether a row is to be tried again, so that the scores are not to be kept."""
    return any(np.isin(column.reason, UNFINISHED).any() for column in table.columns.values())
