import numpy as np
import pytest

from assay.solvers import similarity
from assay.solvers.distinct import distinct_vectors
from assay.solvers.similarity import exact_unit_vectors


def test_groups_are_numbered_by_their_lowest_rows_and_members_ascend() -> None:
    vectors = exact_unit_vectors(np.array([[0, 1], [1, 0], [0, 0], [1, 0], [0, 2], [1, 1.0]]))

    distinct = distinct_vectors(vectors)

    assert distinct.members.tolist() == [0, 4, 1, 3, 5]
    assert distinct.starts.tolist() == [0, 2, 4, 5]
    assert distinct.zero_rows.tolist() == [2]
    assert np.array_equal(distinct.vectors, vectors[[0, 1, 5]])
    assert (distinct.groups, distinct.rows) == (3, 6)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_zero_rows_alone_form_no_group(rows: int) -> None:
    distinct = distinct_vectors(np.zeros((rows, 2), dtype=np.float32))

    assert distinct.groups == 0
    assert distinct.members.tolist() == []
    assert distinct.starts.tolist() == [0]
    assert distinct.rows == rows


def test_groups_are_those_of_a_dictionary_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.Generator(np.random.Philox(0))
    vectors = exact_unit_vectors(generator.integers(0, 3, (200, 3)).astype(np.float64))
    groups: dict[bytes, list[int]] = {}
    for row, vector in enumerate(vectors):
        if vector.any():
            groups.setdefault(vector.tobytes(), []).append(row)
    monkeypatch.setattr(similarity, "_BLOCK_VALUES", 21)

    distinct = distinct_vectors(vectors)

    found = np.split(distinct.members, distinct.starts[1:-1])
    assert [members.tolist() for members in found] == list(groups.values())
