"""Reads a random sample of a pool's rows for a score, and tells what reading all would take.

The sample is drawn row by row from the rows' own ids, so that a larger one only adds rows, and
what was read for it is kept like any other pass: scoring all rows later does not read it again.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from assay.components.base import Component
from assay.components.component import Feature, Given, Scorer
from assay.components.walk import walk
from assay.engine.asked import Ahead, ahead, is_asked
from assay.engine.row_steps import Step, step_of_passes
from assay.engine.row_work import RowWork, by_pass
from assay.engine.settling import evaluate, is_of_the_pool, settle
from assay.errors import ConfigError, DataError
from assay.features.passes import RowFeature
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.samples import FloatArray, IndexArray, Scores
from assay.values import LogProbs
from assay.workspace.workspace import Workspace

_PURPOSE = "agree"
_TIMED_ROWS = 32
_WARM_ROWS = 4


@dataclass(frozen=True)
class Cost:
    """What reading takes.

    Attributes:
        read: rows of the sample that were read now; the others were at hand.
        tokens_per_second: measured; NaN where nothing counts tokens.
        sample_seconds: for the whole sample; NaN for a service that is not asked anew, and of
            which no run here tells how long it takes.
        all_seconds: for every row of the pool; NaN where that of the sample is.
    """

    read: int
    tokens_per_second: float
    sample_seconds: float
    all_seconds: float


@dataclass(frozen=True)
class SampleReader:
    """One score of the sample: of a model, or of a floor that needs none."""

    name: str
    scorer: Scorer
    scores: Scores
    cost: Cost | None = None


def sampled_rows(project: Workspace, count: int, *, seed: int) -> IndexArray:
    """Return the positions of a random sample of the rows that are not held out, ascending.

    A larger count of the same seed gives these rows and more.

    Raises:
        DataError: if there is no such row.
    """
    pool = project.pool
    free = np.flatnonzero(~pool.held_out)
    if not len(free):
        raise DataError("no row is left to sample")
    numbers = row_uniform(pool.ids[free], seed=seed, purpose=_PURPOSE)
    return np.sort(free[np.argsort(numbers, kind="stable")[:count]])


class SampleReading:
    """Reads some rows of a project for scores, and keeps what it read with all other rows.

    Args:
        project: whose rows they are.
        sample: positions, ascending.
    """

    def __init__(self, project: Workspace, sample: IndexArray) -> None:
        self._engine = project.engine
        self._runtime = project.runtime
        self._rows = RowWork(project.runtime)
        self._view = PoolView(project.pool, sample)
        self._distinct = len(project.pool.unique[0])

    def reader(self, name: str, scorer: Scorer, *, timed: bool = True) -> SampleReader:
        """Return the scores of the sample by one scorer, and what reading took.

        Raises:
            ConfigError: if the score of a row depends on other rows.
            UnfinishedError: if rows could not be read in this run.
        """
        resolved = self._engine.resolve(scorer)
        spent = [self._fill(group, timed=timed) for group in self._groups(resolved)]
        cost = self._cost(spent) if timed else None
        return SampleReader(name, resolved, self._value(resolved), cost)

    def priced(self, scorer: Scorer) -> Step:
        """Return what has to be read for a scorer, and about how long it takes.

        Nothing is kept, and nothing is sent to a service.
        """
        rows, seconds = 0, 0.0
        asked: list[Ahead] = []
        for group in self._groups(self._engine.resolve(scorer)):
            missing = max(self._rows.missing(self._view_of(feature), feature) for feature in group)
            rows = max(rows, missing)
            if missing and is_asked(group):
                asked.append(ahead(self._runtime, self._view_of(group[0]), group))
            elif missing:
                measured = self._timed(group)
                seconds += measured.seconds / max(measured.rows, 1) * missing
        return step_of_passes(scorer.name, len(self._view), rows, asked=asked, seconds=seconds)

    def _groups(self, scorer: Scorer) -> list[list[RowFeature]]:
        """Return the features that a score reads, those of one pass together."""
        found: list[RowFeature] = []
        for item in walk([scorer], resolve=self._engine.resolve):
            if isinstance(item, Feature) and not is_of_the_pool(item):
                continue  # of other rows than the sample's; the engine knows them
            if isinstance(item, RowFeature) and item.chosen_by is None:
                found.append(item)
            elif not isinstance(item, Scorer) and item.kind != "dataset":
                raise ConfigError(
                    f"{scorer.name} needs {item.name}, which depends on all rows",
                    hint="agree compares scores that read each row by itself, such as ifd",
                )
        return by_pass(found)

    def _value(self, component: Component) -> Any:
        component = self._engine.resolve(component)
        if not is_of_the_pool(component):
            return self._engine.value(component)
        if isinstance(component, RowFeature):
            return self._rows.read(self._view_of(component), component)
        if not isinstance(component, Scorer):
            raise TypeError(f"{component.name} has no value of its own")
        needs = {
            name: self._value(need)
            if isinstance(need, Component)
            else [self._value(item) for item in need]
            for name, need in component.requires().items()
        }
        count = len(self._view)
        columns = evaluate(component, needs, count)
        return settle(component, columns[component.columns[0]], needs, count)

    def _view_of(self, feature: RowFeature) -> PoolView:
        """Return the rows of the sample, or what was made from each of them."""
        if isinstance(feature.dataset, Given):
            return self._view
        every = self._engine.view(feature.dataset)
        return PoolView(every.pool, every.positions[self._view.positions])

    def _fill(self, group: Sequence[RowFeature], *, timed: bool) -> "_Spent":
        view = self._view_of(group[0])
        distinct = view.unique[0]
        lacking = self._rows.store(group[0]).missing(distinct)
        asked = is_asked(group)
        if timed and lacking.any() and not asked:
            self._warm(group)
        started = time.perf_counter()
        self._rows.fill(view, group)
        seconds = time.perf_counter() - started
        rows = int(np.count_nonzero(lacking))
        tokens = _tokens(self._rows.read(view, group[0]))[view.unique[1]]
        mean = float(tokens.mean()) if len(tokens) else float("nan")
        if not timed or rows >= _TIMED_ROWS:
            return _Spent(rows, seconds, float(tokens[lacking].sum()), rows, mean)
        if asked:  # it is not asked again to be timed
            known = self._rows.seconds(view, group, len(distinct))
            if known is None and rows:
                return _Spent(rows, seconds, float(tokens[lacking].sum()), rows, mean)
            before = math.nan if known is None else known
            return _Spent(len(distinct), before, float(tokens.sum()), rows, mean)
        self._warm(group)
        return self._timed(group)._replace(read=rows, mean_tokens=mean)

    def _warm(self, group: Sequence[RowFeature]) -> None:
        """Open the model and read a few rows, so that what is timed is reading alone."""
        view = self._view_of(group[0])
        with group[0].reading().open(self._runtime) as read:
            for feature in group:
                feature.prepare()
            read(view.conversations(np.arange(min(_WARM_ROWS, len(view)))), group)

    def _timed(self, group: Sequence[RowFeature]) -> "_Spent":
        """Return what reading some rows takes; they are spread over the sample by their ids."""
        count = min(_TIMED_ROWS, len(self._view))
        places = np.unique(np.linspace(0, len(self._view) - 1, count).astype(np.int64))
        conversations = self._view_of(group[0]).conversations(places)
        with group[0].reading().open(self._runtime) as read:
            for feature in group:
                feature.prepare()
            started = time.perf_counter()
            value = read(conversations, group)[0]
            seconds = time.perf_counter() - started
        return _Spent(len(places), seconds, float(_tokens(value).sum()), 0, float("nan"))

    def _cost(self, spent: Sequence["_Spent"]) -> Cost:
        per_row = sum(each.per_row for each in spent)
        seconds = sum(each.seconds for each in spent)
        tokens = sum(each.tokens for each in spent)
        return Cost(
            max((each.read for each in spent), default=0),
            tokens / seconds if seconds > 0 else float("nan"),
            per_row * len(self._view.unique[0]),
            per_row * self._distinct,
        )


class _Spent(NamedTuple):
    """Time that a pass took.

    Attributes:
        rows: that were timed.
        seconds: for these.
        tokens: of these; NaN where nothing counts them.
        read: rows that were read anew.
        mean_tokens: of a row of the sample.
    """

    rows: int
    seconds: float
    tokens: float
    read: int
    mean_tokens: float

    @property
    def per_row(self) -> float:
        """Seconds of an average row of the sample: time goes by tokens, where they are known."""
        if self.tokens > 0 and self.mean_tokens > 0:
            return self.seconds / self.tokens * self.mean_tokens
        return self.seconds / max(self.rows, 1)


def _tokens(value: object) -> FloatArray:
    """Return the tokens that went through a model, row by row; NaN where they are not counted."""
    if isinstance(value, LogProbs):
        return np.nan_to_num(value.total_tokens)
    return np.full(len(value), np.nan)  # type: ignore[arg-type]
