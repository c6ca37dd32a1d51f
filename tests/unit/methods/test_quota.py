from pathlib import Path
from typing import Any

import pytest

from assay.errors import BudgetError, ConfigError
from assay.methods.baselines import RandomSample
from assay.methods.filters import Everything
from assay.methods.quota import Quota
from assay.methods.ranking import Threshold, TopScore
from assay.samples import Reason
from tests.unit.methods.planted import PlantedScore, chosen, planted_engine, reasons

# Six rows of a, three of b, one of c; scores fall with the number in the name.
_GROUPS = ["a"] * 6 + ["b"] * 3 + ["c"]
_ROWS = [(f"{group}{place}", f"{100 - place} x") for place, group in enumerate(_GROUPS)]
_BEST = TopScore(by=PlantedScore())


def _counts(found: list[str]) -> dict[str, int]:
    return {group: sum(name[0] == group for name in found) for group in "abc"}


@pytest.mark.parametrize(
    ("budget", "settings", "expected"),
    [
        (5, {}, {"a": 3, "b": 2, "c": 0}),
        ("100%", {}, {"a": 6, "b": 3, "c": 1}),
        (6, {"divide": "equal"}, {"a": 3, "b": 2, "c": 1}),
        (4, {"weights": {"a": 1, "b": 3}}, {"a": 1, "b": 3, "c": 0}),
        (8, {"weights": {"b": 1, "c": 1, "a": 0.5}}, {"a": 4, "b": 3, "c": 1}),
        (None, {"budgets": {"a": 2, "b": "34%"}}, {"a": 2, "b": 1, "c": 0}),
        (None, {"budgets": {"c": 1}}, {"a": 0, "b": 0, "c": 1}),
    ],
)
def test_the_budget_is_divided_as_declared(
    tmp_path: Path, budget: Any, settings: dict[str, Any], expected: dict[str, int]
) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_GROUPS)

    found = chosen(engine, Quota(by=_BEST, per="task", budget=budget, **settings))

    assert _counts(found) == expected


def test_within_a_group_the_inner_method_chooses(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_GROUPS)

    found = chosen(engine, Quota(by=_BEST, per="task", budget=5))

    assert [name for name in found if name[0] == "a"] == ["a0", "a1", "a2"]
    assert [name for name in found if name[0] == "b"] == ["b6", "b7"]


def test_picks_of_groups_alternate_so_that_prefixes_keep_the_shares(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_GROUPS)

    found = chosen(engine, Quota(by=_BEST, per="task", weights={"a": 2, "b": 1}, budget=6))

    # Places 1/8, 3/8, 5/8, 7/8 of a and 1/4, 3/4 of b.
    assert [name[0] for name in found] == ["a", "b", "a", "a", "b", "a"]


def test_a_token_budget_is_divided_by_the_same_shares(tmp_path: Path) -> None:
    # Every row is two estimated tokens: "a0" with a line break and an answer of five characters.
    rows = [(f"{group}{place}", f"{90 - place} xx") for place, group in enumerate(_GROUPS)]
    engine = planted_engine(tmp_path, rows, groups=_GROUPS)

    found = chosen(engine, Quota(by=_BEST, per="task", divide="equal", budget="12 tokens"))

    assert _counts(found) == {"a": 2, "b": 2, "c": 1}


def test_groups_without_a_part_say_so_and_the_rest_is_not_chosen(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_GROUPS)

    fate = reasons(engine, Quota(by=_BEST, per="task", budgets={"a": 1}))

    assert fate["a0"] == Reason.OK
    assert {fate[f"a{place}"] for place in range(1, 6)} == {Reason.NOT_CHOSEN}
    assert {fate["b6"], fate["b7"], fate["b8"], fate["c9"]} == {Reason.QUOTA}


def test_the_rule_of_the_inner_method_binds(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_GROUPS)
    inner = Threshold(by=PlantedScore(), low=93)

    fate = reasons(engine, Quota(by=inner, per="task", budget=10))

    assert [name for name, reason in fate.items() if reason == Reason.BELOW_RULE] == [
        name for name in fate if name in {"b8", "c9"}
    ]


def test_a_group_smaller_than_its_own_budget_gives_all_it_may(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS, ("c10", "none")], groups=[*_GROUPS, "c"])

    assert chosen(engine, Quota(by=_BEST, per="task", budgets={"c": 2})) == ["c9"]


@pytest.mark.parametrize(
    ("budget", "settings", "stop"),
    [
        (10, {}, "budget"),
        ("100%", {}, "exhausted"),
        (None, {"budgets": {"c": 2}}, "exhausted"),
        (None, {"budgets": {"c": 1}}, "budget"),
        (9, {"weights": {"a": 1}}, "exhausted"),
        ("4 tokens", {}, "budget"),
        ("1k tokens", {}, "exhausted"),
    ],
)
def test_it_says_whether_the_budget_or_the_rows_ended_first(
    tmp_path: Path, budget: Any, settings: dict[str, Any], stop: str
) -> None:
    engine = planted_engine(tmp_path, [*_ROWS, ("c10", "none")], groups=[*_GROUPS, "c"])

    record = engine.value(Quota(by=_BEST, per="task", budget=budget, **settings))

    assert record.selection.stop == stop


def test_a_random_quota_does_not_depend_on_the_other_groups(tmp_path: Path) -> None:
    whole = planted_engine(tmp_path / "a", _ROWS, groups=_GROUPS)
    part = planted_engine(tmp_path / "b", _ROWS[:6], groups=_GROUPS[:6])
    quota = Quota(by=RandomSample(), per="task", budgets={"a": 3})

    assert chosen(whole, quota) == chosen(part, quota)


def test_no_budget_at_all_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_GROUPS)

    with pytest.raises(BudgetError, match="quota needs a budget"):
        engine.value(Quota(by=Everything(), per="task"))


@pytest.mark.parametrize("settings", [{"weights": {"aa": 1}}, {"budgets": {"aa": 1}}])
def test_a_group_that_no_row_has_is_refused_with_a_suggestion(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_GROUPS)

    with pytest.raises(BudgetError, match="no row has the task 'aa'") as error:
        engine.value(Quota(by=_BEST, per="task", budget=3, **settings))
    assert "'a'" in str(error.value.hint)


@pytest.mark.parametrize(
    "inner", [{"budget": 3}, {"within": Threshold(by=PlantedScore(), high=97)}]
)
def test_what_would_be_passed_over_in_the_inner_method_is_refused(inner: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="belong to the quota itself"):
        Quota(by=TopScore(by=PlantedScore(), **inner), budget=2)
