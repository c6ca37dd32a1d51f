"""Scores, their intervals and what a judge leans to: planted and found again."""

import numpy as np
import pytest

from assay.evaluation.outcomes import Games, outcomes
from assay.evaluation.winning import Pairs, winning
from assay.samples import FloatArray, IndexArray
from assay.solvers.paired_scores import score_interval
from tests.simulated_judge import SETTINGS, Setting, planted_score, simulated
from tests.unit.evaluation.test_outcomes import games, preferred

NAN = float("nan")


def pairs(given: Games, *, sets: IndexArray | None = None, lengths: FloatArray | None = None,
          questions: IndexArray | None = None) -> Pairs:  # fmt: skip
    """Return games of one set, each of its own question, whose lengths are not known."""
    count = len(given)
    return Pairs(
        given,
        np.arange(count) if questions is None else questions,
        np.zeros(count, np.int64) if sets is None else sets,
        np.full((count, 2), NAN) if lengths is None else lengths,
    )


def outcome_games(wins: int, ties: int, losses: int) -> Games:
    """Return games of so many outcomes, both orders alike."""
    leads = np.repeat([1.0, 0.0, -1.0], [wins, ties, losses])
    return games(np.stack([5 + leads, 5 + leads], axis=1), np.full((len(leads), 2), 5.0))


def test_published_counts_give_the_published_score_error_and_p() -> None:
    # arXiv:2402.05123, table 1, recomputed from the raw reviews by GPT-4: 1,030 questions.
    found = winning(pairs(outcome_games(507, 225, 298))).score

    assert found.win_score.value == pytest.approx(1.2029, abs=5e-5)
    low = found.win_score.value - 1.96 * found.standard_error
    assert low == pytest.approx(1.150, abs=1e-3)
    assert found.p == pytest.approx(2e-13, rel=0.5)
    assert found.bootstrap == pytest.approx((1.150, 1.255), abs=3e-3)
    assert tuple(found.win_score)[1:] == pytest.approx((1.150, 1.255), abs=3e-3)
    assert found.half_tie_rate == pytest.approx(found.win_score.value / 2)
    assert found.smallest_effect == pytest.approx(0.075, abs=1e-3)


def test_the_total_pools_questions_and_is_no_mean_of_sets() -> None:
    given = outcome_games(10, 0, 30)
    sets = np.repeat([0, 1], [10, 30])
    whole = pairs(given, sets=sets)

    assert winning(whole.part(sets == 0)).score.win_score.value == 2
    assert winning(whole.part(sets == 1)).score.win_score.value == 0
    assert winning(whole).score.win_score.value == 0.5


def test_failures_bound_the_score_and_are_no_part_of_it() -> None:
    given = games([[8, 8], [8, NAN], [8, 8]], [[7, 7], [7, NAN], [7, 7]])

    found = winning(pairs(given), missing=1).score

    assert (found.wins, found.unparsed, found.missing, found.without) == (2, 1, 1, 2)
    assert found.win_score.value == 2
    assert (found.worst, found.best) == (1, 2)


def test_a_judge_that_names_the_first_place_is_seen_through() -> None:
    found = winning(pairs(games([[9, 7]] * 20, [[7, 9]] * 20))).leanings

    assert found.first_place.value == 1
    assert [each.value for each in found.first_place_by_order] == [1, 1]
    assert found.consistency.value == 0
    assert found.score_by_order == (2, 0)


def test_a_judge_that_leans_to_the_longer_answer_is_seen_through() -> None:
    rng = np.random.default_rng(0)
    lengths = np.round(rng.normal((600, 450), 150, (600, 2)))
    ahead = (lengths[:, 0] - lengths[:, 1]) / 150
    leads = np.where(rng.random(600) < 1 / (1 + np.exp(-ahead)), 1.0, -1.0)[:, None]
    found = winning(pairs(games(5 + leads * [1, 1], np.full((600, 2), 5.0)), lengths=lengths))

    assert found.leanings.longer.low > 0.6
    assert found.score.win_score.low > 1.2
    assert found.leanings.equal_length.low < 1 < found.leanings.equal_length.high


def test_relative_scores_are_a_ratio_of_sums() -> None:
    found = winning(pairs(games([[8, 6], [2, 2]], [[10, 10], [4, 2]]))).scores

    assert found is not None
    assert found.relative.value == pytest.approx(100 * 18 / 26)
    assert found.win_and_tie.value == 0
    assert (found.own, found.other) == (4.5, 6.5)


def test_preferences_have_a_mean_and_the_error_of_a_mean() -> None:
    found = winning(pairs(preferred([0.9, 0.2, 0.5, 1.0]))).preference

    values = np.array([0.9, 0.2, 0.5, 1.0])
    assert found == pytest.approx((65, 100 * values.std(ddof=1) / 2))


def test_other_rules_stand_beside_the_chosen_one_where_two_orders_were_asked() -> None:
    found = winning(pairs(games([[8, 5]], [[7, 5]])))

    assert found.score.wins == 1
    assert {name: each.wins for name, each in found.other_rules.items()} == {
        "agree-else-tie": 0, "mean-score": 1,
    }  # fmt: skip
    assert not winning(pairs(preferred([0.9]))).other_rules


def test_a_question_that_stands_twice_widens_the_interval() -> None:
    given = outcome_games(30, 10, 20)
    twice = np.repeat(np.arange(30), 2)

    once = winning(pairs(given)).score
    doubled = winning(pairs(given, questions=twice)).score

    assert doubled.win_score.value == once.win_score.value
    for low, high in ((doubled.win_score.low, once.win_score.low),
                      (doubled.bootstrap[0], once.bootstrap[0])):  # fmt: skip
        assert low < high - 0.02


def test_nothing_that_was_judged_is_no_score() -> None:
    found = winning(pairs(games([[NAN, NAN]], [[NAN, NAN]])))

    assert found.score.items == 0
    assert np.isnan(found.score.win_score.value)
    assert (found.score.worst, found.score.best, found.score.p) == (0, 2, 1)


def _covered(setting: Setting, seed: int) -> bool:
    said = outcomes(simulated(setting, seed).games).values
    wins, ties, losses = (int((said == each).sum()) for each in (1, 0, -1))
    found = score_interval(wins, ties, losses)
    return found.low <= planted_score(setting) - 1 <= found.high


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_planted_lies_in_the_interval(name: str) -> None:
    repeats = 600
    share = sum(_covered(SETTINGS[name], seed) for seed in range(repeats)) / repeats

    # 95 %, with three standard errors of 600 repeats; `benchmarks/win_intervals.py` has 2,000.
    assert abs(share - 0.95) < 0.027
