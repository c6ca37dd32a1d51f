"""Filters by a field of the records, and by one text of a row."""

import json
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import model_validator

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import Selector
from assay.components.conditions import Condition, Measure
from assay.components.guide import NO_REFERENCE, Absent, Guide
from assay.components.references import FieldRef
from assay.features.record_field import RecordField
from assay.features.text_marks import PartLanguage, TextMarks, TextMatch
from assay.methods.filters.passing import passing_rows
from assay.samples import Part, Selection
from assay.values import Labels, Numbers

_COMMON = NoPaper(reason="common practice")


class WhereField(Selector):
    """The rows whose record says something in one of its fields: a word, a number, a pattern.

    A record without the field does not pass; with `keep` off it does.
    """

    name = "where_field"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="choose the rows whose field is one of words, holds pattern, lies in bounds",
        choose="To keep the rows that somebody has labelled or scored; on the command line "
        "`--where meta.score>=0.8` does it.",
        avoid="To rank by a number: import it with `assay import-scores`, so that it is a score.",
        compared=Absent(reason="there is nothing to compute"),
        differences=NO_REFERENCE,
    )
    needs_budget: ClassVar[bool] = False

    field: FieldRef
    """Name of the field; dots lead into nested ones."""
    condition: Condition
    """What is asked of its value; of a list, words are asked of each of its items."""

    def requires(self) -> dict[str, Any]:
        """Return the field."""
        return {"values": RecordField(field=self.field)}

    def select(
        self, allowance: Allowance, rng: np.random.Generator, *, values: pl.Series
    ) -> Selection:
        """Return the rows that pass, in order of id."""
        return passing_rows(allowance, _holds(self.condition, values))


class WhereText(Selector):
    """The rows of which one text satisfies a condition: its words, length, language, marks.

    Marks count places: refusals, boilerplate, HTML, web addresses, e-mail addresses and phone
    numbers.
    """

    name = "where_text"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="choose the rows of which a text holds pattern, or measures within bounds",
        choose="To leave out refusals, tiny answers, addresses or other languages; on the command "
        "line `--where response.refusals=0` does it.",
        avoid="As a judgement of quality: marks of a text are not certain. The page on filters "
        "says how often each was wrong.",
        compared=Absent(reason="what it finds in real rows was read instead"),
        differences=NO_REFERENCE,
    )
    needs_budget: ClassVar[bool] = False

    part: Part = "response"
    """Which text."""
    measure: Literal["text"] | Measure = "text"
    """What of it: itself, for patterns; its language; or a number."""
    condition: Condition
    """What is asked of it."""

    @model_validator(mode="after")
    def _fits(self) -> "WhereText":
        """Refuse patterns of numbers, and bounds of words."""
        asked = self.condition
        bounds = (asked.above, asked.at_least, asked.below, asked.at_most)
        if self.measure == "text" and (asked.words or any(b is not None for b in bounds)):
            raise ValueError("a text is asked for a pattern; see `measure` for numbers")
        if self.measure not in ("text", "language") and asked.pattern:
            raise ValueError(f"{self.measure} is a number: ask for bounds or for a word such as 0")
        return self

    def requires(self) -> dict[str, Any]:
        """Return what is measured of the text."""
        if self.measure == "text":
            return {"found": TextMatch(part=self.part, pattern=self.condition.pattern)}
        if self.measure == "language":
            return {"language": PartLanguage(part=self.part)}
        return {"marks": TextMarks(part=self.part)}

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        found: Numbers | None = None,
        language: Labels | None = None,
        marks: Numbers | None = None,
    ) -> Selection:
        """Return the rows that pass, in order of id."""
        if found is not None:
            passing = (found["found"] > 0) == self.condition.keep
        elif language is not None:
            passing = _holds(self.condition, language.values)
        else:
            assert marks is not None  # noqa: S101  one of the three is always required
            passing = _holds(self.condition, pl.Series(marks[self.measure]).cast(pl.Int64))
        return passing_rows(allowance, passing)


def _holds(condition: Condition, values: pl.Series) -> NDArray[np.bool_]:
    """Return which values satisfy a condition; null does not. Shape (n,), bool."""
    passing = values.is_not_null()
    if condition.words:
        texts = values.cast(pl.String)
        distinct = texts.drop_nulls().unique()
        wanted = set(condition.words)
        passing &= texts.is_in([text for text in distinct if not wanted.isdisjoint(_items(text))])
    if condition.pattern:
        passing &= values.cast(pl.String).str.contains(condition.pattern)
    numbers = values.cast(pl.Float64, strict=False).fill_nan(None)
    for bound, fits in (
        (condition.above, numbers.gt), (condition.at_least, numbers.ge),
        (condition.below, numbers.lt), (condition.at_most, numbers.le),
    ):  # fmt: skip
        if bound is not None:
            passing &= fits(bound)
    return passing.fill_null(False).to_numpy() == condition.keep


def _items(text: str) -> list[str]:
    """Return a value, or those of a JSON list, as texts."""
    if not text.startswith("["):
        return [text]
    try:
        items = json.loads(text)
    except ValueError:
        return [text]
    return [text, *(item if isinstance(item, str) else json.dumps(item) for item in items)]
