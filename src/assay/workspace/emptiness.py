"""Why a selection holds no row, and what to do about it."""

from fractions import Fraction
from math import ceil, floor, log10
from typing import TYPE_CHECKING

import numpy as np

from assay.components.budget import Budget
from assay.components.component import Scorer
from assay.components.walk import walk
from assay.errors import DataError, Parameter, Phrase, Words
from assay.features.text import token_counts
from assay.samples import Reason
from assay.wording import number_of

if TYPE_CHECKING:
    from assay.workspace.named_selection import NamedSelection

_LEAST_BYTES = "least_bytes"


def why_empty(selection: "NamedSelection", left_out: str) -> DataError:
    """Return the error of a selection without rows, which says what is the case.

    Args:
        selection: one that is empty.
        left_out: the reasons of the rows left out with their counts, as a person reads them.
    """
    budget = _budget_of_nothing(selection)
    if budget is not None:
        return DataError(f"{selection.name}: no row was chosen: {budget[0]}", hint=budget[1])
    return DataError(
        f"{selection.name}: no row was chosen ({left_out})",
        hint=_too_short(selection)
        or _flagged(selection)
        or Phrase(
            "widen the filters ({}, {}) or the method's cut-off ({})",
            Parameter("where"),
            Parameter("against"),
            Parameter("rule", "none"),
        ),
    )


def _budget_of_nothing(selection: "NamedSelection") -> tuple[str, Words] | None:
    """Return what is wrong with a budget by which nothing can be chosen, and the remedy."""
    budget = selection.selector.budget
    if budget is None:
        return None
    return _no_rows(selection, budget) if budget.limit() is None else _no_tokens(selection, budget)


def _no_rows(selection: "NamedSelection", budget: Budget) -> tuple[str, Words] | None:
    pool, eligible = len(selection.project.pool), selection.record.eligible
    base = pool if budget.of == "pool" else eligible
    if budget.count(pool=pool, eligible=eligible) or not base:
        return None
    if budget.unit == "samples":
        one = Phrase("{}, or a share such as 10%", Parameter("budget", "1"))
        return "a budget of 0 rows chooses nothing", one
    said = f"{budget} of {number_of(base, 'row')} is 0 rows"
    least = f"{_share_of_one(base)}%"
    return said, Phrase("{}, or a share from {} on", Parameter("budget", "1"), least)


def _share_of_one(rows: int) -> str:
    """Return the least share in per cent, of two digits, by which one of some rows is chosen."""
    exact = Fraction(100, rows)
    step = Fraction(10) ** (floor(log10(exact)) - 1)
    return f"{float(ceil(exact / step) * step):g}"


def _no_tokens(selection: "NamedSelection", budget: Budget) -> tuple[str, Words] | None:
    could = selection.record.reason == Reason.NOT_CHOSEN
    counts = selection.project.engine.value(token_counts(budget.tokenizer))["total"][could]
    shortest = int(np.nanmin(counts)) if could.any() else 0
    if shortest <= float(budget.limit() or 0):
        return None
    return (
        f"no row fits into {budget}: the shortest that may be chosen has {shortest:,}",
        Phrase("{} or more", Parameter("budget", f"{shortest:,} tokens")),
    )


def _flagged(selection: "NamedSelection") -> Words | None:
    """Return what to do where most rows that were left out carry a flag that is not wanted."""
    left = selection.record.reason[selection.record.reason != Reason.HELD_OUT]
    if 2 * np.count_nonzero(left == Reason.FLAGGED) <= len(left):
        return None
    return Phrase("name fewer flags: {}", Parameter("without_flags"))


def _too_short(selection: "NamedSelection") -> str | None:
    """Return what to do where all rows that were left are too short for a score."""
    left = selection.record.reason[selection.record.reason != Reason.HELD_OUT]
    if not len(left) or not (left == Reason.TOO_SHORT).all():
        return None
    floors = [
        (item.name, int(getattr(item, _LEAST_BYTES)))
        for item in walk([selection.selector])
        if isinstance(item, Scorer) and hasattr(item, _LEAST_BYTES)
    ]
    if not floors:
        return "name a method that judges short answers too, such as random"
    name, least = max(floors, key=lambda floor: floor[1])
    return (
        f"{name} judges answers of at least {least} bytes, and all are shorter: name another "
        "method, such as random or longest_response"
    )
