"""Scores from the words alone: diversity and repetition of the responses."""

from typing import Any, ClassVar

import numpy as np

from assay.components.component import NoPaper, Paper, Scorer
from assay.features.text import LexicalDiversity
from assay.samples import FloatArray, Reason, Scores
from assay.values import Numbers


class _Diversity(Scorer):
    """A column of the lexical diversity of the responses."""

    column: ClassVar[str]

    def requires(self) -> dict[str, Any]:
        """Return the measures."""
        return {"measures": LexicalDiversity()}

    def score(self, *, measures: Numbers) -> FloatArray | Scores:
        """Return the measure. Shape (n,)."""
        values = measures[self.column]
        # A text without words has its reason already; this one is too short for the measure.
        reason = np.where(np.isnan(values), Reason.TOO_SHORT, 0).astype(np.uint8)
        return Scores(values, reason)


class TypeTokenRatio(_Diversity):
    """Distinct words over words of the responses, in (0, 1]; falls with length."""

    name: ClassVar[str] = "ttr"
    column: ClassVar[str] = "ttr"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a common measure of a text")


class MTLD(_Diversity):
    """Mean run of words over which the type-token ratio stays above 0.72; hardly length-bound."""

    name: ClassVar[str] = "mtld"
    column: ClassVar[str] = "mtld"
    paper: ClassVar[Paper | NoPaper] = LexicalDiversity.paper


class HDD(_Diversity):
    """Expected type-token ratio of 42 words drawn from the responses, in (0, 1]."""

    name: ClassVar[str] = "hdd"
    version: ClassVar[int] = 2
    column: ClassVar[str] = "hdd"
    paper: ClassVar[Paper | NoPaper] = LexicalDiversity.paper


class CompressionRatio(_Diversity):
    """Compressed over plain bytes of the responses: low for repetitive text."""

    name: ClassVar[str] = "compression_ratio"
    column: ClassVar[str] = "compression_ratio"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a common measure of a text")
