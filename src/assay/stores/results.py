"""Scores and selections: their form in memory, and as Parquet in a project."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.components.base import Component
from assay.components.component import Scorer, Selector
from assay.components.result_names import slug
from assay.errors import CacheError, DamagedError
from assay.files.checksums import warn
from assay.files.frames import peek_metadata, read_frame, read_metadata, write_frame
from assay.outcomes import ScoreTable, SelectionRecord
from assay.samples import IdArray, Scores, Selection
from assay.stores.result_labels import Labels, older_place, place_of
from assay.stores.score_columns import beside, columns_in, stored_name
from assay.wording import readable_name


class Results:
    """Reads and writes the scores and selections of a project folder.

    A stored result counts only for the rows and provenance it was made from (`Pool.context`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labels = Labels(folder)
        self._named: set[str] = set()

    def score_path(self, scorer: Scorer, context: str) -> Path:
        """Return where a scorer's table for some rows lies."""
        return self._path(scorer, context)

    def selection_path(self, selector: Selector, context: str) -> Path:
        """Return where a selector's result for some rows lies."""
        return self._path(selector, context)

    def _path(self, component: Component, context: str) -> Path:
        return self.folder / f"{place_of(component)}-{slug(context)}.parquet"

    def _stored(self, component: Component, context: str) -> Path:
        """Return where a result is read from; earlier versions kept one file for all rows."""
        path = self._path(component, context)
        older = self.folder / older_place(place_of(component))
        return older if older.exists() and not path.exists() else path

    def holds(self, component: Component, context: str) -> bool:
        """Return whether a result for these rows is stored, as far as the end of its file tells.

        What it holds is checked when it is read, and may turn out to be damaged then.
        """
        return _is_of(peek_metadata(self._stored(component, context)), component, context)

    def read_scores(self, scorer: Scorer, context: str) -> ScoreTable | None:
        """Return the stored table of a scorer, or None if there is none for these rows."""
        frame = _read(self._stored(scorer, context), scorer, context)
        if frame is None:
            return None
        if columns_in(frame) != list(scorer.columns):
            return None  # of a version that gave other columns
        self._name(scorer)
        columns = {}
        for name in scorer.columns:
            columns[name] = Scores(
                frame[stored_name(name)].to_numpy(),
                frame[beside(name, "reason")].to_numpy(),
                frame[beside(name, "flags")].to_numpy(),
            )
        return ScoreTable(columns)

    def write_scores(self, scorer: Scorer, ids: IdArray, table: ScoreTable, context: str) -> None:
        """Store a table: id, then value, reason and flags of each column, in canonical order."""
        frame: dict[str, Any] = {"id": ids}
        for name, scores in table.columns.items():
            flags = scores.flags if scores.flags is not None else np.zeros(len(ids), np.uint16)
            frame |= {
                stored_name(name): scores.values,
                beside(name, "reason"): scores.reason,
                beside(name, "flags"): flags,
            }
        # Before the file itself: a run killed in between writes both again, where one killed after
        # the file would find it and never name it.
        self.labels.of(scorer)
        _write(self.score_path(scorer, context), pl.DataFrame(frame), _describe(scorer, context))

    def read_selection(self, selector: Selector, context: str) -> SelectionRecord | None:
        """Return the stored result of a selector, or None if there is none for these rows."""
        path = self._stored(selector, context)
        frame = _read(path, selector, context)
        if frame is None:
            return None
        self._name(selector)
        facts = json.loads(read_metadata(path)["facts"])
        return _unpack(frame, facts)

    def write_selection(
        self, selector: Selector, ids: IdArray, record: SelectionRecord, context: str
    ) -> None:
        """Store a selection: id, rank (null if not chosen), gain and reason of every row.

        Where rows are left out for flags, these too.
        """
        selection = record.selection
        rank = np.full(len(ids), -1, np.int64)
        rank[selection.indices] = np.arange(len(selection.indices))
        gain = np.full(len(ids), np.nan)
        gain[selection.indices] = selection.gains
        frame = pl.DataFrame({"id": ids, "rank": rank, "gain": gain, "reason": record.reason})
        frame = frame.with_columns(rank=pl.when(pl.col("rank") >= 0).then("rank"))
        if record.flags is not None:
            frame = frame.with_columns(flags=pl.Series(record.flags))
        facts = dict(record.facts) | {
            "nested": selection.nested,
            "stop": selection.stop,
            "gain_unit": selection.gain_unit,
            "eligible": record.eligible,
        }
        self.labels.of(selector)  # first, as above
        metadata = _describe(selector, context) | {"facts": json.dumps(facts)}
        _write(self.selection_path(selector, context), frame, metadata)

    def _name(self, component: Component) -> None:
        """See, once, that a result that is read has a name: its own may have been damaged."""
        if component.key not in self._named:
            self.labels.of(component)
            self._named.add(component.key)

    def names(self, context: str = "", *, every: bool = False) -> dict[str, Path]:
        """Return the results by their names.

        Args:
            context: of the rows that are meant; the newest result counts where these have none.
            every: also derived names of results that a person has named.
        """
        labels = self.labels.read()
        given = {label.place for label in labels.values() if label.given}
        found = {
            name: self.labels.path(label, context)
            for name, label in labels.items()
            if every or label.given or label.place not in given
        }
        return {name: path for name, path in found.items() if path is not None}


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
    # Earlier versions called selections under a budget in tokens nested, too.
    nested = facts.pop("nested") and not str(facts.get("budget")).endswith(" tokens")
    selection = Selection(
        chosen["place"].to_numpy().astype(np.int64),
        chosen["gain"].to_numpy(),
        nested,
        facts.pop("stop"),
        facts.pop("gain_unit"),
    )
    eligible = facts.pop("eligible")
    flags = frame["flags"].to_numpy() if "flags" in frame.columns else None
    return SelectionRecord(selection, frame["reason"].to_numpy(), eligible, facts, flags)


def _describe(component: Component, context: str) -> dict[str, str]:
    from assay.components.descriptions import describe  # noqa: PLC0415  reads and writes components

    return {
        "component": readable_name(component.label()),
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
        if not _is_of(read_metadata(path), component, context):
            return None
        return read_frame(path)
    except DamagedError as error:
        warn(error)
        return None


def _is_of(metadata: Mapping[str, str], component: Component, context: str) -> bool:
    return metadata.get("key") == component.key and metadata.get("context") == context
