"""Substance: an answer says enough, of what was asked, and does not just repeat it."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.example_rows import MOON_ANSWERED_BY_SOUP, REPEATED, SOUP
from assay.components.guide import Absent, Comparison, Example, Guide
from assay.components.references import EncoderRef
from assay.components.rule import Rule
from assay.methods.geometry.relevance import Relevance
from assay.methods.text.compression_ifd import CompressionIFD
from assay.methods.text.longest import LongestResponse
from assay.samples import FloatArray, Scores
from assay.solvers.ranks import rank_share


class Substance(Scorer):
    """Mean rank of three qualities of which an answer needs enough, and of none more than that.

    It says something that the question does not give away (compression IFD), it speaks of what was
    asked (relevance), and it has some length. Rows that have enough of a quality share its highest
    rank, so that neither the longest answers nor those that stray furthest from their question win.
    A row that one of the three cannot judge has no number, with that one's reason; rules of all
    three bind.

    The quality that the default selection weighs rows by. What it passes over is short by nature,
    such as classifications and single facts, or comes from the input, such as rewritten sentences,
    extractions and summaries.
    """

    name = "substance"
    rowwise: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="our own; the default page has its evidence")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = (r(min(new, 0.95)) + r(relevant) + r(min(tokens, 64))) / 3\n"
        "r: rank as a share; above the lowest 0.3 all relevance is equal",
        choose="As the quality in a selection of general instruction data, and as the first score "
        "to look at.",
        avoid="Where short answers are what you want, as in classification, or answers that are "
        "taken from a passage, as in summaries: they come out low by nature. `quota` by task "
        "keeps their share.",
        compared=(
            Comparison(
                against="ranks worked out by hand",
                compared="three and five rows with ties",
                tolerance="1e-6 relative",
                test="tests/unit/methods/combinations/test_substance.py",
            ),
        ),
        differences=Absent(reason="a combination of our own"),
        example=Example(
            rows=(SOUP, REPEATED, MOON_ANSWERED_BY_SOUP),
            parameters={"least_relevant": 0.5},
            shows={"new": "parts.0", "relevant": "parts.1", "tokens": "parts.2"},
            reading="Each column becomes a rank as a share of the rows, where all that have enough "
            "share the highest, and the score is the mean of the three. A is good by each; "
            "B repeats its question; C answers another one. Of three rows the default "
            "`least_relevant` would be less than one.",
        ),
    )

    enough_new: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Compression IFD that is enough: a twentieth of the answer is given away by the question."""
    least_relevant: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of the rows, those of least relevance, that it tells apart; all others have enough."""
    enough_tokens: Annotated[float, Field(gt=0)] = 64
    """Length of the answers that is enough, in tokens by estimate: four bytes of UTF-8 each."""
    encoder: EncoderRef = "assay:encoder"
    """Sentence encoder of question and answer."""

    def parts(self) -> tuple[Scorer, ...]:
        """Return the three qualities."""
        return (
            CompressionIFD(enough=self.enough_new),
            Relevance(encoder=self.encoder),
            LongestResponse(unit_of_length="tokens", enough=self.enough_tokens),
        )

    def requires(self) -> dict[str, Any]:
        """Return the three qualities."""
        return {"parts": list(self.parts())}

    def ruled(self) -> Sequence[tuple[Scorer, Rule]]:
        """Return the rules of all three."""
        return [pair for scorer in self.parts() for pair in scorer.ruled()]

    def score(self, *, parts: list[Scores]) -> FloatArray:
        """Return the mean rank share. Shape (n,), in (0, 1]."""
        new, relevant, long = (rank_share(scores.values, 1.0) for scores in parts)
        # By rank: what cosine an answer to another question has differs from pool to pool, from
        # 0.03 in general instructions to 0.3 in exercises of arithmetic, in the median.
        relevant = rank_share(np.where(relevant > self.least_relevant, 1.0, relevant), 1.0)
        return np.mean([new, relevant, long], axis=0)
