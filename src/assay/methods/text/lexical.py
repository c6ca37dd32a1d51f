"""Scores from the words alone: diversity and repetition of the responses."""

from typing import Any, ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.example_rows import CAPITAL, SOUP
from assay.components.guide import NO_REFERENCE, Comparison, Example, Guide
from assay.features.text import LexicalDiversity
from assay.samples import FloatArray, Reason, Scores
from assay.values import Numbers

_WORDS = {
    "words": "A word is a run of letters, digits and apostrophes, and one character in scripts "
    "without spaces; other programs prepare words in ways of their own, and their numbers differ "
    "by that.",
}


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

    name = "ttr"
    column: ClassVar[str] = "ttr"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a common measure of a text")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = distinct words / words, of all answers together",
        choose="To compare answers of about the same length, or to find those that repeat "
        "themselves.",
        avoid="Across lengths: every text repeats words as it goes on, so that short answers win. "
        "`mtld` hardly depends on length.",
        compared=(
            Comparison(
                against="LexicalRichness",
                compared="the value that its tests state for a sentence of ten words",
                tolerance="exact",
                test="tests/parity/test_lexical_diversity.py",
            ),
        ),
        differences=NO_REFERENCE,
    )


class MTLD(_Diversity):
    """Mean run of words over which the type-token ratio stays above 0.72; hardly length-bound."""

    name = "mtld"
    column: ClassVar[str] = "mtld"
    paper: ClassVar[Paper | NoPaper] = LexicalDiversity.paper
    guide: ClassVar[Guide | None] = Guide(
        formula="score = mean over both directions of words / factors\n"
        "a factor ends where distinct words / words falls to 0.72 or below;\n"
        "what is left over counts (1 - ratio) / (1 - 0.72)",
        choose="To prefer answers of rich vocabulary, of any length above about 50 words.",
        avoid="For shorter answers, which are flagged: there it is noise. In scripts without "
        "spaces it counts characters, so do not compare languages by it.",
        compared=(
            Comparison(
                against="LexicalRichness",
                compared="the value that its tests state for a sentence of ten words",
                tolerance="1e-12",
                test="tests/parity/test_lexical_diversity.py",
            ),
            Comparison(
                against="the definition in exact fractions",
                compared="random sequences of up to 80 words",
                tolerance="1e-12 relative",
                test="tests/parity/test_lexical_diversity.py",
            ),
        ),
        differences=_WORDS,
        example=Example(
            rows=(
                CAPITAL,
                (
                    "Say hello three times.",
                    "Hello and hello and hello again, hello and hello and hello again.",
                ),
                SOUP,
            ),
            shows={"distinct / all words": "measures.ttr"},
            reading="In A and C few words come twice, so a run of words lasts long before its "
            "share of distinct words falls to the threshold; in B it falls at once.",
        ),
    )


class HDD(_Diversity):
    """Expected type-token ratio of 42 words drawn from the responses, in (0, 1]."""

    name = "hdd"
    version: ClassVar[int] = 2
    column: ClassVar[str] = "hdd"
    paper: ClassVar[Paper | NoPaper] = LexicalDiversity.paper
    guide: ClassVar[Guide | None] = Guide(
        formula="score = sum over distinct words w of (1 - h(w)) / 42\n"
        "h(w): chance that 42 words drawn without return miss w",
        choose="To compare the vocabulary of answers of 42 words and more on one scale, whatever "
        "their length.",
        avoid="For answers below 42 words: they have no number (TOO_SHORT).",
        compared=(
            Comparison(
                against="LexicalRichness",
                compared="the value that its tests state for a sentence of ten words, with 5 draws",
                tolerance="1e-12",
                test="tests/parity/test_lexical_diversity.py",
            ),
            Comparison(
                against="the hypergeometric sum in exact fractions",
                compared="random sequences of up to 80 words",
                tolerance="1e-12 relative",
                test="tests/parity/test_lexical_diversity.py",
            ),
        ),
        differences=_WORDS,
    )


class CompressionRatio(_Diversity):
    """Compressed over plain bytes of the responses: low for repetitive text."""

    name = "compression_ratio"
    column: ClassVar[str] = "compression_ratio"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a common measure of a text")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = bytes of the compressed answers / bytes of the answers",
        choose="To find answers that repeat themselves: these have the lowest values.",
        avoid="As a measure of quality: short answers, numbers and names hardly compress and come "
        "out highest.",
        compared=(
            Comparison(
                against="zlib, called on the texts themselves",
                compared="compressed lengths and the ratio, of repeated and of varied bytes",
                tolerance="exact",
                test="tests/unit/texts/test_measures.py",
            ),
        ),
        differences=NO_REFERENCE,
    )
