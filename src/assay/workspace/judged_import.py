"""Whose rows the records of a judge are: by their texts first, then by their ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from assay.errors import DataError, Parameter, Phrase, did_you_mean
from assay.features.imported_column import Match, folded, places_of
from assay.features.text import part_of
from assay.formats.judged.tables import Judged, JudgedTable
from assay.pool.view import PoolView
from assay.samples import Part, Reason

REASON = "reason"
_PARTS: tuple[Part, ...] = ("conversation", "prompt", "instruction", "response")
_FIELD_OF = {
    "conversation": "conversation", "prompt": "prompt", "instruction": "prompt",
    "response": "response", "id": "key",
}  # fmt: skip


class Key(NamedTuple):
    """What says whose number it is: an id, or a part of the text."""

    match: Match
    part: Part = "response"

    @property
    def column(self) -> str:
        """What the column of it is called."""
        return "id" if self.match == "id" else self.part


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


def judged_column(view: PoolView, table: JudgedTable, column: str, key: Key | None) -> JudgedColumn:
    """Return a column of judge records, and what its rows are matched by.

    Args:
        view: the rows.
        table: the records.
        column: of the table.
        key: what to match by; None takes the first of the whole conversation, the prompt, the
            instruction, the answer and the id by which any row is found.

    Raises:
        DataError: if there is no such column, or no row is found.
    """
    if column not in table.columns:
        names = list(table.columns)
        raise DataError(
            f"{table.layout} has no column {column!r}",
            hint=did_you_mean(column, names) or f"one of {', '.join(names)}",
        )
    chosen = key or _found_by(view, table)
    scores = table.columns[column]
    keys = _keys(table.rows, chosen)
    against = _contradicted(view, table.rows) if chosen.match == "id" else set()
    kept = [at for at, each in enumerate(keys) if each and at not in against]
    frame = pl.DataFrame({
        column: [None if np.isnan(scores.values[at]) else float(scores.values[at]) for at in kept],
        chosen.column: [keys[at] for at in kept],
        REASON: [Reason(scores.reason[at]).name if scores.reason[at] else None for at in kept],
    }, schema={column: pl.Float64, chosen.column: pl.String, REASON: pl.String})  # fmt: skip
    unnamed = sum(not each for each in keys)
    return JudgedColumn(column, chosen, frame, len(against), unnamed)


def _keys(rows: Sequence[Judged], key: Key) -> list[str]:
    field = _FIELD_OF[key.column]
    return [folded(getattr(row, field) or "") for row in rows]


def _found_by(view: PoolView, table: JudgedTable) -> Key:
    """Return what finds any row; texts stand before ids, which other data may have, too."""
    choices = [*(Key("text", part) for part in _PARTS), Key("id")]
    said = {choice: {each for each in _keys(table.rows, choice) if each} for choice in choices}
    for choice in choices:
        if said[choice] and not said[choice].isdisjoint(places_of(view, *choice)):
            return choice
    if not any(said.values()):
        raise DataError(
            f"the scores of {table.layout} stand without ids or texts",
            hint=Phrase("name the data set that they were made for: {}", Parameter("rows_of")),
        )
    names = [choice.column for choice in choices if said[choice]]
    raise DataError(
        f"no row is found by what the records say: {', '.join(names)}; nothing was imported",
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
