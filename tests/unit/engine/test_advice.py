"""A pool that an encoder has hardly learned is pointed out before the work."""

import json
from pathlib import Path

import numpy as np
import pytest

from assay.features.embeddings import Embeddings
from assay.methods.geometry.k_center import KCenterGreedy
from assay.project import Project
from assay.runtime import Runtime


class _Encoder:
    """Has learned the texts that hold an "a"."""

    dimension = 2

    def coverage(self, texts: list[str]) -> np.ndarray:
        return np.array([1.0 if "a" in text else 0.1 for text in texts])


def _project(folder: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    rows = [{"instruction": text, "output": text} for text in texts]
    (folder / "data.json").write_text(json.dumps(rows))
    (folder / "encoder").mkdir()
    monkeypatch.setattr(Runtime, "encoder", lambda self, pinned: _Encoder())
    return Project(data=folder / "data.json", runtime=Runtime(cache=folder / "cache", workers=1))


@pytest.mark.parametrize(("texts", "said"), [(["b", "c", "a"], 1), (["a", "ab", "c"], 0)])
def test_a_note_is_made_when_most_rows_are_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], said: int
) -> None:
    project = _project(tmp_path, texts, monkeypatch)
    vectors = Embeddings(model=f"{tmp_path / 'encoder'}@0123456789ab")

    notes = project.advice([KCenterGreedy(vectors=vectors, budget=1)])

    assert len(notes) == said
    assert all("40% of the letters" in note for note in notes)


def test_a_method_without_encoder_opens_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = _project(tmp_path, ["b"], monkeypatch)

    assert project.advice([project.selector("random", budget=1)]) == []


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["How do I bake bread?", "Name three colours."], "assay:encoder"),
        (["如何烤面包？", "给出三个保持健康的秘诀。"], "assay:encoder"),
        (["Как испечь хлеб?", "Дай совет о здоровье."], "assay:encoder-spelled"),
    ],
)
def test_the_form_of_the_embedded_encoder_follows_from_the_pool(
    tmp_path: Path, texts: list[str], form: str
) -> None:
    rows = [{"instruction": text, "output": text} for text in texts]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    project = Project(data=tmp_path / "data.json", runtime=runtime)

    resolved = project.engine.resolve(Embeddings())

    assert resolved.model.partition("@")[0] == form
    assert len(project.advice([KCenterGreedy(budget=1)])) == (form != "assay:encoder")


def test_a_form_named_with_its_digest_is_kept(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps([{"instruction": "да", "output": "нет"}]))
    project = Project(data=tmp_path / "data.json", runtime=Runtime(cache=tmp_path / "cache"))
    pinned = project.runtime.pin("encoder", "assay:encoder")

    assert project.engine.resolve(Embeddings(model=pinned)).model == pinned
