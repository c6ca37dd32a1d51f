"""Readability of texts: a plugin for Assay with a feature, a score, a parameter and a citation."""

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

import assay

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE_END = re.compile(r"[.!?。！？]+(?=\s|$)")


class TextStatistics(assay.RowFeature):
    """Letters, words and sentences of a text; a text that ends without a mark ends a sentence."""

    name = "example_text_statistics"
    paper: ClassVar[assay.Paper | assay.NoPaper] = assay.NoPaper(reason="plain counts")
    value: ClassVar[type[assay.RowValue]] = assay.Numbers

    part: Literal["response", "instruction"] = "response"
    """Text that is counted."""

    def compute(
        self, conversations: Sequence[assay.Conversation], runtime: assay.Runtime
    ) -> assay.RowValue:
        """Return the three counts of each conversation."""
        texts = [getattr(conversation, self.part) for conversation in conversations]
        words = [_WORD.findall(text) for text in texts]
        columns = {
            "letters": np.array([sum(map(len, found)) for found in words], np.float64),
            "words": np.array([len(found) for found in words], np.float64),
            "sentences": np.array([_sentences(text) for text in texts], np.float64),
        }
        reason = np.where(columns["words"] > 0, 0, assay.Reason.NO_WORDS).astype(np.uint8)
        for column in columns.values():
            column[reason != 0] = np.nan
        return assay.Numbers(reason, np.zeros(len(texts), np.uint16), columns)


def _sentences(text: str) -> int:
    marks = len(_SENTENCE_END.findall(text))
    return marks if _SENTENCE_END.search(text.rstrip()[-1:]) else marks + 1


class ColemanLiau(assay.Scorer):
    """School grade that reading a text takes: 0.0588 L - 0.296 S - 15.8.

    L is letters and S sentences per 100 words. Meant for English.
    """

    name = "example_readability"
    paper: ClassVar[assay.Paper | assay.NoPaper] = assay.Paper(
        title="A computer readability formula designed for machine scoring",
        authors="Coleman and Liau",
        year=1975,
        doi="10.1037/h0076540",
    )

    part: Literal["response", "instruction"] = "response"
    """Text that is judged."""

    def requires(self) -> dict[str, assay.Component]:
        """Return the counts."""
        return {"counts": TextStatistics(part=self.part)}

    def score(self, *, counts: assay.Numbers) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the grade. Shape (n,); NaN for a text without words."""
        per_hundred = 100 / counts["words"]
        letters, sentences = counts["letters"] * per_hundred, counts["sentences"] * per_hundred
        return 0.0588 * letters - 0.296 * sentences - 15.8
