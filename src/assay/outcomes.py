"""What scorers and selectors give: tables of scores, and selections with the state of every row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.echo import Brief, card
from assay.html import Column
from assay.samples import FlagArray, Reason, ReasonArray, Scores, Selection
from assay.wording import number_of, number_text

_QUANTILES = (
    ("least", 0.0), ("25 %", 0.25), ("median", 0.5), ("75 %", 0.75), ("most", 1.0)
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class ScoreTable:
    """The columns of one scorer, each with its own reasons; the first is the main one.

    `name` is what the project calls it, for people; empty where none asked for it by name.
    """

    columns: Mapping[str, Scores]
    name: str = field(default="", compare=False, kw_only=True)

    @property
    def main(self) -> Scores:
        """The column meant when none is named."""
        return next(iter(self.columns.values()))

    def column(self, name: str) -> Scores:
        """Return the column of a name; the main one for the empty name."""
        return self.columns[name] if name else self.main

    def __repr__(self) -> str:
        name = f"{self.name!r}, " if self.name else ""
        return f"ScoreTable({name}{'; '.join(_told(self.main))})"

    def _repr_html_(self) -> str:
        facts = [("without a number", ", ".join(_reasons(self.main.reason)) or None)]
        heads = ("numbers", *(name for name, _ in _QUANTILES))
        rows = []
        for name, scores in self.columns.items():
            known = scores.values[np.isfinite(scores.values)]
            found = [np.quantile(known, at).item() if len(known) else None for _, at in _QUANTILES]
            rows.append((name, len(known), *found))
        columns: list[Column] = ["column", *((head, "right") for head in heads)]
        return card(self.name or "ScoreTable", facts, columns, rows)


@dataclass(frozen=True, repr=False)
class SelectionRecord(Brief):
    """A selection, with the state of every row.

    Attributes:
        selection: the rows chosen, in order.
        reason: shape (n,), uint8; 0 for the rows chosen, else why not.
        eligible: number of rows that could have been chosen.
        facts: what a report tells besides: budget asked, tokens spent.
        flags: shape (n,), uint16; of rows that are FLAGGED what they are left out for, else 0; None
            where there are none.
    """

    selection: Selection
    reason: ReasonArray
    eligible: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    flags: FlagArray | None = None

    @property
    def ties(self) -> str:
        """What ids decided at the cut, as a person reads it; empty if nothing."""
        tied = self.facts.get("tied")
        if not tied:
            return ""
        return (
            f"{tied['chosen']:,} of {number_of(tied['rows'], 'row')} whose score is the one at the "
            f"cut, {number_text(tied['score'])}: ids decided which"
        )


def _told(scores: Scores) -> Iterator[str]:
    known = scores.values[np.isfinite(scores.values)]
    yield f"{len(known):,} of {number_of(len(scores.values), 'row')} have a number"
    if len(known):
        low, middle, high = (number_text(float(np.quantile(known, at))) for at in (0, 0.5, 1))
        yield f"{low} to {high}, median {middle}"
    yield from _reasons(scores.reason)


def _reasons(reason: ReasonArray) -> Iterator[str]:
    for name, count in reason_counts(reason).items():
        yield f"{name.lower().replace('_', ' ')} {count:,}"


def reason_counts(reason: ReasonArray) -> dict[str, int]:
    """Return how many rows have each reason, 0 left out, most frequent first."""
    codes, counts = np.unique(reason[reason != 0], return_counts=True)
    pairs = sorted(zip(codes.tolist(), counts.tolist(), strict=True), key=lambda p: (-p[1], p[0]))
    return {Reason(code).name: count for code, count in pairs}
