"""Makes what scorers and selectors return whole: a number or a reason for every row."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from assay.components.budget import Allowance, Budget
from assay.components.component import Component, Dataset, Feature, Given, Scorer, Selector
from assay.engine.read_files import FileReading
from assay.errors import Parameter, Phrase, TooManyUnscoredError
from assay.features.passes import PoolFeature, RowFeature
from assay.samples import UNFINISHED, FloatArray, Reason, ReasonArray, Scores, Selection
from assay.values import RowValue, ScoreTable, SelectionRecord, reason_counts

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


def _of_the_pool(component: Component, needs: Mapping[str, Any]) -> Iterator[RowValue | Scores]:
    """Yield the values among a component's needs that have an entry for every row."""
    for name, need in component.requires().items():
        parts = [need] if isinstance(need, Component) else need
        values = [needs[name]] if isinstance(need, Component) else needs[name]
        for part, value in zip(parts, values, strict=True):
            if is_of_the_pool(part) and isinstance(value, (RowValue, Scores)):
                yield value


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


def settle(scorer: Scorer, scores: Scores, needs: Mapping[str, Any], count: int) -> Scores:
    """Give every row a number or a reason: the first that a requirement has, else its own."""
    values = np.array(scores.values, np.float64)
    if values.shape != (count,):
        raise TypeError(f"a score has shape {values.shape}, the pool has {count} rows")
    reason = np.zeros(count, np.uint8)
    flags = np.zeros(count, np.uint16)
    for need in _of_the_pool(scorer, needs):
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


# Selections


def first_reasons(selector: Selector, needs: Mapping[str, Any], reason: ReasonArray) -> None:
    """Give rows that have no reason yet the first that a requirement has for them, in place."""
    for value in _of_the_pool(selector, needs):
        empty = reason == 0
        reason[empty] = value.reason[empty]


def record_of(
    selector: Selector,
    selection: Selection,
    allowance: Allowance,
    reason: ReasonArray,
    files: Sequence[FileReading] = (),
) -> SelectionRecord:
    """Check what a selector returned, and say the state of every row.

    Args:
        selector: what chose.
        selection: what it returned.
        allowance: what it was allowed to choose.
        reason: shape (n,), why rows could not be chosen; 0 where they could.
        files: what was read besides the pool.
    """
    if allowance.limit is not None:
        selection = replace(selection, nested=False)
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


def token_counts_of(budget: Budget) -> RowFeature:
    """Return what counts the tokens of every row, as a budget in tokens wants them counted."""
    from assay.features.text import token_counts  # noqa: PLC0415  features import the base
    from assay.features.training_tokens import TrainingTokens  # noqa: PLC0415

    if budget.as_trained is not None:
        return TrainingTokens(**dict(budget.as_trained))
    return token_counts(budget.tokenizer)
