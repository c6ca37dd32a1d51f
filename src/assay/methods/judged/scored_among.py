"""A score that is asked for among chosen rows only, so that a judge is paid for no other."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyScorer, AnySelector, Scorer, Selector
from assay.components.guide import NO_REFERENCE, Absent, Guide
from assay.components.references import asks_a_service
from assay.components.walk import walk
from assay.features.passes import RowFeature
from assay.outcomes import SelectionRecord
from assay.samples import Flag, FloatArray, Reason, Scores

_CHOSEN = "rows of the choice"


class ScoredAmong(Scorer):
    """A score of the rows that a selector chose; all others are not asked about and have none.

    What the score reads of rows one by one, such as a judge's replies, is read of these alone.
    """

    name = "scored_among"
    rowwise: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="names some rows of a score")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = of(x) where by chose x, else none",
        choose="To try a judge on some rows, and to label the rows that `learned` learns from.",
        avoid="To select from the whole pool: a row that was not asked about cannot be chosen.",
        compared=Absent(reason="the numbers are those of another score"),
        differences=NO_REFERENCE,
    )

    of: AnyScorer
    """The score. Each row must have it for itself: tags that are merged over all rows are not."""
    by: AnySelector
    """Chooses the rows that are asked about."""

    @model_validator(mode="after")
    def _asks_row_by_row(self) -> Self:
        for part in walk(_among(self.of.requires().values(), self.by)):
            if isinstance(part, RowFeature) and asks_a_service(part) and part.chosen_by is None:
                raise ValueError(f"{self.of.name} needs {part.name} of all rows at once")
        return self

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]  # those of the score
        """The columns of the score."""
        return tuple(self.of.columns)

    @property
    def prefer(self) -> Literal["high", "low"]:  # type: ignore[override]  # that of the score
        """Which numbers are preferred."""
        return self.of.prefer

    @property
    def shuns(self) -> Flag:  # type: ignore[override]  # those of the score
        """Flags of rows that no selection takes."""
        return self.of.shuns

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return what the score requires, among the rows that are chosen, and the choice."""
        needs: dict[str, Component | Sequence[Component]] = {_CHOSEN: self.by}
        for name, need in self.of.requires().items():
            alone = isinstance(need, Component)
            parts = _among([need] if isinstance(need, Component) else need, self.by)
            needs[name] = parts[0] if alone else parts
        return needs

    def score(self, **needs: Any) -> Mapping[str, Scores]:
        """Return the columns of the score, NOT_ASKED where the row was not chosen. Shape (n,)."""
        record: SelectionRecord = needs.pop(_CHOSEN)
        found = self.of.score(**needs)
        named = found if isinstance(found, Mapping) else {self.columns[0]: found}
        return {name: _kept(part, record) for name, part in named.items()}


def _kept(part: FloatArray | Scores, record: SelectionRecord) -> Scores:
    """Return a column, NOT_ASKED where the row was not chosen."""
    if not isinstance(part, Scores):
        part = Scores(np.asarray(part, np.float64), np.zeros(len(part), np.uint8))
    out = np.ones(len(part.values), np.bool_)
    out[record.selection.indices] = False
    reason = np.where(out, np.uint8(Reason.NOT_ASKED), part.reason).astype(np.uint8)
    return Scores(part.values, reason, part.flags)


def _among(needs: Any, by: Selector) -> list[Component]:
    """Return requirements of a score, those of single rows among the rows of a choice alone."""
    found: list[Component] = []
    for need in needs:
        if not isinstance(need, Component):
            found += _among(need, by)
        elif isinstance(need, RowFeature) and need.chosen_by is None:
            found.append(need.among(by))
        elif isinstance(need, Scorer) and any(map(asks_a_service, walk([need]))):
            found.append(ScoredAmong(of=need, by=by))
        else:
            found.append(need)
    return found
