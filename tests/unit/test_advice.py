"""A pool that an encoder has hardly learned is pointed out before the work."""

import json
from pathlib import Path

import numpy as np
import pytest

from assay.features.embeddings import Embeddings
from assay.methods.k_center import KCenterGreedy
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
    assert all("67% of the rows" in note for note in notes)


def test_a_method_without_encoder_opens_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = _project(tmp_path, ["b"], monkeypatch)

    assert project.advice([project.selector("random", budget=1)]) == []
