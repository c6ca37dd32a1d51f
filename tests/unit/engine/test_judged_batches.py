"""Scores by batches: handed in once, kept under the keys of single requests, paid for once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from assay.engine.engine import Engine
from assay.engine.judged_batches import BatchedFeature, judge_in_batches
from assay.errors import ConfigError, DataError, ModelLoadError
from assay.features.judgments import Judgments
from assay.judging import batch_service
from assay.judging.batch_jobs import read_jobs
from assay.judging.batch_run import BatchOutcome
from assay.methods.chance.random_rows import RandomSample
from assay.methods.judged.alpagasus import AlpaGasus
from assay.methods.judged.qurating import QuRating
from assay.samples import Reason
from tests.batch_service import BatchStub, serving_batches
from tests.judge_servers import NAME, OLD_OLLAMA
from tests.scripted_judge import MARK, ScriptedJudge, verdicts
from tests.unit.methods.planted import engine_over, planted_engine

SCRIPT = {f"r{number}": f"{number % 6}\nBecause." for number in range(12)}
WORTH = {f"r{number}": float(number % 6) for number in range(12)}
_PRICE = "in=2000,out=4000"
# Fifty tokens in and ten out of each.
_COST = 50 * 2_000_000 + 10 * 4_000_000


@contextmanager
def _serving(folder: Path, **fields: Any) -> Iterator[tuple[Engine, AlpaGasus, BatchStub]]:
    rows = [(f"{case}|{MARK}{case}.", "An answer to be judged.") for case in SCRIPT]
    engine = engine_over(
        folder, planted_engine(folder, rows).pool, max_unscored=1.0, price=_PRICE, max_cost="500"
    )
    stub = BatchStub(ScriptedJudge(OLD_OLLAMA, script=SCRIPT), **fields)
    with serving_batches(stub) as base:
        yield engine, AlpaGasus(judge=f"{base}#{NAME}@1"), stub
    engine.runtime.models.let_go()


def _again(engine: Engine, **settings: Any) -> Engine:
    return Engine(engine.pool, replace(engine.runtime, **settings), results=None)


def _outcome(found: list[BatchedFeature]) -> BatchOutcome:
    [feature] = found
    return feature.outcome


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.judging.batch._FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(batch_service, "_CREATE_PAUSES", (0.01,))


def test_a_score_by_batches_is_that_of_single_requests_and_asks_nobody_after(
    tmp_path: Path,
) -> None:
    with _serving(tmp_path, polls=2) as (engine, scorer, stub):
        found = _outcome(judge_in_batches(engine, [scorer], wait=True))
        told = sum(stub.judge.told.values())
        assert verdicts(_again(engine), scorer) == WORTH

    assert found[:5] == (12, 0, 12, 0, 0)
    assert found.spent == 12 * _COST
    assert told == sum(stub.judge.told.values()) == 12
    assert len(stub.batches) == 1
    assert read_jobs(engine.runtime.cache / "judge") == []


def test_the_price_of_a_batch_is_a_share_of_the_price(tmp_path: Path) -> None:
    with _serving(tmp_path) as (engine, scorer, _):
        found = _outcome(judge_in_batches(engine, [scorer], price_share=0.5, wait=True))
        assert found.spent == 12 * _COST // 2
        with pytest.raises(ConfigError, match="no share of a price"):
            judge_in_batches(_again(engine), [scorer], price_share=1.5)


def test_another_process_takes_down_what_was_handed_in_and_hands_nothing_in_twice(
    tmp_path: Path,
) -> None:
    with _serving(tmp_path, polls=2) as (engine, scorer, stub):
        first = _outcome(judge_in_batches(engine, [scorer]))
        [job] = read_jobs(engine.runtime.cache / "judge")
        second = _outcome(judge_in_batches(_again(engine), [scorer]))
        third = _outcome(judge_in_batches(_again(engine), [scorer], hand_in=False))
        last = _outcome(judge_in_batches(_again(engine), [scorer], wait=True))
        assert verdicts(_again(engine), scorer) == WORTH

    assert job.batch == "batch-0"
    assert first[:5] == (12, 0, 0, 12, 0)
    assert second[:5] == (0, 0, 0, 12, 0)
    assert [third.kept + last.kept, last.open, len(stub.batches)] == [12, 0, 1]


def test_what_expired_is_named_and_asked_like_anything_else(tmp_path: Path) -> None:
    with _serving(tmp_path, lost=frozenset({"r3", "r8"}), ends="expired") as (
        engine, scorer, stub,
    ):  # fmt: skip
        found = _outcome(judge_in_batches(engine, [scorer], wait=True))
        assert len(stub.batches) == 1
        assert verdicts(_again(engine), scorer) == WORTH

    assert found[:5] == (12, 0, 10, 0, 2)
    assert stub.judge.told == dict.fromkeys(SCRIPT, 1)


def test_lines_of_errors_are_last_words_or_are_asked_anew(tmp_path: Path) -> None:
    long = {"error": {"code": "context_length_exceeded", "message": "maximum context length"}}
    broken = {"r1": (400, long), "r2": (500, {"error": {"message": "overloaded"}})}
    with _serving(tmp_path, broken=broken) as (engine, scorer, stub):
        found = _outcome(judge_in_batches(engine, [scorer], wait=True))
        scores = verdicts(_again(engine), scorer)

    assert found[:5] == (12, 0, 11, 0, 1)
    assert found.spent == 10 * _COST
    assert scores == {**WORTH, "r1": Reason.TOO_LONG}
    assert stub.judge.told["r2"] == 1
    assert "r1" not in stub.judge.told


def test_a_batch_that_fails_as_a_whole_is_told_and_not_handed_in_again_and_again(
    tmp_path: Path,
) -> None:
    with _serving(tmp_path, fails="no such endpoint") as (engine, scorer, stub):
        found = _outcome(judge_in_batches(engine, [scorer], wait=True))

    assert found[:6] == (12, 0, 0, 0, 12, 0)
    assert found.said == ("batch batch-0 failed: no such endpoint",)
    assert len(stub.batches) == 1


def test_a_batch_whose_beginning_was_not_told_is_not_begun_twice(tmp_path: Path) -> None:
    with _serving(tmp_path, drops=1) as (engine, scorer, stub):
        found = _outcome(judge_in_batches(engine, [scorer], wait=True))

    assert found.kept == 12
    assert len(stub.batches) == 1


def test_no_more_is_handed_in_than_the_cap_covers(tmp_path: Path) -> None:
    with _serving(tmp_path) as (engine, scorer, stub):
        capped = _again(engine, max_cost="5")
        found = _outcome(judge_in_batches(capped, [scorer]))

    assert found[:5] == (0, 12, 0, 0, 0)
    assert stub.batches == {}


def test_the_key_goes_along_and_is_in_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _serving(tmp_path) as (engine, scorer, stub):
        host = urlsplit(scorer.judge).netloc
        monkeypatch.setenv("ASSAY_API_KEYS", f"{host}=sk-secret-of-the-test")
        judge_in_batches(engine, [scorer], wait=True)

    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"sk-secret-of-the-test" in content for content in kept)
    assert set(stub.keys) == {"Bearer sk-secret-of-the-test"}


def test_rows_that_are_still_to_be_chosen_cannot_be_handed_in(tmp_path: Path) -> None:
    with _serving(tmp_path) as (engine, scorer, _):
        few = Judgments(judge=scorer.judge, prompt="alpagasus").among(RandomSample(budget=5))
        with pytest.raises(DataError, match="still to be chosen"):
            judge_in_batches(engine, [few])


def test_comparisons_of_rows_cannot_be_handed_in_and_are_not_passed_over(tmp_path: Path) -> None:
    with _serving(tmp_path) as (engine, scorer, stub):
        both = [scorer, QuRating(judge=scorer.judge)]
        with pytest.raises(DataError, match="judged_pairs: a batch asks about single rows"):
            judge_in_batches(engine, both)

    assert stub.batches == {}


def test_a_judge_in_a_file_takes_no_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.judging import opening  # noqa: PLC0415  only its error is looked at

    class _Named:
        address = None
        name = "tiny"

    monkeypatch.setattr(opening, "kept_replies", lambda *_: (None, _Named()))
    with (
        pytest.raises(ModelLoadError, match="takes no batches"),
        opening.open_batches(
            "tiny.gguf",
            cast("Any", None),
            "x",
        ),
    ):
        pass
