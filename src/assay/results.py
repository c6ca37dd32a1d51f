"""Scores and selections: their form in memory, and as Parquet in a project."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.checksums import is_set_aside, read_sealed_text, warn, write_sealed_text
from assay.component import Component, Scorer, Selector
from assay.errors import CacheError, DamagedError
from assay.frames import read_frame, read_metadata, write_frame
from assay.samples import IdArray, Reason, ReasonArray, Scores, Selection


@dataclass(frozen=True)
class ScoreTable:
    """The columns of one scorer, each with its own reasons; the first is the main one."""

    columns: Mapping[str, Scores]

    @property
    def main(self) -> Scores:
        """The column meant when none is named."""
        return next(iter(self.columns.values()))


@dataclass(frozen=True)
class SelectionRecord:
    """A selection, with what became of every row.

    Attributes:
        selection: the rows chosen, in order.
        reason: shape (n,), uint8; 0 for the rows chosen, else why not.
        eligible: number of rows that could have been chosen.
        facts: what a report tells besides: budget asked, tokens spent.
    """

    selection: Selection
    reason: ReasonArray
    eligible: int
    facts: Mapping[str, Any] = field(default_factory=dict)


class Results:
    """Reads and writes the scores and selections of a project folder.

    A stored result counts only for the rows and provenance it was made from (`Pool.context`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def score_path(self, scorer: Scorer) -> Path:
        """Return where a scorer's table lies."""
        return self.folder / "scores" / f"{scorer.name}-{scorer.key[:8]}.parquet"

    def selection_path(self, selector: Selector) -> Path:
        """Return where a selector's result lies."""
        stem = selection_name(selector)
        return self.folder / "selections" / f"{stem}-{selector.key[:8]}.parquet"

    def read_scores(self, scorer: Scorer, context: str) -> ScoreTable | None:
        """Return the stored table of a scorer, or None if there is none for these rows."""
        frame = _read(self.score_path(scorer), scorer, context)
        if frame is None:
            return None
        self._point(scorer.name, self.score_path(scorer), again=False)
        columns = {}
        for name in scorer.columns:
            columns[name] = Scores(
                frame[name].to_numpy(),
                frame[_beside(name, "reason")].to_numpy(),
                frame[_beside(name, "flags")].to_numpy(),
            )
        return ScoreTable(columns)

    def write_scores(self, scorer: Scorer, ids: IdArray, table: ScoreTable, context: str) -> None:
        """Store a table: id, then value, reason and flags of each column, in canonical order."""
        frame: dict[str, Any] = {"id": ids}
        for name, scores in table.columns.items():
            flags = scores.flags if scores.flags is not None else np.zeros(len(ids), np.uint16)
            frame |= {
                name: scores.values,
                _beside(name, "reason"): scores.reason,
                _beside(name, "flags"): flags,
            }
        path = self.score_path(scorer)
        self._point(scorer.name, path)
        _write(path, pl.DataFrame(frame), _describe(scorer, context))

    def read_selection(self, selector: Selector, context: str) -> SelectionRecord | None:
        """Return the stored result of a selector, or None if there is none for these rows."""
        path = self.selection_path(selector)
        frame = _read(path, selector, context)
        if frame is None:
            return None
        self._point(selection_name(selector), path, again=False)
        facts = json.loads(read_metadata(path)["facts"])
        return _unpack(frame, facts)

    def write_selection(
        self, selector: Selector, ids: IdArray, record: SelectionRecord, context: str
    ) -> None:
        """Store a selection: id, rank (null if not chosen), gain and reason of every row."""
        selection = record.selection
        rank = np.full(len(ids), -1, np.int64)
        rank[selection.indices] = np.arange(len(selection.indices))
        gain = np.full(len(ids), np.nan)
        gain[selection.indices] = selection.gains
        frame = pl.DataFrame({"id": ids, "rank": rank, "gain": gain, "reason": record.reason})
        frame = frame.with_columns(rank=pl.when(pl.col("rank") >= 0).then("rank"))
        facts = dict(record.facts) | {
            "nested": selection.nested,
            "stop": selection.stop,
            "gain_unit": selection.gain_unit,
            "eligible": record.eligible,
        }
        path = self.selection_path(selector)
        self._point(selection_name(selector), path)
        _write(path, frame, _describe(selector, context) | {"facts": json.dumps(facts)})

    def _point(self, name: str, path: Path, *, again: bool = True) -> None:
        # Before the file itself: a run killed in between writes both again, where one killed after
        # the file would find it and never name it.
        target = str(path.relative_to(self.folder))
        pointer = self.folder / "names" / _slug(name)
        if again or not pointer.exists():
            write_sealed_text(pointer, target)

    def names(self) -> dict[str, Path]:
        """Return the newest result of every name."""
        folder = self.folder / "names"
        if not folder.is_dir():
            return {}
        pointed = {}
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith(".") or is_set_aside(entry):
                continue
            try:
                pointed[entry.name] = self.folder / read_sealed_text(entry).strip()
            except DamagedError as error:
                warn(error, "made anew once what it named is asked for")
        return {name: path for name, path in pointed.items() if path.exists()}


def selection_name(selector: Selector) -> str:
    """Return the short name of a selection, such as ``ifd-5pct``."""
    inner = getattr(selector, "by", None)
    stem = selector.name
    if selector.name == "top_score" and isinstance(inner, Component):
        stem = inner.name
    if selector.budget:
        stem = f"{stem}-{selector.budget.slug}"
    return _slug(f"{stem}-seed{selector.seed}" if selector.seed else stem)


def read_selection_file(path: Path) -> tuple[IdArray, SelectionRecord]:
    """Return the ids and the selection stored in a file of a project's ``selections`` folder."""
    try:
        frame = read_frame(path)
        facts = json.loads(read_metadata(path)["facts"])
    except (KeyError, ValueError) as error:
        raise CacheError(f"{path} is not a stored selection: {error}") from error
    return frame["id"].to_numpy(), _unpack(frame, facts)


def _unpack(frame: pl.DataFrame, facts: dict[str, Any]) -> SelectionRecord:
    chosen = frame.with_row_index("place").filter(pl.col("rank").is_not_null()).sort("rank")
    selection = Selection(
        chosen["place"].to_numpy().astype(np.int64),
        chosen["gain"].to_numpy(),
        facts.pop("nested"),
        facts.pop("stop"),
        facts.pop("gain_unit"),
    )
    eligible = facts.pop("eligible")
    return SelectionRecord(selection, frame["reason"].to_numpy(), eligible, facts)


def reason_counts(reason: ReasonArray) -> dict[str, int]:
    """Return how many rows have each reason, 0 left out, most frequent first."""
    codes, counts = np.unique(reason[reason != 0], return_counts=True)
    pairs = sorted(zip(codes.tolist(), counts.tolist(), strict=True), key=lambda p: (-p[1], p[0]))
    return {Reason(code).name: count for code, count in pairs}


def _slug(text: str) -> str:
    return re.sub(r"[^\w.%-]+", "_", text)


def _beside(column: str, what: str) -> str:
    return what if column == "value" else f"{column}.{what}"


def _describe(component: Component, context: str) -> dict[str, str]:
    from assay.config_components import describe  # noqa: PLC0415  reads and writes components

    return {
        "component": component.label(),
        "description": json.dumps(describe(component)),
        "key": component.key,
        "context": context,
    }


def _write(path: Path, frame: pl.DataFrame, metadata: dict[str, str]) -> None:
    write_frame(path, frame, metadata)


def _read(path: Path, component: Component, context: str) -> pl.DataFrame | None:
    if not path.exists():
        return None
    try:
        metadata = read_metadata(path)
        if metadata.get("key") != component.key or metadata.get("context") != context:
            return None
        return read_frame(path)
    except DamagedError as error:
        warn(error)
        return None
