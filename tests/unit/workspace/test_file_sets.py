"""Other files beside the data: what their rows may lack follows from what they are for."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import Chosen, Feature, FileSet, build
from assay.errors import DataError
from assay.features.embeddings import Embeddings
from assay.features.log_probs import ResponseLogProbs
from assay.features.text import CompressedLengths
from assay.methods.chance.random_rows import RandomSample
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import Reason

_SHARED = Path(__file__).parents[3] / "../shared/data"
_PAIRS = [{"instruction": f"Write {n} lines", "output": f"line {n}"} for n in range(6)]
_ASKED = [{"question": f"What is {n} and {n}?"} for n in range(5)]
_ANSWERED = [{"question": f"What is {word}?", "answer": "The sea."} for word in ("wet", "deep")]


def _lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    data = _lines(tmp_path / "data.jsonl", _PAIRS)
    return Project(tmp_path / "p", data=data, runtime=Runtime(cache=tmp_path / "cache", workers=1))


def _value(project: Project, feature: Feature, dataset: Any) -> Any:
    return project.engine.value(feature.at(dataset))


@pytest.mark.parametrize("role", ["questions", "evaluation", "target"])
def test_prompts_need_no_answer_and_keep_the_one_that_they_have(
    project: Project, tmp_path: Path, role: Any
) -> None:
    path = _lines(tmp_path / "asked.jsonl", [*_ASKED[:2], *_ANSWERED])
    asked = FileSet(source=str(path), role=role)

    read = _value(project, ResponseLogProbs(), asked)
    vectors = _value(project, Embeddings(part="instruction"), asked)

    view = project.engine.view(project.engine.resolve(asked))
    answered = np.array([bool(each.response) for each in view.conversations()])
    assert answered.sum() == 2
    assert read.reason.tolist() == np.where(answered, 0, Reason.EMPTY_RESPONSE).tolist()
    assert vectors.reason.tolist() == [0] * 4


@pytest.mark.parametrize("role", ["anchors", "held_out"])
def test_anchors_and_held_out_rows_need_an_answer(
    project: Project, tmp_path: Path, role: Any
) -> None:
    path = _lines(tmp_path / "asked.jsonl", [*_ASKED, *_ANSWERED])
    lone = _lines(tmp_path / "lone.jsonl", _ANSWERED)

    found = project.engine.view(project.engine.resolve(FileSet(source=str(lone), role=role)))

    assert [each.response for each in found.conversations()] == ["The sea."] * 2
    with pytest.raises(DataError):
        project.engine.view(project.engine.resolve(FileSet(source=str(path), role=role)))


def test_one_file_can_be_for_two_things(project: Project, tmp_path: Path) -> None:
    rows = [{"question": "Who?", "text": "A text that is long."}, {"text": "Another text."}]
    path = _lines(tmp_path / "both.jsonl", rows)

    asked, written = (
        project.engine.view(project.engine.resolve(FileSet(source=str(path), role=role)))
        for role in ("questions", "documents")
    )

    assert [c.response for c in asked.conversations()] == ["", ""]
    assert [c.prompt for c in written.conversations()] == ["", ""]
    assert {c.response for c in written.conversations()} == {row["text"] for row in rows}


def test_documents_have_no_instruction_and_say_so(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("The sea is wide.\n\nAnd the sky is high.\nThe sea is wide.\n")
    corpus = FileSet(source=str(path), role="documents")

    asked = _value(project, CompressedLengths(), corpus)
    written = _value(project, Embeddings(part="response"), corpus)
    some = _value(
        project, Embeddings(part="response"), Chosen(by=RandomSample(budget=2), of=corpus)
    )

    assert asked.reason.tolist() == [Reason.EMPTY_PROMPT] * 3
    assert written.reason.tolist() == [0] * 3
    assert len(some) == 2


def test_a_corpus_without_a_document_says_what_one_is(project: Project, tmp_path: Path) -> None:
    path = _lines(tmp_path / "corpus.jsonl", [{"text": "?!"}])

    with pytest.raises(DataError, match="no document that can be read") as error:
        _value(project, Embeddings(), FileSet(source=str(path), role="documents"))

    assert "a line of a .txt file" in str(error.value.hint)


@pytest.mark.skipif(not _SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "count"), [("eval_koala", 180), ("eval_vicuna", 80), ("lima_test", 300)]
)
def test_published_sets_of_prompts_load_whole(
    project: Project, tmp_path: Path, name: str, count: int
) -> None:
    path = tmp_path / f"{name}.jsonl"
    path.write_bytes(gzip.decompress((_SHARED / f"{name}.jsonl.gz").read_bytes()))

    dataset = build({"method": "file", "source": str(path), "role": "questions"}, "dataset")

    assert len(project.engine.view(project.engine.resolve(dataset))) == count  # type: ignore[arg-type]
