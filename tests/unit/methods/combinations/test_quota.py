from pathlib import Path
from typing import Any

import pytest

from assay.errors import BudgetError, ConfigError
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.attributes import Everything
from assay.methods.filters.cuts import Threshold
from assay.methods.filters.deduplicate import Deduplicate
from assay.methods.filters.semdedup import SemDeDup
from assay.samples import Reason
from tests.unit.methods.planted import (
    PlantedScore,
    PlantedVectors,
    chosen,
    names,
    planted_engine,
    reasons,
)

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

    # Four tokens each, of which c has two; the other two buy one row more.
    assert _counts(found) == {"a": 3, "b": 2, "c": 1}


def _priced(prices: dict[str, list[int]]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return rows of so many estimated tokens each, four bytes a token, scored by their place."""
    rows, groups = [], []
    for group, tokens in prices.items():
        for place, count in enumerate(tokens):
            question, score = f"{group}{place}", f"{900 - place}"
            padding = "x" * (4 * count - len(question) - len(score) - 2)
            rows.append((question, f"{score} {padding}"))
            groups.append(group)
    return rows, groups


def _tokens(tmp_path: Path, prices: dict[str, list[int]], quota: Quota) -> dict[str, float]:
    """Return the tokens that each group spends, and check that they are what was reported."""
    rows, groups = _priced(prices)
    engine = planted_engine(tmp_path, rows, groups=groups)
    spent = dict.fromkeys(prices, 0.0)
    for name in chosen(engine, quota):
        spent[name[0]] += prices[name[0]][int(name[1:])]
    if quota.budget is not None:
        assert engine.value(quota).facts["tokens"] == sum(spent.values())
    return spent


@pytest.mark.parametrize(
    ("budget", "settings", "expected"),
    [
        # 1,000 and 9,000 tokens: nine tenths of each.
        ("9000 tokens", {}, {"a": 900, "b": 8100}),
        # 4,500 each; a has 1,000, and of the other 8,000 b can use 88 rows.
        ("9000 tokens", {"divide": "equal"}, {"a": 1000, "b": 7920}),
        ("3000 tokens", {"weights": {"a": 1, "b": 3}}, {"a": 750, "b": 2250}),
        ("2000 tokens", {"weights": {"a": 1}}, {"a": 1000, "b": 0}),
        ("20k tokens", {}, {"a": 1000, "b": 9000}),
        ("5 tokens", {}, {"a": 0, "b": 0}),
    ],
)
def test_a_token_budget_is_divided_by_tokens_and_used_up(
    tmp_path: Path, budget: str, settings: dict[str, Any], expected: dict[str, float]
) -> None:
    prices = {"a": [10] * 100, "b": [90] * 100}
    quota = Quota(by=_BEST, per="task", budget=budget, **settings)

    assert _tokens(tmp_path, prices, quota) == expected


def test_the_part_of_a_group_whose_row_is_too_long_for_it_goes_to_the_others(
    tmp_path: Path,
) -> None:
    # a has 300 of the 600 tokens, and of the budget 200; its row does not fit 400 either.
    prices = {"a": [500], "b": [10] * 25, "c": [10] * 25}
    quota = Quota(by=_BEST, per="task", budget="400 tokens")

    assert _tokens(tmp_path, prices, quota) == {"a": 0, "b": 200, "c": 200}


def test_hidden_rows_and_rows_left_out_before_have_no_weight(tmp_path: Path) -> None:
    prices = {"a": [20] * 10, "b": [20] * 10}
    rows, groups = _priced(prices)
    engine = planted_engine(tmp_path, rows, groups=groups)
    engine.pool.held_out[:] = [name in {"a0", "a1", "a2", "a3", "a4"} for name in names(engine)]
    # b0 to b2 are scored above 897: of a five rows are left, of b seven.
    inner = Threshold(by=PlantedScore(), high=897)
    quota = Quota(by=_BEST, per="task", budget="120 tokens", within=inner)

    # 50 and 70 tokens are two rows and three; both have 10 unspent: the next goes to a, by name.
    found = chosen(engine, quota)

    assert sorted(found) == ["a5", "a6", "a7", "b3", "b4", "b5"]


def test_a_group_of_hidden_rows_alone_gets_no_part(tmp_path: Path) -> None:
    rows, groups = _priced({"a": [10] * 4, "b": [10] * 4})
    engine = planted_engine(tmp_path, rows, groups=groups)
    engine.pool.held_out[:] = [name[0] == "a" for name in names(engine)]

    for settings in ({}, {"divide": "equal"}):
        quota = Quota(by=_BEST, per="task", budget="20 tokens", **settings)
        assert chosen(engine, quota) == ["b0", "b1"]
    weighted = Quota(by=_BEST, per="task", budget="20 tokens", weights={"a": 9, "b": 1})
    with pytest.raises(BudgetError, match="no row has the task 'a'"):
        chosen(engine, weighted)


def test_a_budget_of_its_own_may_be_in_tokens(tmp_path: Path) -> None:
    prices = {"a": [10] * 9, "b": [30] * 9, "c": [20] * 9}
    budgets = {"a": "45 tokens", "b": 2, "c": "50%"}
    quota = Quota(by=_BEST, per="task", budgets=budgets)

    assert _tokens(tmp_path, prices, quota) == {"a": 40, "b": 60, "c": 80}


def test_rows_that_a_group_does_not_want_go_to_the_others(tmp_path: Path) -> None:
    # a is one text six times: deduplication wants one of it, and the others get four, not two.
    rows = [("a", "1 x")] * 6 + [(f"b{place}", f"{place} x") for place in range(6)]
    engine = planted_engine(tmp_path, rows, groups=["a"] * 6 + ["b"] * 6)

    found = chosen(engine, Quota(by=Deduplicate(), per="task", budget=5))

    assert sorted(name[0] for name in found) == ["a", "b", "b", "b", "b"]


def test_an_inner_method_may_need_something_of_the_same_name(tmp_path: Path) -> None:
    rows = [(f"{name} | {x} {y}", "1 x") for name, x, y in (("a", 1, 0), ("b", 0, 1), ("c", 1, 1))]
    engine = planted_engine(tmp_path, rows, groups=["s", "s", "t"])
    inner = SemDeDup(vectors=PlantedVectors(), clusters=1)

    assert sorted(chosen(engine, Quota(by=inner, per="task", budget=3))) == ["a", "b", "c"]


@pytest.mark.parametrize("weights", [{"a": -1, "b": 2}, {"a": float("nan")}, {"a": 0}])
def test_weights_that_divide_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="weight"):
        Quota(by=_BEST, per="task", weights=weights, budget=3)


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
