import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import NonFiniteError
from assay.progress import SILENT
from assay.samples import FloatArray
from assay.solvers import graph_cut as module
from assay.solvers.arrays import Candidates
from assay.solvers.graph_cut import graph_cut, graph_cut_order
from assay.solvers.similarity import exact_unit_vectors

# Sixteen rows of the plane: "r0" to "r15", two of each direction.
PLANE = np.array([[3, 4], [4, 3], [1, 0], [0, 1], [-3, 4], [-1, 0], [0, -1], [4, -3]] * 2)


def random_vectors(rows: int, width: int, seed: int = 0) -> FloatArray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal((rows, width))


def clustered(rows: int, width: int, seed: int = 0) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(seed))
    centers = random_vectors(30, width, seed + 1) + 0.7
    noise = generator.standard_normal((rows, width)) * generator.uniform(0.2, 1.5, (rows, 1))
    return centers[generator.integers(0, 30, rows)] + noise


def corners(rows: int) -> NDArray[np.int64]:
    """Rows of eight signs: copies and exactly equal gains are everywhere."""
    return np.random.Generator(np.random.Philox(5)).integers(0, 2, (rows, 8)) * 2 - 1


def naive(vectors: FloatArray, count: int, *, trade_off: float = 1.0) -> list[int]:
    """All similarities at once, float64, one row of the matrix per pick; no two gains are near."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities = unit @ unit.T
    gains = trade_off * similarities.sum(axis=1)
    picks: list[int] = []
    while len(picks) < count:
        picks.append(int(gains.argmax()))
        gains -= 2 * similarities[picks[-1]]
        gains[picks[-1]] = -np.inf
    return picks


def exact_naive(vectors: NDArray[np.generic], picks: int) -> list[int]:
    """The same by whole numbers on the grid of 2**-26: no rounding, ties to the lowest row."""
    unit = exact_unit_vectors(vectors.astype(np.float32)).astype(np.float64)
    whole = np.rint(unit * 2**26).astype(np.int64).astype(object)
    left, chosen = list(range(len(whole))), []
    pull = whole.sum(axis=0)
    for _ in range(picks):
        gains = [int(whole[row] @ pull) for row in left]
        chosen.append(left.pop(gains.index(max(gains))))
        pull = pull - 2 * whole[chosen[-1]]
    return chosen


def distance_gains(unit: FloatArray, chosen: list[int]) -> FloatArray:
    """The paper's P(x): squared distances to the rows chosen minus those to all others."""
    squared = ((unit[:, None] - unit[None]) ** 2).sum(axis=2)
    is_chosen = np.zeros(len(unit), dtype=np.bool_)
    is_chosen[chosen] = True
    gains: FloatArray = squared[:, is_chosen].sum(axis=1) - squared[:, ~is_chosen].sum(axis=1)
    gains[is_chosen] = -np.inf
    return gains


def small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every round end early, so that bounds decide and not the size of the pool."""
    levels = (module._Level(16, 8, 8), module._Level(8, 4, 4))
    monkeypatch.setattr(module, "_LEVELS", levels)
    monkeypatch.setattr(module, "_LOOK_AHEAD", 3)
    monkeypatch.setattr(module, "_KNOWN_VALUES", 64)


@pytest.mark.parametrize("trade_off", [0.0, 0.3, 1.0, 5.0])
def test_picks_are_those_of_the_full_matrix(trade_off: float) -> None:
    vectors = clustered(400, 12)

    found = graph_cut(vectors, Candidates(400), trade_off=trade_off).indices.tolist()

    assert found == naive(vectors, 400, trade_off=trade_off)


@pytest.mark.parametrize("seed", range(3))
def test_short_rounds_change_no_pick(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_rounds(monkeypatch)
    vectors = clustered(700, 16, seed)

    assert graph_cut(vectors, Candidates(700)).indices.tolist() == naive(vectors, 700)


def test_a_pool_larger_than_a_round_gives_the_same_picks() -> None:
    vectors = clustered(6000, 24)

    assert graph_cut(vectors, Candidates(1500)).indices.tolist() == naive(vectors, 1500)


@pytest.mark.parametrize("short", [False, True])
def test_exact_ties_and_copies_go_to_the_lowest_row(
    short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if short:
        small_rounds(monkeypatch)
    vectors = corners(200)

    assert graph_cut(vectors.astype(np.float32), Candidates(200)).indices.tolist() == exact_naive(
        vectors, 200
    )


@pytest.mark.parametrize("seed", range(3))
def test_rows_off_the_mean_rise_while_a_round_lasts(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_rounds(monkeypatch)
    # Copies of five rows make the mean; a pick among them leaves the gains of the others alone.
    across = np.hstack([np.zeros((200, 1)), random_vectors(200, 10, seed)])
    core = np.eye(11)[0] + 0.001 * random_vectors(5, 11, seed)
    vectors = np.concatenate([np.repeat(core, 12, axis=0), across])

    assert graph_cut(vectors, Candidates(200)).indices.tolist() == exact_naive(vectors, 200)


def test_half_the_gain_of_the_papers_distances_up_to_a_constant() -> None:
    vectors = clustered(60, 8)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = graph_cut(vectors, Candidates(40))

    for place in range(40):
        chosen = found.indices[:place].tolist()
        gains = distance_gains(unit, chosen)
        pick = int(found.indices[place])
        assert pick == int(gains.argmax())
        # With |x| = 1: P(x) = 2 gain(x) + 4 |S| - 2 n.
        assert gains[pick] == pytest.approx(2 * found.gains[place] + 4 * place - 120, abs=1e-4)


def test_gains_may_be_negative_and_do_not_stop_the_greedy() -> None:
    found = graph_cut(clustered(50, 6), Candidates(50))

    assert found.stop == "exhausted"
    assert len(found.indices) == 50
    assert found.gains[0] > 0 > found.gains[-1]


def test_three_rows_by_hand() -> None:
    # Sums of cosines with all: 1.6, 2.4, 1.8. Then r0: 1.6 - 1.2, r2: 1.8 - 1.6.
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])

    found = graph_cut(vectors, Candidates(3))

    assert found.indices.tolist() == [1, 0, 2]
    assert found.gains.tolist() == pytest.approx([2.4, 0.4, 0.2], abs=1e-6)
    assert found.gain_unit == "similarity"


def test_a_start_counts_is_left_out_of_gains_and_pushes_away() -> None:
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])

    found = graph_cut(vectors, Candidates(2, start=np.array([1])))

    assert found.indices.tolist() == [1, 0]
    assert found.gains.tolist() == pytest.approx([np.nan, 0.4], abs=1e-6, nan_ok=True)


def test_continuing_from_a_start_is_going_on() -> None:
    vectors = clustered(300, 10)
    whole = graph_cut(vectors, Candidates(80))

    rest = graph_cut(vectors, Candidates(80, start=whole.indices[:30]))

    assert rest.indices.tolist() == whole.indices.tolist()
    assert rest.gains[30:].tolist() == whole.gains[30:].tolist()


def test_rows_that_are_not_allowed_change_nothing() -> None:
    vectors = clustered(300, 10)
    allowed = np.arange(300) % 3 > 0
    alone = graph_cut(vectors[allowed], Candidates(50))

    found = graph_cut(np.where(allowed[:, None], vectors, np.nan), Candidates(50, allowed=allowed))

    assert found.indices.tolist() == np.flatnonzero(allowed)[alone.indices].tolist()
    assert found.gains.tolist() == alone.gains.tolist()


@pytest.mark.parametrize("limit", [0.0, 7.0, 60.0, 1e9])
def test_a_row_that_no_longer_fits_is_passed_over(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_rounds(monkeypatch)
    vectors = np.concatenate([clustered(120, 6), clustered(40, 6)])
    costs = np.random.Generator(np.random.Philox(2)).integers(1, 9, 160).astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    # Forty rows come twice at different costs; of equal ones the lowest that fits is taken.
    gains, left = unit @ unit.sum(axis=0), limit
    expected: list[int] = []
    while True:
        open_ = (costs <= left) & ~np.isin(np.arange(160), expected)
        if not open_.any():
            break
        near = open_ & (gains >= gains[open_].max() - 1e-9)
        expected.append(int(np.flatnonzero(near)[0]))
        gains -= 2 * (unit @ unit[expected[-1]])
        left -= costs[expected[-1]]

    found = graph_cut(vectors, Candidates(160, costs=costs, limit=limit))

    assert found.indices.tolist() == expected
    assert found.stop == ("exhausted" if limit > 1e6 else "budget")


def test_prefixes_are_the_answers_to_smaller_budgets() -> None:
    vectors = clustered(200, 8)
    whole = graph_cut(vectors, Candidates(150))

    for count in (0, 1, 17, 149):
        part = graph_cut(vectors, Candidates(count))
        assert part.indices.tolist() == whole.indices[:count].tolist()
        assert part.gains.tolist() == whole.gains[:count].tolist()
        assert (part.nested, part.stop) == (True, "budget")


def test_the_order_of_the_rows_does_not_matter() -> None:
    vectors = clustered(900, 16)
    order = np.random.Generator(np.random.Philox(9)).permutation(900)

    turned = graph_cut(vectors[order], Candidates(300))

    assert order[turned.indices].tolist() == graph_cut(vectors, Candidates(300)).indices.tolist()


def test_equal_rows_are_all_taken_from_the_lowest_on() -> None:
    found = graph_cut(np.ones((40, 3)), Candidates(40))

    assert found.indices.tolist() == list(range(40))
    assert found.gains[:2].tolist() == pytest.approx([40.0, 38.0], abs=1e-5)


def test_zero_rows_gain_nothing_and_are_never_nan() -> None:
    vectors = np.concatenate([np.zeros((2, 2)), [[1.0, 0.0], [-1.0, 0.0]]])

    found = graph_cut(vectors, Candidates(4))

    # The sum of all is zero, so that every gain is 0; after r0 and r1 nothing has changed.
    assert found.indices.tolist() == [0, 1, 2, 3]
    assert found.gains.tolist() == [0.0, 0.0, 0.0, 2.0]


@pytest.mark.parametrize("rows", [0, 1])
def test_tiny_pools_are_no_error(rows: int) -> None:
    found = graph_cut(np.ones((rows, 3)), Candidates(5))

    assert found.indices.tolist() == list(range(rows))
    assert found.stop == "exhausted"


def test_rows_with_nan_are_refused() -> None:
    vectors = clustered(20, 4)
    vectors[7, 2] = np.nan

    with pytest.raises(NonFiniteError, match="rows 7"):
        graph_cut(vectors, Candidates(3))


@pytest.mark.parametrize("trade_off", [-1.0, np.nan, np.inf])
def test_a_senseless_trade_off_is_refused(trade_off: float) -> None:
    with pytest.raises(ValueError, match="trade_off"):
        graph_cut(np.ones((3, 2)), Candidates(1), trade_off=trade_off)


def test_the_order_alone_is_that_of_the_selection() -> None:
    vectors = PLANE.astype(np.float64)

    with SILENT.task("graph cut", 16) as task:
        order = graph_cut_order(exact_unit_vectors(vectors), 16, task)

    assert order.tolist() == graph_cut(vectors, Candidates(16)).indices.tolist()
    assert order.tolist() == exact_naive(PLANE, 16)


_PROGRAM = """
import hashlib, numpy as np
from assay.solvers.arrays import Candidates
from assay.solvers.graph_cut import graph_cut
generator = np.random.Generator(np.random.Philox(3))
vectors = np.repeat(generator.standard_normal((1500, 48)) + 0.3, 2, axis=0)
found = graph_cut(vectors, Candidates(2500))
print(hashlib.sha256(found.indices.tobytes() + found.gains.tobytes()).hexdigest())
"""


def test_the_number_of_threads_changes_no_byte() -> None:
    digests = set()
    for threads in ("1", "2"):
        variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env=os.environ | variables, capture_output=True, text=True, check=True,
        )  # fmt: skip
        digests.add(done.stdout.strip())

    assert len(digests) == 1
    assert len(digests.pop()) == hashlib.sha256().digest_size * 2
