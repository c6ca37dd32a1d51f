"""`--set` reads text as the parameter's type says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from assay.cli.options.parameters import (
    Setting,
    describe_methods,
    files_named,
    parse_settings,
    set_inside,
    typed,
)
from assay.components import table
from assay.components.component import build
from assay.components.registry import find
from assay.components.rendering import Rendering
from assay.components.rule import Rule
from assay.errors import AssayError, ConfigError, UnknownMethodError, UsageError
from assay.features.record_field import RecordField
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.top_score import TopScore
from assay.methods.judged.learned import Learned
from assay.methods.likelihood.ifd import IFD


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


def test_a_word_before_a_dot_is_a_method_of_the_line_or_a_parameter_of_one() -> None:
    texts = ["ifd.mode=reference", "rendering.turns=last", "ifd.rendering.template=a.json",
             "embeddings.part=response"]  # fmt: skip

    assert parse_settings(texts, ["ifd"]) == [
        Setting("ifd", "mode", "reference"),
        Setting("", "rendering.turns", "last"),
        Setting("ifd", "rendering.template", "a.json"),
        Setting("embeddings", "part", "response"),
    ]


def test_parameters_inside_a_parameter_are_set_one_by_one() -> None:
    settings = parse_settings(
        ["rendering.turns=last", "ifd.rendering.template=vicuna", "rendering.max_tokens=512"],
        ["ifd", "superfiltering", "mtld"],
    )

    described, _ = describe_methods(["ifd", "superfiltering", "mtld"], settings)

    shared = {"turns": "last", "max_tokens": "512"}
    assert described == [
        {"method": "ifd", "rendering": shared | {"template": "vicuna"}},
        {"method": "superfiltering", "rendering": shared},
        {"method": "mtld"},
    ]
    assert build(described[0], "scorer") == IFD(
        rendering=Rendering(turns="last", template="vicuna", max_tokens=512)
    )


def test_what_a_default_says_besides_stays() -> None:
    described, _ = describe_methods(
        ["k_center"], parse_settings(["vectors.part=response"], ["k_center"])
    )
    again, _ = describe_methods(
        ["top_score"],
        parse_settings(["by=ifd", "by.rendering.turns=last", "rule.below=2"], ["top_score"]),
    )

    assert described == [
        {"method": "k_center", "vectors": {"method": "embeddings", "part": "response"}}
    ]
    assert build(again[0], "selector") == TopScore.model_validate(
        {"by": IFD(rendering=Rendering(turns="last")), "rule": Rule(below=2)}
    )


def test_a_setting_reaches_parameters_inside_parameters_of_components_inside() -> None:
    outer = RankMean.model_validate(
        {"of": [{"method": "ifd", "rendering": {"template": "plain"}}, "mtld"]}
    )

    changed = set_inside(outer, [Setting("ifd", "rendering.turns", "last")])

    of = [IFD(rendering=Rendering(template="plain", turns="last")), "mtld"]
    assert changed == RankMean.model_validate({"of": of})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("rendering.tmplate=x", "rendering has no parameter 'tmplate'", "did you mean 'template'?"),
        ("ifd.rendering.turn=x", "ifd.rendering has no parameter 'turn'", "did you mean 'turns'?"),
        ("mode.x=y", "mode holds no parameters", None),
        ("ifd.renderin.turns=x", "ifd has no parameter 'renderin'",
         "did you mean 'rendering' or 'experience'?"),
        ("rendring.turns=x", "'rendring' is neither a method nor a parameter",
         "did you mean 'rendering'?"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_says_where_it_ends(
    text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(AssayError) as raised:
        describe_methods(["ifd"], parse_settings([text], ["ifd"]))

    assert (raised.value.message, raised.value.hint) == (message, hint)


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
        ("ifd", "mode", "none", "none"),
    ],
)
def test_text_is_read_by_type(method: str, parameter: str, text: str, value: object) -> None:
    annotation = find(method, None).model_fields[parameter].annotation

    assert typed(annotation, text) == value


def test_none_is_the_empty_word_where_that_is_one_of_some() -> None:
    assert typed(Literal["", "cherry"], "none") == ""
    assert typed(Literal["", "none"], "none") == "none"


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


_TWO_METHODS = """
from typing import ClassVar

from assay import NoPaper, Scorer


class First(Scorer):
    \"\"\"One.\"\"\"

    name = "first_of_a_file"
    paper: ClassVar[NoPaper] = NoPaper(reason="a test")


class Second(First):
    \"\"\"Another.\"\"\"

    name = "second_of_a_file"
"""


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Lets the methods of a file be known for one test."""
    before = table.snapshot()
    yield
    table.restore(before)


@pytest.mark.usefixtures("forgotten")
def test_a_parameter_takes_a_method_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "my methods.py"
    file.write_text(_TWO_METHODS)
    settings = [f"by={file}:second_of_a_file", "low=1"]

    [described], _ = describe_methods(["threshold"], parse_settings(settings, ["threshold"]))
    [several], _ = describe_methods(
        ["rank_mean"], parse_settings([f"of=mtld,{file}:first_of_a_file"], ["rank_mean"])
    )

    assert described == {"method": "threshold", "by": "second_of_a_file", "low": "1"}
    assert several["of"] == ["mtld", "first_of_a_file"]
    assert files_named([*settings, f"of=mtld,{file}:first_of_a_file"]) == [file]


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    ("ending", "message", "hint"),
    [
        ("", "defines first_of_a_file, second_of_a_file", ":first_of_a_file"),
        (":third", "and not third", ":first_of_a_file"),
    ],
)
def test_which_of_a_files_methods_is_meant_has_to_be_said(
    tmp_path: Path, ending: str, message: str, hint: str
) -> None:
    file = tmp_path / "methods.py"
    file.write_text(_TWO_METHODS)

    with pytest.raises(UsageError, match=message) as raised:
        describe_methods(["threshold"], parse_settings([f"by={file}{ending}"], ["threshold"]))
    assert hint in str(raised.value.hint)


def test_a_score_or_a_feature_is_described_as_a_configuration_file_does() -> None:
    annotation = Learned.model_fields["labels"].annotation
    described = {"method": "imported", "file": "judged.csv", "column": "score"}

    assert typed(annotation, "{method: imported, file: judged.csv, column: score}") == described
    assert typed(annotation, '{"method": "imported", "file": "judged.csv", "column": "score"}') == (
        described
    )
    for wrong in ("{method: imported", "{method imported}", "[a: b: c]"):
        with pytest.raises(UsageError, match="is not JSON"):
            typed(annotation, wrong)


def test_parameters_of_a_score_or_a_feature_are_set_after_its_name() -> None:
    for held, name, value in (("imported", "column", "score"), ("record_field", "field", "stars")):
        settings = [Setting("", "labels", held), Setting("", f"labels.{name}", value)]
        (described,), _ = describe_methods(["learned"], settings)

        assert described["labels"] == {"method": held, name: value}
    inputs = typed(Learned.model_fields["inputs"].annotation, "embeddings,mtld")
    made = Learned(labels={"method": "record_field", "field": "stars"}, inputs=inputs)
    assert [part.kind for part in made.inputs] == ["feature", "scorer"]
    assert isinstance(made.labels, RecordField)
    with pytest.raises(UnknownMethodError):
        Learned(labels="stars")
