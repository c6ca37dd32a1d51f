from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assay.engine.engine import Engine
from assay.features import embeddings
from assay.features.embeddings import Embeddings
from assay.models.encoder import EncodedTexts
from assay.runtime import Runtime
from assay.samples import Flag, Float32Array, FloatArray
from tests.unit.methods.planted import names, planted_engine


class _Letters:
    """An encoder whose vector tells whether a text begins with a; blank texts have none."""

    dimension = 2

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode_and_flag(self, texts: Sequence[str]) -> EncodedTexts:
        self.seen.extend(texts)
        rows = [[text[:1] == "a", text[:1] != "a"] if text.strip() else [0, 0] for text in texts]
        vectors: Float32Array = np.array(rows, np.float32)
        return EncodedTexts(vectors, np.array([len(text) > 20 for text in texts]))

    def coverage(self, texts: Sequence[str]) -> FloatArray:
        return np.ones(len(texts))


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> _Letters:
    encoder = _Letters()
    monkeypatch.setattr(Runtime, "encoder", lambda self, pinned: encoder)
    monkeypatch.setattr(Runtime, "pin", lambda self, kind, text: f"{text}@0123456789ab")
    return encoder


def _engine(folder: Path) -> Engine:
    return planted_engine(folder, [("apple", "x"), ("berry", "y" * 30), ("", "z"), ("apple", "w")])


def test_rows_hold_the_vector_of_their_part_as_float16(tmp_path: Path, letters: _Letters) -> None:
    engine = _engine(tmp_path)

    matrix = engine.value(Embeddings(part="prompt"))

    expected = {"apple": [1, 0], "berry": [0, 1], "": [0, 0]}
    assert matrix.array.dtype == np.float16
    assert matrix.array.tolist() == [expected[name] for name in names(engine)]
    assert sorted(letters.seen) == ["", "apple", "apple", "berry"]


def test_a_text_without_a_vector_is_flagged_and_has_no_reason(
    tmp_path: Path, letters: _Letters
) -> None:
    engine = _engine(tmp_path)

    matrix = engine.value(Embeddings(part="prompt"))

    flags = [Flag.ZERO_VECTOR if name == "" else Flag.NONE for name in names(engine)]
    assert matrix.flags.tolist() == flags
    assert matrix.reason.any() == 0


def test_a_text_that_was_cut_is_flagged(tmp_path: Path, letters: _Letters) -> None:
    engine = _engine(tmp_path)

    matrix = engine.value(Embeddings(part="response"))

    flags = [Flag.TEXT_TRUNCATED if name == "berry" else Flag.NONE for name in names(engine)]
    assert matrix.flags.tolist() == flags


def test_parts_and_models_do_not_share_vectors() -> None:
    keys = {
        Embeddings(part=part, model=model).row_key
        for part in ("prompt", "response")
        for model in ("a/b@0123456789ab", "a/b@0123456789ac")
    }

    assert len(keys) == 4


def test_the_width_is_the_encoders(letters: _Letters) -> None:
    assert Embeddings().width(Runtime()) == 2


def test_an_encoder_that_is_stopped_goes_on_behind_what_it_has_read(
    tmp_path: Path, letters: _Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "_TEXTS_AT_ONCE", 4)
    rows = [(f"{'ab'[place % 2]} text {'long ' * (place % 5)}{place}", "x") for place in range(30)]
    wanted = Embeddings(model="some/encoder", part="prompt")
    whole = planted_engine(tmp_path / "whole", rows).value(wanted)
    seen = len(letters.seen)
    encode = letters.encode_and_flag

    def stopped(texts: Sequence[str]) -> EncodedTexts:
        if len(letters.seen) >= 12:
            raise KeyboardInterrupt
        return encode(texts)

    letters.seen.clear()
    monkeypatch.setattr(letters, "encode_and_flag", stopped)
    with pytest.raises(KeyboardInterrupt):
        planted_engine(tmp_path / "stopped", rows).value(wanted)
    monkeypatch.setattr(letters, "encode_and_flag", encode)
    found = planted_engine(tmp_path / "stopped", rows).value(wanted)

    assert sorted(letters.seen) == sorted({prompt for prompt, _ in rows})
    assert len(letters.seen) == seen == 30
    np.testing.assert_array_equal(found.array[:], whole.array[:])
    assert found.flags.tolist() == whole.flags.tolist()
    assert not list(tmp_path.rglob("unfinished"))
