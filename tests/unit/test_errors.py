"""What an error says, and to whom."""

import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from assay.cli.spelling import on_command_line
from assay.config.sections import (
    CompareSection,
    DataSection,
    DefaultsSection,
    ExportSection,
    LimitsSection,
    Sections,
    SourceSection,
)
from assay.config.spelling import KEYS, in_yaml
from assay.errors import (
    AssayError,
    ConfigError,
    DamagedError,
    MissingExtraError,
    Parameter,
    Phrase,
    UnknownMethodError,
    in_python,
    joined,
    spelled,
)
from assay.models.recipe import Recipe


@pytest.mark.parametrize(
    ("parameter", "python", "line", "file"),
    [
        (Parameter("model", "gpt2"), 'model="gpt2"', "--model gpt2",
         "defaults.language_model: gpt2"),
        (Parameter("model"), "model=...", "--model", "defaults.language_model"),
        (Parameter("budget", "5%"), 'budget="5%"', "--budget 5%", "defaults.budget: 5%"),
        (Parameter("budget", "2M tokens"), 'budget="2M tokens"', "--budget '2M tokens'",
         "defaults.budget: 2M tokens"),
        (Parameter("max_unscored", "4%"), "Runtime(max_unscored=0.04)", "--max-unscored 4%",
         "limits.max_unscored: 4%"),
        (Parameter("hold_out"), "Project(hold_out=...)", "--hold-out", "data.hold_out"),
        (Parameter("offline"), "Runtime(offline=True)", "--offline", None),
        (Parameter("learning_rate", "2e-05"), "Recipe(learning_rate=2e-05)",
         "--learning-rate 2e-05", "compare.recipe.learning_rate: 2e-05"),
        (Parameter("share", "0.5"), "share=0.5", "--set share=0.5", "share: 0.5"),
        (Parameter("rendering.template", "alpaca"), 'rendering={"template": "alpaca"}',
         "--set rendering.template=alpaca", "rendering.template: alpaca"),
        (Parameter("mapping", {"response": "{a b}"}),
         'SourceSpec(mapping={"response": "{a b}"})', "--map 'response={a b}'",
         'data.map: {response: "{a b}"}'),
        (Parameter("format"), "layout=...", "--format", "format"),
        (Parameter("match", "id"), 'match="id"', "--id", "match: id"),
        (Parameter("data", "FILE"), 'Project(data="FILE")', "assay load FILE",
         "data.source: FILE"),
        (Parameter("model", 'a "b"'), "model='a \"b\"'", "--model 'a \"b\"'",
         'defaults.language_model: a "b"'),
    ],
)  # fmt: skip
def test_a_parameter_is_written_as_each_reader_writes_it(
    parameter: Parameter, python: str, line: str, file: str | None
) -> None:
    assert in_python(parameter) == python
    assert on_command_line(parameter) == line
    assert in_yaml(parameter) == file


def test_an_error_in_python_holds_its_hint_once() -> None:
    error = ConfigError("no model is named", hint=Phrase("{}, or none", Parameter("model", "gpt2")))

    assert str(error) == 'no model is named\nhint: model="gpt2", or none'
    assert (error.message, error.hint) == ("no model is named", 'model="gpt2", or none')
    assert str(ConfigError("nothing can be done")) == "nothing can be done"


def test_what_a_traceback_prints_cannot_move_the_cursor() -> None:
    error = AssayError("field 'a\x1b]52;c;Z\x07' is \u202eno", hint="b\x9b2J")

    assert str(error) == "field 'a\\x1b]52;c;Z\\x07' is \\u202eno\nhint: b\\x9b2J"


def test_braces_of_data_are_no_places_for_parameters() -> None:
    hostile = "{0} {model} {} }{"
    error = AssayError(Phrase("{}: {}", hostile, Parameter("model")), hint=hostile)

    assert error.message == f"{hostile}: model=..."
    assert error.reported(on_command_line) == (f"{hostile}: --model", hostile)


def test_what_a_file_cannot_say_is_left_to_who_reads_the_error() -> None:
    error = AssayError(
        "no", hint=Phrase("{} or {}", Parameter("offline"), Parameter("max_unscored"))
    ).of_file(in_yaml)

    assert error.hint == "Runtime(offline=True) or limits.max_unscored"
    assert error.reported(on_command_line)[1] == "--offline or limits.max_unscored"


def test_sentences_of_several_errors_are_one() -> None:
    errors = [AssayError("a", hint=Parameter("seed", "3")), AssayError("b")]

    words = joined([error.sentence() for error in errors])

    assert spelled(words, in_python) == "a (seed=3); b"
    assert spelled(words, on_command_line) == "a (--set seed=3); b"


def test_equal_phrases_are_one() -> None:
    twice = [Phrase("{}", Parameter("seed")), Phrase("{}{}", "", Parameter("seed"))]

    assert len(dict.fromkeys(twice)) == 1
    assert twice[0] != Phrase("{}", Parameter("budget"))


@pytest.mark.parametrize(
    "error",
    [
        AssayError("a", hint=Phrase("{}", Parameter("model"))).of_file(in_yaml),
        MissingExtraError(Parameter("device", "cuda"), "models"),
        UnknownMethodError("ifdd", ["ifd"]),
        DamagedError("b", hint="c", path=Path("d")),
    ],
)
def test_an_error_of_a_worker_arrives_as_it_was(error: AssayError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is type(error)
    assert (str(again), vars(again).keys()) == (str(error), vars(error).keys())
    assert again.reported(on_command_line) == error.reported(on_command_line)


def test_words_can_be_replaced() -> None:
    error = UnknownMethodError("ifdd", ["ifd"])

    error.message = "it is not there"
    error.hint = Parameter("model")

    assert str(error) == "it is not there\nhint: model=..."


_INNER: dict[str, type[BaseModel]] = {
    "data": DataSection, "defaults": DefaultsSection, "limits": LimitsSection,
    "compare": CompareSection, "recipe": Recipe,
}  # fmt: skip


@pytest.mark.parametrize("place", KEYS.values())
def test_every_place_in_a_file_is_one_that_it_has(place: str) -> None:
    *sections, key = place.split(".")
    section: type[BaseModel] = Sections
    for name in sections:
        assert name in section.model_fields
        section = _INNER[name]

    # One source is written in the section itself, an export is one of a list.
    known = {*section.model_fields, *SourceSection.model_fields, *ExportSection.model_fields}
    assert key in known
