"""What features of the rows take, pass by pass: by a sample that is read, or by what is asked."""

import contextlib
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from assay.components.component import Chosen, Dataset, Feature, FileSet
from assay.components.references import asks_a_service
from assay.engine.asked import Ahead, AskedPasses, together
from assay.engine.engine import Engine
from assay.errors import AssayError, BudgetError, Words
from assay.features.made_models import models_read, with_names
from assay.features.passes import RowFeature
from assay.models.service import Price
from assay.pool.view import PoolView
from assay.runtime import Runtime

FeatureType = TypeVar("FeatureType", bound=Feature)
_TO_BE_CHOSEN = "depends on a selection not yet made"


class Step(NamedTuple):
    """One piece of work.

    `rows` are those it concerns, `missing` those not yet at hand; `seconds` is None where only
    doing it would tell. `price` is what a service is asked, if one is.
    """

    name: str
    rows: int
    missing: int
    seconds: float | None
    note: str = ""
    price: Price | None = None

    @property
    def remark(self) -> str:
        """What there is to say of it, for people."""
        words = "" if self.price is None else self.price.words()
        return "; ".join(filter(None, (self.note, words)))

    def facts(self) -> dict[str, Any]:
        """Return it for programs; with a price where a service is asked."""
        told = self._asdict()
        del told["price"]
        return told | ({} if self.price is None else {"price": self.price.facts()})


def rows_of(engine: Engine, dataset: Dataset, *, among: int | None = None) -> int:
    """Return the number of rows of a dataset that methods see.

    Of rows that are still to be chosen that is how many the budget allows, at most all, or what
    the selection says that it would choose without one.

    Args:
        engine: over the pool.
        dataset: whose rows are counted.
        among: rows that the pool would have; None for those that it has.
    """
    before = dataset.made_from()
    if not before or (among is None and engine.rows_known(dataset)):
        return scaled(engine, dataset, len(engine.view_shown(dataset)), among)
    count = rows_of(engine, before[0], among=among)
    if not isinstance(dataset, Chosen):
        return count
    expected = dataset.by.expected(count)
    with contextlib.suppress(BudgetError):
        if dataset.by.budget is not None:
            return dataset.by.budget.count(pool=count, eligible=expected) or expected
    return expected


def scaled(engine: Engine, dataset: Dataset, count: int, rows: int | None) -> int:
    """Return how many rows of a dataset there would be; only the pool's own become more."""
    own = rows is not None and not isinstance(dataset.root, FileSet)
    return round(count * rows / max(len(engine.shown), 1)) if own and rows is not None else count


def bound(engine: Engine, dataset: Dataset) -> PoolView:
    """Return the rows of a dataset, or those that they are to be chosen from or made from."""
    return engine.view(dataset if engine.rows_known(dataset) else dataset.root)


def as_priced(engine: Engine, feature: FeatureType) -> FeatureType:
    """Return what takes as long as a feature: under models at hand, or those they are made from."""
    if engine.is_settled(feature):
        return engine.settled(feature)
    return engine.resolve(with_names(feature, lambda model: model.stand_in()))


class RowSteps:
    """The steps of features of the rows: a pass is priced once, for all that share it.

    Args:
        engine: over the pool.
        among: price so many rows like those of the pool, with nothing at hand; None prices the
            pool.

    Attributes:
        per_row: seconds of a row by pass: NaN where it was not timed, infinite where it is asked of
            a service, and never tried.
    """

    def __init__(self, engine: Engine, among: int | None) -> None:
        self._engine = engine
        self._among = among
        self._asked = AskedPasses(engine.runtime)
        self._served: dict[int, str] = {}
        self.per_row: dict[str, float] = {}

    def place(self, feature: RowFeature) -> str:
        """Return what names a feature's pass: its rows, its reading, and the models to be made.

        Raises:
            ConfigError: if it cannot be read so.
        """
        engine = self._engine
        reading = as_priced(engine, feature).reading()
        coming = [] if engine.is_settled(feature) else [each.key for each in models_read(feature)]
        return "/".join([feature.dataset.key, repr(reading), *coming])

    def step(self, feature: RowFeature, place: str, *, number: int) -> Step:
        """Return what a feature takes; where a service is asked, `price` tells that at the end.

        Args:
            feature: resolved.
            place: of its pass.
            number: of the step.
        """
        engine, per_row = self._engine, self.per_row
        view = bound(engine, feature.dataset)
        rows, coming = self._rows(feature.dataset, view)
        if feature.chosen_by is not None:
            return self._step_among(feature, place, number=number)
        first = math.isnan(per_row.setdefault(place, math.nan))
        known = self._among is None and not coming and engine.is_settled(feature)
        priced, is_asked = as_priced(engine, feature), asks_a_service(feature)
        if is_asked:
            self._asked.add(place, view, priced, anew=None if known else rows)
        missing = engine.missing_rows(engine.settled(feature)) if known else rows
        if not missing or not first:
            note = "" if first else "in the same pass"
            return Step(feature.name, rows, missing, 0.0, note)
        if is_asked:
            self._served[number] = place
            per_row[place] = math.inf
            return Step(feature.name, rows, missing, None, priced.reading().label())
        per_row[place] = seconds_per_row(engine.runtime, view, [priced])
        reading = priced.reading()
        workers = (
            engine.runtime.workers if reading.parallel else len(reading.devices(engine.runtime))
        )
        note = reading.label() if feature.extra else ""  # which of a model's passes it is
        return Step(feature.name, rows, missing, per_row[place] * missing / max(1, workers), note)

    def _step_among(self, feature: RowFeature, place: str, *, number: int) -> Step:
        """Return what a feature takes of the rows that are chosen; where they are known, of these.

        Of a choice that is still to be made as many rows like those of the pool are priced, with
        nothing at hand: which of them are, nobody can tell.
        """
        engine = self._engine
        assert feature.chosen_by is not None  # noqa: S101  whoever calls has looked
        rows = Chosen(by=feature.chosen_by)
        count = rows_of(engine, rows, among=self._among)
        known = self._among is None and engine.is_settled(feature) and engine.rows_known(rows)
        priced = as_priced(engine, feature).model_copy(update={"chosen_by": None})
        if not asks_a_service(feature):
            return Step(feature.name, count, count, None, _TO_BE_CHOSEN)
        view = engine.view(rows) if known else bound(engine, feature.dataset)
        missing = engine.missing_in(view, priced) if known else count
        if not missing:
            return Step(feature.name, count, 0, 0.0)
        place = f"{place}/{feature.chosen_by.key}"
        first = math.isnan(self.per_row.setdefault(place, math.nan))
        self._asked.add(place, view, priced, anew=None if known else count)
        if not first:
            return Step(feature.name, count, missing, 0.0, "in the same pass")
        self._served[number] = place
        self.per_row[place] = math.inf
        return Step(feature.name, count, missing, None, priced.reading().label())

    def price(self, steps: list[Step], refusals: list[Words]) -> None:
        """Put into the steps what services are asked, and tell why they cannot be, if so."""
        for number, place in self._served.items():
            try:
                found = self._asked.ahead(place)
            except AssayError as error:
                refusals.append(error.sentence())
                continue
            note = "; ".join(filter(None, (steps[number].note, found.note)))
            steps[number] = steps[number]._replace(
                seconds=found.seconds, price=found.price, note=note
            )

    def _rows(self, dataset: Dataset, view: PoolView) -> tuple[int, bool]:
        """Return the number of different rows, and whether they are still to come."""
        engine, among = self._engine, self._among
        rows = scaled(engine, dataset, len(view.unique[0]), among)
        coming = bool(dataset.made_from()) and (among is not None or not engine.rows_known(dataset))
        return (min(rows, rows_of(engine, dataset, among=among)) if coming else rows), coming


def step_of_passes(
    name: str, rows: int, missing: int, *, asked: Sequence[Ahead], seconds: float
) -> Step:
    """Return the step of several passes.

    Args:
        name: of the step.
        rows: that it concerns.
        missing: rows of these that are not at hand.
        asked: the passes that ask a service.
        seconds: that the other passes take.
    """
    if not asked:
        return Step(name, rows, missing, seconds)
    found = together(asked)
    whole = None if found.seconds is None else found.seconds + seconds
    return Step(name, rows, missing, whole, found.note, found.price)


def seconds_per_row(runtime: Runtime, view: PoolView, features: Sequence[RowFeature]) -> float:
    """Return how long one worker takes for a row, by a sample of those in view.

    Args:
        runtime: how to work.
        view: the rows.
        features: that share a pass.
    """
    reading, times = features[0].reading().trial()
    sampled = min(reading.sampled_rows, len(view))
    places = np.linspace(0, len(view) - 1, sampled).astype(np.int64)
    conversations = view.conversations(np.unique(places))
    with reading.open(runtime) as read:
        read(conversations[:8], features)
        started = time.perf_counter()
        read(conversations, features)
        return times * (time.perf_counter() - started) / max(len(conversations), 1)
