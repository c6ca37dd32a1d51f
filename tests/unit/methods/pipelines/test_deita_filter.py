from pathlib import Path
from typing import Any

import pytest

from assay.components.rule import Rule
from assay.errors import ConfigError
from assay.features.embeddings import Embeddings
from assay.methods.combinations.quota import Quota
from assay.methods.pipelines.deita_filter import DeitaFilter
from assay.runtime import Runtime
from assay.samples import Reason
from assay.testing import check_component, matrix
from assay.values import Matrix
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    allowance,
    chosen,
    given,
    names,
    planted_engine,
    reasons,
    stream,
)

# Cosines: b-c 0.96, c-d 0.96, b-d 0.84; a and e share nothing with any.
_ROWS = [
    ("a | 0 0 1 0", "9"),
    ("b | 0.96 -0.28 0 0", "8"),
    ("c | 1 0 0 0", "7"),
    ("d | 0.96 0.28 0 0", "6"),
    ("e | 0 0 0 1", "5"),
]
_VECTORS = PlantedVectors()


def _filter(**parameters: Any) -> DeitaFilter:
    return DeitaFilter(**({"by": PlantedScore(), "vectors": _VECTORS, "budget": 5} | parameters))


def planted_matrix() -> Matrix:
    return matrix([list(map(float, row.partition("|")[2].split())) for row, _ in _ROWS])


def test_the_best_rows_come_first_without_those_like_a_better_one(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, _filter()) == ["a", "b", "d", "e"]
    assert reasons(engine, _filter())["c"] == Reason.NEAR_DUPLICATE


def test_a_loss_ranks_from_its_lowest(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, _filter(by=PlantedLoss())) == ["e", "d", "b", "a"]


def test_the_threshold_decides_who_is_alike(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, _filter(threshold=0.99)) == ["a", "b", "c", "d", "e"]
    assert chosen(engine, _filter(threshold=0.8)) == ["a", "b", "e"]


def test_rows_after_the_budget_are_not_chosen_and_not_called_duplicates(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    fate = reasons(engine, _filter(budget=2))

    assert fate == dict.fromkeys("ab", Reason.OK) | dict.fromkeys("cde", Reason.NOT_CHOSEN)


def test_a_batch_also_rejects_what_is_like_a_rejected_row(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    # Batches are {a}, {b, c}, {d, e} or {a}, {b, c, d}, {e}: with three, c takes d with it.
    assert chosen(engine, _filter(mode="reference", batch_size=2)) == ["a", "b", "d", "e"]
    assert chosen(engine, _filter(mode="reference", batch_size=3)) == ["a", "b", "e"]
    assert chosen(engine, _filter(mode="reference")) == chosen(engine, _filter())


def test_batches_without_the_mode_are_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size=3 has no meaning in mode=canonical"):
        _filter(batch_size=3)


def test_equal_scores_are_ordered_by_id(tmp_path: Path) -> None:
    rows = [(f"r{axis} | {' '.join('01'[axis == n] for n in range(6))}", "1") for axis in range(6)]
    engine = planted_engine(tmp_path, rows)

    assert chosen(engine, _filter(budget=4)) == names(engine)[:4]


def test_a_row_without_a_score_or_beyond_the_rule_rejects_nobody(tmp_path: Path) -> None:
    rows = [("b | 0.96 -0.28 0 0", "none"), ("x | 1 0.1 0 0", "99"), *_ROWS[2:]]
    engine = planted_engine(tmp_path, rows)
    method = _filter(rule=Rule(below=50))

    assert chosen(engine, method) == ["c", "e"]
    assert reasons(engine, method)["b"] == Reason.ZERO_DENOMINATOR
    assert reasons(engine, method)["x"] == Reason.BELOW_RULE


def test_a_zero_vector_is_like_nothing(tmp_path: Path) -> None:
    rows = [*_ROWS, ("zero | 0 0 0 0", "10"), ("nil | 0 0 0 0", "1")]
    engine = planted_engine(tmp_path, rows)

    assert chosen(engine, _filter(budget=7)) == ["zero", "a", "b", "d", "e", "nil"]


def test_a_row_too_long_for_the_tokens_left_is_passed_over() -> None:
    vectors = planted_matrix()
    found = _filter().select(
        allowance(5, costs=[1.0, 9.0, 2.0, 1.0, 1.0], limit=4.0),
        stream(),
        by=given(9.0, 8.0, 7.0, 6.0, 5.0),
        vectors=vectors,
    )

    assert found.indices.tolist() == [0, 2, 4]
    assert found.rejected[Reason.NEAR_DUPLICATE].tolist() == [3]
    assert (found.stop, found.nested) == ("budget", True)


def test_gains_are_the_scores_and_rows_that_may_not_be_chosen_are_not() -> None:
    vectors = planted_matrix()
    found = _filter().select(
        allowance(5, barred=[0, 1]),
        stream(),
        by=given(9.0, 8.0, 7.0, 6.0, 5.0),
        vectors=vectors,
    )

    assert found.indices.tolist() == [2, 4]
    assert found.gains.tolist() == [7.0, 5.0]
    assert (found.gain_unit, found.stop) == ("score", "exhausted")


def test_groups_of_a_quota_are_filtered_apart(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=["x", "x", "y", "y", "y"])
    inner = DeitaFilter(by=PlantedScore(), vectors=_VECTORS)

    found = chosen(engine, Quota(by=inner, per="task", divide="equal", budget=4))

    assert sorted(found) == ["a", "b", "c", "e"]


def test_a_larger_budget_and_wider_vectors_cost_more(tmp_path: Path) -> None:
    method = DeitaFilter(by=PlantedScore(), vectors=Embeddings(model="assay:encoder"))
    runtime = Runtime(cache=tmp_path)

    assert method.operations(1000, 10, runtime) == 2 * 1000 * 10 * 256


def test_it_keeps_the_contract() -> None:
    check_component(DeitaFilter(by="compression_ifd"))
    check_component(DeitaFilter(by="compression_ifd", mode="reference", batch_size=3))
