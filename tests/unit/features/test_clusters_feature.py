from pathlib import Path

import numpy as np
import pytest

from assay.components.component import FileSet
from assay.features.clusters import Clusters, cluster_sizes
from assay.runtime import Runtime
from tests.unit.methods.planted import PlantedVectors, names, planted_engine

_VECTORS = PlantedVectors()
_ANGLES = {"a": 0, "b": 10, "c": 20, "d": 90, "e": 100, "f": 110, "g": 200, "h": 210}
_ROWS = [
    (f"{name} | {np.cos(np.radians(angle)):.4f} {np.sin(np.radians(angle)):.4f}", "1")
    for name, angle in _ANGLES.items()
]
_EMPTY = ("z | 0 0", "1")


def test_rows_of_one_direction_share_a_cluster(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS, _EMPTY])

    found = engine.value(Clusters(vectors=_VECTORS, count=3))

    known = names(engine)
    groups = {
        "".join(sorted(known[row] for row in np.flatnonzero(found.labels == label)))
        for label in range(-1, 3)
    }
    assert groups == {"abc", "def", "gh", "z"}
    assert found.labels[known.index("z")] == -1
    assert found.fitted_rows == 8


def test_similarities_are_cosines_to_the_mean_direction(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = engine.value(Clusters(vectors=_VECTORS, count=3))

    middles = {"a": 10, "b": 10, "c": 10, "d": 100, "e": 100, "f": 100, "g": 205, "h": 205}
    away = [_ANGLES[name] - middles[name] for name in names(engine)]
    assert found.similarities == pytest.approx(np.cos(np.radians(away)), abs=1e-3)


def test_stored_clusters_are_those_that_were_made(tmp_path: Path) -> None:
    feature = Clusters(vectors=_VECTORS, count=3)
    made = planted_engine(tmp_path, _ROWS).value(feature)

    read = planted_engine(tmp_path, _ROWS).value(feature)

    for mine, theirs in zip(made, read, strict=True):
        assert np.array_equal(mine, theirs)
    assert (type(read.fitted_rows), type(read.rounds)) == (int, int)


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    feature = Clusters(vectors=_VECTORS, count=4, seed=3)

    one = planted_engine(tmp_path / "one", _ROWS).value(feature)
    other = planted_engine(tmp_path / "other", _ROWS[::-1]).value(feature)

    assert one.labels.tolist() == other.labels.tolist()
    assert one.centroids.tobytes() == other.centroids.tobytes()


def test_without_a_count_there_are_as_many_clusters_as_the_rule_of_thumb_says(
    tmp_path: Path,
) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert len(engine.value(Clusters(vectors=_VECTORS)).centroids) == 2  # the root of 8 / 2


def test_fitting_on_a_sample_is_told(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = engine.value(Clusters(vectors=_VECTORS, count=2, rows_per_centroid=2))

    assert found.fitted_rows == 4
    assert (found.labels >= 0).all()


def test_seed_and_rounds_reach_the_solver(tmp_path: Path) -> None:
    generator = np.random.Generator(np.random.Philox(1))
    vectors = generator.standard_normal((300, 6)).round(3)
    rows = [(f"r{place} | {' '.join(map(str, row))}", "1") for place, row in enumerate(vectors)]
    engine = planted_engine(tmp_path, rows)

    one, other, short = (
        engine.value(Clusters(vectors=_VECTORS, **parameters))
        for parameters in ({}, {"seed": 1}, {"rounds": 2})
    )

    assert one.labels.tolist() != other.labels.tolist()
    assert short.rounds == 2 < one.rounds


def test_its_vectors_are_those_of_the_rows_it_is_asked_about() -> None:
    elsewhere = FileSet(source="other.jsonl")

    (vectors,) = Clusters(vectors=_VECTORS).at(elsewhere).children()

    assert vectors == _VECTORS.at(elsewhere)
    assert next(iter(Clusters(vectors=_VECTORS).children())) == _VECTORS


def test_price_grows_with_clusters_and_is_bounded_by_the_sample(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path)
    few, many = (Clusters(vectors=_VECTORS, count=count) for count in (10, 1000))

    # 10 x 256 rows are fitted in 25 rounds, and a million assigned; 768 numbers each.
    assert few.operations(1_000_000, runtime) == 2.0 * (2560 * 25 + 1_000_000) * 10 * 768
    assert many.operations(1_000_000, runtime) > 100 * few.operations(1_000_000, runtime)
    assert few.memory(1_000_000, runtime) >= 4 * 1_000_000 * 768


def test_mean_cluster_size() -> None:
    assert cluster_sizes(1000, 10) == 100
    assert cluster_sizes(200, None) == 20
    assert cluster_sizes(5, 50) == 1
    assert cluster_sizes(0, None) == 0
