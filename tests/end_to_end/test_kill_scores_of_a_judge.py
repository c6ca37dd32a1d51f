"""`assay score --judge`, killed: nothing is asked twice, no cap is passed, and bytes are equal."""

from pathlib import Path

import pytest

from tests.billing_judge import Manners, billing_judge, books_of
from tests.judge_kills import PARALLEL, SMALL_SHARDS, Scoring, kill_again_and_again

pytestmark = pytest.mark.slow

_ROWS = 240
_KILLS = 5
_AMPLE = 3_000_000_000


def test_a_score_that_was_killed_has_the_bytes_of_one_that_was_not(tmp_path: Path) -> None:
    with billing_judge(tmp_path, Manners(mean_seconds=0.02)) as port:
        job = Scoring(tmp_path / "killed", port, _ROWS, _AMPLE, SMALL_SHARDS)
        killed = kill_again_and_again(job, _KILLS, seed=3)
        job.finish()
        asked = [case for case in books_of(port).asked if case >= 0]
        whole = Scoring(tmp_path / "whole", port, _ROWS, prelude=SMALL_SHARDS)
        whole.finish()

    assert killed.kills == _KILLS
    assert 0 < killed.repeated <= _KILLS * PARALLEL
    assert len(asked) == _ROWS + killed.repeated
    assert len(job.results()) > 3
    assert job.results() == whole.results()


def test_kills_never_let_more_be_billed_than_a_cap_that_is_too_small(tmp_path: Path) -> None:
    cap = 60_000_000
    with billing_judge(tmp_path, Manners(mean_seconds=0.005)) as port:
        job = Scoring(tmp_path, port, _ROWS, cap, SMALL_SHARDS)
        kill_again_and_again(job, _KILLS, seed=4)
        said = job.stop_short()
        books, (_, totals) = books_of(port), job.stored()
        job.capped(_AMPLE).finish()

    assert books.billed <= totals.committed <= cap
    assert "would have passed the cap" in said
    assert "of runs that were killed" in said


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Manners(written=4000), id="ignores the limit"),
        pytest.param(Manners(letters_per_token=0.1), id="counts more tokens than there are bytes"),
        pytest.param(Manners(thought=4000), id="thinks"),
        pytest.param(Manners(thought=4000, told_apart=True), id="counts thinking apart"),
    ],
)
def test_a_server_that_bills_more_than_it_may_is_left_after_what_is_under_way(
    tmp_path: Path, manners: Manners
) -> None:
    cap = 200_000_000
    with billing_judge(tmp_path, manners) as port:
        job = Scoring(tmp_path, port, _ROWS, cap, SMALL_SHARDS)
        said = job.stop_short()
        books, (_, totals) = books_of(port), job.stored()

        again = job.stop_short()

    assert books.billed == totals.settled
    assert books.billed <= cap + PARALLEL * books.most_billed
    assert totals.overrun > 0
    assert "the server charged" in said
    assert books.most_under_way <= PARALLEL
    assert "would have passed the cap" in again
