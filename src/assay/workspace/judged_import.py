"""Whose rows the records of a judge are: by their texts first, then by their ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from assay.errors import DataError, Parameter, Phrase, did_you_mean
from assay.features.imported_column import Match, folded, places_of
from assay.features.text import part_of
from assay.formats.judged.tables import Judged, JudgedTable
from assay.pool.pool import format_id
from assay.pool.view import PoolView
from assay.samples import Part, Reason, Scores
from assay.solvers.proportions import Share
from assay.solvers.verdicts import Verdicts
from assay.wording import jsonable
from assay.workspace.import_files import read_import

REASON = "reason"
_PARTS: tuple[Part, ...] = ("prompt", "instruction", "response")
_FIELD_OF = {
    "conversation": "conversation", "prompt": "prompt", "instruction": "prompt",
    "response": "response", "id": "key",
}  # fmt: skip


class Key(NamedTuple):
    """What says whose number it is: an id, or a part of the text.

    Attributes:
        match: by id, or by text.
        part: of the text.
        paired: instruction and answer together were looked up; what stands for them is the id of
            the row, which no other part of the text could be.
    """

    match: Match
    part: Part = "response"
    paired: bool = False

    @property
    def column(self) -> str:
        """What the column of it is called."""
        return "id" if self.match == "id" else self.part

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        if self.paired:
            return "their instruction and answer"
        return "their question and answer" if self.part == "conversation" else f"their {self.part}"


@dataclass(frozen=True)
class JudgedColumn:
    """One column of judge records, ready to be matched like any other file.

    Attributes:
        column: its name.
        key: what rows are matched by.
        frame: numbers, keys, and the reason of records without a number.
        contradicted: records left out, since they name the id of a row that says something else.
        unnamed: records left out, since they do not say whose they are.
    """

    column: str
    key: Key
    frame: pl.DataFrame
    contradicted: int
    unnamed: int


_VERDICTS = "verdicts"


def described_verdicts(verdicts: Verdicts | None) -> dict[str, Any]:
    """Return what a judge of pairs said, as a part of the description of a score; nothing of none.

    It is told of all records, for a row of the project does not say in which order it was shown.
    """
    return {} if verdicts is None else {_VERDICTS: jsonable(verdicts._asdict())}


def imported_verdicts(folder: Path, name: str) -> Verdicts | None:
    """Return what `described_verdicts` told of an imported score; None where it told nothing.

    Args:
        folder: of the project.
        name: of the score.

    Raises:
        DamagedError: if the file of the score is damaged.
    """
    found = dict(read_import(folder, name).get(_VERDICTS, {}))
    if not found:
        return None
    for each in ("consistency", "first_place"):
        found[each] = Share(*map(_known, found[each]))
    return Verdicts(**found | {"win_score": _known(found["win_score"])})


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def judged_column(view: PoolView, table: JudgedTable, column: str, key: Key | None) -> JudgedColumn:
    """Return a column of judge records, and what its rows are matched by.

    Args:
        view: the rows.
        table: the records.
        column: of the table.
        key: what to match by. None takes question and answer together where records have both,
            the one they have otherwise, and the id where they have no text.

    Raises:
        DataError: if there is no such column, or no row is found.
    """
    if column not in table.columns:
        names = list(table.columns)
        raise DataError(
            f"{table.layout} has no column {column!r}",
            hint=did_you_mean(column, names) or f"one of {', '.join(names)}",
        )
    pairs = None if key is not None else _Pairs(view, table.rows)
    chosen = key or _found_by(view, table.rows, pairs, table.layout)
    scores = table.columns[column]
    against: set[int] = set()
    if chosen.paired and pairs is not None:
        lines = pairs.lines(scores)
        unnamed = sum(not each for each in _keys(table.rows, Key("text", "conversation")))
    else:
        keys = _keys(table.rows, chosen)
        against = _contradicted(view, table.rows) if chosen.match == "id" else set()
        lines = [
            _Line(keys[at], *_cell(scores, at))
            for at in range(len(keys))
            if keys[at] and at not in against
        ]
        unnamed = sum(not each for each in keys)
    frame = pl.DataFrame(
        {
            column: [line.number for line in lines],
            chosen.column: [line.key for line in lines],
            REASON: [line.reason for line in lines],
        },
        schema={column: pl.Float64, chosen.column: pl.String, REASON: pl.String},
    )
    return JudgedColumn(column, chosen, frame, len(against), unnamed)


class _Line(NamedTuple):
    key: str
    number: float | None
    reason: str | None


def _cell(scores: Scores, at: int) -> tuple[float | None, str | None]:
    """Return the number of a record, or the name of the reason why it has none."""
    code = int(scores.reason[at])
    return (None, Reason(code).name) if code else (float(scores.values[at]), None)


class _Pairs:
    """Records and the rows that have both their instruction and their answer.

    Published reviews may leave out the input beside an instruction, so that the whole prompt is
    found nowhere.
    """

    def __init__(self, view: PoolView, records: Sequence[Judged]) -> None:
        self._view = view
        rows: dict[tuple[str, str], list[int]] = {}
        for start, block in view.blocks():
            for offset, each in enumerate(block):
                said = folded(each.instruction), folded(each.responses)
                rows.setdefault(said, []).append(start + offset)
        self._rows = [
            rows.get((folded(record.prompt or ""), folded(record.response or "")), [])
            if record.prompt is not None and record.response is not None
            else []
            for record in records
        ]

    @property
    def count(self) -> int:
        """How many records have a row."""
        return sum(bool(rows) for rows in self._rows)

    def lines(self, scores: Scores) -> list[_Line]:
        """Return a line for each row of a record; none of those that several rows may be meant."""
        hashes, ids = self._view.pool.content_hashes, self._view.ids
        positions = self._view.positions
        lines = []
        for at, rows in enumerate(self._rows):
            alike = len({bytes(hashes[positions[row]]) for row in rows}) < 2
            cell = _cell(scores, at) if alike else (None, Reason.AMBIGUOUS.name)
            lines += [_Line(format_id(int(ids[row])), *cell) for row in rows]
        return lines


def _keys(rows: Sequence[Judged], key: Key) -> list[str]:
    field = _FIELD_OF[key.column]
    return [folded(getattr(row, field) or "") for row in rows]


def _found_by(view: PoolView, rows: Sequence[Judged], pairs: _Pairs | None, layout: str) -> Key:
    """Return what finds the rows; texts stand before ids, which other data may have, too."""
    whole = Key("text", "conversation")
    counts = {whole: _count(view, rows, whole)}
    if pairs is not None:
        counts[Key("id", paired=True)] = pairs.count
    if most := max(counts.values()):
        return next(key for key, count in counts.items() if 2 * count >= most)
    both = any(row.conversation is not None for row in rows)
    alone = [] if both else [Key("text", part) for part in _PARTS]
    for key in [*alone, Key("id")]:
        if _count(view, rows, key):
            return key
    raise _nobody(view, rows, layout)


def _count(view: PoolView, rows: Sequence[Judged], key: Key) -> int:
    """Return how many records find a row by a key."""
    said = [each for each in _keys(rows, key) if each]
    if not said:
        return 0
    places = places_of(view, key.match, key.part)
    return sum(each in places for each in said)


def _nobody(view: PoolView, rows: Sequence[Judged], layout: str) -> DataError:
    """Return what to say where no row is found."""
    names = {name: any(_keys(rows, Key("text", name))) for name in _PARTS}
    said: list[str] = [name for name, known in names.items() if known]
    if any(_keys(rows, Key("id"))):
        said.append("id")
    if not said:
        return DataError(
            f"the scores of {layout} stand without ids or texts",
            hint=Phrase("name the data set that they were made for: {}", Parameter("rows_of")),
        )
    for part in ("prompt", "instruction"):
        count = _count(view, rows, Key("text", part)) if names["prompt"] else 0
        if count:
            text = Parameter("match", "text")
            return DataError(
                f"{count:,} of {len(rows):,} records are about a {part} of the data with another "
                "answer than its own; nothing was imported",
                hint=Phrase(f"{{}} {part} takes their numbers all the same", text),
            )
    return DataError(
        f"no row is found by what the records say: {', '.join(said)}; nothing was imported",
        hint="load the data that was judged: its questions with the answers that were compared, "
        "or rows that carry the ids of the records",
    )


def _contradicted(view: PoolView, rows: Sequence[Judged]) -> set[int]:
    """Return records that carry the id of a row whose prompt is another than theirs."""
    places: Mapping[str, list[int]] = places_of(view, "id", "response")
    named = {
        at: places[row.key][0]
        for at, row in enumerate(rows)
        if row.prompt is not None and places.get(row.key, [-1]) != [-1]
    }
    wanted = np.unique(np.array(list(named.values()), np.int64))
    texts = dict(zip(wanted.tolist(), view.conversations(wanted), strict=True))
    return {
        at
        for at, place in named.items()
        if folded(rows[at].prompt or "")
        not in {folded(part_of(texts[place], part)) for part in ("prompt", "instruction")}
    }
