from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.rule import Rule
from assay.formats.records import Block
from assay.methods.filters.cuts import Threshold
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.methods.pipelines.superfiltering_diversity import SuperfilteringDiversity
from assay.pool.building import build_pool
from assay.runtime import Runtime
from assay.samples import Conversation, FloatArray, Message, Origin, Reason, Sample
from assay.testing import check_component, matrix
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    allowance,
    chosen,
    engine_over,
    given,
    names,
    planted_engine,
    reasons,
    stream,
)

_WIDTH = 6
_COUNT = 60


class PlantedRatio(PlantedScore):
    """A planted score of which values from 1 on are not to be selected."""

    name = "planted_ratio"

    def default_rule(self) -> Rule:
        return Rule(below=1.0)


def _rows() -> tuple[list[tuple[str, str]], dict[str, FloatArray], dict[str, float]]:
    """Return sixty rows as text, and by name their vectors and their quality, up to 1.2."""
    generator = np.random.Generator(np.random.Philox(11))
    vectors = generator.standard_normal((_COUNT, _WIDTH)).round(2)
    quality = generator.permutation(np.arange(_COUNT) * 0.02 + 0.02).round(2)
    labels = [f"r{place}" for place in range(_COUNT)]
    texts = [
        (f"{label} | {' '.join(map(str, vector.tolist()))}", f"{value}")
        for label, vector, value in zip(labels, vectors, quality, strict=True)
    ]
    halves = vectors.astype(np.float16).astype(np.float64)
    return texts, dict(zip(labels, halves, strict=True)), dict(zip(labels, quality, strict=True))


_TEXTS, _VECTOR_OF, _QUALITY_OF = _rows()


def _best(count: int, among: list[str], *, sign: float = 1.0, below: float = 1.0) -> list[str]:
    """The names of highest quality below a bound, in the order of the pool."""
    admitted = [name for name in among if _QUALITY_OF[name] < below]
    first = sorted(admitted, key=lambda name: -sign * _QUALITY_OF[name])[:count]
    return [name for name in among if name in first]


def _greedy(ground: list[str], count: int) -> tuple[list[str], list[float]]:
    """Facility location over `ground` alone, every sum taken anew; names and gains."""
    vectors = np.array([_VECTOR_OF[name] for name in ground])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    between = np.exp(-distances / _WIDTH)
    picks: list[int] = []
    reached = [0.0]
    for _ in range(count):
        totals = [
            between[:, [*picks, row]].max(axis=1).sum() if row not in picks else -np.inf
            for row in range(len(ground))
        ]
        # Two rows that stand for each other alone gain the same; sums of floats tell them apart.
        picks.append(int(np.argmax(np.array(totals) > max(totals) - 1e-6)))
        reached.append(float(max(totals)))
    return [ground[row] for row in picks], np.diff(reached).tolist()


def _method(**parameters: Any) -> SuperfilteringDiversity:
    given_ones = {"quality": PlantedRatio(), "vectors": PlantedVectors(), "budget": 2}
    return SuperfilteringDiversity(**(given_ones | parameters))


# 49 of the 60 qualities lie below 1, and a fifth of 49 is 9.
@pytest.mark.parametrize(
    ("parameters", "budget", "apart"),
    [
        ({}, 2, 9),
        ({}, 3, 12),
        ({}, 10, 40),
        ({}, 20, 49),
        ({"prefilter_share": 0.5}, 3, 24),
        ({"prefilter_share": 1.0}, 5, 49),
        ({"prefilter_count": 5}, 4, 5),
        ({"prefilter_count": 30}, 4, 30),
    ],
)
def test_the_best_are_set_apart_and_stand_for_each_other(
    tmp_path: Path, parameters: dict[str, Any], budget: int, apart: int
) -> None:
    engine = planted_engine(tmp_path, _TEXTS)
    method = _method(budget=budget, **parameters)

    ground = _best(apart, names(engine))
    picks, gains = _greedy(ground, budget)

    assert chosen(engine, method) == picks
    assert engine.value(method).selection.gains.tolist() == pytest.approx(gains, abs=1e-4)
    fate = reasons(engine, method)
    assert {name for name, why in fate.items() if why == Reason.BELOW_RULE} == (
        set(names(engine)) - set(ground)
    )


def test_rows_at_or_above_the_rule_are_neither_chosen_nor_covered(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _TEXTS)
    ruled, free = _method(prefilter_share=1.0), _method(prefilter_share=1.0, rule="none")

    assert all(_QUALITY_OF[name] < 1 for name in chosen(engine, _method(budget=49)))
    assert chosen(engine, ruled) == _greedy(_best(60, names(engine)), 2)[0]
    assert chosen(engine, free) == _greedy(names(engine), 2)[0]


def test_a_score_of_which_less_is_better_sets_its_lowest_apart(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _TEXTS)

    found = chosen(engine, _method(quality=PlantedLoss(), prefilter_count=12))

    assert found == _greedy(_best(12, names(engine), sign=-1.0), 2)[0]


def test_equal_quality_is_set_apart_by_id(tmp_path: Path) -> None:
    rows = [(question, "0.5 same") for question, _ in _TEXTS]
    engine = planted_engine(tmp_path, rows)

    found = chosen(engine, _method(budget=7, prefilter_count=7))

    assert sorted(found) == sorted(names(engine)[:7])


@pytest.mark.parametrize(
    ("parameters", "budget", "nested"),
    [
        ({}, 2, True),  # 9 rows for every budget up to 2
        ({}, 3, False),
        ({"prefilter_share": 0.5}, 6, True),  # 24 rows
        ({"prefilter_share": 0.5}, 7, False),
        ({"prefilter_share": 1.0}, 40, True),
        ({"prefilter_count": 20}, 15, True),
        ({"mode": "reference"}, 2, True),
    ],
)
def test_it_is_nested_while_smaller_budgets_set_the_same_rows_apart(
    tmp_path: Path, parameters: dict[str, Any], budget: int, nested: bool
) -> None:
    engine = planted_engine(tmp_path, _TEXTS)
    sizes = range(1, budget + 1)
    found = [chosen(engine, _method(budget=size, **parameters)) for size in sizes]

    assert engine.value(_method(budget=budget, **parameters)).selection.nested is nested
    assert all(found[-1][: len(part)] == part for part in found) is nested


def test_a_budget_above_what_is_set_apart_takes_all_of_it(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _TEXTS)
    method = _method(budget=20, prefilter_count=8)

    assert set(chosen(engine, method)) == set(_best(8, names(engine)))
    assert engine.value(method).selection.stop == "exhausted"


def test_held_out_rows_are_never_chosen_nor_set_apart(tmp_path: Path) -> None:
    samples = [
        Sample(Conversation((Message("user", question), Message("assistant", answer))), "test")
        for question, answer in _TEXTS
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    pool = build_pool([Block(samples, origins)], tmp_path, hold_out=0.4)
    engine = engine_over(tmp_path, pool)
    free = [name for name, out in zip(names(engine), pool.held_out, strict=True) if not out]

    found = chosen(engine, _method(budget=3, prefilter_count=15))

    assert len(free) < 50
    assert found == _greedy(_best(15, free), 3)[0]


def test_a_share_is_one_of_the_rows_of_another_selection(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _TEXTS)
    inner = Threshold(by=PlantedScore(), high=0.6)

    found = chosen(engine, _method(budget=1, prefilter_share=0.5, within=inner))

    assert found == _greedy(_best(15, names(engine), below=0.61), 1)[0]


def test_the_reference_takes_qualities_between_two_bounds(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _TEXTS)
    between = [name for name in names(engine) if 0.9 < _QUALITY_OF[name] < 1.0]

    assert len(between) == 4
    assert chosen(engine, _method(mode="reference")) == _greedy(between, 2)[0]
    counted = _method(mode="reference", prefilter_count=20)
    assert chosen(engine, counted) == _greedy(_best(20, names(engine)), 2)[0]


@pytest.mark.parametrize(
    ("parameters", "count"), [({}, 2), ({"fill": True}, 4), ({"mode": "reference"}, 4)]
)
def test_copies_end_the_selection_unless_it_goes_on(parameters: dict[str, Any], count: int) -> None:
    found = _method(**({"prefilter_count": 5} | parameters)).select(
        allowance(5, 4),
        stream(),
        quality=given(0.95, 0.95, 0.95, 0.95, 0.95),
        vectors=matrix([[1, 0], [1, 0], [0, 1], [0, 1], [1, 0]]),
    )

    assert found.indices.tolist() == [0, 2, 1, 3][:count]


def test_tokens_set_rows_apart_that_have_four_times_as_many() -> None:
    quality = np.arange(20, 0, -1) / 100
    vectors = matrix(np.random.Generator(np.random.Philox(2)).standard_normal((20, 4)))
    costs = [3.0, 1.0] * 10

    # A fifth of 20 rows is 4; the best 12 have 24 tokens, the first 11 have 23.
    found = _method().select(
        allowance(20, costs=costs, limit=6.0), stream(), quality=given(*quality), vectors=vectors
    )

    assert found.rejected[Reason.BELOW_RULE].tolist() == list(range(12, 20))
    assert sum(costs[row] for row in found.indices.tolist()) <= 6.0
    assert found.nested is False


def test_quality_is_superfiltering_unless_another_is_named() -> None:
    assert SuperfilteringDiversity().quality == Superfiltering()
    assert SuperfilteringDiversity(budget=2).ruled() == [(Superfiltering(), Rule(below=1.0))]


def test_a_larger_budget_costs_more_once_it_sets_more_apart(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path)
    method = SuperfilteringDiversity()
    fixed = SuperfilteringDiversity(prefilter_count=1000)

    few, same, more = (method.operations(50_000, count, runtime) for count in (10, 2500, 4000))

    assert few == same < more
    assert fixed.operations(50_000, 4000, runtime) < few
    # Neighbours alone are looked at beyond 16,384 rows, so that twice as many cost less.
    assert method.operations(50_000, 8000, runtime) < more


def test_it_keeps_the_contract() -> None:
    check_component(SuperfilteringDiversity(quality="compression_ifd"))
    check_component(SuperfilteringDiversity(quality="compression_ifd", prefilter_count=6))
