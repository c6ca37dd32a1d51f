"""Rows that the embedded language model was trained on are found, flagged and pointed out."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from assay.components.base import Component
from assay.features import seen_rows
from assay.features.seen_rows import HASHES, row_hash, seen
from assay.methods.combinations.top_score import TopScore
from assay.methods.likelihood.ifd import IFD
from assay.methods.text.compression_ifd import CompressionIFD
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import Flag
from tests.causal_rows import exchange, ordinary_rows, turns
from tests.letters_model import Letters, use

_TAUGHT = [
    ("Why can camels survive for long without water?", "They use the fat in their humps."),
    ("Name two fruits.\nBe brief.", "Apples and pears."),
    ("写一个关于春天的句子。", "春天来了,花都开了。"),
]


@pytest.fixture(autouse=True)
def taught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A file of training rows with three rows, and twenty that nobody has."""
    hashes = [row_hash(*pair) for pair in _TAUGHT]
    hashes += [row_hash(f"Question {number}", "Answer") for number in range(20)]
    _write(tmp_path / "rows.safetensors", hashes)
    monkeypatch.setattr(seen_rows, "HASHES", tmp_path / "rows.safetensors")
    seen_rows._known.cache_clear()
    yield
    seen_rows._known.cache_clear()


def _write(path: Path, hashes: Sequence[int]) -> None:
    save_file({"hashes": np.sort(np.array(hashes, np.uint64))}, path)


def _project(folder: Path, taught: int, others: int) -> Project:
    """Return a project of so many rows that are among the training rows, and others."""
    pairs = [(f"Question {number}", "answer") for number in range(taught)]
    pairs += [(question, answer) for question, _, answer in ordinary_rows(others)]
    rows = [{"instruction": question, "output": answer} for question, answer in pairs]
    (folder / "data.json").write_text(json.dumps(rows))
    return Project(data=folder / "data.json", runtime=Runtime(cache=folder / "cache", workers=1))


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        _TAUGHT[0],
        ("why can CAMELS survive\tfor long without water? ", "They use the fat\nin their humps.\n"),
        ("Name two fruits. Be brief.", "apples\u00a0and pears.\n\n"),
        ("写一个 关于春天的句子。", "春天来了,\u3000花都开了。"),
    ],
)  # fmt: skip
def test_a_training_row_is_found_whatever_its_white_space_and_capitals(
    prompt: str, response: str
) -> None:
    assert seen([exchange((prompt, "", response))]).tolist() == [True]


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        (_TAUGHT[0][0], "They use the fat in their hump."),
        (_TAUGHT[0][0], ""),
        ("", _TAUGHT[0][1]),
        (_TAUGHT[0][0].rstrip("?"), _TAUGHT[0][1]),
        (_TAUGHT[0][0], _TAUGHT[1][1]),
        (_TAUGHT[0][1], _TAUGHT[0][0]),
        ("", ""),
    ],
)
def test_another_row_is_not_found(prompt: str, response: str) -> None:
    assert seen([exchange((prompt, "", response))]).tolist() == [False]


def test_every_row_of_many_is_told_by_itself() -> None:
    rows = [exchange((question, "", answer)) for question, answer in _TAUGHT]
    rows.insert(1, turns("Hello", "Hello.", "And now?", "Nothing."))

    assert seen(rows).tolist() == [True, False, True, True]
    assert seen([]).tolist() == []


def test_the_first_and_the_last_hash_and_those_beyond_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = iter([5, 9, 4, 10, 7, 2**64 - 1])
    _write(tmp_path / "few.safetensors", [5, 7, 9])
    monkeypatch.setattr(seen_rows, "HASHES", tmp_path / "few.safetensors")
    monkeypatch.setattr(seen_rows, "row_hash", lambda prompt, response: next(hashes))
    seen_rows._known.cache_clear()

    found = seen([exchange(("Q", "", "A"))] * 6)

    assert found.tolist() == [True, True, False, False, True, False]


def test_without_training_rows_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "none.safetensors", [])
    monkeypatch.setattr(seen_rows, "HASHES", tmp_path / "none.safetensors")
    seen_rows._known.cache_clear()

    assert seen([exchange(("Q", "", "A"))]).tolist() == [False]


def test_the_rows_in_the_wheel_can_be_searched() -> None:
    hashes = load_file(HASHES)["hashes"]

    assert hashes.dtype == np.uint64
    assert (hashes[1:] >= hashes[:-1]).all()


def test_a_row_that_is_not_text_throughout_has_a_hash() -> None:
    assert 0 <= row_hash("\ud800", "\u0000") < 2**64


# What a person is told


@pytest.mark.parametrize(
    ("taught_rows", "others", "said"), [(3, 97, 1), (2, 98, 1), (1, 99, 0), (0, 100, 0), (1, 0, 1)]
)
def test_advice_names_a_share_of_more_than_a_hundredth(
    tmp_path: Path, taught_rows: int, others: int, said: int
) -> None:
    advice = _project(tmp_path, taught_rows, others).advice([TopScore(by=IFD(), budget=1)])
    notes = [note for note in advice if "trained" in note]

    assert len(notes) == said
    share = f"{taught_rows / (taught_rows + others):.0%}"
    assert all(note.startswith(f"assay:lm was trained on {share} of these") for note in notes)
    assert all("SEEN_IN_TRAINING" in note and "such as gpt2" in note for note in notes)


@pytest.mark.parametrize("component", [CompressionIFD(), IFD(model="folder")])
def test_who_does_not_read_with_it_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, component: Component
) -> None:
    monkeypatch.setattr(Runtime, "pin", lambda self, kind, text: f"{text}@0123456789ab")

    assert _project(tmp_path, 5, 5).advice([component]) == []


def test_stored_scores_are_flagged(tmp_path: Path) -> None:
    project = _project(tmp_path, 3, 6)

    project.score(project.scorer("ifd"))

    [path] = (project.folder / "scores").glob("ifd-*.parquet")
    stored = pl.read_parquet(path)
    known = seen(list(project.pool.conversations(np.arange(len(project)))))
    flagged = (stored["flags"].to_numpy() & Flag.SEEN_IN_TRAINING) != 0
    assert known.sum() == 3
    assert flagged.tolist() == known.tolist()


def test_another_model_flags_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Letters())
    project = _project(tmp_path, 3, 3)

    [table] = project.score(project.scorer({"method": "ifd", "model": "letters@0123456789ab"}))

    assert table.main.flags is not None
    assert not (table.main.flags & Flag.SEEN_IN_TRAINING).any()
