"""Compression IFD: instruction-following difficulty asked of a compressor."""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.example_rows import CAPITAL, REPEATED, SHORT
from assay.components.guide import Absent, Comparison, Example, Guide
from assay.components.rule import Rule
from assay.features.text import CompressedLengths
from assay.samples import Reason, Scores
from assay.values import Numbers


class CompressionIFD(Scorer):
    """How little the prompt helps a compressor to write the response: (C(Q+A) - C(Q)) / C(A).

    Near 1 the prompt is no help, near 0 the response repeats it; at 1 and above it misleads, and
    like IFD's such rows are not selected. C is the number of bytes of raw DEFLATE at level 9, Q
    all that was said before the turn, A the turn; over several assistant turns numerator and
    denominator are summed. Any language, no model, seconds for 50,000 rows.

    An answer of a few bytes hardly compresses, with or without its prompt, so its ratio is near 1
    whatever it says. Below `least_bytes` there is no number (TOO_SHORT), below 64 it is flagged.
    Without floor and cut-off, half of the top 5 % of Alpaca's 52,002 rows are answers of fewer
    than 20 characters ("1", "Yes", "$900"), which are 9 % of the pool.

    Our own measure, after instruction-following difficulty (arXiv 2308.12032), which asks a
    language model the same question; likelihood methods are reported against it.
    """

    name = "compression_ifd"
    version: ClassVar[int] = 2
    prefer = "high"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="our own: the question of IFD (arXiv 2308.12032) asked of a compressor"
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = (C(Q + A) - C(Q)) / C(A)\n"
        "C: bytes of raw DEFLATE at level 9; turns are summed above and below",
        choose="To see in seconds, without a model and in any language, which answers say what "
        "their question does not give away; best as one part of a combination, such as "
        "`substance`.",
        avoid="Alone, to choose what to train on: short answers compress badly whatever they say, "
        "so that they come out high. Where answers have fewer than 64 bytes it is coarse.",
        compared=(
            Comparison(
                against="zlib, called on the texts themselves",
                compared="ratios of rows of one turn and of several",
                tolerance="exact",
                test="tests/unit/methods/text/test_compression_ifd.py",
            ),
        ),
        differences=Absent(
            reason="a measure of our own; IFD asks the same question of a language model"
        ),
        example=Example(
            rows=(CAPITAL, REPEATED, SHORT),
            shows={"C(Q+A) - C(Q)": "lengths.given_prompt", "C(A)": "lengths.alone"},
            reading="The score is the first column over the second. A says what its question does "
            "not hold, so the question saves little; B repeats its question, which makes "
            "it cheap; C is too short to be judged.",
        ),
    )

    least_bytes: Annotated[int, Field(ge=0)] = 24
    """Bytes of UTF-8 that the answers need, all turns together, to be judged."""
    enough: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Ratio from which on more counts for nothing: rows from there up to 1 are all equal."""

    def requires(self) -> dict[str, Any]:
        """Return the compressed lengths."""
        return {"lengths": CompressedLengths()}

    def score(self, *, lengths: Numbers) -> Scores:
        """Return the ratio. Shape (n,), usually in [0, 1]; NaN where an answer is too short."""
        short = lengths["plain"] < self.least_bytes
        ratio = lengths["given_prompt"] / lengths["alone"]
        if self.enough is not None:
            # Ratios that the rule leaves out stay as they are, or the rule would not see them.
            ratio = np.where(ratio < 1, np.minimum(ratio, self.enough), ratio)
        reason = np.where(short, Reason.TOO_SHORT, 0).astype(np.uint8)
        return Scores(np.where(short, np.nan, ratio), reason)

    def default_rule(self) -> Rule:
        """Return the cut-off of IFD: below 1."""
        return Rule(below=1.0)
