"""Whether a value is at hand is told by its file's end; damage is found when it is read."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Chosen, Scorer
from assay.engine.engine import Engine
from assay.files import checksums, frames
from assay.methods.combinations.top_score import TopScore
from assay.pool.pool import Pool
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.stores import cache, results
from assay.stores.results import Results
from assay.values import Matrix, Numbers
from tests import toys
from tests.rows import make_pool
from tests.toys import ToyLength, ToyMean, ToyScore, ToyVectors

_PAIRS = [(f"question {n:02d}", "x" * (n + 1)) for n in range(30)]


class _ToyBoth(Scorer):
    """The length and the first number of the vector, which one pass makes."""

    name = "toy_both_in_one_pass"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    def requires(self) -> dict[str, Component]:
        return {"lengths": ToyLength(), "vectors": ToyVectors()}

    def score(self, *, lengths: Numbers, vectors: Matrix) -> FloatArray:
        return lengths["length"] + vectors.rows(slice(None))[:, 0].astype(np.float64)


_BEST = TopScore(by=_ToyBoth(), budget="5")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    toys.READ.clear()
    toys.COMPUTED.clear()
    yield


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return make_pool(tmp_path, _PAIRS)


def _engine(tmp_path: Path, pool: Pool) -> Engine:
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    return Engine(pool, runtime, results=Results(tmp_path / "project"))


def _file(tmp_path: Path, pattern: str) -> Path:
    (path,) = tmp_path.glob(pattern)
    return path


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def test_nothing_is_read_to_tell_what_is_stored(
    tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [_ToyBoth(), _BEST, ToyMean()]
    _engine(tmp_path, pool).compute(asked)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a file was read")

    for module, name in [
        (checksums, "check"), (frames, "check"), (cache, "check"), (cache, "check_folder"),
        (results, "read_frame"), (results, "read_metadata"),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, refuse)
    engine = _engine(tmp_path, pool)

    assert all(engine.is_stored(engine.resolve(component)) for component in asked)
    assert not engine.is_stored(engine.resolve(ToyScore()))
    assert not engine.is_stored(engine.resolve(TopScore(by=_ToyBoth(), budget="6")))


@pytest.mark.parametrize(
    ("component", "pattern", "place"),
    [
        (_ToyBoth(), "project/scores/*.parquet", 40),
        (_BEST, "project/selections/*.parquet", 40),
        (ToyMean(), "cache/toy_mean/*/*.safetensors", -3),
    ],
)
def test_a_damaged_value_is_made_anew_with_one_reading_of_every_row(
    tmp_path: Path,
    pool: Pool,
    caplog: pytest.LogCaptureFixture,
    component: Component,
    pattern: str,
    place: int,
) -> None:
    expected = _engine(tmp_path, pool).value(component)
    damaged = _file(tmp_path, pattern)
    _flip(damaged, place)
    for folder in ("cache/toy_length", "cache/toy_vectors", "project/scores"):
        if not damaged.is_relative_to(tmp_path / folder):
            shutil.rmtree(tmp_path / folder, ignore_errors=True)
    toys.READ.clear()
    engine = _engine(tmp_path, pool)
    assert engine.is_stored(engine.resolve(component))

    found = engine.value(component)

    assert repr(found) == repr(expected)
    assert sorted(toys.READ) == sorted(prompt for prompt, _ in _PAIRS)
    assert caplog.text.count("is damaged") == 1
    assert damaged.with_name(f"{damaged.name}.damaged").exists()
    assert _engine(tmp_path, pool).is_stored(engine.resolve(component))


def test_a_damaged_value_is_made_anew_where_rows_are_looked_up_alone(
    tmp_path: Path, pool: Pool
) -> None:
    first = _engine(tmp_path, pool)
    expected, best = first.compute([_ToyBoth(), _BEST])
    _file(tmp_path, "project/selections/*.parquet").unlink()
    _flip(_file(tmp_path, "project/scores/*.parquet"), 40)
    engine = _engine(tmp_path, pool)

    assert engine.view(Chosen(by=_BEST)).positions.tolist() == sorted(best.selection.indices)
    assert engine.value(_ToyBoth()).main.values.tolist() == expected.main.values.tolist()


def test_no_end_of_a_file_that_is_off_by_a_bit_keeps_a_score_from_being_right(
    tmp_path: Path, pool: Pool
) -> None:
    expected = _engine(tmp_path, pool).value(_ToyBoth()).main.values.tolist()
    path = _file(tmp_path, "project/scores/*.parquet")
    sound = path.read_bytes()
    tail = int.from_bytes(sound[-8:-4], "little") + 8

    for place in range(len(sound) - tail, len(sound), max(1, tail // 40)):
        path.write_bytes(sound)
        _flip(path, place)
        assert _engine(tmp_path, pool).value(_ToyBoth()).main.values.tolist() == expected


@pytest.mark.parametrize("content", [None, b"", b"PAR1 half", b"PAR1" + bytes(50) + b"PAR1"])
def test_a_file_without_an_end_tells_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "rows.parquet"
    if content is not None:
        path.write_bytes(content)

    assert frames.peek_metadata(path) == {}
    assert path.exists() == (content is not None)
