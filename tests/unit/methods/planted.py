"""Rows whose vectors and scores are written in their own text, and a way to select from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import Scorer
from assay.engine.engine import Engine
from assay.features.passes import RowFeature
from assay.formats.records import Block
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.building import build_pool
from assay.pool.pool import Pool
from assay.runtime import Runtime
from assay.samples import (
    Conversation,
    Flag,
    FloatArray,
    Message,
    Origin,
    Reason,
    Sample,
    Scores,
)
from assay.stores.results import Results
from assay.values import Matrix, Numbers, RowValue

_NOTHING = NoPaper(reason="planted for tests")


class PlantedVectors(RowFeature):
    """The numbers after the bar in a prompt: "name | 1 0 0"."""

    name = "planted_vectors"
    paper: ClassVar[Paper | NoPaper] = _NOTHING
    value: ClassVar[type[RowValue]] = Matrix

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        rows = [list(map(float, c.prompt.partition("|")[2].split())) for c in conversations]
        empty = np.zeros(len(rows), np.uint8)
        return Matrix(empty, empty.astype(np.uint16), np.array(rows, np.float16))


class PlantedNumber(RowFeature):
    """The number that a response begins with; "none" has no value."""

    name = "planted_number"
    paper: ClassVar[Paper | NoPaper] = _NOTHING
    value: ClassVar[type[RowValue]] = Numbers

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        words = [c.response.split()[0] for c in conversations]
        values = np.array([np.nan if word == "none" else float(word) for word in words])
        reason = np.where(np.isnan(values), Reason.ZERO_DENOMINATOR, 0).astype(np.uint8)
        return Numbers(reason, np.zeros(len(values), np.uint16), {"value": values})


class PlantedScore(Scorer):
    """That number as a score of which more is better."""

    name = "planted_score"
    paper: ClassVar[Paper | NoPaper] = _NOTHING

    def requires(self) -> dict[str, Component]:
        return {"number": PlantedNumber()}

    def score(self, *, number: Numbers) -> FloatArray:
        return number["value"]


class PlantedLoss(PlantedScore):
    """That number as a score of which less is better."""

    name = "planted_loss"
    prefer: ClassVar[Literal["high", "low"]] = "low"


class PlantedTable(RowFeature):
    """Two numbers that a response begins with; "!" and "?" in a prompt raise flags."""

    name = "planted_table"
    paper: ClassVar[Paper | NoPaper] = _NOTHING
    value: ClassVar[type[RowValue]] = Numbers

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        rows = np.array([c.response.split()[:2] for c in conversations], np.float64)
        flags = np.array(
            [Flag.INJECTION_SUSPECT * ("!" in c.prompt) | Flag.ONE_TOKEN * ("?" in c.prompt)
             for c in conversations], np.uint16,
        )  # fmt: skip
        empty = np.zeros(len(rows), np.uint8)
        return Numbers(empty, flags, {"first": rows[:, 0], "second": rows[:, 1]})


class PlantedRubric(Scorer):
    """These numbers as two columns that are called as somebody likes; 0 in the second has none."""

    name = "planted_rubric"
    paper: ClassVar[Paper | NoPaper] = _NOTHING

    called: tuple[str, ...] = ("clear", "true")
    """Names of the columns."""

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]  # they are parameters here
        return self.called

    def requires(self) -> dict[str, Component]:
        return {"table": PlantedTable()}

    def score(self, *, table: Numbers) -> Mapping[str, FloatArray | Scores]:
        none = np.where(table["second"] == 0, Reason.REFUSED, 0).astype(np.uint8)
        first, second = self.called
        return {first: table["first"], second: Scores(table["second"], none)}


def planted_engine(
    folder: Path, rows: Sequence[tuple[str, str]], *, groups: Sequence[str] = ()
) -> Engine:
    """Return an engine over single exchanges; `groups` are their tasks."""
    tasks = groups or [""] * len(rows)
    samples = [
        Sample(Conversation((Message("user", q), Message("assistant", a))), "test", task=task)
        for (q, a), task in zip(rows, tasks, strict=True)
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    return engine_over(folder, build_pool([Block(samples, origins)], folder))


def engine_over(folder: Path, pool: Pool, **settings: Any) -> Engine:
    """Return an engine over a pool, with a cache and results of its own in `folder`."""
    runtime = Runtime(cache=folder / "cache", workers=1, **settings)
    return Engine(pool, runtime, results=Results(folder / "project"))


def names(engine: Engine) -> list[str]:
    """Return what stands before the bar in each row's prompt, in canonical order."""
    found = engine.pool.conversations(np.arange(len(engine.pool)))
    return [conversation.prompt.partition("|")[0].strip() for conversation in found]


def chosen(engine: Engine, selector: Component) -> list[str]:
    """Return the names of the rows that a selector chose, in order of choice."""
    record: SelectionRecord = engine.value(selector)
    known = names(engine)
    return [known[place] for place in record.selection.indices.tolist()]


def reasons(engine: Engine, selector: Component) -> dict[str, Reason]:
    """Return what became of each row, by name."""
    record: SelectionRecord = engine.value(selector)
    return dict(zip(names(engine), map(Reason, record.reason.tolist()), strict=True))


def scores_by_name(engine: Engine, scorer: Component) -> dict[str, tuple[float, Reason]]:
    """Return number and reason of each row, by name."""
    table: ScoreTable = engine.value(scorer)
    pairs = zip(table.main.values.tolist(), map(Reason, table.main.reason.tolist()), strict=True)
    return dict(zip(names(engine), pairs, strict=True))


def given(*values: float) -> Scores:
    """Return scores as a combination or a selector receives them."""
    array = np.array(values, np.float64)
    return Scores(array, np.where(np.isnan(array), Reason.EMPTY_RESPONSE, 0).astype(np.uint8))


def numbers(**columns: Sequence[float]) -> Numbers:
    """Return named numbers without a missing one."""
    arrays = {name: np.array(values, np.float64) for name, values in columns.items()}
    count = len(next(iter(arrays.values())))
    return Numbers(np.zeros(count, np.uint8), np.zeros(count, np.uint16), arrays)


def allowance(
    rows: int,
    count: int | None = None,
    *,
    costs: Sequence[float] | None = None,
    limit: float | None = None,
    barred: Sequence[int] = (),
) -> Allowance:
    """Return an allowance over `rows` rows of which `barred` may not be chosen."""
    eligible = np.ones(rows, np.bool_)
    eligible[list(barred)] = False
    return Allowance(eligible, count, None if costs is None else np.array(costs), limit)


def stream() -> np.random.Generator:
    """Return a generator for selectors that ask for one."""
    return np.random.Generator(np.random.Philox(0))
