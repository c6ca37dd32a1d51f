"""What selectors may choose and spend, and what became of every row when they have chosen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from assay.components.base import Component
from assay.components.budget import Allowance, Budget
from assay.components.component import Selector
from assay.engine.read_files import FileReading
from assay.engine.settling import passed_on, values_of_the_pool
from assay.errors import Parameter, Phrase, PlanError
from assay.features.passes import RowFeature
from assay.features.text import token_counts
from assay.features.training_tokens import TrainingTokens
from assay.outcomes import SelectionRecord
from assay.progress import Progress
from assay.samples import Flag, FlagArray, FloatArray, Reason, ReasonArray, Scores, Selection
from assay.values import Numbers


class Handed(Protocol):
    """Returns the value of a component, of the rows that are chosen from."""

    def __call__(self, need: Component, /, *, column: str = "") -> Any:
        """Return it; of a score the column of that name, the main one if it is empty."""


class Tied(NamedTuple):
    """Rows that share the score at the cut, of which ids decided which are chosen.

    Attributes:
        score: that they share.
        rows: that have it and could be chosen.
        chosen: of these.
    """

    score: float
    rows: int
    chosen: int


class Closed(NamedTuple):
    """Why rows may not be chosen at all.

    Attributes:
        reason: 0 where a row may. Shape (n,).
        flags: what rows that are FLAGGED are left out for, 0 elsewhere. Shape (n,).
    """

    reason: ReasonArray
    flags: FlagArray


def ineligible(selector: Selector, needs: Mapping[str, Any], handed: Handed, rows: int) -> Closed:
    """Return why each of so many rows may not be chosen at all.

    The first reason counts: of the selector within whose rows it chooses, of what it requires, in
    that order, then a flag, and last a rule.
    """
    reason, flags = np.zeros(rows, np.uint8), np.zeros(rows, np.uint16)
    if selector.within is not None:
        inner: SelectionRecord = handed(selector.within)
        reason[:] = inner.reason
        if inner.flags is not None:
            flags[:] = inner.flags
    raised = passed_on(values_of_the_pool(selector, needs), reason)
    raised &= np.uint16(selector.unwanted_flags())
    flagged = (reason == 0) & (raised != 0)
    reason[flagged], flags[flagged] = Reason.FLAGGED, raised[flagged]
    for scorer, rule in selector.ruled():
        scores: Scores = handed(scorer, column=rule.column)
        reason[(reason == 0) & ~rule.admits(scores.values)] = Reason.BELOW_RULE
    return Closed(reason, flags)


def allowance_of(
    selector: Selector, reason: ReasonArray, handed: Handed, progress: Progress
) -> Allowance:
    """Return what may be spent; rows without a count of tokens get the reason for that."""
    if selector.budget is None:
        if not selector.is_bounded():
            raise PlanError(
                f"{selector.name} needs a budget",
                hint=Phrase("{}, 5000 or '2M tokens'", Parameter("budget", "5%")),
            )
        return Allowance(reason == 0, None, progress=progress)
    limit = selector.budget.limit()
    costs: FloatArray | None = None
    if limit is not None:
        counted: Numbers = handed(_token_counts_of(selector.budget))
        uncounted = (reason == 0) & (counted.reason != 0)
        reason[uncounted] = counted.reason[uncounted]
        # Nobody may choose the others, but solvers ask for numbers above 0 throughout.
        costs = np.where(counted.reason == 0, counted["total"], 1.0)
    eligible = reason == 0
    available = int(np.count_nonzero(eligible))
    count = selector.budget.count(pool=len(reason), eligible=available)
    return Allowance(eligible, count, costs, limit, progress)


def _token_counts_of(budget: Budget) -> RowFeature:
    """Return what counts the tokens of every row, as a budget in tokens wants them counted."""
    if budget.as_trained is not None:
        return TrainingTokens(**dict(budget.as_trained))
    return token_counts(budget.tokenizer)


def tied_at_cut(
    selector: Selector, selection: Selection, allowance: Allowance, needs: Mapping[str, Any]
) -> Tied | None:
    """Return the rows that a selection by a score cut through; None if there are none.

    Args:
        selector: what chose.
        selection: what it returned.
        allowance: what it was allowed to choose.
        needs: what it was handed.
    """
    scores = needs.get("by")
    if not (selector.cuts_by_score and isinstance(scores, Scores) and len(selection.indices)):
        return None
    score = float(scores.values[selection.indices[-1]])
    alike = allowance.eligible & (scores.values == score)
    chosen = int(np.count_nonzero(alike[selection.indices]))
    rows = int(np.count_nonzero(alike))
    return Tied(score, rows, chosen) if chosen < rows else None


def record_of(
    selector: Selector,
    selection: Selection,
    allowance: Allowance,
    closed: Closed,
    files: Sequence[FileReading] = (),
    remarks: Sequence[str] = (),
    tied: Tied | None = None,
) -> SelectionRecord:
    """Check what a selector returned, and say the state of every row.

    Args:
        selector: what chose.
        selection: what it returned.
        allowance: what it was allowed to choose.
        closed: why rows could not be chosen.
        files: what was read besides the pool.
        remarks: what a person should know of it.
        tied: rows that share the score at the cut.
    """
    if allowance.limit is not None:
        selection = replace(selection, nested=False)
    chosen = selection.indices
    if len(np.unique(chosen)) != len(chosen) or not allowance.eligible[chosen].all():
        raise TypeError(f"{selector.name} chose a row twice, or one that is not eligible")
    if allowance.count is not None and len(chosen) > allowance.count:
        raise TypeError(f"{selector.name} chose more than its budget")
    reason = closed.reason.copy()
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
    if remarks:
        facts["remarks"] = list(remarks)
    if tied is not None:
        facts["tied"] = tied._asdict()
    flags = closed.flags if closed.flags.any() else None
    if flags is not None:
        facts["flagged"] = _flag_counts(flags)
    eligible = int(np.count_nonzero(allowance.eligible))
    return SelectionRecord(selection, reason, eligible, facts, flags)


def _flag_counts(flags: FlagArray) -> dict[str, int]:
    """Return how many rows were left out for each flag, most frequent first."""
    counts = Counter({name: int(np.count_nonzero(flags & flag))
                      for flag in Flag for name in flag.names})  # fmt: skip
    return {name: count for name, count in counts.most_common() if count}
