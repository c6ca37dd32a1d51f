"""Numbers of a file, matched to the rows of a pool."""

import hashlib
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from assay.components.base import NoPaper, Paper
from assay.components.references import FileRef, name_of
from assay.echo import Brief
from assay.errors import DataError, Parameter, Phrase
from assay.features.passes import PoolFeature
from assay.features.text import part_of
from assay.formats.columns import read_columns
from assay.pool.pool import Pool, format_id
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import FloatArray, Part, Reason, ReasonArray

Match: TypeAlias = Literal["id", "row", "text"]

_BY_CONTENT = Phrase("match by {} or {}", Parameter("match", "id"), Parameter("match", "text"))


_LARGEST = sys.float_info.max
COMMON = NoPaper(reason="numbers that were computed elsewhere")


@dataclass(frozen=True, repr=False)
class ImportedNumbers(Brief):
    """A column in canonical order, and how the matching went.

    Attributes:
        values: shape (n,), NaN where `reason` is not 0.
        reason: shape (n,), uint8; NOT_IMPORTED for rows that the file gives no number, or what it
            says of why there is none.
        file_rows: rows of the file.
        without_number: rows of the file whose cell holds no number.
        unused: rows of the file that match no row of the pool.
        ambiguous: keys that the file gives different numbers, or that several rows of the pool
            have without being equal; no row gets a number by them.
    """

    values: FloatArray
    reason: ReasonArray
    file_rows: int
    without_number: int
    unused: int
    ambiguous: int


class ImportedColumn(PoolFeature):
    """The numbers of a file's column for the rows they belong to."""

    name = "imported_column"
    paper: ClassVar[Paper | NoPaper] = COMMON
    stored: ClassVar[bool] = False

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
    reason_column: str = ""
    """Column that says why a line has no number, such as PARSE_FAILED; none if empty."""

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text says which number is whose."""
        return carried(self.match)

    def compute(self, view: PoolView, runtime: Runtime, **needs: Any) -> ImportedNumbers:
        """Return the number of every row in view."""
        return match_column(
            view,
            Path(name_of(self.file)),
            column=self.column,
            match=self.match,
            key=self.key_column,
            part=self.part,
            reasons=self.reason_column,
        )


def carried(match: Match) -> tuple[str, ...]:
    """Return the columns of a pool, its ids and texts aside, that rows are matched by."""
    return {"id": ("external_id",), "row": ("file", "row")}.get(match, ())


def carried_digest(columns: Sequence[str], pool: Pool) -> str:
    """Return 16 hex digits over what the rows of a pool carry that lines are matched to them by."""
    state = hashlib.blake2b(digest_size=8)
    for column in columns:
        cells = pool.column(column).cast(pl.String).fill_null("\0")
        state.update("\0\0".join(cells.to_list()).encode(errors="surrogatepass"))
    return state.hexdigest()


def _number(cell: object) -> float:
    """Return a cell as a number, NaN if it is none."""
    if isinstance(cell, bool) or cell is None:
        return float("nan")
    if isinstance(cell, int) and abs(cell) > _LARGEST:
        return float("nan")
    if isinstance(cell, (int, float)):
        return float(cell)
    try:
        return float(str(cell).strip())
    except ValueError:
        return float("nan")


def match_column(
    view: PoolView,
    path: Path,
    *,
    column: str,
    match: Match,
    key: str,
    part: Part,
    reasons: str = "",
) -> ImportedNumbers:
    """Return the numbers of a file's column in canonical order.

    Args:
        view: the rows.
        path: the file.
        column: that of the numbers.
        match: what says whose number it is.
        key: column of the ids or texts; not read where rows are matched by their place.
        part: text of a row that is compared.
        reasons: column that says why a line has no number; none if empty. Where there is one, a
            row that several numbers fit has the reason AMBIGUOUS.

    Raises:
        DataError: if the file cannot be read, holds no number, or places cannot be compared.
    """
    wanted = [column, *([] if match == "row" else [key]), *([reasons] if reasons else [])]
    cells = read_columns(path, list(dict.fromkeys(wanted)))
    numbers = [_number(cell) for cell in cells[column]]
    if np.isnan(numbers).all():
        raise DataError(f"{path}: the column {column!r} holds no number")
    keys = None if match == "row" else cells[key]
    told = [_reason(path, cell) for cell in cells[reasons]] if reasons else None
    return match_numbers(view, path, numbers, keys, match=match, part=part, told=told)


def match_numbers(
    view: PoolView,
    path: Path,
    numbers: Sequence[float],
    keys: Sequence[object] | None,
    *,
    match: Match,
    part: Part,
    told: "Sequence[Reason] | None" = None,
) -> ImportedNumbers:
    """Return the number of each row in canonical order, of those of a file's rows.

    Args:
        view: the rows.
        path: of the file, for errors.
        numbers: of each row of the file, NaN where it has none.
        keys: ids or texts of the file's rows; None where rows are matched by place.
        match: what says which row a number belongs to.
        part: text of a row that is compared.
        told: why rows of the file have no number, where it says so; then a row that several numbers
            fit has the reason AMBIGUOUS.

    Raises:
        DataError: if places cannot be compared.
    """
    values = np.full(len(view), np.nan)
    reason = np.full(len(view), Reason.NOT_IMPORTED, np.uint8)
    if keys is None:
        used, ambiguous = _by_row(view, numbers, values, path)
        if told is not None:
            reason[:] = np.array(told, np.uint8)[view.column("row").to_numpy()]
    else:
        places = places_of(view, match, part)
        used, ambiguous = _by_key(places, _Lines(keys, numbers, told), values, reason)
    reason[~np.isnan(values)] = Reason.OK
    without = int(np.isnan(numbers).sum())
    return ImportedNumbers(values, reason, len(numbers), without, len(numbers) - used, ambiguous)


_TOLD = {each.name: each for each in Reason if each.kind in ("nature", "failure")}


def _reason(path: Path, cell: object) -> Reason:
    """Return the reason that a cell names; NOT_IMPORTED for an empty one."""
    if cell is None or not str(cell).strip():
        return Reason.NOT_IMPORTED
    name = str(cell).strip().upper()
    if name not in _TOLD:
        raise DataError(
            f"{path}: {str(cell)[:40]!r} is no reason", hint=f"one of {', '.join(_TOLD)}, or empty"
        )
    return _TOLD[name]


class _Lines(NamedTuple):
    """What the lines of a file say: their keys, numbers, and why there is none."""

    keys: Sequence[object]
    numbers: Sequence[float]
    told: Sequence[Reason] | None


def _by_row(
    view: PoolView, numbers: Sequence[float], values: FloatArray, path: Path
) -> tuple[int, int]:
    row = view.column("row").to_numpy()
    if view.column("file").n_unique() > 1:
        raise DataError("rows of several files have no common numbering", hint=_BY_CONTENT)
    if len(numbers) <= int(row.max()):
        raise DataError(
            f"{path} has {len(numbers):,} rows, the data goes up to row {int(row.max()) + 1:,}",
            hint=_BY_CONTENT,
        )
    values[:] = np.asarray(numbers)[row]
    return len(np.unique(row)), 0


def folded(text: str) -> str:
    """Return a text as it is compared: any run of white space is one space."""
    return " ".join(text.split())


def places_of(view: PoolView, match: Match, part: Part) -> Mapping[str, list[int]]:
    """Return the rows of every key; rows of one key are equal in what the key says.

    An id of the data that rows have which are not equal stands for none of them, and has [-1].
    """
    places: dict[str, list[int]] = defaultdict(list)
    if match == "text":
        for start, block in view.blocks():
            for offset, conversation in enumerate(block):
                places[folded(part_of(conversation, part))].append(start + offset)
        return places
    for place, external in enumerate(view.column("external_id").to_list()):
        if external is not None:
            places[str(external)].append(place)
    hashes = view.pool.content_hashes
    for name, found in list(places.items()):
        if len({bytes(hashes[place]) for place in found}) > 1:
            places[name] = [-1]
    for place, row_id in enumerate(view.ids.tolist()):
        places[format_id(row_id)] = [place]
    return places


def _by_key(
    places: Mapping[str, list[int]], lines: _Lines, values: FloatArray, reason: ReasonArray
) -> tuple[int, int]:
    """Fill in the numbers; return how many rows of the file were used, and ambiguous keys."""
    given: dict[str, list[int]] = defaultdict(list)
    for line, key in enumerate(lines.keys):
        given[folded(str(key))].append(line)
    used = ambiguous = 0
    for text, found in given.items():
        rows = places.get(text)
        if rows is None:
            continue
        distinct = {lines.numbers[line] for line in found if not np.isnan(lines.numbers[line])}
        if rows == [-1] or len(distinct) > 1:
            ambiguous += 1
            if rows != [-1] and lines.told is not None:
                reason[rows] = Reason.AMBIGUOUS
            continue
        used += len(found)
        if distinct:
            values[rows] = distinct.pop()
        elif lines.told is not None:
            reason[rows] = max(lines.told[line] for line in found)
    return used, ambiguous
