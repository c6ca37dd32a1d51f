import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.samples import FloatArray
from assay.solvers.arrays import Candidates
from assay.solvers.facility_dense import facility_location_dense
from assay.solvers.facility_sparse import facility_location_sparse
from assay.solvers.greedy import FacilityLocationOptions, FacilityLocationResult
from assay.solvers.nearest import nearest_neighbors

UNITS = 2**20


@st.composite
def pools(draw: st.DrawFn, most: int = 12) -> FloatArray:
    """Small integers make exact ties and copies; real numbers make neither."""
    rows, width = draw(st.integers(1, most)), draw(st.integers(1, 4))
    generator = np.random.Generator(np.random.Philox(draw(st.integers(0, 2**32))))
    if draw(st.booleans()):
        return generator.integers(-2, 3, (rows, width)).astype(np.float64)
    return generator.standard_normal((rows, width))


def similarity_units(vectors: FloatArray) -> NDArray[np.int64]:
    """Clipped cosines in whole units, zero rows similar to nothing."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return np.rint(np.clip(unit @ unit.T, 0, 1) * UNITS).astype(np.int64)


def covered(units: NDArray[np.int64], rows: tuple[int, ...]) -> int:
    return int(units[:, rows].max(axis=1).sum()) if rows else 0


def naive_greedy(units: NDArray[np.int64], count: int) -> list[int]:
    """Try every row at every step, by whole numbers, and take the lowest of the best."""
    picks: list[int] = []
    while len(picks) < count:
        now = covered(units, tuple(picks))
        gains = [
            -1 if row in picks else covered(units, (*picks, row)) - now for row in range(len(units))
        ]
        if max(gains) <= 0:
            break
        picks.append(gains.index(max(gains)))
    return picks


def solve_sparse(vectors: FloatArray, count: int) -> FacilityLocationResult:
    return facility_location_sparse(nearest_neighbors(vectors, len(vectors)), Candidates(count))


@given(pools(), st.integers(0, 11))
def test_dense_picks_are_those_of_the_naive_greedy(vectors: FloatArray, count: int) -> None:
    wanted = min(count, len(vectors) - 1)
    expected = naive_greedy(similarity_units(vectors), wanted)

    assert (
        facility_location_dense(vectors, Candidates(wanted)).selection.indices.tolist() == expected
    )


@given(pools(), st.integers(0, 11))
def test_sparse_picks_with_all_neighbours_are_those_of_the_dense(
    vectors: FloatArray, count: int
) -> None:
    dense = facility_location_dense(vectors, Candidates(count))
    sparse = solve_sparse(vectors, count)

    assert sparse.selection.indices.tolist() == dense.selection.indices.tolist()
    assert sparse.selection.gains.tolist() == dense.selection.gains.tolist()
    assert sparse.selection.stop == dense.selection.stop
    assert sparse.objective == dense.objective


@settings(max_examples=60)
@given(pools(most=9), st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.8]))
def test_objective_is_at_least_63_per_cent_of_the_optimum(
    vectors: FloatArray, count: int, trade_off: float
) -> None:
    size = min(count, len(vectors))
    units = similarity_units(vectors)
    quality = np.linspace(0, 1, len(vectors))
    options = FacilityLocationOptions(quality=quality, trade_off=trade_off, balance="rows")
    best = max(
        (1 - trade_off) * covered(units, rows) / UNITS / len(vectors)
        + trade_off * quality[list(rows)].sum()
        for rows in itertools.combinations(range(len(vectors)), size)
    )

    result = facility_location_dense(vectors, Candidates(size), options=options)

    # Each similarity is rounded, so neither bound holds to the last digit.
    assert (1 - 1 / np.e) * best - 1e-5 <= result.objective <= best + 1e-5


@given(pools(most=40), st.integers(0, 30), st.integers(0, 30))
def test_a_smaller_count_gives_a_prefix(vectors: FloatArray, count: int, more: int) -> None:
    few = min(count, len(vectors) - 1)
    neighbors = nearest_neighbors(vectors, 5)

    shorter = facility_location_sparse(neighbors, Candidates(few)).selection
    longer = facility_location_sparse(neighbors, Candidates(few + more)).selection

    assert longer.indices[: len(shorter.indices)].tolist() == shorter.indices.tolist()
    assert longer.gains[: len(shorter.gains)].tolist() == shorter.gains.tolist()


@given(pools(most=40), st.integers(1, 40), st.data())
def test_picks_do_not_repeat_and_costs_stay_within_the_limit(
    vectors: FloatArray, count: int, data: st.DataObject
) -> None:
    costs = np.array(data.draw(st.lists(st.integers(0, 9), min_size=40)), dtype=np.float64)
    candidates = Candidates(count, costs=costs[: len(vectors)], limit=20.0)
    options = FacilityLocationOptions(fill=True)

    picks = facility_location_dense(vectors, candidates, options=options).selection.indices

    assert len(np.unique(picks)) == len(picks) <= count
    assert costs[picks].sum() <= 20


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_shuffled_rows_give_the_same_picks_unless_they_tie(seed: int, count: int) -> None:
    generator = np.random.Generator(np.random.Philox(seed))
    vectors, order = generator.standard_normal((30, 5)), generator.permutation(30)
    # Two rows that are nearest to each other often gain the same; quality tells them apart.
    quality = generator.random(30)
    options = FacilityLocationOptions(quality=quality, trade_off=0.1)
    reordered = FacilityLocationOptions(quality=quality[order], trade_off=0.1)
    neighbors = nearest_neighbors(vectors, 10), nearest_neighbors(vectors[order], 10)

    dense = facility_location_dense(vectors, Candidates(count), options=options)
    shuffled = facility_location_dense(vectors[order], Candidates(count), options=reordered)
    sparse = facility_location_sparse(neighbors[0], Candidates(count), options=options)
    shuffled_sparse = facility_location_sparse(neighbors[1], Candidates(count), options=reordered)

    assert order[shuffled.selection.indices].tolist() == dense.selection.indices.tolist()
    assert order[shuffled_sparse.selection.indices].tolist() == sparse.selection.indices.tolist()


@given(pools(most=30), st.integers(1, 8))
def test_going_on_from_a_start_gives_what_one_run_gives(vectors: FloatArray, count: int) -> None:
    few = min(count, len(vectors) - 1)
    whole = facility_location_dense(vectors, Candidates(few)).selection.indices

    going_on = facility_location_dense(vectors, Candidates(few, start=whole[: len(whole) // 2]))

    assert going_on.selection.indices.tolist() == whole.tolist()
