"""What a selection is asked for beside its method, from plain values."""

from pathlib import Path

import pytest

from assay.components.wishes import read_wishes
from assay.errors import UsageError


@pytest.mark.parametrize(
    ("against", "files"),
    [
        (None, ()),
        ([], ()),
        ("questions.jsonl", ("questions.jsonl",)),
        (Path("questions.jsonl"), ("questions.jsonl",)),
        (["a.jsonl", Path("b.jsonl")], ("a.jsonl", "b.jsonl")),
    ],
)
def test_questions_are_one_file_or_several(against: object, files: tuple[str, ...]) -> None:
    assert read_wishes(against=against).against == files


@pytest.mark.parametrize("against", [5, {"a.jsonl": 1}, [None]])
def test_what_names_no_file_is_refused(against: object) -> None:
    with pytest.raises(UsageError, match="against = "):
        read_wishes(against=against)
