"""What judges are still to be asked, told without asking them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.engine.engine import Engine
from assay.engine.judged_ahead import JudgedAhead, judged_ahead
from assay.errors import UnfinishedError
from assay.features.judgments import Judgments
from assay.methods.chance.random_rows import RandomSample
from assay.methods.judged.alpagasus import AlpaGasus
from assay.methods.judged.qurating import QuRating
from assay.runtime import Runtime
from tests.scripted_judge import MARK, judged, verdicts
from tests.unit.methods.planted import planted_engine

SCRIPT = {f"r{number}": f"{number % 6}\nBecause." for number in range(12)}
_DEAR: dict[str, Any] = {"price": "in=2000,out=4000"}


def _judgments(address: str) -> Judgments:
    return Judgments(judge=address, prompt="alpagasus")


def _again(engine: Engine, **settings: Any) -> Engine:
    return Engine(engine.pool, replace(engine.runtime, **settings), results=None)


def test_each_question_is_priced_once_whoever_requires_it(tmp_path: Path) -> None:
    with judged(tmp_path, SCRIPT, **_DEAR) as (engine, address, judge):
        scorer = AlpaGasus(judge=address)
        [feature] = scorer.requires().values()
        few = feature.among(RandomSample(budget=5))
        [told] = judged_ahead(engine, [few, scorer, feature])

    assert told.price is not None
    assert told.price.most == len(SCRIPT)
    assert not told.is_bound
    assert told.price.money is not None
    assert judge.asked == []


def test_rows_that_are_still_to_be_chosen_are_priced_as_a_bound(tmp_path: Path) -> None:
    with judged(tmp_path, SCRIPT, **_DEAR) as (engine, address, _):
        few = _judgments(address).among(RandomSample(budget=5))
        [told] = judged_ahead(engine, [few])

    assert told.is_bound
    assert told.price is not None
    assert told.price.most == len(SCRIPT)


def test_what_is_kept_costs_nothing_and_what_was_spent_is_told(tmp_path: Path) -> None:
    # Each row may cost some 4 and costs 0.14, so the cap stops the work on the way.
    with judged(tmp_path, SCRIPT, **_DEAR, max_cost="5") as (engine, address, judge):
        feature = _judgments(address)
        before = judged_ahead(engine, [feature])
        with pytest.raises(UnfinishedError):
            engine.value(feature)
        asked = len(judge.told)
        after = judged_ahead(_again(engine), [feature])

    assert 0 < asked < len(SCRIPT)
    assert _requests(before) == len(SCRIPT)
    assert _requests(after) == len(SCRIPT) - asked
    assert before[0].spent == 0
    # Fifty tokens in and ten out of each.
    assert after[0].spent == asked * 140_000_000


def test_a_share_of_the_work_is_priced_as_a_share(tmp_path: Path) -> None:
    with judged(tmp_path, SCRIPT, **_DEAR, shard=(0, 3)) as (engine, address, _):
        told = judged_ahead(engine, [_judgments(address)])

    assert _requests(told) == len(SCRIPT) // 3


def test_questions_about_rows_together_are_told_and_what_was_spent_on_them(tmp_path: Path) -> None:
    with judged(tmp_path, SCRIPT, **_DEAR, max_cost="7") as (engine, address, judge):
        judge.compares = lambda first, second: "Verdict: A"
        scorer = QuRating(judge=address, rounds=1)
        [before] = judged_ahead(engine, [scorer])
        asked_by_then = list(judge.pairs)
        with pytest.raises(UnfinishedError):
            engine.value(scorer)
        [after] = judged_ahead(_again(engine), [scorer])
        verdicts(_again(engine, max_cost="500"), scorer)
        at_last = judged_ahead(_again(engine, max_cost="500"), [scorer])

    # A circle of twelve has twelve pairs, each asked for in both orders.
    assert asked_by_then == []
    assert _requests([before]) == 2 * len(SCRIPT)
    assert before.name == "judged_pairs (stub@1)"
    assert before.spent == 0
    assert 0 < after.spent == (2 * len(SCRIPT) - _requests([after])) * 140_000_000
    assert at_last == []


def test_what_one_pool_has_cost_is_not_counted_against_the_cap_of_another(tmp_path: Path) -> None:
    # Two dozen replies cost 3.4, and one may cost some 4.4: 10 is enough for one pool, not for two.
    with judged(tmp_path, SCRIPT, **_DEAR, max_cost="10") as (engine, address, judge):
        judge.compares = lambda first, second: "Verdict: A"
        scorer = QuRating(judge=address, rounds=1)
        verdicts(engine, scorer)
        rows = [(f"{case}|Say more of it, {MARK}{case}.", "It is said.") for case in SCRIPT]
        (tmp_path / "other").mkdir()
        pool = planted_engine(tmp_path / "other", rows).pool
        later = Runtime(cache=engine.runtime.cache, workers=1, max_cost="10", **_DEAR)
        found = verdicts(Engine(pool, later, results=None), scorer)

    assert len(judge.pairs) == 4 * len(SCRIPT)
    assert all(isinstance(each, float) for each in found.values())


def test_nothing_is_ahead_where_nobody_may_be_asked(tmp_path: Path) -> None:
    with judged(tmp_path, SCRIPT, **_DEAR) as (engine, address, _):
        assert judged_ahead(_again(engine, offline=True), [_judgments(address)]) == []


def _requests(told: list[JudgedAhead]) -> int:
    return sum(each.price.most for each in told if each.price is not None)
