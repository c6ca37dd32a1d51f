"""Which word is a source, which a method, and what is said of the others."""

from pathlib import Path

import pytest

from assay.cli.options.grammar import Source, parse_assignments, parse_words
from assay.errors import DataError, UnknownMethodError, UsageError

PLUGIN = '''
"""A method of a file."""

from typing import Any, ClassVar

from assay.components.component import NoPaper, Paper, Scorer
from assay.features.text import Lengths


class Grammatical(Scorer):
    """Length again."""

    name = "grammatical"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a test")

    def requires(self) -> dict[str, Any]:
        return {"lengths": Lengths()}

    def score(self, **needs: Any) -> Any:
        return needs["lengths"]["response_characters"]
'''


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alpaca_data.json").write_text("[]")
    (tmp_path / "folder").mkdir()


def test_an_existing_path_is_a_source_and_a_name_is_a_method() -> None:
    words = parse_words(["alpaca_data.json", "folder", "longest_response"])

    assert [source.location for source in words.sources] == ["alpaca_data.json", "folder"]
    assert words.methods == ("longest_response",)


def test_a_dash_is_standard_input() -> None:
    assert parse_words(["-"]).sources == (Source("-"),)


def test_two_words_around_a_slash_are_a_repository_of_the_hub() -> None:
    assert parse_words(["tatsu-lab/alpaca"]).sources == (Source("tatsu-lab/alpaca"),)


@pytest.mark.parametrize("location", ["alpaca_data.json", "-", "org/name"])
def test_an_equals_sign_names_a_source(location: str) -> None:
    assert parse_words([f"chat={location}"]).sources == (Source(location, "chat"),)


def test_an_existing_path_with_an_equals_sign_is_that_path() -> None:
    Path("a=b.json").write_text("[]")

    assert parse_words(["a=b.json"]).sources == (Source("a=b.json"),)


def test_dashes_in_a_method_stand_for_underscores() -> None:
    assert parse_words(["longest-response"]).methods == ("longest_response",)


def test_a_method_comes_before_a_file_of_its_name_and_says_so() -> None:
    Path("random").mkdir()

    words = parse_words(["random"])

    assert words.methods == ("random",)
    assert words.notes == ("random is read as the method; ./random would be the path",)


def test_a_leading_dot_and_slash_force_the_path() -> None:
    Path("random").mkdir()

    words = parse_words(["./random"])

    assert words.methods == ()
    assert words.sources == (Source("./random"),)


def test_a_python_file_stands_for_the_methods_it_defines() -> None:
    Path("grammatical_method.py").write_text(PLUGIN)

    words = parse_words(["grammatical_method.py"])

    assert words.methods == ("grammatical",)
    assert words.plugin_files == (Path("grammatical_method.py"),)


@pytest.mark.parametrize("word", ["alpaca_dta.json", "./alpaca_data.jsn", "chat=alpaca_dat.json"])
def test_a_missing_path_names_the_nearest_file(word: str) -> None:
    with pytest.raises(DataError, match="does not exist") as raised:
        parse_words([word])

    assert "alpaca_data.json" in str(raised.value.hint)


def test_a_relative_path_to_data_is_never_taken_for_the_hub() -> None:
    with pytest.raises(DataError, match=r"folder/train\.jsonl does not exist"):
        parse_words(["folder/train.jsonl"])


def test_an_unknown_word_names_the_nearest_method() -> None:
    with pytest.raises(UnknownMethodError, match="no method is called 'longest_respnse'") as raised:
        parse_words(["longest_respnse"])

    assert "'longest_response'" in str(raised.value.hint)


def test_an_unknown_word_names_files_too() -> None:
    with pytest.raises(UnknownMethodError, match="neither a method nor a file") as raised:
        parse_words(["alpaca_data"])

    assert "'alpaca_data.json'" in str(raised.value.hint)


def test_assignments_split_at_the_first_equals_sign() -> None:
    assert parse_assignments(["a=b=c"], "--set") == [("a", "b=c")]


@pytest.mark.parametrize("text", ["a", "=b"])
def test_an_assignment_without_name_or_sign_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parse_assignments([text], "--set")
