from pathlib import Path

import numpy as np
import pytest

from assay.methods.geometry.row_variance import RowVariance
from assay.samples import Reason
from assay.testing import check_component, matrix
from tests.unit.methods.planted import PlantedVectors, planted_engine, scores_by_name

_METHOD = RowVariance(vectors=PlantedVectors())


def test_a_row_far_from_the_middle_varies_most_and_one_without_words_has_no_number(
    tmp_path: Path,
) -> None:
    rows = [*((f"r{n} | 1 0.{n} 0", "1") for n in range(6)), ("odd | 0 0 1", "1"),
            ("zero | 0 0 0", "1")]  # fmt: skip

    found = scores_by_name(planted_engine(tmp_path, rows), _METHOD)

    assert max((name for name in found if name != "zero"), key=lambda n: found[n][0]) == "odd"
    assert np.isnan(found["zero"][0])
    assert found["zero"][1] == Reason.NO_WORDS


def test_it_is_the_mean_square_about_the_centroid_worked_out_by_hand() -> None:
    found = RowVariance(components=2).score(vectors=matrix([[1, 0, 0], [0, 1, 0], [-1, 0, 0]]))

    # The centroid is (0, 1/3, 0), and the directions span the plane.
    expected = np.array([1 + 1 / 9, 4 / 9, 1 + 1 / 9]) / 2
    assert found.values.tolist() == pytest.approx(expected.tolist(), abs=1e-8)


def test_a_vector_that_failed_is_not_looked_at() -> None:
    vectors = matrix([[1, 0], [0, 1], [0, 0]])
    vectors.reason[2] = Reason.TOO_LONG

    found = RowVariance().score(vectors=vectors)

    assert np.isnan(found.values).tolist() == [False, False, True]


def test_it_keeps_the_contract() -> None:
    check_component(RowVariance())
    check_component(RowVariance(components=None, explained=0.5))
