import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.solvers.arrays import Candidates
from assay.solvers.facility_dense import facility_location_dense
from assay.solvers.facility_sparse import facility_location_sparse
from assay.solvers.nearest import nearest_neighbors

FIXTURE = json.loads(
    (Path(__file__).parent / "fixtures" / "facility_location_libraries.json").read_text()
)
COSINE_RUNS = [name for name in FIXTURE["runs"] if "euclidean" not in name]


def clustered_vectors() -> NDArray[np.float64]:
    made = FIXTURE["vectors"]
    generator = np.random.Generator(np.random.Philox(made["seed"]))
    centers = generator.standard_normal((made["clusters"], made["width"]))
    vectors = centers[generator.integers(0, made["clusters"], made["rows"])]
    vectors = vectors + 0.5 * generator.standard_normal((made["rows"], made["width"]))
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def test_vectors_are_those_the_libraries_were_given() -> None:
    assert np.abs(clustered_vectors()).sum() == pytest.approx(FIXTURE["checksum"], abs=1e-9)


@pytest.mark.parametrize("library", COSINE_RUNS)
def test_dense_picks_and_gains_are_those_of_other_libraries(library: str) -> None:
    expected: dict[str, Any] = FIXTURE["runs"][library]

    selection = facility_location_dense(
        clustered_vectors(), Candidates(len(expected["indices"]))
    ).selection

    assert selection.indices.tolist() == expected["indices"]
    # Each of the 400 similarities is rounded by at most half of 2**-20.
    np.testing.assert_allclose(selection.gains, expected["gains"], atol=2.5e-4)


@pytest.mark.parametrize("library", COSINE_RUNS)
def test_sparse_picks_with_all_neighbours_are_those_of_other_libraries(library: str) -> None:
    expected: dict[str, Any] = FIXTURE["runs"][library]
    neighbors = nearest_neighbors(clustered_vectors(), FIXTURE["vectors"]["rows"] - 1)

    selection = facility_location_sparse(neighbors, Candidates(len(expected["indices"]))).selection

    assert selection.indices.tolist() == expected["indices"]


def test_euclidean_kernel_picks_are_those_of_submodlib() -> None:
    expected = FIXTURE["runs"]["submodlib-py LazyGreedy, euclidean kernel"]

    selection = facility_location_dense(
        clustered_vectors(), Candidates(len(expected["indices"])), kernel="submod-euclidean"
    ).selection

    assert selection.indices.tolist() == expected["indices"]
    np.testing.assert_allclose(selection.gains, expected["gains"], rtol=1e-5, atol=1e-4)
