"""Anybody's column as a score: numbers of a file, matched to rows by id, place or text."""

from typing import Any, ClassVar, Literal

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import NO_REFERENCE, Absent, Guide
from assay.components.references import FileRef
from assay.features.imported_column import COMMON, ImportedColumn, ImportedNumbers, Match, carried
from assay.samples import Part, Scores


class Imported(Scorer):
    """Numbers of a file, matched to the rows by id, by place in the data, or by text.

    An id is Assay's own or the one that the data carries. Texts are compared with white space
    folded. A row that the file gives no number, or several different ones, has none.
    """

    name = "imported"
    rowwise: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="score = the file's number for the row",
        choose="To select by what people, a judge model or another program said of the rows.",
        avoid="Where the file was made for other rows: what it does not name has no score and "
        "cannot be chosen.",
        compared=Absent(reason="the numbers are somebody else's"),
        differences=NO_REFERENCE,
    )

    file: FileRef
    """CSV, TSV, JSON lines, JSON or Parquet."""
    column: str
    """Column of the numbers."""
    match: Match = "id"
    """What says which row a number belongs to."""
    key_column: str = "id"
    """Column of the ids or texts."""
    part: Part = "response"
    """Text of a row that is compared."""
    better: Literal["high", "low"] = "high"
    """Whether large numbers are preferred, or small ones."""
    reason_column: str = ""
    """Column that says why a line has no number, such as PARSE_FAILED; none if empty."""

    @property
    def prefer(self) -> Literal["high", "low"]:  # type: ignore[override]  # a parameter here
        """Which numbers are preferred."""
        return self.better

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text says which number is whose."""
        return carried(self.match)

    def column_feature(self) -> ImportedColumn:
        """Return the column with the state of the file's rows."""
        return ImportedColumn(
            file=self.file,
            column=self.column,
            match=self.match,
            key_column=self.key_column,
            part=self.part,
            reason_column=self.reason_column,
        )

    def requires(self) -> dict[str, Component]:
        """Return the column."""
        return {"numbers": self.column_feature()}

    def score(self, **needs: Any) -> Scores:
        """Return the number of each row. Shape (n,)."""
        numbers: ImportedNumbers = needs["numbers"]
        return Scores(numbers.values, numbers.reason)
