"""Computes the value of components: equal ones once, and nothing that is stored already."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from assay.budget import Allowance
from assay.checksums import warn
from assay.component import (
    Chosen,
    Component,
    Dataset,
    FileSet,
    Given,
    Scorer,
    Selector,
)
from assay.errors import DamagedError, IncompleteError, PlanError, TooManyUnscoredError
from assay.fitting import fitting_encoder
from assay.parts import all_children
from assay.passes import PoolFeature, PoolView, RowFeature
from assay.pool import Pool
from assay.random_numbers import generator
from assay.references import REQUIRED_KINDS, pinned_fields
from assay.results import Results, ScoreTable, SelectionRecord, reason_counts
from assay.row_work import RowWork
from assay.runtime import Runtime
from assay.samples import FloatArray, Reason, ReasonArray, Scores
from assay.settling import evaluate, flatten, is_unfinished, record_of, settle
from assay.values import Matrix, RowValue

ComponentType = TypeVar("ComponentType", bound=Component)
OpenFile = Callable[[FileSet], Pool]


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
        self._results = results
        self._open_file = open_file
        self._values: dict[str, Any] = {}
        self._views: dict[str, PoolView] = {}
        self._pins: dict[tuple[str, str], str] = {}
        self._rows = RowWork(runtime)

    # Resolution

    def resolve(self, component: ComponentType) -> ComponentType:
        """Return the component with everything it names pinned to content."""
        return self._resolve(component)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._resolve(item) for item in value)
        if not isinstance(value, BaseModel):
            return value
        update: dict[str, Any] = {}
        pinned = pinned_fields(type(value))
        for name in type(value).model_fields:
            old = getattr(value, name)
            named = name in pinned and (old or pinned[name] in REQUIRED_KINDS)
            new = self._pin(pinned[name], old) if named else self._resolve(old)
            if new is not old:
                update[name] = new
        return value.model_copy(update=update) if update else value

    def _pin(self, kind: str, text: str) -> str:
        if (kind, text) not in self._pins:
            self._pins[kind, text] = (
                fitting_encoder(text, self.pool, self.runtime)
                if kind == "encoder"
                else self.runtime.pin(kind, text)
            )
        return self._pins[kind, text]

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
                self._fill_rows(wanted)
                return [self._value(component) for component in wanted]
            except DamagedError as error:
                # It is set aside. Whatever was about to be made of it begins anew.
                if error.path in found:
                    raise
                found.add(error.path)
                warn(error)
                self._values = {
                    key: value for key, value in self._values.items() if not _is_on_disk(value)
                }

    def value(self, component: Component) -> Any:
        """Return the value of one component."""
        return self.compute([component])[0]

    def _fill_rows(self, wanted: Iterable[Component]) -> None:
        """Run the row-scope passes of all that is wanted, equal passes together."""
        groups: dict[tuple[str, str], list[RowFeature]] = {}
        for component in walk(wanted, skip=self.is_stored, resolve=self.resolve):
            if isinstance(component, RowFeature) and component.chosen_by is None:
                if isinstance(component.dataset, Chosen):
                    continue
                place = (component.dataset.key, repr(component.reading()))
                groups.setdefault(place, []).append(component)
        for features in groups.values():
            self._rows.fill(self.view(features[0].dataset), features)

    def is_stored(self, component: Component) -> bool:
        """Return whether a component's value is at hand, so that nothing it requires is needed."""
        if component.key in self._values:
            return True
        if self._results is None:
            return False
        if isinstance(component, Scorer):
            return self._results.read_scores(component, self.pool.context) is not None
        if isinstance(component, Selector):
            return self._results.read_selection(component, self.pool.context) is not None
        if isinstance(component, PoolFeature) and component.stored:
            view = self._view_if_known(component.dataset)
            return view is not None and component.store(self.runtime.cache, view).holds()
        return False

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

    def _needs(self, component: Component) -> dict[str, Any]:
        needs: dict[str, Any] = {}
        for name, need in component.requires().items():
            if isinstance(need, Component):
                needs[name] = self._handed(self._value(self.resolve(need)))
            else:
                needs[name] = [self._handed(self._value(self.resolve(item))) for item in need]
        return needs

    @staticmethod
    def _handed(value: Any) -> Any:
        return value.main if isinstance(value, ScoreTable) else value

    # Datasets

    def view(self, dataset: Dataset) -> PoolView:
        """Return the rows of a dataset."""
        known = self._view_if_known(dataset)
        if known is not None:
            return known
        if isinstance(dataset, Chosen):
            if not isinstance(dataset.of, Given):
                raise PlanError("rows can only be chosen from the project's own pool")
            record: SelectionRecord = self._value(self.resolve(dataset.by))
            view = PoolView(self.pool, np.sort(record.selection.indices))
        elif isinstance(dataset, FileSet):
            if self._open_file is None:
                raise PlanError(f"nothing here can open {dataset.source}")
            view = PoolView(self._open_file(dataset))
        else:
            raise PlanError(f"{type(dataset).__name__} has no rows of its own")
        self._views[dataset.key] = view
        return view

    def _view_if_known(self, dataset: Dataset) -> PoolView | None:
        if isinstance(dataset, Given):
            return self._given
        return self._views.get(dataset.key)

    @cached_property
    def _given(self) -> PoolView:
        return PoolView(self.pool)

    # Features

    def _row_value(self, feature: RowFeature) -> RowValue:
        view = self.view(feature.dataset)
        if feature.chosen_by is None:
            self._rows.fill(view, [feature])
            return self._rows.read(view, feature)
        record: SelectionRecord = self._value(feature.chosen_by)
        chosen = np.sort(record.selection.indices)
        part = PoolView(view.pool, view.positions[chosen])
        self._rows.fill(part, [feature])
        value = self._rows.read(part, feature)
        return value.spread(chosen, len(view), Reason.NOT_ASKED)

    def missing_rows(self, feature: RowFeature) -> int:
        """Return how many distinct rows lack a stored value of a feature."""
        return self._rows.missing(self.view(feature.dataset), feature)

    def _pool_value(self, feature: PoolFeature) -> Any:
        view = self.view(feature.dataset)
        store = feature.store(self.runtime.cache, view)
        if feature.stored:
            held = store.read()
            if held is not None:
                return feature.unpack(held)
        needs = self._needs(feature)
        if self.runtime.shard is not None:
            raise IncompleteError(
                f"{feature.name} needs all rows at once",
                hint="run the other shards, then the same line without --shard",
            )
        value = feature.compute(view, self.runtime, **needs)
        if feature.stored:
            store.write(feature.pack(value))
        return value

    # Scores

    def _scores(self, scorer: Scorer) -> ScoreTable:
        if self._results is not None:
            stored = self._results.read_scores(scorer, self.pool.context)
            if stored is not None:
                return stored
        needs = self._needs(scorer)
        count = len(self.pool)
        table = ScoreTable(
            {
                name: settle(scores, needs, count)
                for name, scores in evaluate(scorer, needs, count).items()
            }
        )
        self._check_unscored(scorer, table.main)
        if self._results is not None and not is_unfinished(table):
            self._results.write_scores(scorer, self.pool.ids, table, self.pool.context)
        return table

    def _check_unscored(self, scorer: Scorer, scores: Scores) -> None:
        kinds = Counter(Reason(code).kind for code in scores.reason[scores.reason != 0].tolist())
        failed = kinds["failure"]
        if failed > self.runtime.max_unscored * max(len(scores.reason), 1):
            counts = reason_counts(scores.reason)
            table = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
            raise TooManyUnscoredError(
                f"{scorer.name}: {failed:,} of {len(scores.reason):,} rows failed ({table})",
                hint="mend the rows, or allow more with --max-unscored",
            )

    # Selections

    def _selection(self, selector: Selector) -> SelectionRecord:
        if self._results is not None:
            stored = self._results.read_selection(selector, self.pool.context)
            if stored is not None:
                return stored
        needs = self._needs(selector)
        reason = self._ineligible(selector, needs)
        allowance = self._allowance(selector, reason)
        rng = generator(seed=selector.seed, purpose=selector.name)
        selection = selector.select(allowance, rng, **needs)
        record = record_of(selector, selection, allowance, reason)
        if self._results is not None:
            self._results.write_selection(selector, self.pool.ids, record, self.pool.context)
        return record

    def _ineligible(self, selector: Selector, needs: Mapping[str, Any]) -> ReasonArray:
        """Return why each row may not be chosen at all; 0 where it may."""
        reason = np.zeros(len(self.pool), np.uint8)
        if selector.within is not None:
            inner: SelectionRecord = self._value(self.resolve(selector.within))
            reason[:] = inner.reason
        reason[(reason == 0) & self.pool.held_out] = Reason.HELD_OUT
        for value in flatten(needs.values()):
            if isinstance(value, (RowValue, Scores)) and len(value.reason) == len(reason):
                empty = reason == 0
                reason[empty] = value.reason[empty]
        for scorer, rule in selector.ruled():
            scores: ScoreTable = self._value(self.resolve(scorer))
            reason[(reason == 0) & ~rule.admits(scores.main.values)] = Reason.BELOW_RULE
        return reason

    def _allowance(self, selector: Selector, reason: ReasonArray) -> Allowance:
        eligible = reason == 0
        if selector.budget is None:
            if selector.needs_budget:
                raise PlanError(
                    f"{selector.name} needs a budget", hint="--budget 5%, 5000 or '2M tokens'"
                )
            return Allowance(eligible, None)
        available = int(np.count_nonzero(eligible))
        count = selector.budget.count(pool=len(self.pool), eligible=available)
        limit = selector.budget.limit()
        costs: FloatArray | None = None
        if limit is not None:
            from assay.features.text import TokenCounts  # noqa: PLC0415  features import the base

            tokenizer = selector.budget.tokenizer
            counts = TokenCounts(tokenizer=tokenizer) if tokenizer else TokenCounts()
            costs = self.value(counts)["total"]
        return Allowance(eligible, count, costs, limit)


def _is_on_disk(value: Any) -> bool:
    return isinstance(value, Matrix)


def _as_is(component: Component) -> Component:
    return component


def walk(
    components: Iterable[Component],
    *,
    skip: Callable[[Component], bool] | None = None,
    resolve: Callable[[Component], Component] = _as_is,
) -> Iterable[Component]:
    """Yield components and all they require, requirements first, equal ones once.

    Args:
        components: where to begin.
        skip: components for which it is true are left out, and so is what only they require.
        resolve: applied to every component before it is looked at.
    """
    seen: set[str] = set()

    def visit(component: Component) -> Iterable[Component]:
        component = resolve(component)
        if component.key in seen:
            return
        seen.add(component.key)
        if skip is not None and skip(component):
            return
        for child in all_children(component):
            yield from visit(child)
        yield component

    for component in components:
        yield from visit(component)
