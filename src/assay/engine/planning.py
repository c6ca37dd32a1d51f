"""What some work would cost, before any of it is done; and every reason why it cannot start."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from assay.components.component import Chosen, Component, Selector
from assay.components.extras import is_installed, needed_extra
from assay.components.walk import walk
from assay.echo import Brief
from assay.engine.engine import Engine
from assay.errors import AssayError, BudgetError, ConfigError, Parameter, Phrase, Words
from assay.features.passes import PoolFeature, RowFeature
from assay.pool.view import PoolView

_MATRIX_SIDE = 1536
_MEMORY_SHARE = 0.8


class Step(NamedTuple):
    """One piece of work.

    `rows` are those it concerns, `missing` those not yet at hand; `seconds` is None where only
    doing it would tell.
    """

    name: str
    rows: int
    missing: int
    seconds: float | None
    note: str = ""


@dataclass(frozen=True, repr=False)
class Plan(Brief):
    """The steps in order, and why they cannot be taken, if so."""

    steps: list[Step]
    refusals: list[Words]

    @property
    def seconds(self) -> float | None:
        """Estimated time of all steps; None if one cannot be told."""
        times = [step.seconds for step in self.steps]
        return None if None in times else sum(time for time in times if time is not None)


def plan(engine: Engine, components: Sequence[Component]) -> Plan:
    """Return what computing some components would take on this machine, now.

    Row-scope passes are timed on a sample of the missing rows; geometry is priced by its
    floating-point operations at the machine's measured matrix rate.
    """
    refusals: list[Words] = []
    wanted: list[Component] = []
    for component in components:
        try:
            wanted.append(engine.resolve(component))
        except AssayError as error:
            refusals.append(error.sentence())
    steps: list[Step] = []
    rate = _Rate()
    timed: set[str] = set()
    for component in walk(wanted, skip=engine.is_stored, resolve=engine.resolve):
        extra = needed_extra(component)
        if extra and not is_installed(extra):
            refusals.append(f"{component.name} needs pip install 'assay[{extra}]'")
            continue
        if isinstance(component, RowFeature):
            try:
                place = f"{component.dataset.key}/{component.reading()!r}"
            except ConfigError as error:
                refusals.append(error.sentence())
                continue
            steps.append(_row_step(engine, component, first=place not in timed))
            timed.add(place)
        elif isinstance(component, PoolFeature):
            view = _view_shown(engine, component)
            operations = component.operations(len(view), engine.runtime)
            needed = component.memory(len(view), engine.runtime)
            refusals.extend(_too_big(component.name, needed))
            steps.append(Step(component.name, len(view), len(view), rate.seconds(operations)))
        elif isinstance(component, Selector) and (
            component in wanted or not component.lets_through
        ):
            steps.append(_selector_step(engine, component, rate, refusals))
    return Plan(steps, list(dict.fromkeys(refusals)))


def _row_step(engine: Engine, feature: RowFeature, *, first: bool) -> Step:
    view = PoolView(engine.pool)  # priced at its bound: all rows
    if not isinstance(feature.dataset, Chosen):
        view = engine.view(feature.dataset)
    rows = len(view.unique[0])
    if isinstance(feature.dataset, Chosen) or feature.chosen_by is not None:
        return Step(feature.name, rows, rows, None, "depends on a selection not yet made")
    missing = engine.missing_rows(feature)
    if not missing or not first:
        note = "" if first else "in the same pass"
        return Step(feature.name, rows, missing, 0.0, note)
    reading = feature.reading()
    sampled = min(reading.sampled_rows, len(view))
    places = np.linspace(0, len(view) - 1, sampled).astype(np.int64)
    conversations = view.conversations(np.unique(places))
    with reading.open(engine.runtime) as read:
        read(conversations[:8], [feature])
        started = time.perf_counter()
        read(conversations, [feature])
        per_row = (time.perf_counter() - started) / max(len(conversations), 1)
    workers = engine.runtime.workers if reading.parallel else len(reading.devices(engine.runtime))
    note = reading.label() if feature.extra else ""  # which of a model's passes it is
    return Step(feature.name, rows, missing, per_row * missing / max(1, workers), note)


def _selector_step(
    engine: Engine, selector: Selector, rate: "_Rate", refusals: list[Words]
) -> Step:
    rows = len(engine.shown)
    count = rows
    if selector.budget is not None:
        try:
            count = selector.budget.count(pool=rows, eligible=rows) or rows
        except BudgetError as error:
            refusals.append(error.sentence())
    elif selector.needs_budget:
        refusals.append(Phrase("{} needs a budget ({})", selector.name, Parameter("budget", "5%")))
    operations = selector.operations(rows, count, engine.runtime)
    refusals.extend(_too_big(selector.name, selector.memory(rows, count, engine.runtime)))
    return Step(selector.name, rows, rows, rate.seconds(operations))


def _view_shown(engine: Engine, feature: PoolFeature) -> PoolView:
    if isinstance(feature.dataset, Chosen):
        return PoolView(engine.shown)  # priced at its bound: all rows
    return engine.view_shown(feature.dataset)


def _too_big(name: str, needed_bytes: float) -> Iterable[str]:
    free = available_memory_bytes()
    if needed_bytes > _MEMORY_SHARE * free:
        yield (
            f"{name} needs about {needed_bytes / 2**30:.1f} GiB of memory, "
            f"{free / 2**30:.1f} GiB are free"
        )


def available_memory_bytes() -> int:
    """Return the memory that is free for use now; a large number where that cannot be told."""
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
            started = time.perf_counter()
            matrix @ matrix
            self._per_second = 2.0 * side**3 / (time.perf_counter() - started)
        return operations / self._per_second
