"""Some rows of every cluster, against a walk written out row by row."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.components.budget import Allowance
from assay.features.distance_clusters import DistanceClustering
from assay.features.text import token_counts
from assay.formats.records import Block
from assay.methods.combinations.quota import Quota
from assay.methods.filters.attributes import Where
from assay.methods.pipelines.cluster_band import ClusterBand
from assay.pool.building import build_pool
from assay.samples import Conversation, Message, Origin, Reason, Sample, Scores
from assay.testing import check_component
from assay.values import Numbers
from tests.unit.methods.planted import (
    PlantedScore,
    PlantedVectors,
    chosen,
    engine_over,
    names,
    planted_engine,
    reasons,
    stream,
)

_CENTRES = ((0, 0), (40, 0), (0, 40), (40, 40))


def _quantile(values: Sequence[float], share: float) -> float:
    """The value at a share of the way through the sorted ones, between two by a straight line."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _of_one(values: dict[Any, float], each: int, low: float, high: float) -> list[Any]:
    """Rows of one cluster as the published code takes them."""
    rows = list(values)
    if len(rows) < each:
        return rows
    bounds = [_quantile(list(values.values()), share) for share in (low, high)]
    # A border that lies on a value is that value, whatever the last digit of the line between.
    middle = [row for row in rows if bounds[0] - 1e-9 <= values[row] <= bounds[1] + 1e-9]
    if len(middle) < each:
        return middle
    step = len(middle) // each
    return [middle[place * step] for place in range(each)]


def _in_turn(lists: Sequence[Sequence[Any]]) -> list[Any]:
    longest = max(map(len, lists), default=0)
    return [each[turn] for turn in range(longest) for each in lists if turn < len(each)]


def _fitting(order: Sequence[Any], costs: dict[Any, float], limit: float) -> list[Any]:
    taken: list[Any] = []
    for row in order:
        if sum(costs[each] for each in taken) + costs[row] <= limit:
            taken.append(row)
    return taken


# What is given to it, planted


_ROWS = st.lists(
    st.tuples(
        st.integers(-1, 3),  # cluster; -1 has no vector
        st.sampled_from([1.0, 1.0, 2.0, 2.5, 4.0, 7.0, math.nan]),  # many are equal
        st.booleans(),
        st.integers(1, 9),  # tokens
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=300)
@given(
    rows=_ROWS,
    each=st.integers(1, 6),
    band=st.sampled_from([(0.25, 0.75), (0.0, 1.0), (0.5, 0.5), (0.1, 0.6)]),
    count=st.none() | st.integers(0, 45),
    limit=st.none() | st.integers(0, 200),
)
def test_every_budget_takes_turns_through_the_middles(
    rows: list[tuple[int, float, bool, int]],
    each: int,
    band: tuple[float, float],
    count: int | None,
    limit: int | None,
) -> None:
    labels = np.array([row[0] for row in rows], np.int64)
    values = np.array([row[1] for row in rows], np.float64)
    eligible = np.array([row[2] for row in rows], np.bool_)
    costs = np.array([row[3] for row in rows], np.float64)
    reason = np.where(np.isnan(values), Reason.NO_SCORED_TOKENS, 0).astype(np.uint8)
    allowance = (
        Allowance(eligible, count)
        if limit is None
        else Allowance(eligible, None, costs, float(limit))
    )

    found = ClusterBand(each=each, low=band[0], high=band[1], clusters=4).select(
        allowance, stream(),
        groups=DistanceClustering(labels, np.zeros((4, 2), np.float32)),
        scores=Scores(values, reason),
    )  # fmt: skip

    known = [row for row in range(len(rows)) if eligible[row] and not math.isnan(values[row])]
    lists = [
        _of_one({row: float(values[row]) for row in known if labels[row] == label}, each, *band)
        for label in range(4)
    ]
    order = _in_turn(lists)
    expected = order[:count] if limit is None else _fitting(
        order, dict(enumerate(costs.tolist())), float(limit)
    )  # fmt: skip
    assert found.indices.tolist() == expected
    assert found.nested
    assert np.isnan(found.gains).all()


def test_a_budget_below_the_number_of_clusters_takes_one_row_of_as_many() -> None:
    labels = np.repeat(np.arange(5), 6)
    values = np.arange(30, dtype=np.float64)

    found = ClusterBand(clusters=5, each=2).select(
        Allowance(np.ones(30, np.bool_), 4), stream(),
        groups=DistanceClustering(labels, np.zeros((5, 2), np.float32)),
        scores=Scores(values, np.zeros(30, np.uint8)),
    )  # fmt: skip

    assert labels[found.indices].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("rows", [40, 400, 1500, 20_000])
def test_rows_are_counted_beforehand_as_clusters_of_very_different_sizes_give_them(
    rows: int,
) -> None:
    sizes = np.random.default_rng(0).exponential(rows / 100, size=(200, 100))
    drawn = sizes / sizes.sum(axis=1, keepdims=True) * rows
    given = np.where(drawn < 10, drawn, np.minimum(drawn / 2, 10)).sum(axis=1)

    assert ClusterBand().expected(rows) == pytest.approx(given.mean(), rel=0.02, abs=1)


# With clusters and scores of rows


def _row(place: int) -> tuple[str, str]:
    """A row near one of four points; every third score is equal to another's."""
    x, y = _CENTRES[place % 4]
    shift = (place % 7) / 8
    return f"r{place} | {x + shift} {y}", f"{(place * 5) % 11 // 2}"


_TEXTS = [_row(place) for place in range(52)]
_VALUE_OF = {f"r{place}": float(_row(place)[1]) for place in range(52)}


def _labels(count: int, known: Sequence[str]) -> dict[str, int]:
    """Clusters by scikit-learn, called as the published code calls it."""
    cluster = pytest.importorskip("sklearn.cluster")
    points = [
        [float(word) for word in _TEXTS[int(name[1:])][0].partition("|")[2].split()]
        for name in known
    ]
    found = cluster.KMeans(n_clusters=count, random_state=0).fit(np.array(points, np.float32))
    return dict(zip(known, found.labels_.tolist(), strict=True))


def _expected(known: Sequence[str], each: int, among: Sequence[str]) -> list[str]:
    """The walk over `among` in clusters of all that are known, both in canonical order."""
    label_of = _labels(4, known)
    lists = [
        _of_one({n: _VALUE_OF[n] for n in among if label_of[n] == label}, each, 0.25, 0.75)
        for label in range(4)
    ]
    return _in_turn(lists)


def _band(**fields: Any) -> ClusterBand:
    given_ones = {"by": PlantedScore(), "vectors": PlantedVectors(), "clusters": 4, "each": 3}
    return ClusterBand(**(given_ones | fields))


@pytest.mark.parametrize(
    ("budget", "count"),
    [(None, 12), (1, 1), (5, 5), ("10%", 5), (
        {"amount": "7%", "of": "eligible", "rounding": "ceil"}, 4), (52, 12)],
)  # fmt: skip
def test_rows_and_shares_are_of_all_clusters(tmp_path: Path, budget: Any, count: int) -> None:
    engine = planted_engine(tmp_path, _TEXTS)
    whole = names(engine)

    found = chosen(engine, _band(budget=budget))

    assert found == _expected(whole, 3, whole)[:count]
    assert len(found) == count


def test_a_budget_in_tokens_passes_over_what_no_longer_fits(tmp_path: Path) -> None:
    texts = [(q, f"{a} {'and more ' * (place % 5)}") for place, (q, a) in enumerate(_TEXTS)]
    engine = planted_engine(tmp_path, texts)
    whole = names(engine)
    counts: Numbers = engine.value(token_counts(""))
    costs = dict(zip(whole, counts["total"].tolist(), strict=True))
    order = _expected(whole, 3, whole)
    spent = np.cumsum([costs[name] for name in order])
    limit = float(spent[5]) + min(costs[name] for name in order[7:])

    found = chosen(engine, _band(budget=f"{int(limit)} tokens"))

    assert found == _fitting(order, costs, int(limit))
    assert 6 < len(found) < len(order)
    assert found != order[: len(found)]


def test_rows_that_are_held_out_are_in_no_cluster_and_no_quantile(tmp_path: Path) -> None:
    samples = [
        Sample(Conversation((Message("user", question), Message("assistant", answer))), "test")
        for question, answer in _TEXTS
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    pool = build_pool([Block(samples, origins)], tmp_path, hold_out=0.3)
    engine = engine_over(tmp_path, pool)
    free = [name for name, out in zip(names(engine), pool.held_out, strict=True) if not out]

    found = chosen(engine, _band())

    assert len(free) < 45
    assert found == _expected(free, 3, free)


def test_another_selection_narrows_the_middles_and_not_the_clusters(tmp_path: Path) -> None:
    tasks = ["even" if place % 2 == 0 else "odd" for place in range(52)]
    engine = planted_engine(tmp_path, _TEXTS, groups=tasks)
    whole = names(engine)
    even = [name for name in whole if int(name[1:]) % 2 == 0]

    found = chosen(engine, _band(within=Where(attribute="task", values=("even",))))

    assert found == _expected(whole, 3, even)


def test_a_quota_takes_turns_within_every_group(tmp_path: Path) -> None:
    tasks = ["some" if place < 30 else "more" for place in range(52)]
    engine = planted_engine(tmp_path, _TEXTS, groups=tasks)
    whole = names(engine)
    groups = {task: [n for n in whole if tasks[int(n[1:])] == task] for task in ("some", "more")}

    found = chosen(engine, Quota(by=_band(), per="task", budgets={"some": 5, "more": 3}))

    for task, count in (("some", 5), ("more", 3)):
        own = [name for name in found if name in groups[task]]
        assert own == _expected(whole, 3, groups[task])[:count]


def test_a_row_without_a_score_is_left_out_with_its_reason(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    texts = [*_TEXTS[:-1], (_TEXTS[-1][0], "none")]
    engine = planted_engine(tmp_path, texts)

    fate = reasons(engine, _band(each=52))

    assert fate["r51"] == Reason.ZERO_DENOMINATOR
    assert set(fate.values()) == {Reason.OK, Reason.ZERO_DENOMINATOR}


def test_it_keeps_the_contract() -> None:
    pytest.importorskip("sklearn")
    check_component(ClusterBand(by="longest_response", clusters=3, each=2))
