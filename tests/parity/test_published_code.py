"""Methods against what the authors' own code gave for the same vectors and scores."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.components.budget import Allowance
from assay.features.identity import Identities
from assay.methods.filters.semdedup import SemDeDup
from assay.methods.geometry.dataset_quantization import DatasetQuantization
from assay.methods.geometry.facility_location import FacilityLocation
from assay.methods.geometry.graph_cut import GraphCut
from assay.methods.pipelines.deita_filter import DeitaFilter
from assay.methods.pipelines.superfiltering_diversity import SuperfilteringDiversity
from assay.samples import Selection
from assay.solvers.k_means import Clustering
from assay.solvers.quantization import quantization_bins
from assay.solvers.similarity import at_unit_length, quantised
from assay.testing import matrix, scores

_REFERENCE = Path(__file__).parents[2] / "../shared/data/parity/reference"
_COPIES = {199: 3, 198: 55}
"""Rows of the common matrix that equal a lower one: either may stand for the other."""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not _REFERENCE.is_dir(), reason="needs the reference values of ../shared/data/parity"
    ),
]


def _expected(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_REFERENCE / folder / "expected.json").read_text())
    return found


def _vectors(place: str = "matrices/emb200x32_unit.npy") -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = np.load(_REFERENCE / place)
    return vectors


def _allowance(rows: int, count: int | None) -> Allowance:
    return Allowance(np.ones(rows, np.bool_), count)


def _stream() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(0))


def _without_copies(rows: Any) -> list[int]:
    return sorted(_COPIES.get(row, row) for row in rows)


# Facility location


@pytest.mark.parametrize("greedy", ["NaiveGreedy", "LazyGreedy"])
def test_facility_location_picks_as_submodlib_does(greedy: str) -> None:
    expected = _expected("facility_location")[f"cosine_unit_k20_{greedy}"]

    found = FacilityLocation(coverage="dense").select(
        _allowance(200, 20), _stream(), vectors=matrix(_vectors())
    )

    assert found.indices.tolist() == expected["order"]
    assert found.gains.tolist() == pytest.approx(expected["gains"], abs=1e-4)


def _by_distance(vectors: NDArray[np.float32], count: int) -> Selection:
    """Return what the reference mode chooses when all rows are set apart."""
    method = SuperfilteringDiversity(mode="reference", prefilter_count=len(vectors))
    found: Selection = method.select(
        _allowance(len(vectors), count),
        _stream(),
        quality=scores(np.full(len(vectors), 0.95)),
        vectors=matrix(vectors),
    )
    return found


def _worth(vectors: NDArray[np.float32], chosen: Any) -> float:
    """Return the sum over all rows of exp(-distance / width) to the nearest chosen one."""
    unit = vectors.astype(np.float64)
    distances = np.linalg.norm(unit[:, None] - unit[None, chosen], axis=2)
    return float(np.exp(-distances / vectors.shape[1]).max(axis=1).sum())


@pytest.mark.parametrize(
    ("case", "rows", "count"),
    [("euclidean_unit_k20", 200, 20), ("euclidean_unit_first180_k30", 180, 30)],
)
def test_diversity_of_superfiltering_is_worth_as_much_and_equal_up_to_the_first_tie(
    case: str, rows: int, count: int
) -> None:
    expected = _expected("facility_location")[case]
    vectors = _vectors()[:rows]

    found = _by_distance(vectors, count)

    prefix = expected["tie_free_prefix"]
    assert found.indices[:prefix].tolist() == expected["order"][:prefix]
    assert _worth(vectors, found.indices) == pytest.approx(expected["objective_float64"], abs=1e-6)
    assert found.gains.sum() == pytest.approx(expected["objective_float64"], abs=1e-5)


# Dataset Quantization


def _bins(vectors: NDArray[np.float32], count: int) -> tuple[list[list[int]], set[int]]:
    """Return the rows of each bin, and those that division leaves, which follow in the last."""
    found = quantization_bins(vectors, count)
    whole = found.ranks < found.sizes[found.labels]
    rows = [np.flatnonzero((found.labels == number) & whole) for number in range(count)]
    return [members.tolist() for members in rows], set(np.flatnonzero(~whole).tolist())


@pytest.mark.parametrize("case", ["unit_k5", "unit_k7_leftover"])
def test_bins_hold_the_rows_of_the_published_ones(case: str) -> None:
    expected = _expected("dataset_quantization")[case]

    bins, left = _bins(_vectors(), expected["k"])

    assert list(map(_without_copies, bins)) == list(map(_without_copies, expected["bins"]))
    assert left == set(expected["left_out"])


@pytest.mark.parametrize("case", ["unit_k5", "unit_k7_leftover"])
def test_the_reference_mode_draws_as_many_rows_of_every_bin_as_the_published_code(
    case: str,
) -> None:
    expected = _expected("dataset_quantization")[case]
    theirs = [len(set(rows) & set(expected["sampled_in_order"])) for rows in expected["bins"]]
    everything: Any = SimpleNamespace(positions=np.arange(200))

    found = DatasetQuantization(mode="reference", bins=expected["k"]).select(
        _allowance(200, int(200 * expected["ratio"])),
        _stream(),
        vectors=matrix(_vectors()),
        rows=everything,
        bins=quantization_bins(_vectors(), expected["k"]),
        identity=Identities(np.arange(200, dtype=np.uint64)),
    )

    chosen = found.indices.tolist()
    ours = [len(set(rows) & set(chosen)) for rows in _bins(_vectors(), expected["k"])[0]]
    assert ours == theirs
    assert len(chosen) == len(expected["sampled_in_order"])
    assert not set(chosen) & set(expected["left_out"])


def test_without_unit_length_the_published_bins_are_others() -> None:
    expected = _expected("dataset_quantization")["raw_k5_unnormalised"]

    bins, _ = _bins(_vectors("matrices/emb200x32.npy"), 5)

    assert bins != expected["bins"]
    assert bins == _bins(_vectors(), 5)[0]


def test_the_first_bin_is_the_graph_cut_of_the_pool() -> None:
    expected = _expected("dataset_quantization")["unit_k5"]["bins"][0]

    found = GraphCut().select(_allowance(200, 40), _stream(), vectors=matrix(_vectors()))

    assert sorted(found.indices.tolist()) == expected


# DEITA's filter


def _filtered(
    vectors: NDArray[np.float32], *, threshold: float, batch: int, count: int | None = None
) -> list[int]:
    method = DeitaFilter(
        by="mtld", threshold=threshold, mode="reference", batch_size=batch, vectors="embeddings"
    )
    found = method.select(
        _allowance(len(vectors), count),
        _stream(),
        by=scores(_expected("deita_filter")["final_score"]),
        vectors=matrix(vectors),
    )
    kept: list[int] = found.indices.tolist()
    return kept


@pytest.mark.parametrize(
    "case", ["t09_b1_all", "t09_b1_k40", "t09_b3_all", "t09_b8_all", "t07_b1_all"]
)
def test_the_filter_keeps_the_rows_of_the_published_one_in_its_order(case: str) -> None:
    expected = _expected("deita_filter")["filter"][case]
    count = None if expected["data_size"] < 0 else expected["data_size"]

    found = _filtered(
        _vectors("deita_filter/embeddings_200x32.npy"),
        threshold=expected["threshold"],
        batch=expected["batch_size"],
        count=count,
    )

    assert found == expected["ids_in_order"]


def test_a_row_without_a_vector_is_kept_as_in_the_published_filter() -> None:
    expected = _expected("deita_filter")["filter"]["zero_vector"]
    vectors = _vectors("deita_filter/embeddings_200x32.npy").copy()
    vectors[expected["zero_row"]] = 0

    found = _filtered(vectors, threshold=0.9, batch=1)

    assert found == expected["ids_in_order"]
    assert expected["zero_row"] in found


# SemDeDup


@pytest.mark.parametrize("eps", [0.02, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("keep", ["hard", "easy"])
def test_rows_are_removed_as_by_the_published_code(keep: Any, eps: float) -> None:
    reference = _expected("semdedup")
    expected = reference["runs"][f"{keep}_eps{eps}"]
    centroids = at_unit_length(np.load(_REFERENCE / "semdedup" / "centroids_9x32.npy"))
    labels = np.array(reference["nearest_centroid"])
    near = quantised(np.einsum("ij,ij->i", at_unit_length(_vectors()), centroids[labels]))
    groups = Clustering(labels, near.astype(np.float32), centroids.astype(np.float32), 200, 1)

    found = SemDeDup(keep=keep, eps=eps).select(
        _allowance(200, None), _stream(), vectors=matrix(_vectors()), groups=groups
    )

    removed = np.setdiff1d(np.arange(200), found.indices)
    theirs = [row for rows in expected["removed_by_cluster"].values() for row in rows]
    assert _without_copies(removed.tolist()) == _without_copies(theirs)
    assert len(removed) == expected["n_removed"]
