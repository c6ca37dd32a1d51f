"""Names of judges: an address counts as it is written, a file by its content alone."""

import os
import sys
from pathlib import Path

import pytest

from assay.backends.endpoint.judge_address import JudgeAddress, find_judge, pin_judge
from assay.errors import ModelLoadError
from tests.gguf_headers import header_only

ADDRESS = "http://host:8000/v1#model@label"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return header_only(tmp_path / "small.gguf")


def test_an_address_counts_with_its_label() -> None:
    judge = find_judge(ADDRESS)

    assert judge.identity == judge.pinned == ADDRESS
    assert (judge.name, judge.file) == ("model@label", None)
    assert find_judge(judge.pinned) == judge


def test_an_address_without_a_label_is_called_unpinned() -> None:
    assert pin_judge("HTTP://Host:8000#m") == "http://host:8000/v1#m@unpinned"


@pytest.mark.parametrize("option", ["tokenizer=my/tok", "window=512"])
def test_options_that_no_judge_has_are_refused(option: str) -> None:
    with pytest.raises(ModelLoadError, match="no option of a judge") as caught:
        find_judge(f"http://host/v1?{option}#m@2")

    assert caught.value.hint == "http://host/v1#m@2"


def test_a_file_counts_by_its_content_wherever_it_lies(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other name.gguf"
    copy.write_bytes(file.read_bytes())
    first, second = find_judge(str(file)), find_judge(str(copy))

    assert first.identity == second.identity
    assert first.pinned == f"{file}@{first.identity.removeprefix('gguf@')}"
    assert (first.name, first.file, first.address) == ("small", file, None)
    assert find_judge(first.pinned) == first


def test_a_file_that_has_changed_since_it_was_pinned_is_refused(file: Path) -> None:
    pinned = pin_judge(str(file))
    file.write_bytes(file.read_bytes() + b"\0")

    assert pin_judge(str(file)) != pinned
    with pytest.raises(ModelLoadError, match="has changed"):
        find_judge(pinned)


def test_a_file_is_read_again_only_when_it_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pin_judge(str(file))
    monkeypatch.setattr("assay.backends.endpoint.judge_address.file_digest", lambda _: "f" * 12)

    assert pin_judge(str(file)) == found
    os.utime(file, ns=(1, 1))
    assert pin_judge(str(file)) == f"{file}@{'f' * 12}"


def test_a_package_stands_for_the_file_in_it_and_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own_judge_one"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('it was run')\n", encoding="utf-8")
    file = header_only(folder / "model.gguf")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    judge = find_judge("package:own-judge-one")

    assert judge.identity == find_judge(str(file)).identity
    assert judge.pinned.startswith("package:own-judge-one@")
    assert (judge.file, judge.name) == (file, "model")
    assert find_judge(judge.pinned) == judge


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none is named"),
        ("gpt-4o", "'gpt-4o' names no judge"),
        ("localhost:8000/v1#m", "names no judge"),
        ("org/name", "'org/name' names no judge"),
        ("missing.gguf", "missing.gguf does not exist"),
        ("missing.gguf@0123456789ab", "missing.gguf does not exist"),
        ("package:no_such_judge", "the package no_such_judge is not installed"),
        ("http://host/v1", "which model of the server"),
    ],
)
def test_what_is_no_judge_is_told(text: str, said: str) -> None:
    with pytest.raises(ModelLoadError, match=said):
        find_judge(text)


def test_what_may_be_named_is_in_the_hint() -> None:
    with pytest.raises(ModelLoadError) as caught:
        find_judge("gpt-4o")

    assert caught.value.hint is not None
    for part in ('judge="http://host:8000/v1#model@label"', "a GGUF file", "package:NAME"):
        assert part in caught.value.hint


def test_a_file_that_is_no_gguf_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model", encoding="utf-8")
    (tmp_path / "rows.json").write_text("[]", encoding="utf-8")

    for name in ("text.gguf", "rows.json"):
        with pytest.raises(ModelLoadError, match=f"{name} is no GGUF file"):
            find_judge(str(tmp_path / name))
    with pytest.raises(ModelLoadError, match="is a folder, and no GGUF file"):
        find_judge(str(tmp_path))


def test_a_judge_without_either_has_no_name() -> None:
    assert JudgeAddress("x", "x").name == ""
