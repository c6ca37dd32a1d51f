"""Computes the value of components: equal ones once, and nothing that is stored already.

Rows that are held out take part in nothing that compares rows. What is made of each row by itself,
row features and scores by row, covers them; whatever reads several rows is handed the others
alone, as if the pool had never had them, and what it returns is laid out over all rows afterwards.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from assay.components.base import Component
from assay.components.component import Chosen, Dataset, Feature, FileSet, Scorer, Selector
from assay.components.walk import walk
from assay.engine.choosing import allowance_of, ineligible, record_of, tied_at_cut
from assay.engine.dataset_rows import DatasetRows, OpenFile
from assay.engine.handing import Handing
from assay.engine.read_files import FileReading, reading_of
from assay.engine.resolution import Resolution
from assay.engine.row_work import RowWork, by_pass, row_stages
from assay.engine.settled_models import SettledModels
from assay.engine.settling import (
    check_unscored,
    evaluate,
    is_by_row,
    is_of_the_pool,
    is_unfinished,
    settle,
)
from assay.engine.shown_rows import ShownRows
from assay.engine.unread_rows import why_unread
from assay.errors import DamagedError, IncompleteError, Parameter, Phrase, PlanError
from assay.features.made_models import MadeModel
from assay.features.made_rows import MadeRows
from assay.features.passes import PoolFeature, RowFeature
from assay.files.checksums import warn
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.pool import Pool
from assay.pool.view import PoolView
from assay.random_numbers import generator
from assay.runtime import Runtime
from assay.samples import IndexArray, Reason
from assay.stores.results import Results
from assay.values import Matrix, RowValue

ComponentType = TypeVar("ComponentType", bound=Component)


class Engine:
    """Values of components over one pool.

    Args:
        pool: the rows that `Given` stands for.
        runtime: how to work.
        results: where scores and selections are kept; None keeps them in memory.
        open_file: loads the rows of a `FileSet`.
    """

    def __init__(
        self,
        pool: Pool,
        runtime: Runtime,
        *,
        results: Results | None = None,
        open_file: OpenFile | None = None,
    ) -> None:
        self.pool = pool
        self.runtime = runtime
        self.results = results
        self.open_file = open_file
        self._values: dict[str, Any] = {}
        self._shown = ShownRows(pool)
        self._datasets = DatasetRows(
            pool, self._shown, runtime, open_file, self._picked, self.rows_and_value
        )
        self._handing = Handing(self._shown, self.resolve, self.view_shown, self._value)
        self._alone: dict[str, Engine] = {}
        self._names = Resolution(
            self._shown, runtime, lambda rows, component: self.alone(rows).resolve(component)
        )
        self._models = SettledModels(self._names, self._value, self.is_stored)
        self._trusted: set[str] = set()
        self._rows = RowWork(runtime)

    def over_all_rows(self) -> "Engine":
        """Return an engine that hides no row: for looking at the data, never for choosing."""
        pool = copy.copy(self.pool)
        pool.held_out = np.zeros(len(pool), np.bool_)
        return self.beside(pool)

    def beside(self, pool: Pool) -> "Engine":
        """Return an engine over other rows, which keeps what it makes by content alone."""
        other = Engine(pool, self.runtime, open_file=self.open_file)
        other._rows = self._rows
        return other

    # Names

    def resolve(self, component: ComponentType) -> ComponentType:
        """Return the component with everything it names pinned to content."""
        return self._names.resolve(component)

    def settled(self, component: ComponentType) -> ComponentType:
        """Return a component that names every model it reads by its weights; made where need be."""
        return self._models.settled(component)

    def is_settled(self, component: Component) -> bool:
        """Return whether every model that a component reads is named, or at hand."""
        return self._models.is_settled(component)

    # Computation

    def compute(self, components: Sequence[Component]) -> list[Any]:
        """Return the value of each component; their shared parts are computed once.

        Raises:
            AssayError: whatever stops the work, each with what to do about it.
        """
        wanted = [self.resolve(component) for component in components]
        found: set[Path | None] = set()
        while True:
            try:
                for key in self._models.share_runs(wanted):
                    self._values.pop(key, None)
                self._fill_rows(wanted)
                return [self._value(component) for component in wanted]
            except DamagedError as error:
                # It is set aside. Whatever was about to be made of it begins anew.
                if error.path in found:
                    raise
                found.add(error.path)
                warn(error)
                self._values = _in_memory(self._values)
                self._handing.clear()
                self._alone.clear()

    def value(self, component: Component) -> Any:
        """Return the value of one component."""
        return self.compute([component])[0]

    def _fill_rows(self, wanted: Iterable[Component]) -> None:
        """Run the row-scope passes of all that is wanted, equal passes together."""
        needed = list(walk(wanted, skip=self.is_stored, resolve=self.resolve))
        for component in needed:
            if isinstance(component, PoolFeature):
                component.check_modules()
        for stage in row_stages(needed):
            for features in by_pass(map(self.settled, stage)):
                self._rows.fill(self.view(features[0].dataset), features)

    def is_stored(self, component: Component) -> bool:
        """Return whether a component's value is at hand, so that nothing it requires is needed.

        Files are not read for that. One that turns out to be damaged when it is read is set aside,
        and what it held is made anew.
        """
        if component.key in self._values:
            return True
        found = self._has_file(component)
        if found:
            self._trusted.add(component.key)
        return found

    def _has_file(self, component: Component) -> bool:
        if self.results is None:
            return False
        if isinstance(component, (Scorer, Selector)):
            return self.results.holds(component, self.pool.context)
        if not isinstance(component, PoolFeature) or not component.stored:
            return False
        known = self._datasets.are_known(component.dataset)
        return known and self.is_settled(component) and self._is_kept(self.settled(component))

    def _is_kept(self, feature: PoolFeature) -> bool:
        return feature.store(self.runtime.cache, self.view_shown(feature.dataset)).exists()

    def _see_to_needs(self, component: Component) -> None:
        """Fill what a component requires if its file seemed sound, so that nobody has done so."""
        if component.key in self._trusted:
            self._trusted.discard(component.key)
            self._fill_rows([component])

    def _value(self, component: Component) -> Any:
        if component.key not in self._values:
            self._values[component.key] = self._make(component)
        return self._values[component.key]

    def _make(self, component: Component) -> Any:
        if isinstance(component, Dataset):
            return self.view(component)
        if isinstance(component, RowFeature):
            return self._row_value(component)
        if isinstance(component, PoolFeature):
            return self._pool_value(component)
        if isinstance(component, Scorer):
            return self._scores(component)
        if isinstance(component, Selector):
            return self._selection(component)
        raise TypeError(f"{type(component).__name__} is of no known kind")

    # Datasets

    @property
    def shown(self) -> Pool:
        """The rows that methods see: those that are not held out."""
        return self._shown.pool

    def view_shown(self, dataset: Dataset) -> PoolView:
        """Return the rows of a dataset as methods see them: in a pool without those held out."""
        return self._datasets.shown(dataset)

    def view(self, dataset: Dataset) -> PoolView:
        """Return the rows of a dataset; of the project's own pool all, those held out included."""
        return self._datasets.view(dataset)

    def alone(self, dataset: Dataset) -> "Engine":
        """Return an engine over the rows of a dataset that methods see, as if it had no others.

        Its results are not kept in the project, whose rows they are not about; what is kept by
        content is shared.
        """
        if dataset.key not in self._alone:
            self._alone[dataset.key] = self.beside(self._datasets.alone(dataset))
        return self._alone[dataset.key]

    def _picked(self, dataset: Chosen) -> IndexArray:
        """Return where the rows that were chosen lie, ascending, among those chosen from."""
        selector = self.resolve(dataset).by
        record: SelectionRecord
        if dataset.is_inner:
            record = self.alone(dataset.of).value(selector)
        else:
            record = self.chosen_by(selector)
        return np.sort(record.selection.indices)

    def rows_and_value(self, feature: Feature) -> tuple[PoolView, Any]:
        """Return all rows that a feature is of, those held out included, and its value."""
        feature = self.resolve(feature)
        return self.view(feature.dataset), self._value(feature)

    def rows_known(self, dataset: Dataset) -> bool:
        """Return whether the rows of a dataset are at hand, or nothing but reading a file away."""
        if self._datasets.are_known(dataset) or isinstance(dataset, FileSet):
            return True
        if isinstance(dataset, Chosen):
            return not dataset.is_inner and self.is_stored(self.resolve(dataset).by)
        if isinstance(dataset, MadeRows) and not dataset.reads_values:
            before = all(self.rows_known(each) for each in dataset.made_from())
            return before and self._datasets.is_kept(dataset)
        return False

    def read_files(self, components: Iterable[Component]) -> list[FileReading]:
        """Return what was read of the files that some components name besides the pool."""
        parts = walk(components, resolve=self.resolve)
        return [reading_of(part, self.view(part)) for part in parts if isinstance(part, FileSet)]

    def remarks(self, components: Iterable[Component]) -> list[str]:
        """Return what a person should know of values that some components rest on, as far as known.

        A value that is no longer at hand is not made again for that.
        """
        found: dict[str, None] = {}
        for part in walk(components, resolve=self.resolve):
            if not (isinstance(part, PoolFeature) and part.tells and self.rows_known(part.dataset)):
                continue
            self.view(part.dataset)  # by which it is found
            if self.is_stored(part) and (told := part.told(self._value(part))):
                found[told] = None
        return list(found)

    def chosen_by(self, selector: Selector) -> SelectionRecord:
        """Return what a selector chose, as a step: one that only lets rows through is not kept.

        Args:
            selector: resolved.
        """
        if selector.lets_through and not self.is_stored(selector):
            return self._choose(selector)
        record: SelectionRecord = self._value(selector)
        return record

    # Features

    def _row_value(self, feature: RowFeature) -> RowValue:
        feature = self.settled(feature)
        view = self.view(feature.dataset)
        if feature.chosen_by is None:
            return self._rows.filled(view, feature)
        if not is_of_the_pool(feature):
            raise PlanError(
                f"{feature.name} is to be computed among rows that are chosen from the pool, and "
                f"its own are {feature.dataset.label()}",
                hint="choose from these: Chosen(by=…, of=…)",
            )
        record: SelectionRecord = self._value(feature.chosen_by)
        chosen = np.sort(record.selection.indices)
        part = PoolView(view.pool, view.positions[chosen])
        return self._rows.filled(part, feature).spread(chosen, len(view), Reason.NOT_ASKED)

    def missing_rows(self, feature: RowFeature) -> int:
        """Return how many distinct rows lack a stored value of a feature.

        That is all while a model that reads them is still to be made.
        """
        view = self.view(feature.dataset)
        if not self.is_settled(feature):
            return len(view.unique[0])
        return self.missing_in(view, self.settled(feature))

    def missing_in(self, view: PoolView, feature: RowFeature) -> int:
        """Return how many distinct rows in view lack a stored value of a feature."""
        return self._rows.missing(view, feature)

    def stored_rows(self, view: PoolView, feature: RowFeature) -> RowValue:
        """Return the value of the rows in view, all of which are at hand."""
        return self._rows.read(view, feature)

    def _pool_value(self, feature: PoolFeature) -> Any:
        if isinstance(feature, MadeModel):
            feature = self._models.run_of(feature)
        feature = self.settled(feature)
        view = self.view_shown(feature.dataset)
        store = feature.store(self.runtime.cache, view)
        if feature.stored:
            held = store.read()
            if held is not None:
                return feature.unpack(held)
            self._see_to_needs(feature)
        needs = self._handing.needs(feature)
        if self.runtime.shard is not None:
            raise IncompleteError(
                f"{feature.name} needs all rows at once",
                hint=Phrase("run the other shards, then the same without {}", Parameter("shard")),
            )
        value = feature.compute(view, self.runtime.about(view.pool.path), **needs)
        if feature.stored:
            store.write(feature.pack(value))
        return value

    # Scores

    def _scores(self, scorer: Scorer) -> ScoreTable:
        if self.results is not None:
            stored = self.results.read_scores(scorer, self.pool.context)
            if stored is not None:
                return stored
            self._see_to_needs(scorer)
        by_row = is_by_row(scorer)
        needs = self._handing.needs(scorer, of_all_rows=by_row)
        count = len(self.pool if by_row else self.shown)
        columns = evaluate(scorer, needs, count).items()
        table = ScoreTable({name: settle(scorer, own, needs, count) for name, own in columns})
        if not by_row:
            table = self._shown.scores_of_all(table)

        def why(place: int) -> str:
            read = map(self.settled, walk([scorer], resolve=self.resolve))
            return why_unread(read, self.shown, place, self.runtime)

        shown = self._shown.part(table.main)
        check_unscored(scorer, shown, most=self.runtime.max_unscored, why=why)
        if self.results is not None and not is_unfinished(table):
            self.results.write_scores(scorer, self.pool.ids, table, self.pool.context)
        return table

    # Selections

    def _selection(self, selector: Selector) -> SelectionRecord:
        if self.results is not None:
            stored = self.results.read_selection(selector, self.pool.context)
            if stored is not None:
                return stored
            self._see_to_needs(selector)
        record = self._choose(selector)
        if self.results is not None:
            self.results.write_selection(selector, self.pool.ids, record, self.pool.context)
        return record

    def _choose(self, selector: Selector) -> SelectionRecord:
        needs = self._handing.needs(selector)
        closed = ineligible(selector, needs, self._handing.handed, len(self.shown))
        allowance = allowance_of(selector, closed.reason, self._handing.handed, self.runtime.stages)
        rng = generator(seed=selector.seed, purpose=selector.name)
        selection = selector.select(allowance, rng, **needs)
        files, remarks = self.read_files([selector]), self.remarks([selector])
        tied = tied_at_cut(selector, selection, allowance, needs)
        record = record_of(selector, selection, allowance, closed, files, remarks, tied)
        return self._shown.selection_of_all(record)


def _in_memory(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that no file is read for any more."""
    return {key: value for key, value in values.items() if not isinstance(value, Matrix)}
