"""What judges cost is said before the first request, and above a limit somebody has to agree."""

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import Called
from tests.end_to_end.in_process import Here, calls_in
from tests.judge_servers import NAME, OLD_OLLAMA, serving_judge
from tests.scripted_judge import MARK, ScriptedJudge

_ROWS = 12
_PRICED = ("--price", "in=2000,out=4000")
"""So dear that twelve rows cost more than one unit of the currency."""


@pytest.fixture
def judge() -> ScriptedJudge:
    script = {f"r{number}": f"{number % 6}\nBecause." for number in range(_ROWS)}
    return ScriptedJudge(OLD_OLLAMA, script=script)


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    rows = [
        {"instruction": f"Say something, {MARK}r{number}.", "output": "It is said."}
        for number in range(_ROWS)
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _select(here: Here, judge: ScriptedJudge, *words: str) -> Called:
    with serving_judge(judge) as base:
        asked = ("--judge", f"{base}#{NAME}@1", "--budget", "3", "-o", "best.json")
        return here("select", "rows.json", "alpagasus", *asked, *words)


def _answer(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """Let somebody be there who says a word."""
    monkeypatch.setattr("assay.cli.console.can_ask", lambda: True)
    monkeypatch.setattr("assay.cli.options.spending.can_ask", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{said}\n"))


def test_the_price_comes_first_and_what_is_spent_stands_beside_the_rows(
    here: Here, judge: ScriptedJudge
) -> None:
    called = _select(here, judge, *_PRICED, "--max-cost", "500")

    assert called.code == 0, called.err
    first, *others = called.err.splitlines()
    told = re.fullmatch(
        rf"judgments \({NAME}@1\): {_ROWS} requests, about [\d.]+k? tokens in, "
        r"at most [\d.]+k? out, ([\d.]+) to ([\d.]+) USD; at most 500.00 USD will be spent",
        first,
    )
    assert told, called.err
    low, high = map(float, told.groups())
    assert 1 < low < high
    # Fifty tokens in and ten out, as the judge counts them: 0.14 a row, besides what it took to
    # find out what the judge can do.
    [done] = [line for line in others if f"100% of {_ROWS} rows" in line]
    spent = re.search(r", ([\d.]+) of 500.00 USD$", done)
    assert spent, done
    assert _ROWS * 0.14 < float(spent[1]) < _ROWS * 0.14 + 2


def test_without_a_terminal_nothing_dear_is_sent_unless_the_line_says_so(
    here: Here, judge: ScriptedJudge
) -> None:
    refused = _select(here, judge, *_PRICED)

    assert refused.code != 0
    assert re.search(
        r"error: it may cost [\d.]+ USD, and there is no terminal to ask on\n"
        r"hint: --max-cost '[\d.]+ USD' sets the most that is spent; -y agrees",
        refused.err,
    ), refused.err
    assert judge.asked == []
    assert _select(here, judge, *_PRICED, "-y").code == 0
    assert len(judge.told) == _ROWS


def test_comparisons_of_rows_are_told_and_agreed_to_like_any_question(
    here: Here, judge: ScriptedJudge
) -> None:
    judge.compares = lambda first, second: "Verdict: A"
    with serving_judge(judge) as base:
        called = here("score", "rows.json", "qurating", "--judge", f"{base}#{NAME}@1", *_PRICED)

    # Four rounds of twelve pairs, fewer where a pair comes twice, in both orders.
    first = called.err.splitlines()[0]
    told = re.match(rf"judged_pairs \({NAME}@1\): (\d+) requests, ", first)
    assert told, called.err
    assert 2 * 24 < int(told[1]) <= 2 * 48
    assert called.code != 0
    assert "there is no terminal to ask on" in called.err
    assert judge.asked == []


@pytest.mark.parametrize(
    "words",
    [("--price", "in=0.1,out=0.1"), (*_PRICED, "--confirm-above", "1000"), ()],
    ids=["cheap", "a high limit", "free"],
)
def test_what_costs_little_is_said_and_not_asked(
    here: Here, judge: ScriptedJudge, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer(monkeypatch, "n")

    called = _select(here, judge, *words)

    assert called.code == 0, called.err
    assert f"{_ROWS} requests" in called.err.splitlines()[0]
    assert ("USD" in called.err) == bool(words)
    assert "[y/N]" not in called.err


@pytest.mark.parametrize(("said", "asked"), [("n", 0), ("", 0), ("y", _ROWS)])
def test_a_terminal_is_asked_above_the_limit_under_a_cap_too(
    here: Here, judge: ScriptedJudge, said: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer(monkeypatch, said)

    called = _select(here, judge, *_PRICED, "--max-cost", "5")

    assert "spend up to 5.00 USD? [y/N]" in called.err
    assert ("error: nothing was sent" in called.err) == (not asked)
    assert bool(judge.told) == bool(asked)


def test_a_cap_below_the_limit_needs_no_agreement(
    here: Here, judge: ScriptedJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    _answer(monkeypatch, "n")

    called = _select(here, judge, *_PRICED, "--max-cost", "0.90")

    assert "[y/N]" not in called.err
    assert "at most 0.90 USD will be spent" in called.err.splitlines()[0]


def test_what_is_at_hand_is_neither_priced_nor_agreed_to(here: Here, judge: ScriptedJudge) -> None:
    with serving_judge(judge) as base:
        line = ("select", "rows.json", "alpagasus", "--judge", f"{base}#{NAME}@1", *_PRICED)
        assert here(*line, "--budget", "3", "-o", "a.json", "-y").code == 0

        again = here(*line, "--budget", "4", "-o", "b.json")
        more = here(*line, "--set", "rule=none", "--budget", "5", "-o", "c.json")

    assert (again.code, more.code) == (0, 0), again.err + more.err
    assert "requests" not in again.err + more.err


def test_what_nobody_has_priced_is_one_line_before_anything_is_sent(
    here: Here, judge: ScriptedJudge
) -> None:
    called = here(
        "select", "rows.json", "alpagasus", "--judge", "https://judge.example/v1#m@1",
        "--budget", "3", "-o", "x.json",
    )  # fmt: skip

    assert called.code != 0
    assert "nobody has said what 'm' at judge.example costs" in called.err


def test_an_amount_that_is_none_is_told_before_anything_is_read(
    here: Here, judge: ScriptedJudge
) -> None:
    called = _select(here, judge, *_PRICED, "--confirm-above", "much")

    assert "'much' is no amount of money" in called.err
    assert judge.asked == []
