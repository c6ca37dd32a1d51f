"""Rows are known by their text, wherever they lie."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from assay.assessment.rows import Rows, content_digest, content_ids, distinct_names
from assay.pool.pool import hash_array
from assay.pool.view import PoolView
from tests.rows import make_pool

_A, _B, _C = (hashlib.blake2b(bytes([n]), digest_size=16).digest() for n in range(3))


def test_numbers_of_rows_do_not_depend_on_their_order() -> None:
    first = content_ids(hash_array([_A, _B, _A, _C, _A]))
    second = content_ids(hash_array([_C, _A, _A, _A, _B]))

    assert sorted(first.tolist()) == sorted(second.tolist())
    assert len(set(first.tolist())) == 5
    assert int.from_bytes(_B[:8], "big") in first.tolist()
    assert first[1] == second[4]


def test_no_rows_have_no_numbers() -> None:
    assert len(content_ids(hash_array([]))) == 0


def test_a_digest_is_that_of_a_bag_of_texts() -> None:
    assert content_digest(hash_array([_A, _B, _A])) == content_digest(hash_array([_B, _A, _A]))
    assert content_digest(hash_array([_A, _B])) != content_digest(hash_array([_A, _B, _A]))


def test_samples_are_nested_and_uniform(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, [(f"q{n}", "a") for n in range(400)])
    rows = Rows("x", "x", PoolView(pool))

    small, large = (set(rows.sample(count).positions.tolist()) for count in (50, 200))

    assert small < large
    assert len(rows.sample(1000)) == 400
    # Half of a uniform sample of 200 lies in either half of the pool; 5 standard deviations.
    assert abs(sum(place < 200 for place in large) - 100) < 36


def test_a_sample_is_of_texts_and_not_of_places_in_a_pool(tmp_path: Path) -> None:
    pairs = [(f"q{n % 30}", "a") for n in range(60)]
    alone = Rows("x", "x", PoolView(make_pool(tmp_path / "a", pairs)))
    mixed = make_pool(tmp_path / "b", [*pairs, *((f"q{n}", "a") for n in range(20))])
    # The last twenty are the same texts once more, as another dataset of the same pool.
    own = np.sort(np.flatnonzero(mixed.row < 60))
    part = Rows("x", "x", PoolView(mixed, own))

    def texts(rows: Rows) -> list[str]:
        return sorted(conversation.prompt for conversation in rows.sample(25).conversations())

    assert texts(alone) == texts(part)


def test_a_dataset_without_rows_has_no_sample() -> None:
    rows = Rows("x", "x", None)

    assert len(rows) == len(rows.hashes) == len(rows.draw) == 0
    with pytest.raises(ValueError, match="no rows"):
        rows.sample(1)


def test_no_name_comes_twice() -> None:
    assert distinct_names(["a", "b"], ["x/a", "x/b"]) == ["a", "b"]
    assert distinct_names(["a", "a"], ["x/a", "y/a"]) == ["x/a", "y/a"]
    assert distinct_names(["a", "a"], ["a", "a"]) == ["a", "a (2)"]
    assert distinct_names(["a", "a", "a (2)"], ["", "", ""]) == ["a", "a (3)", "a (2)"]
    assert len(set(distinct_names(["a"] * 5, ["p"] * 5))) == 5
