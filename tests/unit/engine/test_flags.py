"""Rows that are left out for their flags, worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import Selector, build
from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.errors import ConfigError
from assay.formats.records import Block
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Threshold
from assay.methods.filters.deduplicate import Deduplicate
from assay.outcomes import SelectionRecord
from assay.pool.building import build_pool
from assay.samples import Conversation, Flag, Message, Origin, Reason, Sample
from tests.unit.methods.planted import (
    PlantedRubric,
    PlantedScore,
    chosen,
    engine_over,
    names,
    planted_engine,
    reasons,
)

# "!" is suspected of an injection, "?" of one token; b and d have the same number.
_ROWS = [
    ("a!", "6 1"), ("b", "5 1"), ("c?", "4 1"), ("d", "5 1"), ("e!?", "2 1"), ("f", "1 1"),
]  # fmt: skip
_BY = PlantedRubric()
_SUSPECT = ("injection_suspect",)


def _flags(engine: Engine, selector: Selector) -> dict[str, Flag]:
    record: SelectionRecord = engine.value(selector)
    assert record.flags is not None
    return {
        name: Flag(code) for name, code in zip(names(engine), record.flags.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("budget", "without", "expected"),
    [
        (3, (), "a!(bd)"),
        (3, _SUSPECT, "(bd)c?"),
        (1, _SUSPECT, "(b)"),
        ("50%", _SUSPECT, "(bd)c?"),
        ({"amount": "50%", "of": "eligible"}, _SUSPECT, "(bd)"),
        (6, ("one_token", "injection_suspect"), "(bd)f"),
        (6, ("one_token",), "a!(bd)f"),
        ("2 tokens", _SUSPECT, "(b)"),
        (6, ("text_truncated",), "a!(bd)c?e!?f"),
    ],
)
def test_flagged_rows_are_not_eligible(
    tmp_path: Path, budget: Any, without: tuple[str, ...], expected: str
) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    tied = [name for name in names(engine) if name in ("b", "d")]
    worked_out = expected.replace("(bd)", "".join(tied)).replace("(b)", tied[0])

    found = chosen(engine, TopScore(by=_BY, budget=budget, without_flags=without))

    assert "".join(found) == worked_out


def test_the_record_says_which_flags_of_which_row(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    selector = TopScore(by=_BY, budget=1, without_flags=("one_token", "injection_suspect"))

    fate, flags = reasons(engine, selector), _flags(engine, selector)

    assert [name for name, why in fate.items() if why == Reason.FLAGGED] == (
        [name for name in names(engine) if name in ("a!", "c?", "e!?")]
    )
    assert flags["a!"] == Flag.INJECTION_SUSPECT
    assert flags["c?"] == Flag.ONE_TOKEN
    assert flags["e!?"] == Flag.INJECTION_SUSPECT | Flag.ONE_TOKEN
    assert flags["b"] == Flag.NONE
    record: SelectionRecord = engine.value(selector)
    assert record.facts["flagged"] == {"one_token": 2, "injection_suspect": 2}
    assert record.eligible == 3
    assert Reason.FLAGGED.kind == "selection"


def test_other_flags_of_such_a_row_are_not_what_it_is_left_out_for(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    flags = _flags(engine, TopScore(by=_BY, budget=1, without_flags=_SUSPECT))

    assert flags["e!?"] == Flag.INJECTION_SUSPECT
    assert flags["c?"] == Flag.NONE


def test_a_flag_comes_before_a_rule_and_a_quantile_counts_such_rows(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    half = Rule(low_quantile=0.5)

    fate = reasons(engine, TopScore(by=_BY, budget=6, rule=half, without_flags=_SUSPECT))

    # The upper half of six numbers is a, b and d; without a, two are left.
    assert {name for name, why in fate.items() if why == Reason.OK} == {"b", "d"}
    assert {name for name, why in fate.items() if why == Reason.FLAGGED} == {"a!", "e!?"}
    assert {name for name, why in fate.items() if why == Reason.BELOW_RULE} == {"c?", "f"}


def test_flags_reach_combinations_quotas_and_what_is_chosen_within(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=["x", "x", "x", "y", "y", "y"])
    mean = TopScore(by=RankMean(of=(_BY, PlantedScore())), budget=6, without_flags=_SUSPECT)
    best = TopScore(by=_BY, without_flags=_SUSPECT)
    quota = Quota(by=best, per="task", budget=2)
    outer = Quota(by=TopScore(by=_BY), per="task", budget=2, without_flags=_SUSPECT)
    chance = RandomSample(budget=6, within=Threshold(by=_BY, without_flags=_SUSPECT))

    assert {"a!", "e!?"} == set(names(engine)) - set(chosen(engine, mean))
    assert (
        chosen(engine, quota)
        == chosen(engine, outer)
        == ([name for name in names(engine) if name in ("b", "d")])
    )
    assert sorted(chosen(engine, chance)) == ["b", "c?", "d", "f"]
    assert reasons(engine, chance)["a!"] == Reason.FLAGGED
    assert _flags(engine, chance)["a!"] == Flag.INJECTION_SUSPECT


def test_a_flagged_row_joins_no_duplicates(tmp_path: Path) -> None:
    rows = [("same words here", "3 1 long answer"), ("same words here!", "9 1 long answer")]
    engine = planted_engine(tmp_path, rows)
    near = Deduplicate(match="near", threshold=0.5, prefer=_BY)

    assert chosen(engine, near) == ["same words here!"]
    plain = near.model_copy(update={"without_flags": _SUSPECT})
    assert chosen(engine, plain) == ["same words here"]


def test_no_chain_of_duplicates_runs_through_a_flagged_row(tmp_path: Path) -> None:
    rows = [
        ("alpha beta gamma delta epsilon zeta", "1 1"),
        ("gamma delta epsilon zeta eta theta!", "2 1"),
        ("epsilon zeta eta theta iota kappa", "3 1"),
    ]
    engine = planted_engine(tmp_path, rows)
    near = Deduplicate(match="near", threshold=0.3, prefer=_BY)

    assert chosen(engine, near) == [rows[2][0]]
    apart = near.model_copy(update={"without_flags": _SUSPECT})
    assert sorted(chosen(engine, apart)) == [rows[0][0], rows[2][0]]


def test_rows_held_out_keep_their_own_reason(tmp_path: Path) -> None:
    samples = [
        Sample(Conversation((Message("user", q), Message("assistant", a))), "test")
        for q, a in [(f"{n}{'!' * (n % 2)}", f"{n} 1") for n in range(40)]
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    pool = build_pool([Block(samples, origins)], tmp_path, hold_out=0.3)
    selector = TopScore(by=_BY, budget="100%", without_flags=_SUSPECT)

    record: SelectionRecord = engine_over(tmp_path, pool).value(selector)

    odd = np.array(["!" in c.prompt for c in pool.conversations(np.arange(len(pool)))])
    assert 0 < pool.held_out.sum() < 40
    assert (record.reason[pool.held_out] == Reason.HELD_OUT).all()
    assert (record.reason[~pool.held_out & odd] == Reason.FLAGGED).all()
    assert (record.reason[~pool.held_out & ~odd] == Reason.OK).all()
    assert record.flags is not None
    assert (record.flags != 0).tolist() == (~pool.held_out & odd).tolist()
    again: SelectionRecord = engine_over(tmp_path, pool).value(selector)
    assert again.flags is not None
    assert again.flags.tolist() == record.flags.tolist()


def test_a_stored_selection_holds_the_flags_only_where_there_are_some(tmp_path: Path) -> None:
    plain = TopScore(by=_BY, budget=1)
    for selector in (plain, TopScore(by=_BY, budget=1, without_flags=_SUSPECT)):
        made: SelectionRecord = planted_engine(tmp_path, _ROWS).value(selector)

        again: SelectionRecord = planted_engine(tmp_path, _ROWS).value(selector)

        assert (again.flags is None) == (made.flags is None) == (selector is plain)
        assert dict(again.facts) == dict(made.facts)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Injection-Suspect, one token", ("injection_suspect", "one_token")),
        (["one_token", "ONE_TOKEN"], ("one_token",)),
        ([], ()),
    ],
)
def test_flags_are_read_as_people_write_them(written: Any, meant: tuple[str, ...]) -> None:
    assert TopScore(by=_BY, without_flags=written).without_flags == meant


def test_equal_sets_of_flags_are_equal_and_none_leaves_the_key_alone() -> None:
    one = TopScore(by=_BY, without_flags=("one_token", "injection_suspect"))
    other = TopScore(by=_BY, without_flags=("injection_suspect", "one_token"))

    assert one.key == other.key != TopScore(by=_BY).key
    assert TopScore(by=_BY, without_flags=()).key == TopScore(by=_BY).key


def test_an_unknown_flag_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="there is no flag 'injection_suspekt'") as error:
        build({"method": "planted_rubric", "without_flags": ["injection_suspekt"]}, "selector")

    assert error.value.hint == "did you mean 'injection_suspect'?"
    assert error.value.place == ("without_flags",)


@pytest.mark.parametrize(
    "wrong", [lambda: RandomSample(budget=1, without_flags=_SUSPECT),
              lambda: Deduplicate(without_flags=_SUSPECT)],
)  # fmt: skip
def test_a_selection_that_reads_no_flags_refuses_them(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="reads nothing that carries flags") as error:
        wrong()

    assert "within" in str(error.value.hint)
