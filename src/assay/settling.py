"""Makes what scorers and selectors return whole: a number or a reason for every row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from assay.budget import Allowance
from assay.component import Scorer, Selector
from assay.read_files import FileReading
from assay.results import ScoreTable, SelectionRecord
from assay.samples import UNFINISHED, FloatArray, Reason, ReasonArray, Scores, Selection
from assay.values import RowValue

_SCORE_ROWS = 1 << 18


def evaluate(scorer: Scorer, needs: dict[str, Any], count: int) -> dict[str, Scores]:
    """Call a scorer, block by block where it may be, and return its columns."""
    sliceable = all(isinstance(need, RowValue) for need in needs.values())
    if not (scorer.rowwise and sliceable and count > _SCORE_ROWS):
        return _columns(scorer, scorer.score(**needs))
    parts: list[dict[str, Scores]] = []
    for start in range(0, count, _SCORE_ROWS):
        index = np.arange(start, min(start + _SCORE_ROWS, count))
        block = {name: need.take(index) for name, need in needs.items()}
        parts.append(_columns(scorer, scorer.score(**block)))
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def _columns(
    scorer: Scorer, result: FloatArray | Scores | Mapping[str, FloatArray | Scores]
) -> dict[str, Scores]:
    named = result if isinstance(result, Mapping) else {scorer.columns[0]: result}
    if tuple(named) != scorer.columns:
        raise TypeError(f"{scorer.name} gave columns {tuple(named)}, declared {scorer.columns}")
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


def settle(scores: Scores, needs: Mapping[str, Any], count: int) -> Scores:
    """Give every row a number or a reason: the first that a requirement has, else its own."""
    values = np.array(scores.values, np.float64)
    if values.shape != (count,):
        raise TypeError(f"a score has shape {values.shape}, the pool has {count} rows")
    reason = np.zeros(count, np.uint8)
    flags = np.zeros(count, np.uint16)
    for need in flatten(needs.values()):
        if isinstance(need, (RowValue, Scores)):
            empty = reason == 0
            reason[empty] = need.reason[empty]
            if need.flags is not None:
                flags |= need.flags
    if scores.flags is not None:
        flags |= scores.flags
    reason[reason == 0] = scores.reason[reason == 0]
    reason[(reason == 0) & ~np.isfinite(values)] = Reason.NON_FINITE
    values[reason != 0] = np.nan
    return Scores(values, reason, flags)


def is_unfinished(table: ScoreTable) -> bool:
    """Return whether a row is to be tried again, so that the scores are not to be kept."""
    return any(np.isin(column.reason, UNFINISHED).any() for column in table.columns.values())


def flatten(values: Iterable[Any]) -> Iterable[Any]:
    """Yield values, lists among them opened."""
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def record_of(
    selector: Selector,
    selection: Selection,
    allowance: Allowance,
    reason: ReasonArray,
    files: Sequence[FileReading] = (),
) -> SelectionRecord:
    """Check what a selector returned, and say of every row what became of it.

    Args:
        selector: what chose.
        selection: what it returned.
        allowance: what it was allowed to choose.
        reason: shape (n,), why rows could not be chosen; 0 where they could.
        files: what was read besides the pool.
    """
    chosen = selection.indices
    if len(np.unique(chosen)) != len(chosen) or not allowance.eligible[chosen].all():
        raise TypeError(f"{selector.name} chose a row twice, or one that is not eligible")
    if allowance.count is not None and len(chosen) > allowance.count:
        raise TypeError(f"{selector.name} chose more than its budget")
    reason = reason.copy()
    for code, rows in selection.rejected.items():
        free = rows[reason[rows] == 0]
        reason[free] = code
    rest = reason == 0
    rest[chosen] = False
    reason[rest] = Reason.NOT_CHOSEN
    reason[chosen] = Reason.OK
    facts: dict[str, Any] = {"budget": str(selector.budget) if selector.budget else None}
    if allowance.costs is not None:
        facts["tokens"] = float(allowance.costs[chosen].sum())
    if files:
        facts["files"] = [file.facts() for file in files]
    return SelectionRecord(selection, reason, int(np.count_nonzero(allowance.eligible)), facts)
