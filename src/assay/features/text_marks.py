"""Measures of one text of a row, for filters and flags: length, language, marks, a pattern."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl

from assay.components.base import NoPaper, Paper
from assay.features.text import TextFeature, labels_of, part_of
from assay.runtime import Runtime
from assay.samples import Conversation, Part
from assay.texts.language import detect_languages
from assay.texts.marks import Marks, marks
from assay.texts.measures import count_characters, count_words
from assay.values import Labels, Numbers, RowValue

_COMMON = NoPaper(reason="common measures of a text")


class TextMarks(TextFeature):
    """How long a text is, and how often it shows what people filter by.

    Columns characters, words, refusals, boilerplate, html, urls, emails, phones.
    """

    name = "text_marks"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = Numbers

    part: Part = "response"
    """Text that is measured."""

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the counts of each conversation."""
        texts = [part_of(conversation, self.part) for conversation in conversations]
        table = np.array(
            [(count_characters(text), count_words(text), *marks(text)) for text in texts],
            np.float64,
        ).reshape(len(texts), 2 + len(Marks._fields))
        names = ("characters", "words", *Marks._fields)
        count = len(texts)
        columns = {name: table[:, place] for place, name in enumerate(names)}
        return Numbers(np.zeros(count, np.uint8), np.zeros(count, np.uint16), columns)


class PartLanguage(TextFeature):
    """The language that one text is mostly in, as ISO 639-1, "und" if nothing tells it."""

    name = "part_language"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="py3langid's model, scripts first")
    value: ClassVar[type[RowValue]] = Labels

    part: Part = "response"
    """Text that is judged."""

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the language of each conversation's text."""
        return labels_of(detect_languages([part_of(item, self.part) for item in conversations]))


class TextMatch(TextFeature):
    """Whether a pattern is found in a text. Column `found`, 0 or 1."""

    name = "text_match"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = Numbers

    part: Part = "response"
    """Text that is searched."""
    pattern: str = ""
    """Regular expression (the syntax of Rust's regex, which takes time linear in the text)."""

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return whether it is found in each conversation."""
        texts = pl.Series([part_of(item, self.part) for item in conversations], dtype=pl.String)
        found = texts.str.contains(self.pattern).cast(pl.Float64).to_numpy()
        count = len(texts)
        return Numbers(np.zeros(count, np.uint8), np.zeros(count, np.uint16), {"found": found})
