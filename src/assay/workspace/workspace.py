"""A folder, the pool it holds, and the results made from it."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from assay.components.base import Component
from assay.components.budget import Budget
from assay.components.component import FileSet, Scorer, Selector, build
from assay.components.default_selection import default_selection
from assay.components.registry import find
from assay.components.result_names import check_given
from assay.components.table import project_names
from assay.components.wishes import WISHES, divided, narrowed, read_wishes
from assay.echo import Cards, card
from assay.engine.advice import advice
from assay.engine.engine import Engine
from assay.engine.model_fit import ModelFit, model_fits
from assay.errors import (
    ConfigError,
    DamagedError,
    DataError,
    EmptyPoolError,
    Parameter,
    Phrase,
    UnknownMethodError,
    UsageError,
    did_you_mean,
)
from assay.files.checksums import warn
from assay.files.frames import read_frame, read_metadata
from assay.formats.records import SourceSpec
from assay.outcomes import ScoreTable
from assay.pool.loading import MAX_SET_ASIDE, LoadRecord, load_pool
from assay.pool.pool import Pool
from assay.pool.row_ids import ids_that_begin, is_beginning
from assay.runtime import Runtime
from assay.samples import IdArray, Sample
from assay.stores.results import Results
from assay.wording import number_of
from assay.workspace.imports import imported_names
from assay.workspace.placement import as_recorded, default_folder
from assay.workspace.score_frame import FrameOrder, in_source_order, score_frame

_LISTED = 8
Method: TypeAlias = str | Mapping[str, Any] | Component
BudgetLike: TypeAlias = Budget | str | int


class _FileKind(NamedTuple):
    """Where files of a kind are kept, and what is said of one that holds nothing of it."""

    ending: str
    nothing: str
    hint: str


_FILE_KINDS = {
    "answers": _FileKind(
        "",
        "none of its rows asks anything that can be read",
        "a question is text in a field such as question, prompt, instruction or text",
    ),
    "instructions": _FileKind(
        "-documents",
        "it holds no document that can be read",
        "a document is text in a field such as text, or a line of a .txt file",
    ),
    "nothing": _FileKind(
        "-answered",
        "none of its rows has an instruction and an answer that can be read",
        "these rows need both, as the data themselves do",
    ),
}


class Workspace:
    """A folder that holds one pool and what was made from it: rows, scores, ways to look at them.

    `assay.Project`, which is one, makes selections and compares them.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        data: str | Path | SourceSpec | Sequence[SourceSpec] | None = None,
        hold_out: float = 0.0,
        max_set_aside: float = MAX_SET_ASIDE,
        as_loaded: bool = False,
        runtime: Runtime | None = None,
    ) -> None:
        specs = _specs(data)
        self.runtime = runtime or Runtime()
        self._max_set_aside = max_set_aside
        self.folder = Path(folder) if folder is not None else default_folder(specs)
        if specs:
            specs = as_recorded(self.folder, specs)
        else:
            specs, hold_out = self._stored_specs()
        started = time.perf_counter()
        self.pool, self.load_record = load_pool(
            specs,
            self.folder,
            hold_out=hold_out,
            max_set_aside=max_set_aside,
            as_loaded=as_loaded,
            offline=self.runtime.offline,
            progress=self.runtime.progress,
        )
        self.load_seconds = time.perf_counter() - started
        self.results = Results(self.folder)
        self.engine = Engine(
            self.pool, self.runtime, results=self.results, open_file=self._open_file
        )

    def _stored_specs(self) -> tuple[list[SourceSpec], float]:
        record = LoadRecord.read(self.folder / "load.json")
        if record is None:
            raise DataError(
                f"{self.folder} is not a project, and no data is named",
                hint=Phrase("name the data: {}", Parameter("data", "FILE")),
            )
        return [SourceSpec(**spec) for spec in record.specs], record.hold_out

    def _open_file(self, dataset: FileSet) -> Pool:
        name, _, digest = dataset.source.rpartition("@")
        # Rows that an older version has read in another way are not taken for these.
        kind = _FILE_KINDS[dataset.may_lack]
        folder = self.runtime.cache / "files" / f"{digest}-{dataset.version}{kind.ending}"
        whole = dataset.may_lack == "nothing"
        try:
            pool, _ = load_pool(
                [SourceSpec(name)],
                folder,
                may_lack=dataset.may_lack,
                # What is wrong with a question may be the answer alone. Others are counted as data.
                max_set_aside=self._max_set_aside if whole else 1.0,
            )
        except EmptyPoolError as error:
            raise DataError(f"{name}: {kind.nothing}", hint=kind.hint) from error
        return pool

    def __len__(self) -> int:
        """Return the number of rows in the pool."""
        return len(self.pool)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r}, {number_of(len(self), 'row')})"

    def _repr_html_(self) -> str:
        record = self.load_record
        files = sorted({file.path.name for file in record.files})
        by_kind: dict[str, list[str]] = {"scores": [], "selections": []}
        for name, path in self.results.names(self.pool.context).items():
            by_kind.setdefault(path.parent.name, []).append(name)
        facts: list[tuple[str, object]] = [
            ("folder", self.folder),
            ("rows", len(self)),
            ("held out", record.held_out or None),
            ("set aside", sum(record.set_aside.values()) or None),
            ("duplicates", record.duplicates or None),
            ("read from", _few(files)),
            *((kind, _few(names) or None) for kind, names in by_kind.items()),
        ]
        return card(type(self).__name__, facts)

    @contextlib.contextmanager
    def names(self) -> Iterator[None]:
        """Let methods be named as this project names them: scores imported into it come first."""
        with project_names(imported_names(self.folder)):
            yield

    # Scores

    def scorer(self, method: Method) -> Scorer:
        """Return a scorer from its name, a description or an object, as is."""
        with self.names():
            component = method if isinstance(method, Component) else build(method, "scorer")
        if not isinstance(component, Scorer):
            raise ConfigError(f"{component.name} is a {component.kind}, not a score")
        return component

    def score(self, *methods: Method, name: str | None = None) -> list[ScoreTable]:
        """Compute scores, their shared parts once, and keep them in the project.

        Args:
            *methods: scores, by name, description or object.
            name: under which the result of a single one is found; by default the method's, with
                the parameters that differ from their default.

        Raises:
            UnknownMethodError: if a name is not known.
            TooManyUnscoredError: if more rows failed than the runtime allows.
        """
        if name is not None and len(methods) != 1:
            raise UsageError(f"name={name!r} names one score, and {len(methods)} are asked for")
        given = None if name is None else check_given(name)
        scorers = [self.engine.resolve(self.scorer(method)) for method in methods]
        tables: list[ScoreTable] = self.engine.compute(scorers)
        names: dict[int, str] = {}
        for scorer, table in zip(scorers, tables, strict=True):
            names.setdefault(id(table), self.label(scorer, given))
        named = {id(table): replace(table, name=names[id(table)]) for table in tables}
        return Cards(named[id(table)] for table in tables)

    def label(self, component: Scorer | Selector, name: str | None = None) -> str:
        """Return the name of a stored result; with `name`, give it that one.

        A name that means another result already comes to mean this one, and that is said.
        """
        resolved = self.engine.resolve(component)
        if name is not None:
            self.results.labels.give(resolved, name)
        return name or self.results.labels.of(resolved)

    def selector(
        self, method: Method | None = None, *, budget: BudgetLike | None = None, **parameters: Any
    ) -> Selector:
        """Return a selector; a lone score becomes `top_score`, no method the default recipe.

        Args:
            method: a selector or a score, by name, description or object; None for the default.
            budget: samples, "5%", or "2M tokens".
            **parameters: the method's own, and besides them what any selection can be asked for:
                ``where="meta.score>=0.8"`` (or several), ``dedup="near"``,
                ``against="eval.jsonl"``, ``per="source"`` and
                ``share={"curated": 2, "web": 1}``; see `assay.components.wishes.Wishes`.
        """
        with self.names():
            own = _own_parameters(method)
            asked = {name: parameters.pop(name) for name in WISHES
                     if name in parameters and name not in own and name != "seeds"}  # fmt: skip
            wishes = read_wishes(**asked)
            made = divided(self._built(method, budget, parameters), wishes)
            return made.model_copy(update={"within": narrowed(made.within, wishes)})

    def _built(
        self, method: Method | None, budget: BudgetLike | None, parameters: Mapping[str, Any]
    ) -> Selector:
        chosen = dict(parameters)
        if budget is not None:
            chosen["budget"] = budget
        if method is None:
            if budget is None:
                raise ConfigError("a selection needs a budget", hint=Parameter("budget", "5%"))
            within = chosen.pop("within", None)
            recipe = default_selection(Budget.model_validate(budget), within=within)
            return recipe.selector.model_copy(update=chosen_fields(recipe.selector, chosen))
        if isinstance(method, Component):
            if isinstance(method, Scorer):
                return _selector({"method": "top_score", "by": method, **chosen})
            if not isinstance(method, Selector):
                raise ConfigError(f"{method.name} is a {method.kind}, not a selection")
            return type(method)(
                **({name: getattr(method, name) for name in type(method).model_fields} | chosen)
            )
        described = {"method": method} if isinstance(method, str) else dict(method)
        return _selector(described | chosen)

    def advice(self, components: Sequence[Component]) -> list[str]:
        """Return what a person should know before some components are computed."""
        return advice(self.engine, components)

    def model_fits(self, components: Sequence[Component]) -> list[ModelFit]:
        """Return how the language models that some components read fit the rows."""
        return model_fits(self.pool, components)

    # Looking

    def position(self, row_id: str | int) -> int:
        """Return a row's place in canonical order.

        Args:
            row_id: 16 hex digits, or as many of the first as no other row has, six at least; or
                the number that they spell.

        Raises:
            DataError: if no row has that id, or several begin with these digits.
        """
        found = self._ids(row_id)
        if len(found) == 1:
            return int(np.searchsorted(self.pool.ids, found[0]))
        shown = row_id if isinstance(row_id, str) else f"{row_id:016x}"
        if len(found):
            raise DataError(
                f"{len(found)} rows have an id that begins with {shown}", hint="write more of it"
            )
        raise DataError(
            f"no row has the id {shown}",
            hint="an id is 16 hex digits, as `frame()` has them; the first six to 15 do, too",
        )

    def _ids(self, row_id: str | int) -> IdArray:
        text = row_id if isinstance(row_id, str) else f"{row_id:016x}"
        return ids_that_begin(self.pool.ids, text) if is_beginning(text) else self.pool.ids[:0]

    def sample(self, row_id: str | int) -> Sample:
        """Return one row with its provenance; see `position` for its id."""
        return next(self.pool.samples(np.array([self.position(row_id)])))

    def frame(
        self, names: Sequence[str] | None = None, *, order: FrameOrder = "id"
    ) -> pl.DataFrame:
        """Return one row per sample: its id, the record it was read from, and scores.

        Columns are ``id`` (16 hex digits), ``file`` (its path from the folder on that holds all
        files), ``record`` of that file and ``sample`` of that record (both from 0), then for each
        score one of its result's name, null where there is no number, and ``<name>.reason``; of a
        score with several columns the further ones as ``<name>.<column>``, with reasons alike.

        Args:
            names: results whose scores are wanted; None for all of the project.
            order: by id, as everywhere in Assay, or as the rows lie in their source.

        Raises:
            UsageError: if the project has no score of a name.
        """
        found = self.results.names(self.pool.context, every=names is not None)
        for name in names or ():
            if name not in found or found[name].parent.name != "scores":
                raise UsageError(
                    f"the project has no score that is called {name!r}",
                    hint=did_you_mean(name, found) or "`assay status` lists what it has",
                )
        wanted = found if names is None else {name: found[name] for name in names}
        scores: dict[str, pl.DataFrame] = {}
        for name, path in wanted.items():
            if path.parent.name != "scores":
                continue
            try:
                if read_metadata(path).get("context") == self.pool.context:
                    scores[name] = read_frame(path)
            except DamagedError as error:
                warn(error, "left out until it is asked for")
        frame = score_frame(self.pool, [file.path for file in self.load_record.files], scores)
        return frame if order == "id" else frame[in_source_order(self.pool)]


def _few(names: Sequence[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join([*names[:_LISTED], *([f"{rest:,} more"] if rest > 0 else [])])


def _own_parameters(method: Method | None) -> Sequence[str]:
    """Return the names of a method's parameters, none for the default or an unknown method."""
    if isinstance(method, Component):
        return list(type(method).model_fields)
    name = method.get("method") if isinstance(method, Mapping) else method
    try:
        return list(find(str(name)).model_fields) if name is not None else ()
    except UnknownMethodError:
        return ()  # which is said where it is built


def chosen_fields(selector: Selector, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a validated selector of the same kind would hold them."""
    base = {name: getattr(selector, name) for name in type(selector).model_fields}
    changed = type(selector)(**(base | dict(parameters)))
    return {name: getattr(changed, name) for name in parameters}


def _specs(
    data: str | Path | SourceSpec | Sequence[SourceSpec] | None,
) -> list[SourceSpec]:
    if data is None:
        return []
    if isinstance(data, (str, Path)):
        return [SourceSpec(str(data))]
    return [data] if isinstance(data, SourceSpec) else list(data)


def _selector(described: Mapping[str, Any]) -> Selector:
    component = build(described, "selector")
    if not isinstance(component, Selector):
        raise ConfigError(f"{component.name} is a {component.kind}, not a selection")
    return component
