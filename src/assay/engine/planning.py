"""What some work would cost, before any of it is done; and every reason why it cannot start."""

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.components.base import Component
from assay.components.component import Chosen, Dataset, Feature, Selector
from assay.components.extras import is_installed, needed_extra
from assay.components.references import asks_a_service
from assay.components.walk import walk
from assay.echo import Brief
from assay.engine.asked import DEPENDS
from assay.engine.engine import Engine
from assay.engine.row_steps import RowSteps, Step, as_priced, rows_of
from assay.engine.sampling import sampled_of
from assay.errors import AssayError, BudgetError, ConfigError, DataError, Parameter, Phrase, Words
from assay.features.made_models import MadeModel
from assay.features.passes import PoolFeature, RowFeature
from assay.pool.view import PoolView
from assay.wording import size_text

_MATRIX_SIDE = 1536
_RATE_TRIES = 3
_MEMORY_SHARE = 0.8


@dataclass(frozen=True, repr=False)
class Plan(Brief):
    """The steps in order, and why they cannot be taken, if so."""

    steps: list[Step]
    refusals: list[Words]

    @property
    def seconds(self) -> float | None:
        """Estimated time of all steps; None if one is not known."""
        times = [step.seconds for step in self.steps]
        return None if None in times else sum(time for time in times if time is not None)


def plan(engine: Engine, components: Sequence[Component], *, rows: int | None = None) -> Plan:
    """Return what computing some components would take on this machine, now.

    Row-scope passes are timed on a sample of the missing rows; those that ask a service are not
    tried: nothing is sent, and their requests are counted. Geometry and choices are priced by
    their `work` at the machine's measured matrix rate, and where that depends on what rows hold,
    such as on how many repeat each other, some rows are looked at.

    Args:
        engine: over the pool.
        components: what is asked for.
        rows: price so many rows like those of the pool, with nothing at hand; None prices the pool.
    """
    refusals: list[Words] = []
    skip = engine.is_stored if rows is None else None
    wanted: list[Component] = []
    for component in components:
        try:
            wanted.append(engine.resolve(component))
        except AssayError as error:
            refusals.append(error.sentence())
    steps: list[Step] = []
    rate = _Rate()
    by_row = RowSteps(engine, rows)
    alike: dict[str, float] = {}
    priced: set[str] = set()
    runs: set[str] = set()
    for component in walk(wanted, skip=skip, resolve=engine.resolve):
        for inner, among in _chosen_apart(engine, component, priced, rows):
            apart = plan(engine.alone(inner.of.root), [inner.by], rows=among)
            steps += apart.steps
            refusals += apart.refusals
        if unmade := _unmade(engine, component):
            refusals.append(unmade)
            continue
        extra = needed_extra(component)
        if extra and not is_installed(extra):
            refusals.append(f"{component.name} needs pip install 'assay[{extra}]'")
            continue
        if isinstance(component, RowFeature):
            try:
                place = by_row.place(component)
            except ConfigError as error:
                refusals.append(error.sentence())
                continue
            steps.append(by_row.step(component, place, number=len(steps)))
        elif isinstance(component, MadeModel) and component.run_key in runs:
            count = rows_of(engine, component.dataset, among=rows)
            steps.append(Step(component.name, count, 0, 0.0, "in the same run"))
        elif isinstance(component, PoolFeature):
            if isinstance(component, MadeModel):
                runs.add(component.run_key)
            view = _view_shown(engine, component)
            count = rows_of(engine, component.dataset, among=rows)
            alike[component.key], step = _pool_step(
                engine, component, view, count, by_row.per_row, rate
            )
            step = _with_disk(engine, component, step, refusals)
            steps.append(_with_price(engine, component, view, step, refusals))
        elif isinstance(component, Selector) and (
            component in wanted or not component.lets_through
        ):
            known = [alike.get(engine.resolve(need).key, 0.0) for need in component.children()]
            among = len(engine.shown) if rows is None else rows
            step = _selector_step(engine, component, rate, refusals, max(known, default=0.0), among)
            steps.append(step)
    by_row.price(steps, refusals)
    return Plan(steps, list(dict.fromkeys(refusals)))


def _unmade(engine: Engine, component: Component) -> Words:
    """Return why the rows that a feature is of cannot be made; empty if nothing speaks for that."""
    if isinstance(component, Feature):
        try:
            engine.rows_known(component.dataset)
        except DataError as error:
            return error.sentence()
    return ""


def _chosen_apart(
    engine: Engine, component: Component, seen: set[str], rows: int | None
) -> Iterator[tuple[Chosen, int | None]]:
    """Yield the rows that are to be chosen apart from the pool's, the first to be chosen first.

    With each comes how many rows are priced as what it chooses from; None for those there are.
    """
    dataset = component.dataset if isinstance(component, Feature) else component
    if not isinstance(dataset, Dataset) or dataset.key in seen:
        return
    seen.add(dataset.key)
    for before in dataset.made_from():
        yield from _chosen_apart(engine, before, seen, rows)
    if not isinstance(dataset, Chosen) or not dataset.is_inner:
        return
    if rows is not None or not engine.rows_known(dataset):
        known = rows is None and not dataset.of.made_from()
        yield dataset, None if known else rows_of(engine, dataset.of, among=rows)


def _pool_step(
    engine: Engine,
    feature: PoolFeature,
    view: PoolView,
    count: int,
    per_row: dict[str, float],
    rate: "_Rate",
) -> tuple[float, Step]:
    """Return which share of the pairs of rows is alike, and what a feature of all rows takes."""
    priced = as_priced(engine, feature)
    found = sampled_of(engine, priced, view, per_row)
    work = priced.work(count, engine.runtime, alike=found.alike)
    seconds = rate.seconds(work) + found.seconds_per_row * count + found.seconds
    return found.alike, Step(feature.name, count, count, seconds)


def _with_disk(engine: Engine, feature: PoolFeature, step: Step, refusals: list[Words]) -> Step:
    """Return the step of a feature of all rows with what it takes on disk."""
    refusals.extend(_too_big(feature.name, feature.memory(step.rows, engine.runtime)))
    needed = feature.disk(step.rows, engine.runtime)
    refusals.extend(_too_full(feature.name, needed, engine.runtime.cache))
    return step._replace(note=f"{size_text(needed)} on disk") if needed else step


def _with_price(
    engine: Engine, feature: PoolFeature, view: PoolView, step: Step, refusals: list[Words]
) -> Step:
    """Return the step of a feature of all rows with what a service is asked for it, if one is."""
    if not asks_a_service(feature):
        return step
    try:
        price = as_priced(engine, feature).price(view, engine.runtime)
    except AssayError as error:
        refusals.append(error.sentence())
        return step._replace(seconds=None)
    if price is None:
        return step._replace(seconds=None, note=DEPENDS)
    if step.rows != len(view):
        price = price.times(step.rows / max(len(view), 1))
    return step._replace(seconds=None if price.most else step.seconds, price=price)


def _selector_step(
    engine: Engine,
    selector: Selector,
    rate: "_Rate",
    refusals: list[Words],
    alike: float,
    rows: int,
) -> Step:
    count = rows
    if selector.budget is not None:
        try:
            count = selector.budget.count(pool=rows, eligible=rows) or rows
        except BudgetError as error:
            refusals.append(error.sentence())
    elif not selector.is_bounded():
        refusals.append(Phrase("{} needs a budget ({})", selector.name, Parameter("budget", "5%")))
    work = selector.work(rows, count, engine.runtime, alike=alike)
    refusals.extend(_too_big(selector.name, selector.memory(rows, count, engine.runtime)))
    return Step(selector.name, rows, rows, rate.seconds(work))


def _view_shown(engine: Engine, feature: PoolFeature) -> PoolView:
    # At its bound where it is not known: all that it is chosen from or made from.
    known = engine.rows_known(feature.dataset)
    return engine.view_shown(feature.dataset if known else feature.dataset.root)


def _too_big(name: str, needed_bytes: float) -> Iterable[str]:
    free = available_memory_bytes()
    if needed_bytes > _MEMORY_SHARE * free:
        yield (
            f"{name} needs about {needed_bytes / 2**30:.1f} GiB of memory, "
            f"{free / 2**30:.1f} GiB are free"
        )


def _too_full(name: str, needed_bytes: float, cache: Path) -> Iterable[str]:
    """Say that the disk of the cache, or of the folder that it will be made in, is too small."""
    place = next(each for each in (cache, *cache.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(place).free
    if needed_bytes > free:
        yield (
            f"{name} needs about {size_text(needed_bytes)} on disk, {size_text(free)} are free in "
            f"{place}"
        )


def available_memory_bytes() -> int:
    """Return the memory that is free for use now; a large number where that is not known."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123  not a file of ours
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 1 << 62


class _Rate:
    """The machine's rate of float32 matrix products, measured when first asked for."""

    def __init__(self) -> None:
        self._per_second = 0.0

    def seconds(self, operations: float) -> float:
        if operations <= 0:
            return 0.0
        if not self._per_second:
            side = _MATRIX_SIDE
            matrix = np.ones((side, side), np.float32)
            matrix @ matrix
            times = []
            for _ in range(_RATE_TRIES):
                started = time.perf_counter()
                matrix @ matrix
                times.append(time.perf_counter() - started)
            self._per_second = 2.0 * side**3 / float(np.median(times))
        return operations / self._per_second
