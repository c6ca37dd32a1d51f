from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from assay.components import extras
from assay.components.base import NoPaper, Paper
from assay.components.component import build
from assay.engine.engine import Engine
from assay.engine.planning import available_memory_bytes, plan
from assay.errors import in_python, joined, spelled
from assay.features.passes import PoolFeature
from assay.features.text import CompressedLengths, Lengths
from assay.methods.combinations.top_score import TopScore
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.text.compression_ifd import CompressionIFD
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.stores.results import Results
from tests import toys
from tests.rows import make_pool
from tests.toys import ToyLength, ToyScore, ToyVectors

_PAIRS = [(f"question {n:02d}", "x" * (n + 1)) for n in range(30)]


class Huge(PoolFeature):
    """A feature that no machine has the memory for."""

    name = "planned_huge"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a test")

    def memory(self, rows: int, runtime: Runtime) -> float:
        return 1e18

    def compute(self, view: PoolView, runtime: Runtime) -> Any:
        raise AssertionError("planned, not computed")


class Extra(Huge):
    """A feature that needs a package that is not there."""

    name = "planned_extra"
    extra: ClassVar[str] = "models"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    toys.READ.clear()
    yield


def _engine(folder: Path) -> Engine:
    pool = make_pool(folder, [*_PAIRS, _PAIRS[3]])
    runtime = Runtime(cache=folder / "cache", workers=1)
    return Engine(pool, runtime, results=Results(folder / "project"))


def test_rows_missing_are_counted_once_per_text_and_nothing_is_stored(tmp_path: Path) -> None:
    engine = _engine(tmp_path)

    steps = {step.name: step for step in plan(engine, [ToyScore()]).steps}

    assert (steps["toy_length"].rows, steps["toy_length"].missing) == (30, 30)
    assert list((tmp_path / "cache").rglob("*.parquet")) == []


def test_what_is_stored_costs_nothing(tmp_path: Path) -> None:
    _engine(tmp_path).value(ToyLength())
    toys.READ.clear()

    found = plan(_engine(tmp_path), [ToyScore()])

    assert [step.missing for step in found.steps] == [0]
    assert found.seconds == 0.0
    assert toys.READ == []


def test_features_of_one_pass_are_timed_once(tmp_path: Path) -> None:
    found = plan(_engine(tmp_path), [CompressionIFD(), TopScore(by="longest_response", budget=2)])

    notes = {step.name: step.note for step in found.steps}
    assert sorted(notes[name] for name in (CompressedLengths.name, Lengths.name)) == [
        "",
        "in the same pass",
    ]


def test_every_refusal_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    asked = [
        TopScore(by=ToyScore()),
        TopScore(by=ToyScore(), budget=5000),
        Huge(),
        Extra(),
        KCenterGreedy(vectors=ToyVectors(), budget=3),
    ]

    refusals = spelled(joined(plan(_engine(tmp_path), asked).refusals), in_python)

    assert "top_score needs a budget" in refusals
    assert "asks for 5,000 samples, the pool has 31" in refusals
    assert "planned_huge needs about 931322574.6 GiB of memory" in refusals
    assert "planned_extra needs pip install 'assay[models]'" in refusals
    assert "k_center" not in refusals


def test_a_model_that_cannot_be_found_is_a_refusal(tmp_path: Path) -> None:
    selector = {"method": "decontaminate", "against": str(tmp_path / "no-questions.jsonl")}

    found = plan(_engine(tmp_path), [build(selector, "selector")])

    assert ["no-questions.jsonl does not exist" in str(text) for text in found.refusals] == [True]


def test_geometry_is_priced_by_its_operations(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    method = KCenterGreedy(vectors=ToyVectors(), budget=10)

    (step,) = [step for step in plan(engine, [method]).steps if step.name == "k_center"]

    assert method.operations(31, 10, engine.runtime) == 2.0 * 31 * 10 * 768
    assert step.seconds is not None
    assert 0 < step.seconds < 1


def test_what_depends_on_a_selection_not_yet_made_is_priced_as_unknown(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    later = ToyVectors().among(TopScore(by=ToyScore(), budget=3))

    found = plan(engine, [later])

    assert found.seconds is None
    assert "depends on a selection" in found.steps[-1].note


def test_free_memory_is_that_of_this_machine() -> None:
    assert 2**20 < available_memory_bytes() <= 2**62


def test_more_rows_than_there_are_are_priced_with_nothing_at_hand(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    method = KCenterGreedy(vectors=ToyVectors(), budget="10%")
    engine.value(method)

    found = {step.name: step for step in plan(engine, [method], rows=3_100_000).steps}
    tenth = {step.name: step for step in plan(engine, [method], rows=310_000).steps}

    # Of 31 rows 30 are distinct, and that share is kept.
    assert (found["toy_vectors"].rows, found["toy_vectors"].missing) == (3_000_000, 3_000_000)
    assert found["k_center"].rows == 3_100_000
    seconds, fewer = found["k_center"].seconds, tenth["k_center"].seconds
    assert seconds is not None
    assert fewer is not None
    assert seconds > 30 * fewer, "rows times picks grows with the square"
    assert plan(engine, [method]).steps == []
