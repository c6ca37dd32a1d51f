"""A selection without rows says what is the case, and what to type instead."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.in_process import Here, calls_in


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    for call in calls_in(tmp_path, monkeypatch, capsys):
        rows = [{"instruction": f"Say {n}", "output": f"It is {n}"} for n in range(7)]
        Path("seven.json").write_text(json.dumps(rows))
        yield call


CASES = {
    "a share of less than a row": (["random", "--budget", "10%"], "10% of 7 rows is 0 rows",
                                   "--budget 1, or a share from 15% on"),
    "the same, of the default": (["--budget", "5%"], "5% of 7 rows is 0 rows", "--budget 1"),
    "no row": (["random", "--budget", "0"], "a budget of 0 rows chooses nothing", "--budget 1"),
    "too few tokens": (["random", "--budget", "2 tokens"], "no row fits into 2 tokens",
                       " tokens' or more"),
    "answers below the floor": (["--budget", "3"], "too short 7",
                                "compression_ifd judges answers of at least 24 bytes"),
    "a rule that none passes": (["longest_response", "--set", "rule.at_least=900", "--budget",
                                 "3"], "outside the method's own cut-off 7", "--set rule=none"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_empty_selection_says_why(here: Here, case: str) -> None:
    words, message, hint = CASES[case]

    called = here("select", "seven.json", *words, "-o", "out.json")

    said = " ".join(called.err.split())
    assert called.code == 1
    assert message in said
    assert hint in said
    assert "the budget went to others" not in said


def test_the_share_that_is_advised_chooses_a_row(here: Here) -> None:
    assert here("select", "seven.json", "random", "--budget", "15%", "-o", "o.json").code == 0
    assert len(json.loads(Path("o.json").read_text())) == 1


def test_a_run_says_it_too(here: Here) -> None:
    Path("run.yaml").write_text(
        "data: {source: seven.json}\nproject: p.assay\nselections:\n"
        "  a: {method: random, budget: 10%}\n"
    )

    called = here("run", "run.yaml")

    assert "10% of 7 rows is 0 rows" in " ".join(called.err.split())
