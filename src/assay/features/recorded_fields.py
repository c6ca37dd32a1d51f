"""Fields that the records carry beside their conversation, or that a file has of them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.references import FileRef, name_of
from assay.echo import Brief
from assay.errors import DataError
from assay.features.imported_column import folded
from assay.features.passes import PoolFeature
from assay.formats.columns import column_names, read_columns
from assay.formats.conversations import PROMPTS
from assay.formats.fields import resolve
from assay.formats.labels import ID_FIELDS, LANGUAGE_FIELDS, TASK_FIELDS
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Reason, ReasonArray

CARRIED = ("meta", "task", "language", "external_id")
"""What rows carry that such fields are read from."""
_WORDS = ((TASK_FIELDS, "task"), (LANGUAGE_FIELDS, "language"), (ID_FIELDS, "external_id"))
_QUESTIONS = (*PROMPTS, "prompt_new")

Fields = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Recorded(Brief):
    """The fields of every row.

    Attributes:
        rows: what each row says, a field that it does not have left out. Shape (n,).
        reason: shape (n,), uint8; NOT_IMPORTED for rows that the file says nothing of.
    """

    rows: Sequence[Fields]
    reason: ReasonArray


class RecordedFields(PoolFeature):
    """Some fields of the records as they were read: numbers, texts, lists and objects.

    A file may say more of the rows, or something else: in the record that has the row's key.
    """

    name = "recorded_fields"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="fields of the data")
    stored: ClassVar[bool] = False

    fields: tuple[str, ...]
    """Names of the fields, spelled as they are."""
    file: FileRef = ""
    """File of records that say more of the rows; none if empty."""
    key_field: str = ""
    """Field of rows and file that says which record is whose; empty for the text of the
    instruction, with white space folded."""
    own: tuple[str, ...] = ()
    """Fields in which what a row says comes before what the file says."""

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text is read."""
        return CARRIED

    def compute(self, view: PoolView, runtime: Runtime, **needs: Any) -> Recorded:
        """Return the fields of every row in view.

        Raises:
            DataError: if the file cannot be read, or no row has a key of it.
        """
        own = [_meta(text) for text in view.column("meta")]
        words = {name: view.column(name).to_list() for _, name in _WORDS}
        said = [None] * len(own) if not self.file else self._said(view, own, words)
        rows = []
        for place, (meta, record) in enumerate(zip(own, said, strict=True)):
            carried = {column: values[place] for column, values in words.items()}
            said_first = (record or {}, meta)
            found = {
                name: _field(name, said_first[:: -1 if name in self.own else 1], carried)
                for name in self.fields
            }
            rows.append({name: value for name, value in found.items() if value is not None})
        lacks = [self.file != "" and record is None for record in said]
        reason = np.where(lacks, Reason.NOT_IMPORTED, Reason.OK).astype(np.uint8)
        return Recorded(rows, reason)

    def _said(
        self, view: PoolView, own: Sequence[Fields], words: Mapping[str, Sequence[Any]]
    ) -> list[Fields | None]:
        """Return the file's record of every row; None where it has none, or several that differ."""
        path = Path(name_of(self.file))
        records = _records(path, self.fields, self.key_field)
        name = self.key_field
        if name:
            cells = zip(*words.values(), strict=True)
            carried = [dict(zip(words, row, strict=True)) for row in cells]
            keys = [_field(name, (meta,), at) for meta, at in zip(own, carried, strict=True)]
        else:
            keys = [row.prompt for _, block in view.blocks() for row in block]
        found = [None if key is None else records.get(folded(str(key))) for key in keys]
        if not any(found):
            by = f"the field {name!r}" if name else "the text of its instruction"
            raise DataError(
                f"{path} holds no record of any row, as told by {by}",
                hint="rows and file need the same keys",
            )
        return found


def _meta(text: str | None) -> Fields:
    return json.loads(text) if text else {}


def _field(name: str, places: Sequence[Fields], carried: Mapping[str, Any]) -> Any:
    """Return a field of the first place that has it, or the word of the row that was read of it."""
    for fields in places:
        if fields.get(name) is not None:
            return fields[name]
    for names, column in _WORDS:
        if name.lower() in names and carried[column]:
            return carried[column]
    return None


def _records(path: Path, fields: Sequence[str], key: str) -> Mapping[str, Fields | None]:
    """Return the records of a file by key, None for a key of several that differ."""
    known = column_names(path)
    name = key or resolve(known, _QUESTIONS)
    if name is None:
        raise DataError(f"{path} has no field of instructions", hint="name one that both have")
    present = [field for field in fields if field in known]
    columns = read_columns(path, list(dict.fromkeys([name, *present])))
    by_key: dict[str, list[Fields]] = defaultdict(list)
    for place, value in enumerate(columns[name]):
        if value is not None:
            by_key[folded(str(value))].append({field: columns[field][place] for field in present})
    return {value: _same(records) for value, records in by_key.items()}


def _same(records: Iterable[Fields]) -> Fields | None:
    first, *others = records
    return first if all(repr(other) == repr(first) for other in others) else None
