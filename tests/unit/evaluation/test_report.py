"""What is said of a comparison: the answer, and what to mind."""

from pathlib import Path

import numpy as np
import pytest

from assay.evaluation.recorded import read_recorded
from assay.evaluation.report import Report, rating_interval, report_on
from tests.unit.formats.judged.records import compared, evolved, rated, review, write


def _report(folder: Path, records: list[dict[str, object]], candidate: str) -> Report:
    return report_on(read_recorded([write(folder, list(records))], candidate))


def test_a_winner_needs_both_the_interval_and_the_sign_test(tmp_path: Path) -> None:
    # 16 wins, 58 ties, 6 losses: the interval leaves parity out, the exact test does not.
    signs = [([9, 7], [7, 9])] * 16 + [([8, 8], [8, 8])] * 58 + [([7, 9], [9, 7])] * 6
    records = [review(f"q{n}", *scores) for n, scores in enumerate(signs)]

    found = _report(tmp_path, records, "Answer1")

    assert found.total is not None
    assert found.total.score.win_score.low > 1
    assert found.total.score.p > 0.05
    assert found.verdict.endswith("no difference beyond chance is seen")


def test_who_wins_is_said_from_the_candidate_s_side(tmp_path: Path) -> None:
    records = [evolved(n, (9, 6), (8, 7)) for n in range(12)]

    assert _report(tmp_path, records, "ours").verdict == "ours against theirs: wins beyond chance"
    assert _report(tmp_path, records, "theirs").verdict.endswith("loses beyond chance")


def test_answers_that_are_all_alike_are_told(tmp_path: Path) -> None:
    records = [review(f"q{n}", [9, 7], [7, 9]) | {"Answer1": "I win."} for n in range(6)]

    notes = _report(tmp_path, records, "Answer1").notes

    assert any("6 of 6 answers of Answer1 are one and the same text" in note for note in notes)


def test_a_rule_that_says_otherwise_is_told(tmp_path: Path) -> None:
    # Won once with a tie, twelve times: a win by the sum of signs, a tie where both must agree.
    records = [review(f"q{n}", [9, 7], [8, 8]) for n in range(12)]

    found = _report(tmp_path, records, "Answer1")

    assert found.verdict.endswith("wins beyond chance")
    assert "by the rule agree-else-tie the candidate neither wins nor loses beyond chance" in (
        found.notes
    )


def test_one_order_is_told(tmp_path: Path) -> None:
    records = [
        {"idx": n, "instruction": f"q{n}", "input": "", "response1": "a", "response2": "b",
         "annotator1": 1, "annotator2": 1, "annotator3": 0, "cmp_key": "x_y"}
        for n in range(3)
    ]  # fmt: skip

    found = _report(tmp_path, records, "y")

    assert found.total is not None
    assert (found.total.score.losses, found.total.other_rules) == (3, {})
    assert found.notes[0].startswith("one order was judged")


def test_models_that_met_each_other_have_strengths(tmp_path: Path) -> None:
    def met(first: str, second: str, wins: int, losses: int) -> list[dict[str, object]]:
        outcomes = ["model_1"] * wins + ["model_2"] * losses
        return [
            compared(at, each, each) | {"model_1": first, "model_2": second}
            for at, each in enumerate(outcomes)
        ]

    # Odds of 3 between neighbours, so strengths are ln 3 apart: 9 to 1 between the ends.
    records = met("a", "b", 30, 10) + met("b", "c", 30, 10) + met("a", "c", 36, 4)
    found = _report(tmp_path, records, "b")

    assert [each.name for each in found.standings] == ["a", "b", "c"]
    values = [each.strength.value for each in found.standings]
    assert values == pytest.approx([np.log(3), 0, -np.log(3)], abs=1e-3)
    assert found.standings[0].elo == pytest.approx(1000 + 400 * np.log10(3), abs=0.5)
    ends = found.standings[0].strength, found.standings[2].strength
    assert all(each.low < each.value < each.high for each in ends)
    assert found.recorded.left == 40


def test_the_mean_rating_is_over_turns_and_draws_questions(tmp_path: Path) -> None:
    records = [rated(n, score, turn) for n, pair in enumerate([(8, 6), (10, 10), (2, -1)])
               for turn, score in zip((1, 2), pair, strict=True)]  # fmt: skip

    rating = _report(tmp_path, records, "a").ratings

    assert rating is not None
    assert (rating.rated, rating.failed) == (5, 1)
    assert rating.mean == pytest.approx(36 / 5)
    assert rating.by_turn == pytest.approx({"1": 20 / 3, "2": 8})
    # Clusters of 2, 2 and 1 ratings: residual sums -0.4, 5.6 and -5.2.
    error = np.sqrt(3 / 2 * (0.4**2 + 5.6**2 + 5.2**2)) / 5
    assert rating.standard_error == pytest.approx(error)
    assert rating_interval(rating)[0] == pytest.approx(7.2 - 1.96 * error, abs=1e-3)
