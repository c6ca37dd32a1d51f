"""Tags that the data carry: of a field of the records, or of another file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import model_validator

from assay.components.base import NoPaper, Paper
from assay.components.references import FieldRef, FileRef, name_of
from assay.errors import ConfigError
from assay.features.imported_column import Match, carried, match_numbers
from assay.features.passes import PoolFeature
from assay.features.record_field import check_field
from assay.formats.columns import read_columns
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Flag, Part, Reason
from assay.tags import Tags
from assay.texts.tag_lists import TagList, read_tags

_ABSENT = TagList((), Reason.NOT_IMPORTED)


class TagField(PoolFeature):
    """The tags that a field of the records names, or a column of a file, of all turns together.

    It holds a list of texts, of objects with the text under "tag", such as {"tag": …,
    "explanation": …}, of a list for each turn, or JSON text of any of these, in a fence or behind
    some words. A list that broke off counts as far as it goes, and the row is flagged
    TEXT_TRUNCATED; one that is wrong in its middle, holds nothing that is a tag, or names more than
    50, is no tags and no number of them, but a reason. A row with no such field has no value.
    """

    name = "tag_field"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a field of the data")
    stored: ClassVar[bool] = False

    field: FieldRef = ""
    """Field of the records; dots lead into nested ones. Empty where a file is named."""
    file: FileRef = ""
    """File with the tags instead: CSV, TSV, JSON lines, JSON or Parquet."""
    column: str = "tags"
    """Column of the tags in that file."""
    match: Match = "id"
    """What says which row a line of that file belongs to."""
    key_column: str = "id"
    """Column of the ids or texts in that file."""
    part: Part = "prompt"
    """Text of a row that is compared, with match=text."""

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        if bool(self.field) == bool(self.file):
            raise ConfigError(
                f"{self.name} reads a field of the records or a file, one of them",
                hint="name the field, or the file with its column and key_column",
            )
        return self

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text says which tags are whose."""
        return carried(self.match) if self.file else ()

    def compute(self, view: PoolView, runtime: Runtime, **needs: Any) -> Tags:
        """Return the tags of every row in view.

        Raises:
            ConfigError: if no record has such a field, with those that there are.
            DataError: if the file cannot be read, or its rows cannot be matched.
        """
        if self.file:
            return _of_lists(self._of_file(view))
        texts = check_field(view, name_of(self.field)).to_list()
        return _of_lists(_ABSENT if text is None else read_tags(text) for text in texts)

    def _of_file(self, view: PoolView) -> list[TagList]:
        path = Path(name_of(self.file))
        names = [self.column] if self.match == "row" else [self.column, self.key_column]
        cells = read_columns(path, list(dict.fromkeys(names)))
        read = [_ABSENT if cell is None else read_tags(cell) for cell in cells[self.column]]
        # Rows are matched by numbers, and equal lists have equal ones: two lines that say the same
        # of a row do not contradict each other.
        number: dict[TagList, float] = {}
        numbers = [
            float("nan") if found is _ABSENT else number.setdefault(found, float(len(number)))
            for found in read
        ]
        keys = None if self.match == "row" else cells[self.key_column]
        matched = match_numbers(view, path, numbers, keys, match=self.match, part=self.part)
        lists = list(number)
        return [
            _ABSENT if np.isnan(place) else lists[int(place)] for place in matched.values.tolist()
        ]


def _of_lists(read: Iterable[TagList]) -> Tags:
    lists: Sequence[TagList] = list(read)
    reason = np.array([found.reason for found in lists], np.uint8)
    cut = np.array([found.is_cut for found in lists], np.bool_)
    flags = np.where(cut, Flag.TEXT_TRUNCATED, 0).astype(np.uint16)
    return Tags.of([found.tags for found in lists], reason, flags)
