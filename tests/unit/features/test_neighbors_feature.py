from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from assay.features.neighbors import NearestNeighbors
from assay.runtime import Runtime
from tests.unit.methods.planted import PlantedVectors, names, planted_engine

_ANGLES = {"a": 0, "b": 10, "c": 25, "d": 90, "e": 100}
_ROWS = [
    (f"{name} | {np.cos(np.radians(angle)):.4f} {np.sin(np.radians(angle)):.4f}", "1")
    for name, angle in _ANGLES.items()
]


@pytest.mark.parametrize("search", ["exact", "auto"])
def test_neighbours_are_the_nearest_by_angle_and_never_the_row_itself(
    tmp_path: Path, search: Literal["exact", "auto"]
) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    graph = engine.value(NearestNeighbors(vectors=PlantedVectors(), count=2, search=search))

    known = names(engine)
    found = {
        name: {known[place] for place in graph.indices[graph.indptr[row] : graph.indptr[row + 1]]}
        for row, name in enumerate(known)
    }
    assert found == {
        "a": {"b", "c"},
        "b": {"a", "c"},
        "c": {"a", "b"},
        "d": {"e", "c"},
        "e": {"d", "c"},
    }


def test_similarities_are_cosines(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    graph = engine.value(NearestNeighbors(vectors=PlantedVectors(), count=4))

    known = names(engine)
    for row, name in enumerate(known):
        for edge in range(graph.indptr[row], graph.indptr[row + 1]):
            between = _ANGLES[name] - _ANGLES[known[graph.indices[edge]]]
            assert graph.similarities[edge] == pytest.approx(np.cos(np.radians(between)), abs=2e-3)


def test_a_stored_graph_is_the_graph_that_was_made(tmp_path: Path) -> None:
    feature = NearestNeighbors(vectors=PlantedVectors(), count=3)
    made = planted_engine(tmp_path, _ROWS).value(feature)

    read = planted_engine(tmp_path, _ROWS).value(feature)

    assert all(np.array_equal(a, b) for a, b in zip(made, read, strict=True))


def test_an_exact_search_costs_all_pairs_and_an_approximate_one_less(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path)
    exact, rough = (
        NearestNeighbors(vectors=PlantedVectors(), search=search)
        for search in ("exact", "approximate")
    )

    assert exact.operations(10_000, runtime) == 2.0 * 10_000**2 * 768
    assert rough.operations(10_000, runtime) < exact.operations(10_000, runtime)
    assert exact.memory(10_000, runtime) >= 10_000 * 4 * 768
