"""The pass in which a judge is asked: over the borders of shards, and all of it under the cap."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.engine.engine import Engine
from assay.errors import UnfinishedError
from assay.features.judging_pass import JudgingPass
from assay.features.judgments import Judged, Judgments
from assay.judging.ledger import Ledger
from assay.judging.paid_questions import probe_scope
from assay.judging.store import ReplyStore
from tests.scripted_judge import MARK, judged

SCRIPT = {f"r{number}": f"{number % 6}\nBecause." for number in range(40)}


def _judgments(address: str) -> Judgments:
    return Judgments(judge=address, prompt="alpagasus", answers="text")


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JudgingPass, "rows_per_shard", 8)
    monkeypatch.setattr(JudgingPass, "least_rows", 8)


def _again(engine: Engine, **settings: Any) -> Engine:
    return Engine(engine.pool, replace(engine.runtime, **settings), results=None)


@pytest.mark.usefixtures("small_shards")
def test_rows_of_several_shards_are_read_from_what_is_kept_where_nobody_is_asked(
    tmp_path: Path,
) -> None:
    with judged(tmp_path, SCRIPT) as (engine, address, _):
        online: Judged = engine.value(_judgments(address))
        shutil.rmtree(tmp_path / "cache" / "judgments")
        offline: Judged = _again(engine, offline=True).value(_judgments(address))

    assert offline.frame().equals(online.frame())


@pytest.mark.usefixtures("small_shards")
def test_of_several_shards_all_rows_without_a_reply_are_told_when_nobody_is_asked(
    tmp_path: Path,
) -> None:
    with judged(tmp_path, SCRIPT) as (engine, _, __):
        offline = _again(engine, offline=True, price="in=1,out=1")
        with pytest.raises(UnfinishedError, match=r"40 requests .* have no reply at hand"):
            offline.value(_judgments("https://judge.example.com/v1#model@1"))


def test_what_it_takes_to_find_out_what_a_judge_can_do_counts_as_spent(tmp_path: Path) -> None:
    with judged(tmp_path, {"r1": "5"}, price="in=1,out=1") as (engine, address, judge):
        judge.change = lambda body: {**body, "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
        engine.value(_judgments(address))
        identity = engine.runtime.judge(engine.resolve(_judgments(address)).judge).identity
        probes = sum(MARK not in str(asked) for _, asked in judge.asked)

    with ReplyStore(tmp_path / "cache" / "judge") as store:
        found = Ledger(store, (probe_scope(identity),), None).totals()
        everything = Ledger(store, store.scopes(), None).totals()
    assert 0 < found.settled <= probes * 10 * 1000
    assert found.lost == 0
    assert everything.settled == found.settled + 60 * 1000


def test_a_cap_holds_for_the_questions_of_a_probe_and_of_rows_together(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"price": "in=1,out=1", "max_cost": "0.004"}
    with judged(tmp_path, SCRIPT, **settings) as (engine, address, judge):
        judge.change = lambda body: {**body, "usage": {"prompt_tokens": 70, "completion_tokens": 3}}
        with pytest.raises(UnfinishedError, match="would have passed the cap"):
            engine.value(_judgments(address))
        with ReplyStore(tmp_path / "cache" / "judge") as store:
            totals = Ledger(store, store.scopes(), None).totals()
    assert 0 < totals.committed <= 4_000_000
    assert judge.told
