"""Selections by a column of a score, worked out by hand."""

from pathlib import Path
from typing import Any

import pytest

from assay.components.component import Selector, build
from assay.components.rule import Rule
from assay.errors import ConfigError
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Band, Threshold
from assay.samples import Reason
from tests.unit.methods.planted import (
    PlantedRubric,
    PlantedScore,
    chosen,
    names,
    planted_engine,
    reasons,
)

# By the first number a b c d e f, by the second f, then b and d alike, c, a; of e there is none.
_ROWS = [("a", "6 1"), ("b", "5 4"), ("c", "4 2"), ("d", "3 4"), ("e", "2 0"), ("f", "1 5")]
_RUBRIC = PlantedRubric()


def _by_id(folder: Path, *tied: str) -> list[str]:
    """Return rows of equal numbers in the order of their ids."""
    return [name for name in names(planted_engine(folder / "order", _ROWS)) if name in tied]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (TopScore(by=_RUBRIC, budget=2), "ab"),
        (TopScore(by=_RUBRIC, column="clear", budget=2), "ab"),
        (TopScore(by=_RUBRIC, column="true", budget=1), "f"),
        (TopScore(by=_RUBRIC, column="true", budget="50%"), "f(bd)"),
        (TopScore(by=_RUBRIC, column="true", budget=6), "f(bd)ca"),
        (TopScore(by=_RUBRIC, column="true", budget=6, rule=Rule(below=4)), "ca"),
        (TopScore(by=_RUBRIC, column="true", budget=6, rule=Rule(below=4, column="clear")), "f(d)"),
        (TopScore(by=_RUBRIC, budget=6, rule=Rule(at_least=4, column="true")), "bdf"),
        (Threshold(by=_RUBRIC, column="true", low=2, high=4), "(bd)c"),
        (Band(by=_RUBRIC, column="true", low=0.4, high=1), "f(bd)"),
    ],
)
def test_a_column_is_ranked_by_and_cut(tmp_path: Path, selector: Selector, expected: str) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    tied = "".join(_by_id(tmp_path, "b", "d"))
    worked_out = expected.replace("(bd)", tied).replace("(d)", "d")

    assert "".join(chosen(engine, selector)) == worked_out


def test_rows_without_a_number_in_the_column_have_the_columns_reason(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    by_second = reasons(engine, TopScore(by=_RUBRIC, column="true", budget=1))
    by_first = reasons(engine, TopScore(by=_RUBRIC, budget=1))

    assert by_second["e"] == Reason.REFUSED
    assert by_first["e"] == Reason.NOT_CHOSEN


def test_a_budget_in_tokens_goes_to_the_best_of_the_column_that_fit(tmp_path: Path) -> None:
    # The estimate is a token for every four bytes of question, line break and answer.
    rows = [("aaa", "9 1"), ("bbb", "1 9 " + "x" * 33), ("ccc", "5 5")]
    engine = planted_engine(tmp_path, rows)

    by_second = TopScore(by=_RUBRIC, column="true", budget="2 tokens")

    assert chosen(engine, by_second) == ["ccc"]
    assert chosen(engine, TopScore(by=_RUBRIC, budget="2 tokens")) == ["aaa"]


def test_a_quota_hands_the_column_to_what_chooses_within(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=["x", "x", "x", "y", "y", "y"])

    found = Quota(by=TopScore(by=_RUBRIC, column="true"), per="task", budget=2)

    assert sorted(chosen(engine, found)) == ["b", "f"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TopScore(by=_RUBRIC, column="truth"),
        lambda: Threshold(by=_RUBRIC, column="truth", low=1),
        lambda: list(TopScore(by=_RUBRIC, rule=Rule(below=4, column="truth")).ruled()),
    ],
)
def test_a_column_that_there_is_not_is_refused_with_the_nearest(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="planted_rubric has no column 'truth'") as error:
        wrong()

    assert error.value.hint == "did you mean 'true'?"


def test_what_a_score_of_one_column_has_is_said() -> None:
    with pytest.raises(ConfigError) as error:
        TopScore(by=PlantedScore(), column="stars")

    assert error.value.hint == "it has value"


def test_a_lone_score_takes_the_column_that_it_is_selected_by() -> None:
    described = {"method": "planted_rubric", "called": ["good", "bad"], "column": "bad"}

    found = build({**described, "budget": 3}, "selector")

    rubric = PlantedRubric(called=("good", "bad"))
    assert found == TopScore(by=rubric, column="bad", budget=3)


def test_a_score_that_has_a_parameter_column_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,stars\n1,2\n")
    described = {"method": "imported", "file": str(tmp_path / "r.csv"), "column": "stars"}

    found = build(described, "selector")

    assert isinstance(found, TopScore)
    assert found.column == ""
    assert found.by == build(described, "scorer")


def test_keys_are_as_before_where_no_column_is_named() -> None:
    assert TopScore(by=_RUBRIC, column="").key == TopScore(by=_RUBRIC).key
    assert TopScore(by=_RUBRIC, column="true").key != TopScore(by=_RUBRIC).key
    assert Threshold(by=_RUBRIC, low=1, rule=Rule(at_most=3)).key == (
        Threshold(by=_RUBRIC, low=1, rule=Rule(at_most=3, column="")).key
    )
