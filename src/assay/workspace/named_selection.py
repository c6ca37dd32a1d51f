"""A selection of a project's rows: what was chosen, and ways to write it down."""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.components.component import Chosen, Scorer, Selector
from assay.components.result_names import free_name
from assay.components.walk import walk
from assay.echo import card
from assay.export.original import ExportReport, export_original
from assay.export.sidecar import Texts, write_sidecar
from assay.export.trainers import LayoutReport, export_layout
from assay.features.text import RowAttribute, TokenCounts
from assay.html import Column
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.pool import format_id
from assay.pool.row_ids import spelled_ids
from assay.samples import Attribute, Flag, FloatArray, IndexArray, Reason, Scores
from assay.stores.written import forget, remember, under_way
from assay.version import __version__
from assay.workspace.composition import Composition, compose
from assay.workspace.replacing import export_paths, refuse_foreign
from assay.workspace.shapes import Shapes, shapes

if TYPE_CHECKING:
    from assay.workspace.workspace import Workspace

_SHOWN = 5


@dataclass(frozen=True, repr=False)
class NamedSelection:
    """A selection of a project's rows.

    Attributes:
        project: whose rows they are.
        selector: what chose them, everything it names pinned.
        record: the rows, and the state of the others.
        seconds: that the computation took, 0 if it was at hand.
        label: name by which it was asked for; empty for the one that its result has.
    """

    project: "Workspace"
    selector: Selector
    record: SelectionRecord
    seconds: float
    label: str = field(default="", kw_only=True)

    def __len__(self) -> int:
        """Return the number of rows chosen."""
        return len(self.record.selection.indices)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}, {len(self):,} of {self.record.eligible:,} rows)"
        )

    def _repr_html_(self) -> str:
        first = self.record.selection.indices[:_SHOWN]
        order = np.argsort(first)
        samples = dict(zip(order.tolist(), self.project.pool.samples(first[order]), strict=True))
        ids, gains = self._ids(first), self.record.selection.gains[:_SHOWN].tolist()
        rows = [
            (place + 1, ids[place], gains[place],
             samples[place].conversation.prompt, samples[place].conversation.response)
            for place in range(len(first))
        ]  # fmt: skip
        facts = [
            ("rows", f"{len(self):,} of {self.record.eligible:,} that could be chosen"),
            ("by", self.selector.label()),
            ("shown", f"the first {len(rows)}" if len(rows) < len(self) else None),
        ]
        numbers: tuple[Column, ...] = (("rank", "right"), "id", ("gain", "right"))
        return card(self.name, facts, (*numbers, "prompt", "response"), rows)

    def _ids(self, index: IndexArray) -> NDArray[np.str_]:
        return spelled_ids(self.project.pool.ids[index])

    @property
    def name(self) -> str:
        """Name under which the project finds it, such as ``ifd-5pct``."""
        return self.label or self.project.results.labels.of(self.selector)

    @property
    def ids(self) -> NDArray[np.str_]:
        """Ids of the rows chosen, 16 hex digits each, in order of choice. Shape (k,)."""
        return self._ids(self.record.selection.indices)

    def scorers(self) -> list[Scorer]:
        """Return the scores that took part."""
        return [item for item in walk([self.selector]) if isinstance(item, Scorer)]

    def frame(self) -> pl.DataFrame:
        """Return the rows chosen: rank, id, gain, provenance, texts and the scores that counted.

        Ranks count from 1, the row that was chosen first. Scores go by the names of their results.
        """
        index = self.record.selection.indices
        order = np.argsort(index)
        samples = list(self.project.pool.samples(index[order]))
        back = np.argsort(order)
        chosen = [samples[place] for place in back.tolist()]
        columns: dict[str, Any] = {
            "rank": np.arange(1, len(index) + 1),
            "id": self.ids,
            "gain": self.record.selection.gains,
            "source": [sample.source for sample in chosen],
            "task": [sample.task for sample in chosen],
            "prompt": [sample.conversation.prompt for sample in chosen],
            "response": [sample.conversation.response for sample in chosen],
        }
        for name, scores in self.score_columns(columns).items():
            columns[name] = scores.values[index]
        return pl.DataFrame(columns)

    def score_tables(self, taken: Container[str] = ()) -> dict[str, ScoreTable]:
        """Return the scores that took part by their names, none of them among those `taken`.

        A score is called by its method alone where no other one here is of that method and nobody
        has named it: its parameters are told by the selection's own description.
        """
        return {name: table for name, (_, table) in self._tables(taken).items()}

    def _tables(self, taken: Container[str]) -> dict[str, tuple[Scorer, ScoreTable]]:
        labels, tables = self.project.results.labels, {}
        scorers = list(self.scorers())
        of_a_method = Counter(scorer.name for scorer in scorers)
        for scorer in scorers:
            table: ScoreTable = self.project.engine.value(scorer)
            name = labels.of(scorer)
            if of_a_method[scorer.name] == 1 and not labels.is_given(name):
                name = scorer.name
            tables[free_name(name, taken)] = scorer, table
        return tables

    def score_columns(
        self, taken: Container[str] = (), *, only_read: bool = False
    ) -> dict[str, Scores]:
        """Return the columns of the scores that took part: ``<score>``, ``<score>.<column>``, ...

        Args:
            taken: names that none of them has; nor is one that of the reasons beside another.
            only_read: leave out further columns that the selection does not read.
        """
        found: dict[str, Scores] = {}
        reasons: set[str] = set()
        read = columns_read(self.selector) if only_read else None
        for name, (scorer, table) in self._tables(taken).items():
            for place, (column, scores) in enumerate(table.columns.items()):
                if place and read is not None and (scorer.key, column) not in read:
                    continue
                own = free_name(f"{name}.{column}" if place else name, {*found, *reasons})
                found[own] = scores
                reasons.add(f"{own}.reason")
        return found

    def composition(self) -> Composition:
        """Return size, tokens, make-up and training cost of the rows chosen."""
        names: tuple[Attribute, ...] = ("source", "task", "language")
        rows = Chosen(by=self.selector)
        tokens, *words = self.project.engine.compute(
            [
                TokenCounts(dataset=rows),
                *(RowAttribute(attribute=name, dataset=rows) for name in names),
            ]
        )
        return compose(tokens["total"], dict(zip(names, words, strict=True)))

    def shapes(self) -> Shapes:
        """Return how long the rows chosen are, and those of the pool."""
        return shapes(self.project.pool, self.record.selection.indices)

    def manifest(self) -> dict[str, Any]:
        """Return what made the selection; equal for equal selections, so without times."""
        load = self.project.load_record
        return {
            "assay": __version__,
            "selection": self.name,
            "method": self.selector.label(),
            "key": self.selector.key,
            "budget": str(self.selector.budget) if self.selector.budget else None,
            "chosen": len(self),
            "eligible": self.record.eligible,
            "pool": {
                "digest": self.project.pool.digest,
                "rows": len(self.project.pool),
                "held_out": load.held_out,
                "set_aside": load.set_aside,
                "duplicates": load.duplicates,
            },
            "sources": [
                {"file": file.path.name, "source": file.source, "blake2b": file.digest}
                for file in load.files
            ],
            "stop": self.record.selection.stop,
            "facts": dict(self.record.facts),
        }

    def export(
        self,
        path: str | Path,
        *,
        layout: str | None = None,
        sidecar: bool = True,
        replace: bool = False,
    ) -> ExportReport | LayoutReport:
        """Write the rows chosen: as they came, or in a trainer's layout; with a sidecar.

        Args:
            path: file or folder; its ending says the container.
            layout: None keeps the input's own layout and bytes; else a trainer's layout.
            sidecar: also write ``<path>.assay.parquet`` and ``.json``: ids, ranks, scores, reasons.
            replace: also write over files that Assay did not write, or that were edited since.

        Raises:
            UsageError: if a file stands where a folder is meant.
            DataError: if a file is to stay, the source changed since it was loaded, or the output
                cannot be written.
        """
        cache = self.project.runtime.cache
        paths = export_paths(self.project.load_record.files, path, layout)
        if not replace:
            refuse_foreign(paths, cache)
        with under_way(cache, paths):
            report = self.write_rows(path, layout=layout)
            if sidecar:
                self._write_sidecar(path, report)
        described = {Path(path)} if sidecar and Path(path).is_file() else set()
        forget(cache, described)
        remember(cache, [each for each in paths if each not in described])
        return report

    def write_rows(
        self, path: str | Path, *, layout: str | None = None
    ) -> ExportReport | LayoutReport:
        """Write as `export` does, whatever is there, and nothing beside it."""
        if layout is None:
            origins = self.project.pool.origins(np.sort(self.record.selection.indices))
            return export_original(self.project.load_record.files, origins, path)
        return self._export_layout(path, layout)

    def _export_layout(self, path: str | Path, layout: str) -> LayoutReport:
        index = np.sort(self.record.selection.indices)
        pool = self.project.pool
        origins = pool.origins(index)
        in_order = sorted(range(len(index)), key=lambda place: origins[place][:3])
        samples = list(pool.samples(index))
        report = export_layout((samples[place] for place in in_order), path, layout=layout)
        return replace(report, ids=tuple(format_id(i) for i in pool.ids[index[in_order]].tolist()))

    def described_export(self, report: ExportReport | LayoutReport) -> dict[str, Any]:
        """Return what was written of the selection, and of every row that was not, why.

        Args:
            report: what `export` returned.
        """
        if not isinstance(report, LayoutReport):
            return {"rows": report.records, "not_written": {}, "written_without": {}}
        unwritten = report.by_id(report.unwritten)
        found = {
            "rows": report.rows,
            "not_written": unwritten,
            "written_without": report.by_id(report.lessened),
        }
        return found | ({"tokens": self._tokens_without(unwritten)} if unwritten else {})

    def _tokens_without(self, unwritten: Mapping[str, str]) -> int:
        tokens = self.project.engine.value(TokenCounts(dataset=Chosen(by=self.selector)))["total"]
        ids = self.project.pool.ids[np.sort(self.record.selection.indices)].tolist()
        is_written = [format_id(row_id) not in unwritten for row_id in ids]
        return int(tokens[np.array(is_written, np.bool_)].sum())

    def _write_sidecar(self, path: str | Path, report: ExportReport | LayoutReport) -> None:
        pool = self.project.pool
        rank = np.zeros(len(pool), np.int64)
        rank[self.record.selection.indices] = np.arange(1, len(self) + 1)
        gains = np.full(len(pool), np.nan)
        gains[self.record.selection.indices] = self.record.selection.gains
        described = self.described_export(report)
        flags = self.record.flags
        own = ["id", "rank", "gain", "reason", "not_written", "written_without"]
        own += [] if flags is None else ["flags"]
        columns: dict[str, FloatArray | Scores | Texts] = {**self.score_columns(own)}
        if flags is not None:
            columns["flags"] = [", ".join(Flag(code).names) or None for code in flags.tolist()]
        for kind in ("not_written", "written_without"):
            by_id = described.pop(kind)
            if isinstance(report, LayoutReport):
                columns[kind] = [by_id.get(format_id(row_id)) for row_id in pool.ids.tolist()]
        if isinstance(report, LayoutReport):
            described |= {"left_out": report.left_out, "losses": report.losses}
        write_sidecar(
            path,
            ids=pool.ids,
            rank=rank,
            gains=gains,
            scores=columns,
            reasons=self.record.reason,
            manifest=self.manifest() | {"export": described},
            origins=pl.DataFrame([pool.column(name) for name in ("file", "row", "part")]),
        )

    def examples(self, count: int = 3) -> tuple[list[str], list[str]]:
        """Return ids of the first rows chosen and of rows left out that came nearest to it.

        Rows left out are taken from those that were eligible, by the lowest id.
        """
        chosen = self.ids[:count].tolist()
        left = np.flatnonzero(self.record.reason == Reason.NOT_CHOSEN)
        others = np.flatnonzero(
            (self.record.reason != Reason.OK) & (self.record.reason != Reason.NOT_CHOSEN)
        )
        # One row of every other reason first: a person wants to see each kind of rejection.
        _, firsts = np.unique(self.record.reason[others], return_index=True)
        places = np.concatenate([others[firsts], left])[:count]
        return chosen, self._ids(places).tolist()


def columns_read(selector: Selector) -> set[tuple[str, str]]:
    """Return the further columns that a selection and its steps read: a score's key, and which."""
    found: set[tuple[str, str]] = set()
    for step in walk([selector]):
        if isinstance(step, Selector):
            needs = step.requires().items()
            found |= {(need.key, step.column_of(name)) for name, need in needs
                      if isinstance(need, Scorer)}  # fmt: skip
            found |= {(scorer.key, rule.column) for scorer, rule in step.ruled()}
    return {(key, column) for key, column in found if column}
