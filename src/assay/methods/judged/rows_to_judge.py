"""Which rows a judge should label, so that what it says of them tells most of the others."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, Selector
from assay.components.guide import Comparison, Guide
from assay.components.row_values import AnyRowValue
from assay.features.clusters import Clusters
from assay.features.embeddings import Embeddings
from assay.features.gathered_labels import GatheredLabels
from assay.features.head_doubt import HeadDoubt
from assay.features.text import Lengths
from assay.methods.judged.scored_among import ScoredAmong
from assay.outcomes import SelectionRecord
from assay.samples import FloatArray, IndexArray, Selection
from assay.solvers.k_means import Clustering
from assay.solvers.spread_rows import spread_rows
from assay.values import Numbers

_DOUBTED = 4
"""Rows among which one is picked in later rounds: so many of the most doubted for each."""


class RowsToJudge(Selector):
    """Rows for a judge to label: spread over kinds and lengths, then where heads disagree.

    The first round takes rows evenly along clusters of embeddings and, in each, along the lengths
    of answers, whatever their labels. Each later round has heads fitted on what the judge said of
    the rows so far, each without one part of them, and takes rows, spread in the same way, of those
    on which these heads disagree most: so it asks the judge. More rows of one round, or more rounds
    of the same size, are the same rows and others.
    """

    name = "rows_to_judge"
    needs_budget: ClassVar[bool] = False
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="common practice: stratified rows first, then query by committee"
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="line: clusters by mean length, in each rows by length of the answer\n"
        "i-th pick of a round: the row at vdc(i) + shift along the line, or the next\n"
        "round 2 and later: along the rows where heads disagree most, four a pick",
        choose="To see which rows `distilled` has judged, or to have people label rows: export "
        "them, label them, and let `learned` learn from the file.",
        avoid="As training data: rows are taken for what they tell of others, good or bad. Later "
        "rounds without a reason: on the rows that they were tried on they told no more than the "
        "first alone (see `distilled`).",
        compared=(
            Comparison(
                against="the sequence in exact fractions, one pick at a time",
                compared="41 of 60 rows in five groups, three shifts",
                tolerance="exact",
                test="tests/unit/solvers/test_spread_rows.py",
            ),
            Comparison(
                against="five heads fitted one by one, each by its own call",
                compared="disagreement on 60 rows",
                tolerance="1e-12 absolute",
                test="tests/unit/features/test_head_doubt.py",
            ),
        ),
        differences={
            "committee": "Query by committee asks heads that fit all labels equally well; here "
            "each is fitted without a fifth of them.",
            "batches": "The rows of a round are spread over kinds and lengths, so that they are "
            "not all of the one kind that is doubted most.",
            "left out": "Rows without an answer or without words are not judged.",
        },
    )

    of: AnyScorer
    """The judge's score, which is asked for between rounds; with one round it is not."""
    rows: Annotated[int, Field(ge=1)] = 300
    """How many rows are judged in all rounds."""
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    """Rounds that share them evenly; the first takes what is left over."""
    only: Annotated[int, Field(ge=1)] | None = None
    """Choose the rows of this round alone, from 1; by default those of all rounds."""
    vectors: AnyFeature = Embeddings()
    """Vectors whose clusters are the kinds of rows."""
    inputs: tuple[AnyRowValue, ...] = (Embeddings(), Lengths())
    """What heads are fitted on between rounds, as in `learned`."""

    @model_validator(mode="after")
    def _has_the_round(self) -> Self:
        if self.only is not None and self.only > self.rounds:
            raise ValueError(f"only is a round from 1 to {self.rounds}")
        if self.rounds > self.rows:
            raise ValueError("rounds are at most as many as rows")
        return self

    def every_round(self) -> "tuple[RowsToJudge, ...]":
        """Return what chooses the rows of each round."""
        numbers = range(1, self.rounds + 1)
        return tuple(self.model_copy(update={"only": number}) for number in numbers)

    def labels(self, rounds: "Sequence[RowsToJudge]") -> GatheredLabels:
        """Return what the judge says of the rows of some rounds, and of no other."""
        return GatheredLabels(of=tuple(ScoredAmong(of=self.of, by=one) for one in rounds))

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return the rounds; of one the kinds and lengths of rows, and what is in doubt by then."""
        if self.only is None:
            return {"rounds": self.every_round()}
        needs: dict[str, Component | Sequence[Component]] = {
            "kinds": Clusters(vectors=self.vectors),
            "lengths": Lengths(),
        }
        if self.only > 1:
            earlier = self.every_round()[: self.only - 1]
            doubt = HeadDoubt(labels=self.labels(earlier), inputs=self.inputs, seed=self.seed)
            needs |= {"earlier": earlier, "doubt": doubt}
        return needs

    def expected(self, rows: int) -> int:
        """Return the rows of all rounds, or of the one."""
        return min(rows, self.rows if self.only is None else self._share(self.only))

    def _share(self, number: int) -> int:
        even, over = divmod(self.rows, self.rounds)
        return even + over if number == 1 else even

    def select(self, allowance: Allowance, rng: np.random.Generator, **needs: Any) -> Selection:
        """Return the rows, those of earlier rounds first. Gains are the doubts, NaN in round 1."""
        if self.only is None:
            parts: Sequence[SelectionRecord] = needs["rounds"]
            order = np.concatenate([each.selection.indices for each in parts])
            gains = np.concatenate([each.selection.gains for each in parts])
        else:
            order = self._picks(allowance, float(rng.random()), **needs)
            doubt: Numbers | None = needs.get("doubt")
            gains = np.full(len(order), np.nan) if doubt is None else doubt["value"][order]
        worth = np.full(len(allowance.eligible), np.nan)
        worth[order] = gains
        chosen, stop = allowance.take(order)
        return Selection(chosen, worth[chosen], nested=True, stop=stop, gain_unit="disagreement")

    def _picks(
        self,
        allowance: Allowance,
        shift: float,
        *,
        kinds: Clustering,
        lengths: Numbers,
        earlier: Sequence[SelectionRecord] = (),
        doubt: Numbers | None = None,
    ) -> IndexArray:
        count = self._share(self.only or 1)
        sizes: FloatArray = lengths["response_characters"]
        # Without words or an answer there is nothing that a judge or a head could go by.
        fit = allowance.eligible & (kinds.labels >= 0) & (sizes > 0)
        for each in earlier:
            fit[each.selection.indices] = False
        rows = np.flatnonzero(fit)
        if doubt is not None:
            most = np.argsort(-doubt["value"][rows], kind="stable")[: _DOUBTED * count]
            rows = np.sort(rows[most])
        return spread_rows(kinds.labels, sizes, rows, count, shift=shift)
