"""Names that say what a result is, and names that a person chooses."""

from typing import Any

import pytest

from assay.components.component import Selector, build
from assay.components.default_selection import default_selection
from assay.components.result_names import check_given, derived_name, free_name
from assay.errors import UsageError


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ({"method": "longest_response", "budget": "40%"}, "longest_response-40pct"),
        ({"method": "longest_response", "budget": "0.5%"}, "longest_response-0_5pct"),
        ({"method": "random", "budget": "2M tokens"}, "random-2000000tokens"),
        ({"method": "random", "budget": 5, "seed": 7}, "random-5-seed7"),
        ({"method": "everything"}, "everything"),
        (
            {"method": "longest_response", "unit_of_length": "words", "budget": 5},
            "longest_response-unit_of_length-words-5",
        ),
        ({"method": "longest_response", "rule": "none", "budget": 5},
         "longest_response-rule-none-5"),
        ({"method": "facility_location", "trade_off": 0.3, "fill": True, "budget": "10%"},
         "facility_location-trade_off-0.3-fill-true-10pct"),
        ({"method": "random", "budget": {"amount": "5%", "of": "eligible"}},
         "random-5pct_of_eligible"),
        (
            {"method": "random", "budget": 5,
             "within": {"method": "deduplicate", "match": "near"}},
            "random-within-deduplicate-near-5",
        ),
        (
            {"method": "random", "budget": 5,
             "within": {"method": "where", "attribute": "task", "values": ["a b", "c"]}},
            "random-within-where-task-a_b-c-5",
        ),
        ({"method": "quota", "by": "random", "per": "task", "budget": 5},
         "quota-by-random-per-task-5"),
        ({"method": "k_center", "vectors": {"method": "embeddings", "model": "org/other"},
          "budget": 3}, "k_center-vectors-embeddings-org_other-3"),
    ],
)  # fmt: skip
def test_a_name_says_the_parameters_that_differ(description: dict[str, Any], name: str) -> None:
    assert derived_name(build(description, "selector")) == name


def test_a_pinned_default_is_still_the_default() -> None:
    pinned = {"method": "embeddings", "part": "prompt", "model": "assay:encoder@0123456789abcdef"}
    made = build({"method": "facility_location", "vectors": pinned, "budget": 3}, "selector")

    assert derived_name(made) == "facility_location-3"


def test_several_pinned_defaults_are_still_the_default() -> None:
    vectors = {"method": "embeddings", "model": "assay:encoder@0123456789abcdef"}
    described = {"method": "learned", "labels": "mtld"}

    for inputs, name in (
        ([vectors, "lengths"], "learned-labels-mtld-3"),
        ([vectors], "learned-labels-mtld-inputs-embeddings-3"),
    ):
        made = build({**described, "inputs": inputs, "budget": 3}, "selector")
        assert derived_name(made) == name


def test_the_choice_of_select_without_a_method_goes_by_its_recipe() -> None:
    recipe = default_selection("10%")
    other = build({**_described(recipe.selector), "budget": "10%"}, "selector")
    assert derived_name(recipe.selector) == f"{recipe.name}-10pct" == derived_name(other)

    changed = recipe.selector.model_copy(update={"fill": True})
    assert derived_name(changed) != f"{recipe.name}-10pct"


def _described(selector: Selector) -> dict[str, Any]:
    from assay.components.descriptions import describe  # noqa: PLC0415  only here

    return describe(selector)


def test_a_long_name_ends_in_digits_of_the_key() -> None:
    words = [f"word{number}" for number in range(40)]
    pair = [
        build({"method": "where", "attribute": "task", "values": [*words, last]}, "selector")
        for last in ("x", "y")
    ]

    first, second = map(derived_name, pair)

    assert first != second
    assert len(first) == len(second) == 80
    assert first.endswith(pair[0].key[:6])


@pytest.mark.parametrize("name", ["best", "best-2.1", "my_best%", "模型"])
def test_a_name_that_can_be_typed_is_taken(name: str) -> None:
    assert check_given(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "cannot be the name"),
        ("-q", "cannot be the name"),
        ("a b", "cannot be the name"),
        ("a/b", "cannot be the name"),
        ("x=y", "cannot be the name"),
        ("a" * 101, "cannot be the name"),
        ("0059a1b2", "taken for the id of a row"),
        ("best.json", "taken for a file"),
    ],
)
def test_a_name_that_would_mean_something_else_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_given(name)


def test_a_taken_name_gets_a_number() -> None:
    assert free_name("a", {"a", "a-2"}) == "a-3"
    assert free_name("b", {"a"}) == "b"
