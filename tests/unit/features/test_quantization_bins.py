from pathlib import Path

import numpy as np
import pytest

from assay.components.component import Chosen
from assay.features.quantization_bins import QuantizationBins
from assay.features.similar_rows import SimilarRows
from assay.methods.filters.attributes import Everything
from assay.methods.filters.cuts import Threshold
from assay.runtime import Runtime
from assay.solvers.quantization import quantization_bins
from assay.testing import check_component
from tests.unit.methods.planted import PlantedScore, PlantedVectors, names, planted_engine

_VECTORS = PlantedVectors()
_ANGLES = np.random.Generator(np.random.Philox(0)).uniform(0, 90, 61)
_ROWS = [
    (f"r{place} | {np.cos(np.radians(angle)):.4f} {np.sin(np.radians(angle)):.4f}", str(place % 3))
    for place, angle in enumerate(_ANGLES)
]


def test_bins_are_those_of_the_vectors_in_canonical_order(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    vectors = engine.value(_VECTORS)

    bins = engine.value(QuantizationBins(vectors=_VECTORS, bins=4))

    alone = quantization_bins(vectors.array, 4)
    assert [part.tolist() for part in bins] == [part.tolist() for part in alone]


def test_rows_out_of_view_have_no_part_in_the_bins(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    vectors = engine.value(_VECTORS)
    some = Threshold(by=PlantedScore(), low=1)
    rows = np.sort(engine.value(some).selection.indices)

    bins = engine.value(QuantizationBins(vectors=_VECTORS, bins=4, dataset=Chosen(by=some)))

    alone = quantization_bins(vectors.array[rows], 4)
    assert len(rows) < 61
    assert [part.tolist() for part in bins] == [part.tolist() for part in alone]


def test_stored_bins_are_the_bins_that_were_made(tmp_path: Path) -> None:
    feature = QuantizationBins(vectors=_VECTORS, bins=3, dataset=Chosen(by=Everything()))
    made = planted_engine(tmp_path, _ROWS).value(feature)

    again = planted_engine(tmp_path, _ROWS)
    read = again.value(feature)

    assert all(np.array_equal(a, b) for a, b in zip(made, read, strict=True))
    assert list((tmp_path / "cache" / "quantization_bins").rglob("*.safetensors"))


def test_a_large_pool_is_divided_into_parts_by_id(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path / "a", _ROWS)
    turned = planted_engine(tmp_path / "b", _ROWS[::-1])
    feature = QuantizationBins(vectors=_VECTORS, bins=4, part_rows=25)

    bins = engine.value(feature)

    # 61 rows in parts of 21, 20 and 20, of four bins each; five rows and what is left over.
    assert np.bincount(bins.labels).tolist() == [5, 5, 5, 6, 5, 5, 5, 5, 5, 5, 5, 5]
    assert bins.sizes.tolist() == [5] * 12
    assert names(turned) == names(engine)
    assert turned.value(feature).labels.tolist() == bins.labels.tolist()
    other = engine.value(feature.model_copy(update={"seed": 1}))
    assert other.labels.tolist() != bins.labels.tolist()


def test_its_price_grows_with_the_square_up_to_the_size_of_a_part(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path)
    feature = QuantizationBins(vectors=_VECTORS, part_rows=1000)

    small, large = feature.operations(1000, runtime), feature.operations(4000, runtime)

    assert (small, large) == (1000.0**2 * 768, 4 * 1000.0**2 * 768)
    assert feature.memory(4000, runtime) < 2 * feature.memory(1000, runtime)


@pytest.mark.parametrize("feature", [QuantizationBins(), SimilarRows()])
def test_features_keep_the_contract(feature: QuantizationBins | SimilarRows) -> None:
    check_component(feature)


def test_similar_rows_are_those_within_the_threshold(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    unit = engine.value(_VECTORS).array.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)

    graph = engine.value(SimilarRows(vectors=_VECTORS, threshold=0.99))

    near = unit @ unit.T >= 0.99
    np.fill_diagonal(near, False)
    for row in range(61):
        listed = graph.indices[graph.indptr[row] : graph.indptr[row + 1]]
        assert sorted(listed.tolist()) == np.flatnonzero(near[row]).tolist()


def test_an_approximate_search_of_similar_rows_costs_less(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path)

    exact, rough = SimilarRows(), SimilarRows(search="approximate")

    assert rough.operations(10**6, runtime) < SimilarRows(search="exact").operations(10**6, runtime)
    assert exact.operations(10_000, runtime) == 10_000.0**2 * 256
    assert exact.memory(10_000, runtime) == 10_000 * 4 * 256
