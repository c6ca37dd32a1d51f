"""A judge is asked about the rows that were chosen for it, once each, and a head tells the rest."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from assay.components import extras
from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Scorer, build
from assay.components.flags import shunned
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.errors import ConfigError, FeatureError, MissingExtraError, UnfinishedError
from assay.features.gathered_labels import GatheredLabels
from assay.features.head_doubt import HeadDoubt
from assay.features.judgments import Judgments
from assay.features.passes import PoolFeature
from assay.methods.combinations.combination import Product
from assay.methods.judged.alpagasus import AlpaGasus
from assay.methods.judged.distilled import Distilled
from assay.methods.judged.rows_to_judge import RowsToJudge
from assay.methods.judged.scored_among import ScoredAmong
from assay.methods.text.longest import LongestResponse
from assay.outcomes import SelectionRecord
from assay.samples import Flag, FloatArray, Reason
from tests.scripted_judge import ScriptedJudge, judged
from tests.unit.methods.planted import chosen, engine_over, planted_engine

pytest.importorskip("sklearn")

_ROWS, _JUDGED = 90, 40
_KINDS = ("moon", "soup", "law")


def _words(number: int) -> int:
    return 4 + (number * 7) % 37


def _said(number: int) -> str:
    """Return what the judge says: the more words, the better, of every kind of row."""
    return f"{5.0 * _words(number) / 41:.3f}\nBecause."


def _answer(number: int) -> str:
    return " ".join([_KINDS[number % 3]] * _words(number))


@contextlib.contextmanager
def _judging(
    folder: Path, said: Sequence[str] | None = None, **settings: Any
) -> Iterator[tuple[Engine, str, ScriptedJudge]]:
    script = {f"r{n}": _said(n) if said is None else said[n] for n in range(_ROWS)}
    answers = {f"r{n}": _answer(n) for n in range(_ROWS)}
    with judged(folder, script, answers=answers, **settings) as found:
        yield found


def _distilled(address: str, **parameters: Any) -> Distilled:
    return Distilled(of=AlpaGasus(judge=address), **{"rows": _JUDGED, **parameters})


def _values(engine: Engine, scorer: Distilled) -> FloatArray:
    values: FloatArray = engine.value(scorer).main.values
    return values


def _numbers(engine: Engine) -> list[int]:
    texts = engine.pool.conversations(np.arange(len(engine.pool)))
    return [int(text.prompt.partition("|")[0].strip()[1:]) for text in texts]


@pytest.mark.parametrize("rounds", [1, 2])
def test_planted_marks_are_told_of_rows_that_nobody_asked_about(
    tmp_path: Path, rounds: int
) -> None:
    with _judging(tmp_path) as (engine, address, judge):
        values = _values(engine, _distilled(address, rounds=rounds))
        planted = [5.0 * _words(number) / 41 for number in _numbers(engine)]

    assert sum(judge.told.values()) == len(judge.told) == _JUDGED
    assert np.corrcoef(values, planted)[0, 1] > 0.95
    assert np.abs(values - planted).mean() < 0.4, "in the unit of the judge"


def test_marks_of_chance_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).uniform(0, 5, _ROWS)
    with (
        _judging(tmp_path, [f"{each:.2f}\nBecause." for each in noise]) as (engine, address, _),
        pytest.raises(FeatureError, match=r"distilled: fitted on 40 labelled rows; held-out"),
    ):
        _values(engine, _distilled(address))


def test_nothing_is_asked_where_no_head_could_be_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = extras.importlib.util.find_spec  # type: ignore[attr-defined]
    monkeypatch.setattr(
        extras.importlib.util,  # type: ignore[attr-defined]
        "find_spec",
        lambda name: None if name == "sklearn" else found(name),
    )
    with (
        _judging(tmp_path) as (engine, address, judge),
        pytest.raises(MissingExtraError, match="needs the optional extra 'models'"),
    ):
        _values(engine, _distilled(address))

    assert not judge.told


def test_a_stopped_run_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"price": "in=1,out=1"}
    with _judging(tmp_path / "whole") as (engine, address, _):
        whole = _values(engine, _distilled(address, rounds=2))
    with _judging(tmp_path, **settings, max_cost="0.0022") as (engine, address, judge):
        scorer = _distilled(address, rounds=2)
        with pytest.raises(UnfinishedError):
            _values(engine, scorer)
        before = dict(judge.told)
        raised = engine_over(tmp_path, engine.pool, **settings, max_cost="5", max_unscored=1.0)
        values = _values(raised, scorer)
        raised.runtime.models.let_go()

    assert 0 < len(before) < _JUDGED
    assert set(judge.told.values()) == {1}
    assert len(judge.told) == _JUDGED
    np.testing.assert_allclose(values, whole)


def test_the_price_ahead_is_of_the_rows_that_are_judged(tmp_path: Path) -> None:
    with _judging(tmp_path, price="in=1,out=1") as (engine, address, judge):
        scorer = _distilled(address, rounds=3)
        prices = [step.price for step in plan(engine, [scorer]).steps if step.price is not None]
        whole = [step.price for step in plan(engine, [scorer.of]).steps if step.price is not None]
        assert judge.told == {}, "a plan asks nothing"
        engine.value(scorer.choice())
        left = [step.price for step in plan(engine, [scorer]).steps if step.price is not None]

    assert [price.most for price in prices] == [14, 13, 13]
    assert [price.most for price in whole] == [_ROWS]
    assert all(price.money is not None and price.money.high > 0 for price in prices)
    assert [price.most for price in left] == [13], "what the last round chose is still to be asked"


def test_results_do_not_hang_on_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [(f"r{n} | about {_KINDS[n % 3]}", f"{_words(n)} {_answer(n)}") for n in range(_ROWS)]
    scorer = build(
        {"method": "distilled", "of": "planted_score", "rows": _JUDGED, "rounds": 2}, "scorer"
    )
    assert isinstance(scorer, Distilled)
    one = planted_engine(tmp_path / "one", rows)
    other = planted_engine(tmp_path / "other", rows[::-1])

    assert chosen(one, scorer.choice()) == chosen(other, scorer.choice())
    np.testing.assert_array_equal(_values(one, scorer), _values(other, scorer))


def _choice(**parameters: Any) -> RowsToJudge:
    found = build({"method": "rows_to_judge", "of": "planted_score", **parameters}, "selector")
    assert isinstance(found, RowsToJudge)
    return found


def _planted(folder: Path) -> Engine:
    rows = [(f"r{n} | about {_KINDS[n % 3]}", f"{_words(n)} {_answer(n)}") for n in range(_ROWS)]
    return planted_engine(folder, [*rows, ("empty | about law", " ")])


def test_more_rows_are_the_same_and_others(tmp_path: Path) -> None:
    engine = _planted(tmp_path)

    assert chosen(engine, _choice(rows=30)) == chosen(engine, _choice(rows=60))[:30]
    first = chosen(engine, _choice(rows=40, rounds=2))
    assert first == chosen(engine, _choice(rows=60, rounds=3))[:40]
    assert len(set(first)) == 40
    assert "empty" not in chosen(engine, _choice(rows=_ROWS + 1))
    assert chosen(engine, _choice(rows=30, seed=1)) != chosen(engine, _choice(rows=30))


def test_a_later_round_takes_what_is_in_doubt(tmp_path: Path) -> None:
    engine = _planted(tmp_path)
    choice = _choice(rows=24, rounds=3)
    record: SelectionRecord = engine.value(choice.every_round()[2])
    need = choice.every_round()[2].requires()["doubt"]
    assert isinstance(need, HeadDoubt)
    doubt = engine.value(need)["value"]
    before = [engine.value(each).selection.indices for each in choice.every_round()[:2]]

    open_rows = np.setdiff1d(np.flatnonzero(np.isfinite(doubt)), np.concatenate(before))
    most = open_rows[np.argsort(-doubt[open_rows], kind="stable")[:32]]
    assert doubt.max() > 0
    assert set(record.selection.indices.tolist()) < set(most.tolist())
    np.testing.assert_array_equal(record.selection.gains, doubt[record.selection.indices])


def test_a_row_that_the_judge_fails_is_not_learned_from(tmp_path: Path) -> None:
    said = [_said(n) if n % 5 else "I cannot say." for n in range(_ROWS)]
    with _judging(tmp_path, said) as (engine, address, judge):
        scorer = _distilled(address, rows=60)
        values = _values(engine, scorer)
        labels = engine.value(scorer.choice().labels(scorer.choice().every_round()))
        failed = sum(not int(case[1:]) % 5 for case in judge.told)

    assert np.isfinite(values).all()
    assert failed > 5
    assert np.count_nonzero(labels.reason == Reason.PARSE_FAILED) == failed
    assert np.count_nonzero(labels.reason == Reason.NOT_ASKED) == _ROWS - 60
    assert np.isfinite(labels["value"]).sum() == 60 - failed


def test_of_a_combination_the_judge_is_asked_about_the_chosen_rows_alone(tmp_path: Path) -> None:
    with _judging(tmp_path) as (engine, address, judge):
        both = Product(of=(AlpaGasus(judge=address), LongestResponse()))
        table = engine.value(ScoredAmong(of=both, by=_random(7)))

    assert len(judge.told) == 7
    asked = [f"r{n}" in judge.told for n in _numbers(engine)]
    assert np.isfinite(table.main.values).tolist() == asked
    reasons = {Reason(code) for code in table.main.reason[~np.array(asked)].tolist()}
    assert reasons == {Reason.NOT_ASKED}


def _random(count: int) -> Any:
    return build({"method": "random", "budget": count}, "selector")


def test_a_score_keeps_its_side_its_flags_and_its_columns(tmp_path: Path) -> None:
    low = ScoredAmong(of=build("planted_loss", "scorer"), by=_random(3))
    rubric = ScoredAmong(of=build("planted_rubric", "scorer"), by=_random(3))
    judge = AlpaGasus(judge="http://localhost:8000/v1#model@1")

    assert low.prefer == Distilled(of=low.of).prefer == "low"
    assert rubric.columns == ("clear", "true")
    assert shunned(ScoredAmong(of=judge, by=_random(3))) is Flag.INJECTION_SUSPECT
    assert shunned(Distilled(of=judge)) is Flag.INJECTION_SUSPECT


class OfAllRows(PoolFeature):
    """What a judge says of all rows together."""

    name = "of_all_rows"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="planted for tests")

    def requires(self) -> dict[str, Component]:
        return {"judged": Judgments(judge="http://localhost:8000/v1#model@1")}


class OfAll(Scorer):
    """A score that rests on it."""

    name = "of_all"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="planted for tests")

    def requires(self) -> dict[str, Component]:
        return {"whole": OfAllRows()}


def test_what_asks_about_all_rows_at_once_is_refused() -> None:
    with pytest.raises(ConfigError, match="of_all needs judgments of all rows at once"):
        build({"method": "scored_among", "of": OfAll(), "by": "random"}, "scorer")


def test_labels_of_several_parts_are_gathered(tmp_path: Path) -> None:
    rows = [(f"r{n} |", "none of it" if n == 4 else f"{n} words") for n in range(9)]
    engine = planted_engine(tmp_path, rows)
    every = chosen(engine, _random(9))
    first, later = _random(4), build({"method": "random", "budget": 3, "seed": 5}, "selector")
    score = build("planted_score", "scorer")
    parts = (ScoredAmong(of=score, by=first), ScoredAmong(of=score, by=later))
    found = engine.value(GatheredLabels(of=parts))
    asked = set(chosen(engine, first)) | set(chosen(engine, later))

    assert len(every) == 9
    for place, number in enumerate(_numbers(engine)):
        reason, value = Reason(int(found.reason[place])), found["value"][place]
        if f"r{number}" not in asked:
            assert reason is Reason.NOT_ASKED
        elif number == 4:
            assert reason is Reason.ZERO_DENOMINATOR
        else:
            assert value == number
