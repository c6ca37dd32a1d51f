"""Descriptions become components in one way, whoever read them, and errors say where."""

from pathlib import Path
from typing import Any

import pytest

from assay.cli.options.parameters import describe_methods, parse_settings
from assay.components.base import Component
from assay.components.building import Reading
from assay.components.component import build
from assay.components.descriptions import describe
from assay.components.table import Kind
from assay.config.config import load_config
from assay.errors import AssayError
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Threshold
from assay.methods.text.lexical import MTLD, TypeTokenRatio

_WRONG: list[tuple[dict[str, Any], Kind, tuple[str | int, ...]]] = [
    ({"method": "mtldd"}, "scorer", ("method",)),
    ({"method": "mtld", "sizee": 1}, "scorer", ("sizee",)),
    ({"method": "threshold", "by": "mtldd", "low": 1}, "selector", ("by", "method")),
    ({"method": "threshold", "by": {"method": "ifd", "size": 1}}, "selector", ("by", "size")),
    ({"method": "threshold", "by": 5, "low": 1}, "selector", ("by",)),
    ({"method": "rank_mean", "of": ["mtld", {"method": "ttr", "size": 1}]}, "scorer",
     ("of", 1, "size")),
    ({"method": "ifd", "rendering": {"turns": "lst"}}, "scorer", ("rendering", "turns")),
    ({"method": "random", "budget": "lots"}, "selector", ("budget",)),
    ({"method": "random", "within": {"method": "random", "budget": "lots"}}, "selector",
     ("within", "budget")),
]  # fmt: skip


@pytest.mark.parametrize(("description", "kind", "place"), _WRONG)
def test_an_error_says_where_in_the_description_it_lies(
    description: dict[str, Any], kind: Kind, place: tuple[str | int, ...]
) -> None:
    with pytest.raises(AssayError) as raised:
        build(description, kind)

    assert raised.value.place == place


@pytest.mark.parametrize(
    ("method", "parameter", "value"),
    [
        ("mtld", "sizee", "1"),
        ("longest_response", "unit_of_lenth", "words"),
        ("longest_response", "unit_of_length", "lines"),
        ("threshold", "low", "x"),
        ("threshold", "by", "mtldd"),
        ("threshold", "by", "random"),
        ("random", "budget", "lots"),
    ],
)
def test_python_files_and_command_lines_word_an_error_alike(
    method: str, parameter: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"data: d\nselections: {{a: {{method: {method}, {parameter}: {value}}}}}\n")
    told = []

    for attempt in (
        lambda: build({"method": method, parameter: value}, "selector"),
        lambda: load_config(file),
        lambda: _typed(method, f"{parameter}={value}"),
    ):
        with pytest.raises(AssayError) as raised:
            attempt()
        told.append((raised.value.message.removeprefix(f"{file}, line 2: "), raised.value.hint))

    if parameter == "sizee":  # on the command line a score takes a selection's rule, too
        told = [(message, None) for message, _ in told]
    assert told == [told[0]] * 3


def _typed(method: str, setting: str) -> Component:
    settings = parse_settings([setting], [method], selecting=True)
    [described], _ = describe_methods([method], settings, selecting=True)
    return build(described, "selector")


def test_a_score_that_stands_for_a_selection_takes_what_selections_take() -> None:
    with pytest.raises(AssayError) as raised:
        build({"method": "mtld", "bugdet": 5}, "selector")

    assert raised.value.hint == "did you mean 'budget'?"


def test_a_component_stands_for_its_description() -> None:
    by = {"method": "rank_mean", "of": [MTLD(), "ttr"]}

    made = build({"method": "threshold", "by": by, "low": 1}, "selector")

    assert made == Threshold(by=RankMean(of=(MTLD(), TypeTokenRatio())), low=1)
    assert build(describe(made), "selector") == made
    assert build(MTLD(), "scorer") == MTLD()


def test_a_score_object_stands_for_its_best_rows_where_a_selection_is_wanted() -> None:
    assert build(MTLD(), "selector") == TopScore(by=MTLD())
    assert Quota.model_validate({"by": MTLD(), "budget": 5}) == Quota(
        by=TopScore(by=MTLD()), budget=5
    )


@pytest.mark.parametrize("name", ["random", "top_score"])
def test_a_selection_is_no_score(name: str) -> None:
    with pytest.raises(AssayError, match=f"'{name}' is a selector, where a scorer is wanted"):
        build({"method": "threshold", "by": name}, "selector")


def test_texts_are_read_as_the_one_who_holds_them_says() -> None:
    class Louder(Reading):
        def component(self, text: str, kind: Kind | None) -> Component | None:
            return TypeTokenRatio() if text == "mine" else None

        def value(self, text: str, parameter: str, pinned: str | None) -> str:
            seen.append((text, parameter, pinned))
            return text

    seen: list[tuple[str, str, str | None]] = []
    described = {
        "method": "top_score",
        "by": {"method": "ifd", "model": "gpt2", "rendering": {"template": "own.json"}},
        "within": {"method": "threshold", "by": "mine", "low": 1},
        "budget": {"amount": "5%", "tokenizer": "tok.json"},
    }

    made = build(described, "selector", Louder())

    assert (
        made.key
        == build(described | {"within": Threshold(by=TypeTokenRatio(), low=1)}, "selector").key
    )
    assert seen == [
        ("gpt2", "model", "language_model"),
        ("own.json", "rendering", "template"),
        ("5%", "budget", None),
        ("tok.json", "budget", "tokenizer"),
    ]
