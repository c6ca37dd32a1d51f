"""Distil a judge: it is asked about some rows, and a small head tells the others."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyScorer, Scorer
from assay.components.guide import Comparison, Guide
from assay.components.row_values import AnyRowValue
from assay.features.embeddings import Embeddings
from assay.features.fitted_head import FittedHead
from assay.features.head_fit import HeadFit
from assay.features.head_predictions import HeadPredictions
from assay.features.length_alone import LengthAlone
from assay.features.text import Lengths
from assay.methods.judged.learned import check_alike, check_tells
from assay.methods.judged.rows_to_judge import RowsToJudge
from assay.models.head import HeadKind
from assay.samples import Flag, FloatArray
from assay.solvers.rank_interval import FEWEST
from assay.values import Numbers


class Distilled(Scorer):
    """A judge's score of all rows, for the price of some: a small head learns it from these.

    The rows that are judged are those of `rows_to_judge`. All rows, also the judged ones, have what
    a head says that did not see them, in the judge's unit. Unless the rank correlation of that with
    what the judge said is surely above `least`, nothing is scored, nor where most rows are unlike
    the judged ones. How well the length of the answer alone does is told beside it.
    """

    name = "distilled"
    rowwise: ClassVar[bool] = False
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="common practice: a small model on a frozen encoder learns a judge's scores, as for "
        "FineWeb-Edu"
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="judged: n rows of rows_to_judge; y_i = of(x_i)\n"
        "score = h(x),  h fitted to (x_i, y_i)\n"
        "of a judged row h_k(x),  h_k fitted without its part k",
        choose="Where a judge costs too much to ask about every row, and what it goes by shows in "
        "what a row is about, in its wording or its length. What is asked is told before anything "
        "is sent (`-n`), and `--max-cost` holds for all rounds together.",
        avoid="Where lengths would do, which the score tells beside it. Of 1,000 rows of "
        "mathematics with 13 marks of a judge, 50, 100, 200 and 400 judged rows gave a mean rank "
        "correlation "
        "with the marks of others of 0.37, 0.39, 0.40 and 0.41; the same head on lengths alone "
        "0.37, 0.39, 0.39 and 0.40, the length of the answer 0.27. Rows drawn at random taught as "
        "much as these, and further rounds no more. The twentieth that it then put first, by "
        "complexity apart, was plain arithmetic with short answers (medians of 627 to 685 "
        "characters, 1,050 in the pool), and its mean mark within 0.1 of that of the twentieth "
        "with the shortest answers. So read what it puts first.",
        compared=(
            Comparison(
                against="marks that were planted, by a judge over HTTP",
                compared="score of 90 rows of which 40 were judged, in one round and in two",
                tolerance="correlation above 0.95; marks of chance are refused",
                test="tests/unit/methods/judged/test_distilled.py",
            ),
            Comparison(
                against="ridge in closed form",
                compared="held-out and last predictions, folds worked out by hand",
                tolerance="1e-8 relative",
                test="tests/parity/test_heads.py",
            ),
        ),
        differences={
            "reference": "None: what is common is an encoder kept as it is and a head on its "
            "vectors, taught by hundreds of thousands of marks. Here some hundred rows are "
            "chosen, and every row has the number of a head that did not see it.",
            "refusal": "Nothing is scored unless the lower end of the 95 % interval of the "
            "held-out rank correlation is above `least`, nor where most rows have a number beyond "
            "those of the judged ones. The rows held out are judged ones, which were chosen: on "
            "the rows of mathematics their figures ran low, by 0.12 at 50 rows and 0.01 at 400; in "
            "rounds up to 0.02 high.",
            "judged rows": "They have the head's number, too, so that all rows are on one scale.",
            "rule": "The cut-off of the judge's own score is not taken over: what a head says "
            "lies nearer to the mean.",
        },
    )

    of: AnyScorer
    """The judge's score, or any other that has a price for each row."""
    rows: Annotated[int, Field(ge=FEWEST)] = 300
    """How many rows are judged."""
    rounds: Annotated[int, Field(ge=1, le=20)] = 1
    """Rounds in which they are chosen; after the first, where heads disagree so far."""
    inputs: tuple[AnyRowValue, ...] = (Embeddings(), Lengths())
    """What is learned from: vectors, numbers, or scores that cost little."""
    head: HeadKind = "linear"
    """A weight per column, a network of one hidden layer, or a small transformer over inputs."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts that the judged rows fall into; each is told by a head fitted on the others."""
    least: float = 0.0
    """What the lower end of the 95 % interval of the held-out Spearman correlation must exceed; -1
    scores all the same."""
    seed: int = 0
    """Seed of the choice, the parts and every other random choice."""

    @property
    def prefer(self) -> Literal["high", "low"]:  # type: ignore[override]  # that of the score
        """Which numbers are preferred: those that the judge's score prefers."""
        return self.of.prefer

    @property
    def shuns(self) -> Flag:  # type: ignore[override]  # those of the score
        """Flags of rows that no selection takes: those of the judge's score."""
        return self.of.shuns

    def choice(self) -> RowsToJudge:
        """Return what chooses the rows that are judged."""
        return RowsToJudge(
            of=self.of, rows=self.rows, rounds=self.rounds, inputs=self.inputs, seed=self.seed
        )

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return the head, what it says, and what the length says of the same labels."""
        choice = self.choice()
        labels = choice.labels(choice.every_round())
        head = FittedHead(
            labels=labels, inputs=self.inputs, head=self.head, folds=self.folds, seed=self.seed
        )
        return {
            "head": head,
            "told": HeadPredictions(by=head),
            "length": LengthAlone(labels=labels),
        }

    def score(self, *, head: HeadFit, told: Numbers, length: FloatArray) -> FloatArray:
        """Return what the head says of each row, in the unit of the judge's score. Shape (n,).

        Raises:
            FeatureError: if it tells held-out rows no better than chance may, or most rows are
                unlike the judged ones.
        """
        check_tells(self.name, head, "", self.least)
        check_alike(self.name, told, self.least)
        return np.asarray(told["value"], np.float64)
