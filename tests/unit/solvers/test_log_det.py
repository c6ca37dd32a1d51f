import itertools
import os
import subprocess
import sys
from typing import Literal

import numpy as np
import pytest

from assay.errors import NonFiniteError
from assay.samples import FloatArray
from assay.solvers import log_det as module
from assay.solvers.arrays import Candidates
from assay.solvers.log_det import LogDetOptions, log_det, median_distance

KERNELS: tuple[Literal["cosine", "rbf"], ...] = ("cosine", "rbf")
# Gains are compared in steps of 2**-20; the oracle calls nearer ones equal, too.
NEAR = 2e-6


def random_vectors(rows: int, width: int, seed: int = 0) -> FloatArray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal((rows, width))


def kernel_matrix(vectors: FloatArray, options: LogDetOptions) -> FloatArray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if options.kernel == "cosine":
        matrix = unit @ unit.T
    else:
        squared = ((unit[:, None] - unit[None]) ** 2).sum(axis=2)
        matrix = np.exp(-squared / (2 * options.bandwidth**2))
    matrix = matrix + options.ridge * np.eye(len(vectors))
    quality = np.ones(len(vectors)) if options.quality is None else options.quality
    weighted: FloatArray = matrix * np.outer(quality, quality)
    return weighted


def brute_force(
    vectors: FloatArray, count: int, options: LogDetOptions
) -> tuple[list[int], list[float]]:
    """Compute the determinant anew for every row that could come next."""
    matrix = kernel_matrix(vectors, options)
    picks: list[int] = []
    gains: list[float] = []
    for _ in range(count):
        values = np.full(len(vectors), -np.inf)
        for row in set(range(len(vectors))) - set(picks):
            chosen = [*picks, row]
            values[row] = np.linalg.slogdet(matrix[np.ix_(chosen, chosen)])[1]
        picks.append(int(np.flatnonzero(values >= values.max() - NEAR)[0]))
        gains.append(float(values[picks[-1]]) - sum(gains))
    return picks, gains


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("with_quality", [False, True])
def test_picks_and_gains_are_those_of_the_determinants(
    kernel: Literal["cosine", "rbf"], with_quality: bool
) -> None:
    vectors = random_vectors(40, 8)
    quality = np.random.Generator(np.random.Philox(1)).uniform(0.2, 1.0, 40)
    options = LogDetOptions(kernel=kernel, bandwidth=0.8, quality=quality if with_quality else None)
    picks, gains = brute_force(vectors, 39, options)

    found = log_det(vectors, Candidates(39), options=options)

    assert found.indices.tolist() == picks
    assert found.gains.tolist() == pytest.approx(gains, abs=1e-6)
    assert (found.stop, found.nested) == ("budget", True)


@pytest.mark.parametrize("kernel", KERNELS)
def test_small_rounds_change_nothing(
    kernel: Literal["cosine", "rbf"], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = random_vectors(900, 16) + 0.4
    options = LogDetOptions(kernel=kernel)
    whole = log_det(vectors, Candidates(120), options=options)
    monkeypatch.setattr(module, "_CANDIDATES", 8)
    monkeypatch.setattr(module, "_ENOUGH", 2)
    monkeypatch.setattr(module, "_UPDATES_PER_ROUND", 64)

    small = log_det(vectors, Candidates(120), options=options)

    assert small.indices.tolist() == whole.indices.tolist()
    assert small.gains.tolist() == whole.gains.tolist()


def test_every_pick_of_a_larger_pool_is_a_best_one_by_the_textbook_cholesky() -> None:
    vectors = random_vectors(3000, 24) + 0.2
    found = log_det(vectors, Candidates(200))
    matrix = kernel_matrix(vectors, LogDetOptions())
    residual, factors = matrix.diagonal().copy(), np.empty((0, 3000))

    for row, gain in zip(found.indices.tolist(), found.gains.tolist(), strict=True):
        assert np.log(residual[row]) >= np.log(residual.max()) - 1e-5
        assert np.log(residual[row]) == pytest.approx(gain, abs=1e-5)
        factor = (matrix[row] - factors[:, row] @ factors) / np.sqrt(residual[row])
        factors = np.vstack([factors, factor])
        residual = residual - factor**2
        residual[row] = 0.0


def test_two_rows_by_hand() -> None:
    # det [[1.5, 0.6], [0.6, 1.5]] = 1.89; the third row is at right angles: 1.5 * 1.5.
    vectors = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 2.0]])

    found = log_det(vectors, Candidates(3), options=LogDetOptions(ridge=0.5))

    assert found.indices.tolist() == [0, 2, 1]
    assert found.gains.tolist() == pytest.approx(np.log([1.5, 1.5, 1.89 / 1.5]), abs=2e-6)
    assert found.gain_unit == "log determinant"


def test_the_width_of_rbf_by_hand() -> None:
    # |x - y|^2 = 2, so k = exp(-1 / bandwidth^2) = exp(-4).
    options = LogDetOptions(kernel="rbf", bandwidth=0.5, ridge=0.0)

    found = log_det(np.eye(2), Candidates(2), options=options)

    assert found.gains.tolist() == pytest.approx([0.0, np.log(1 - np.exp(-8))], abs=2e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_copies_come_last_and_gain_about_twice_the_ridge(
    kernel: Literal["cosine", "rbf"],
) -> None:
    vectors = np.repeat(random_vectors(6, 8), 3, axis=0)

    found = log_det(vectors, Candidates(7), options=LogDetOptions(kernel=kernel, bandwidth=0.3))

    assert sorted(found.indices[:6].tolist()) == [0, 3, 6, 9, 12, 15]
    assert found.gains[6] == pytest.approx(np.log(2e-3), abs=0.01)


@pytest.mark.parametrize(("kernel", "distinct"), [("cosine", 4), ("rbf", 9)])
def test_without_a_ridge_it_ends_when_nothing_new_is_left(
    kernel: Literal["cosine", "rbf"], distinct: int
) -> None:
    # Nine directions in four dimensions, two rows each.
    vectors = np.repeat(random_vectors(9, 4), 2, axis=0)
    options = LogDetOptions(kernel=kernel, ridge=0.0, bandwidth=0.5)

    found = log_det(vectors, Candidates(12), options=options)

    assert len(found.indices) == distinct
    assert found.stop == "no_gain"
    assert len({row // 2 for row in found.indices.tolist()}) == distinct


def test_filling_goes_by_quality_then_row() -> None:
    quality = np.array([0.5, 0.5, 0.9, 0.2, 0.9])
    options = LogDetOptions(ridge=0.0, quality=quality, fill=True)

    found = log_det(np.ones((5, 3)), Candidates(4), options=options)

    assert found.indices.tolist() == [2, 4, 0, 1]
    assert np.isnan(found.gains[1:]).all()
    assert found.stop == "budget"


def test_as_many_as_there_are_is_all_of_them() -> None:
    found = log_det(np.ones((5, 3)), Candidates(9), options=LogDetOptions(ridge=0.0))

    assert found.indices.tolist() == [0, 1, 2, 3, 4]
    assert found.stop == "exhausted"


@pytest.mark.parametrize("kernel", KERNELS)
def test_zero_rows_are_like_nothing_but_each_other(kernel: Literal["cosine", "rbf"]) -> None:
    vectors = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    found = log_det(vectors, Candidates(4), options=LogDetOptions(kernel=kernel, bandwidth=0.4))

    assert np.isfinite(found.gains).all()
    expected = {"cosine": [2, 3, 0, 1], "rbf": [0, 2, 3, 1]}
    assert found.indices.tolist() == expected[kernel]


@pytest.mark.parametrize("kernel", KERNELS)
def test_continuing_from_a_start_is_going_on(kernel: Literal["cosine", "rbf"]) -> None:
    vectors = random_vectors(120, 10)
    whole = log_det(vectors, Candidates(40), options=LogDetOptions(kernel=kernel))
    options = LogDetOptions(kernel=kernel)

    rest = log_det(vectors, Candidates(40, start=whole.indices[:15]), options=options)

    assert rest.indices.tolist() == whole.indices.tolist()
    assert np.isnan(rest.gains[:15]).all()
    assert rest.gains[15:].tolist() == whole.gains[15:].tolist()


def test_a_copy_in_the_start_does_no_harm() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    candidates = Candidates(3, start=np.array([0, 1]))

    found = log_det(vectors, candidates, options=LogDetOptions(ridge=0.0))

    assert found.indices.tolist() == [0, 1, 2]


def test_rows_that_are_not_allowed_change_nothing() -> None:
    vectors = random_vectors(90, 6)
    allowed = np.arange(90) % 3 > 0
    alone = log_det(vectors[allowed], Candidates(30))

    found = log_det(np.where(allowed[:, None], vectors, np.nan), Candidates(30, allowed=allowed))

    assert found.indices.tolist() == np.flatnonzero(allowed)[alone.indices].tolist()


def test_costs_are_kept_and_rows_that_fit_no_more_passed_over() -> None:
    vectors = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    costs = np.array([2.0, 5.0, 1.0, 2.0])

    found = log_det(vectors, Candidates(4, costs=costs, limit=5.0))

    # r0; r1 would cost 5 more; r3 is at right angles; r2 is what still fits.
    assert found.indices.tolist() == [0, 3, 2]
    assert found.stop == "budget"


def test_prefixes_are_the_answers_to_smaller_budgets() -> None:
    vectors = random_vectors(150, 9)
    whole = log_det(vectors, Candidates(100))

    for count in (0, 1, 50):
        assert (
            log_det(vectors, Candidates(count)).indices.tolist() == whole.indices[:count].tolist()
        )


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_order_of_the_rows_does_not_matter(kernel: Literal["cosine", "rbf"]) -> None:
    vectors = random_vectors(400, 12)
    quality = np.random.Generator(np.random.Philox(3)).uniform(0.5, 1.0, 400)
    order = np.random.Generator(np.random.Philox(9)).permutation(400)
    straight = log_det(
        vectors, Candidates(90), options=LogDetOptions(kernel=kernel, quality=quality)
    )

    turned = log_det(
        vectors[order], Candidates(90), options=LogDetOptions(kernel=kernel, quality=quality[order])
    )

    assert order[turned.indices].tolist() == straight.indices.tolist()
    assert turned.gains.tolist() == straight.gains.tolist()


_PROGRAM = """
import hashlib, numpy as np
from assay.solvers.arrays import Candidates
from assay.solvers.log_det import LogDetOptions, log_det
vectors = np.random.Generator(np.random.Philox(3)).standard_normal((2500, 48)) + 0.3
options = [LogDetOptions(kernel=kernel) for kernel in ("cosine", "rbf")]
found = [log_det(vectors, Candidates(60), options=each) for each in options]
print(hashlib.sha256(b"".join(f.indices.tobytes() + f.gains.tobytes() for f in found)).hexdigest())
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


def test_the_median_distance_is_that_of_all_pairs() -> None:
    vectors = random_vectors(41, 5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = itertools.combinations(range(41), 2)
    distances = [float(np.linalg.norm(unit[a] - unit[b])) for a, b in pairs]

    found = median_distance(vectors, np.random.Generator(np.random.Philox(0)))

    assert found == pytest.approx(float(np.median(distances)), abs=1e-5)


def test_the_median_distance_of_a_sample_is_near_that_of_all() -> None:
    vectors = random_vectors(3000, 8)
    generators = [np.random.Generator(np.random.Philox(seed)) for seed in (0, 0, 1)]

    first, again, other = (median_distance(vectors, generator) for generator in generators)

    assert first == again != other
    assert first == pytest.approx(np.sqrt(2), abs=0.03)


def test_equal_rows_have_a_width_all_the_same() -> None:
    generator = np.random.Generator(np.random.Philox(0))

    assert median_distance(np.ones((5, 2)), generator) == 1.0
    assert median_distance(np.ones((1, 2)), generator) == 1.0


@pytest.mark.parametrize("rows", [0, 1])
def test_tiny_pools_are_no_error(rows: int) -> None:
    assert log_det(np.ones((rows, 3)), Candidates(2)).indices.tolist() == list(range(rows))


def test_senseless_options_are_refused() -> None:
    vectors = np.ones((3, 2))
    with pytest.raises(ValueError, match="ridge"):
        log_det(vectors, Candidates(1), options=LogDetOptions(ridge=-1.0))
    with pytest.raises(ValueError, match="bandwidth"):
        log_det(vectors, Candidates(1), options=LogDetOptions(kernel="rbf", bandwidth=0.0))
    with pytest.raises(ValueError, match="above 0"):
        log_det(vectors, Candidates(1), options=LogDetOptions(quality=np.array([1.0, 0.0, 1.0])))
    with pytest.raises(NonFiniteError, match="rows 1"):
        log_det(np.array([[1.0], [np.inf]]), Candidates(1))


def test_without_quality_the_lowest_row_opens() -> None:
    for seed in range(5):
        assert log_det(random_vectors(20, 6, seed), Candidates(1)).indices.tolist() == [0]


def test_beyond_the_rank_a_copy_is_no_worse_than_a_row_of_its_own() -> None:
    # Row 2 is a copy of row 0; row 3 is none, but two rows span the plane already.
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])

    found = log_det(vectors, Candidates(4), options=LogDetOptions(ridge=1e-3))

    assert found.indices.tolist() == [0, 1, 2, 3]
    assert found.gains[2:].tolist() == pytest.approx([np.log(2e-3)] * 2, abs=0.5)


def test_within_the_rank_copies_come_after_every_new_direction() -> None:
    vectors = np.vstack([np.eye(6)[[0, 0, 0]], random_vectors(4, 6, 2)])

    found = log_det(vectors, Candidates(7), options=LogDetOptions(ridge=1e-3))

    assert sorted(found.indices[:5].tolist()) == [0, 3, 4, 5, 6]
    assert found.gains[5:].tolist() == pytest.approx([np.log(2e-3)] * 2, abs=0.6)
