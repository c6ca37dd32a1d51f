import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from assay.samples import FloatArray
from assay.solvers.arrays import Candidates
from assay.solvers.k_center import k_center

# Small whole numbers: copies, zero rows, multiples and exact ties are common.
POOLS = st.integers(1, 14).flatmap(
    lambda rows: arrays(np.int8, (rows, 3), elements=st.integers(-2, 2))
)
# Rounding to 2**-20 may swap rows whose distances differ by less.
TOLERANCE = 3e-6


def distances(pool: NDArray[np.int8]) -> FloatArray:
    vectors = pool.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1)
    is_zero = norms == 0
    unit = vectors / np.where(is_zero, 1.0, norms)[:, None]
    result: FloatArray = 1.0 - unit @ unit.T
    result[np.ix_(is_zero, is_zero)] = 0.0
    return result


@given(POOLS, st.integers(1, 20))
def test_every_pick_is_a_farthest_row_and_gains_its_distance(
    pool: NDArray[np.int8], count: int
) -> None:
    between = distances(pool)
    selection = k_center(pool.astype(np.float32), Candidates(count), fill=True)
    assert len(selection.indices) == min(count, len(pool))
    for place in range(1, len(selection.indices)):
        nearest = between[:, selection.indices[:place]].min(axis=1)
        assert nearest[selection.indices[place]] >= nearest.max() - TOLERANCE
        assert abs(selection.gains[place] - nearest[selection.indices[place]]) <= TOLERANCE


@given(POOLS, st.integers(0, 14))
def test_without_fill_only_gains_above_zero_are_kept(pool: NDArray[np.int8], count: int) -> None:
    vectors = pool.astype(np.float32)
    count = min(count, len(pool) - 1)
    selection = k_center(vectors, Candidates(count))
    assert (selection.gains[1:] > 0).all()
    nearest = distances(pool)[:, selection.indices].min(axis=1, initial=2.0)
    left = np.setdiff1d(np.arange(len(pool)), selection.indices)
    assert (selection.stop == "no_gain") == (
        len(selection.indices) < count and bool((nearest[left] < TOLERANCE).all())
    )


@given(POOLS, st.integers(0, 14), st.integers(0, 14))
def test_a_smaller_count_gives_a_prefix(pool: NDArray[np.int8], one: int, other: int) -> None:
    vectors = pool.astype(np.float32)
    longer = k_center(vectors, Candidates(max(one, other)), fill=True).indices
    shorter = k_center(vectors, Candidates(min(one, other)), fill=True).indices
    assert shorter.tolist() == longer[: len(shorter)].tolist()


@given(POOLS, st.integers(0, 14), st.data())
def test_picks_are_allowed_affordable_and_do_not_repeat(
    pool: NDArray[np.int8], count: int, data: st.DataObject
) -> None:
    rows = len(pool)
    allowed = data.draw(arrays(np.bool_, rows))
    costs = data.draw(arrays(np.int64, rows, elements=st.integers(0, 9))).astype(np.float64)
    limit = float(data.draw(st.integers(0, 40)))
    selection = k_center(
        pool.astype(np.float32),
        Candidates(count, allowed=allowed, costs=costs, limit=limit),
        fill=True,
    )
    chosen = selection.indices
    assert len(np.unique(chosen)) == len(chosen) <= count
    assert allowed[chosen].all()
    assert costs[chosen].sum() <= limit
    left = np.setdiff1d(np.flatnonzero(allowed), chosen)
    affordable = costs[left] <= limit - costs[chosen].sum()
    assert len(chosen) == count or not affordable.any()


@given(POOLS, st.integers(1, 14), st.data())
def test_a_row_outside_the_allowed_ones_changes_nothing(
    pool: NDArray[np.int8], count: int, data: st.DataObject
) -> None:
    allowed = data.draw(arrays(np.bool_, len(pool)))
    vectors = pool.astype(np.float32)
    whole = k_center(vectors, Candidates(count, allowed=allowed)).indices
    alone = k_center(vectors[allowed], Candidates(count)).indices
    assert whole.tolist() == np.flatnonzero(allowed)[alone].tolist()


@settings(derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.integers(1, 60))
def test_the_order_of_the_rows_does_not_matter(seed: int, rows: int, count: int) -> None:
    generator = np.random.Generator(np.random.Philox(seed))
    vectors = generator.standard_normal((rows, 6))
    order = generator.permutation(rows)
    picks = k_center(vectors, Candidates(count)).indices
    assert order[k_center(vectors[order], Candidates(count)).indices].tolist() == picks.tolist()
