"""`--set` reads text as the parameter's type says."""

import pytest

from assay.cli.parameters import Setting, describe_methods, parse_settings, set_inside, typed
from assay.errors import ConfigError, UnknownMethodError, UsageError
from assay.methods.combination import RankMean
from assay.registry import build, find


def test_a_parameter_may_name_its_method() -> None:
    assert parse_settings(["ifd.mode=paper", "part=prompt"]) == [
        Setting("ifd", "mode", "paper"),
        Setting("", "part", "prompt"),
    ]


def test_a_setting_without_method_goes_to_every_method_that_has_it() -> None:
    described, inside = describe_methods(
        ["longest_response", "longest_instruction", "mtld"],
        parse_settings(["unit_of_length=words"]),
    )

    assert [d.get("unit_of_length") for d in described] == ["words", "words", None]
    assert inside == []


def test_a_setting_with_a_method_goes_to_it_alone() -> None:
    described, _ = describe_methods(
        ["longest_response", "longest_instruction"],
        parse_settings(["longest_response.unit_of_length=words"]),
    )

    assert described[1] == {"method": "longest_instruction"}


def test_an_unknown_parameter_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="longest_response has no parameter 'tokenizr'") as raised:
        describe_methods(["longest_response"], parse_settings(["tokenizr=x"]))

    assert raised.value.hint == "did you mean 'tokenizer'?"


def test_a_setting_for_an_unknown_method_is_refused() -> None:
    with pytest.raises(UnknownMethodError):
        describe_methods(["longest_response"], parse_settings(["nothing_like_it.part=x"]))


def test_a_score_that_is_selected_by_takes_a_rule() -> None:
    described, _ = describe_methods(["mtld"], parse_settings(["rule=none"]), selecting=True)

    assert described == [{"method": "mtld", "rule": "none"}]


@pytest.mark.parametrize(
    ("method", "parameter", "text", "value"),
    [
        ("where", "values", "a, b", ["a", "b"]),
        ("rank_mean", "of", "mtld,ttr", ["mtld", "ttr"]),
        ("quota", "weights", "a=1,b=2", {"a": "1", "b": "2"}),
        ("threshold", "low", "none", None),
        ("threshold", "low", "1.5", "1.5"),
        ("top_score", "rule", '{"below": 1}', {"below": 1}),
        ("top_score", "rule", "none", "none"),
    ],
)
def test_text_is_read_by_type(method: str, parameter: str, text: str, value: object) -> None:
    annotation = find(method, None).model_fields[parameter].annotation

    assert typed(annotation, text) == value


def test_broken_json_is_refused() -> None:
    with pytest.raises(UsageError, match="is not JSON"):
        typed(str, "{below: 1}")


def test_a_setting_reaches_components_inside() -> None:
    outer = RankMean.model_validate({"of": ["longest_response", "mtld"]})

    changed = set_inside(outer, [Setting("longest_response", "unit_of_length", "words")])

    assert changed == build(
        {
            "method": "rank_mean",
            "of": [{"method": "longest_response", "unit_of_length": "words"}, "mtld"],
        },
        "scorer",
    )


def test_a_setting_for_what_is_not_inside_is_refused() -> None:
    with pytest.raises(ConfigError, match="mtld holds no 'ttr'"):
        set_inside(find("mtld")(), [Setting("ttr", "part", "prompt")])
