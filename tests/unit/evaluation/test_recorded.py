"""A candidate is found on whichever side, two orders are joined by what they say."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError, UsageError
from assay.evaluation.recorded import Recorded, read_recorded
from assay.evaluation.report import report_on
from assay.formats.judged.tables import Pair
from assay.samples import Reason
from tests.unit.formats.judged.records import compared, evolved, preferred, rated, review, write


def one_order(number: int, answers: tuple[str, str], score: object, text: str = "") -> Any:
    """Return a review of one order, as the Vicuna blog keeps them."""
    return {
        "review_id": f"r{number}{answers}", "question_id": number, "text": text, "score": score,
        "answer1_id": f"{answers[0]}-{number}", "answer2_id": f"{answers[1]}-{number}",
    }  # fmt: skip


def counts(found: Recorded) -> tuple[int, int, int, int]:
    """Return wins, ties, losses, and pairs without an outcome."""
    total = report_on(found).total
    assert total is not None
    return total.score.wins, total.score.ties, total.score.losses, total.score.without


@pytest.fixture
def two_files(tmp_path: Path) -> list[Path]:
    first = [one_order(n, ("a", "b"), [9, 7]) for n in range(6)]
    second = [one_order(n, ("b", "a"), [7, 9] if n < 4 else [9, 7]) for n in range(6)]
    return [
        write(tmp_path, first, "ours_vs_theirs.jsonl"),
        write(tmp_path, second[::-1], "theirs_vs_ours.jsonl"),
    ]


def test_one_file_an_order_is_joined_whatever_the_order_of_files_and_rows(
    two_files: list[Path],
) -> None:
    found = read_recorded(two_files, "ours")
    turned = read_recorded(two_files[::-1], "ours")

    assert counts(found) == counts(turned) == (4, 2, 0, 0)
    assert found.references == ["theirs"]
    assert len(found.items) == 6


def test_the_other_side_loses_what_this_one_wins(two_files: list[Path]) -> None:
    assert counts(read_recorded(two_files, "theirs")) == (0, 2, 4, 0)


def test_a_file_s_name_may_have_more_in_front(tmp_path: Path) -> None:
    first = [one_order(n, ("a", "b"), [9, 7]) for n in range(3)]
    second = [one_order(n, ("b", "a"), [7, 9]) for n in range(3)]
    paths = [
        write(tmp_path, first, "run_ours_vs_theirs.jsonl"),
        write(tmp_path, second, "run_theirs_vs_ours.jsonl"),
    ]

    found = read_recorded(paths, "ours")

    assert counts(found) == (3, 0, 0, 0)
    assert found.references == ["theirs"]


def test_ids_that_no_other_file_has_leave_the_question_to_join_by(tmp_path: Path) -> None:
    first = [one_order(n, ("a", "b"), [9, 7]) for n in range(3)]
    second = [one_order(n, ("x", "y"), [7, 9]) for n in range(3)]
    paths = [write(tmp_path, first, "o_vs_t.jsonl"), write(tmp_path, second, "t_vs_o.jsonl")]

    assert counts(read_recorded(paths, "o")) == (3, 0, 0, 0)


def test_a_row_that_one_file_lacks_is_told_and_no_outcome(two_files: list[Path]) -> None:
    lines = two_files[1].read_text().splitlines()
    two_files[1].write_text("\n".join(lines[1:]))

    found = read_recorded(two_files, "ours")
    report = report_on(found)

    assert counts(found) == (4, 1, 0, 1)
    assert any("1 pair was judged in one order" in note for note in report.notes)


def test_questions_asked_twice_stay_two_pairs(tmp_path: Path) -> None:
    def named(name: str, scores: list[list[int]]) -> Path:
        records = [
            {"text": "same?", "ours": "x", "theirs": "y", "review": "", "score": score}
            for score in scores
        ]
        return write(tmp_path, records, name)

    paths = [
        named("ours-theirs-koala.json", [[9, 7], [7, 9]]),
        named("theirs-ours-koala.json", [[7, 9], [9, 7]]),
    ]
    report = report_on(read_recorded(paths, "ours"))

    assert list(report.sets) == ["koala"]
    assert report.total is not None
    assert (report.total.score.wins, report.total.score.losses) == (1, 1)
    assert any("1 pair repeats a question" in note for note in report.notes)


def test_two_references_are_two_sets_and_never_joined(tmp_path: Path) -> None:
    def named(name: str, score: list[int]) -> Path:
        first, second, _ = name.split("-")
        return write(tmp_path, [{"text": "q", first: f"of {first}", second: f"of {second}",
                                 "review": "", "score": score}], name)  # fmt: skip

    paths = [
        named("ours-b-x.json", [9, 7]), named("b-ours-x.json", [7, 9]),
        named("ours-c-x.json", [2, 7]), named("c-ours-x.json", [7, 2]),
    ]  # fmt: skip
    found = read_recorded(paths, "ours")
    only = read_recorded(paths, "ours", versus="c")

    assert counts(found) == (1, 0, 1, 0)
    assert {item.dataset for item in found.items} == {"against b", "against c"}
    assert counts(only) == (0, 0, 1, 0)


def test_a_candidate_may_change_sides_within_a_file(tmp_path: Path) -> None:
    own = compared(1, "model_1", "model_1")
    other = compared(2, "model_1", "model_1") | {"model_1": "b", "model_2": "a"}

    found = read_recorded([write(tmp_path, [own, other])], "a")

    assert counts(found) == (1, 0, 1, 0)


def test_a_preference_is_turned_with_the_side(tmp_path: Path) -> None:
    path = write(tmp_path, [preferred(0.9, swapped=False), preferred(0.4, swapped=False)])

    [new], [base] = (
        [report_on(read_recorded([path], name)).total] for name in ("new", "base")
    )  # fmt: skip

    assert new is not None
    assert base is not None
    assert new.preference is not None
    assert base.preference is not None
    assert new.preference[0] + base.preference[0] == pytest.approx(100)
    assert new.preference[0] == pytest.approx(35)
    assert new.score.wins == base.score.losses


def test_both_lists_of_diverse_evol_have_the_candidate_first(tmp_path: Path) -> None:
    records = [evolved(n, (8, 6), (7, 7)) for n in range(3)]
    path = write(tmp_path, records, "records.jsonl")

    found = read_recorded([path], "theirs")

    assert counts(found) == (0, 0, 3, 0)
    assert found.contradictions.read == 6
    assert found.contradictions.otherwise == found.contradictions.turned == 0


def _two_orders(second: list[int], reply: str) -> dict[str, Any]:
    return review("q", [9, 7], second) | {"review": "9 7", "review_reverse": reply}


def test_an_order_that_is_kept_the_other_way_round_is_turned_by_its_replies(
    tmp_path: Path,
) -> None:
    # The candidate's score first in both orders, while replies stand as they were shown.
    records = [_two_orders([9, 7], "7 9") | {"text": f"q{n}"} for n in range(10)]
    found = read_recorded([write(tmp_path, records)], "Answer1")

    assert counts(found) == (10, 0, 0, 0)
    assert found.contradictions.settled == 10
    assert any("the other way round" in note for note in report_on(found).notes)


def test_one_reply_that_contradicts_its_scores_turns_nothing(tmp_path: Path) -> None:
    records = [_two_orders([7, 9], "7 9") | {"text": f"q{n}"} for n in range(10)]
    records[3]["review_reverse"] = "9 7"
    records[4]["review_reverse"] = "5 6"
    found = read_recorded([write(tmp_path, records)], "Answer1")

    assert counts(found) == (10, 0, 0, 0)
    assert (found.contradictions.turned, found.contradictions.otherwise) == (1, 1)
    assert found.contradictions.settled == 0


def test_a_stored_failure_gives_way_to_a_reply_with_commas(tmp_path: Path) -> None:
    records = [
        review("a", [-1, -1], [7, 9]) | {"review": "8.5, 7", "review_reverse": "7 9"},
        review("b", [-1, -1], [7, 9]) | {"review": "I cannot say."},
    ]
    found = read_recorded([write(tmp_path, records)], "Answer1")

    assert found.items[0].record.orders.first == Pair(8.5, 7.0)
    assert found.items[1].record.orders.first == Pair(Reason.PARSE_FAILED, Reason.PARSE_FAILED)
    assert counts(found) == (1, 0, 0, 1)
    assert found.contradictions.recovered == 1


def test_questions_that_were_never_judged_are_counted_by_set(tmp_path: Path) -> None:
    path = write(tmp_path, [review(f"q {n}", [9, 7], [7, 9]) for n in range(3)])
    asked = [{"text": f"q  {n}", "category": "ab"[n % 2]} for n in range(6)]
    (tmp_path / "asked.jsonl").write_text("\n".join(map(json.dumps, asked)))

    report = report_on(
        read_recorded([path], "Answer1", questions=tmp_path / "asked.jsonl")
    )  # fmt: skip

    assert {name: (w.score.wins, w.score.missing) for name, w in report.sets.items()} == {
        "a": (2, 1), "b": (1, 2),
    }  # fmt: skip
    assert report.total is not None
    assert report.total.score.worst == 1
    assert report.total.score.best == 2


def test_a_record_that_cannot_be_read_stops_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, [rated(1, 8), {"odd": 1}, rated(2, 8)])

    with pytest.raises(DataError, match="record 2"):
        read_recorded([path], "a")


def test_who_is_not_there_is_told_who_is(tmp_path: Path) -> None:
    path = write(tmp_path, [compared(1, "tie", "tie")])

    with pytest.raises(UsageError, match="no record is about") as caught:
        read_recorded([path], "gpt")
    assert "a, b" in str(caught.value.hint)


def test_a_name_that_both_sides_begin_with_is_not_guessed(tmp_path: Path) -> None:
    record = compared(1, "tie", "tie") | {"model_1": "phi-3", "model_2": "phi-3-dpo"}

    with pytest.raises(UsageError, match="may be phi-3 or phi-3-dpo"):
        read_recorded([write(tmp_path, [record])], "phi")
    assert read_recorded([write(tmp_path, [record])], "phi-3").references == ["phi-3-dpo"]


def test_a_file_counts_once(tmp_path: Path, two_files: list[Path]) -> None:
    copy = tmp_path / "copy_vs_x.jsonl"
    copy.write_bytes(two_files[0].read_bytes())

    with pytest.raises(UsageError, match="the same file"):
        read_recorded([two_files[0], copy], "ours")


def test_scores_of_rows_are_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no pairs"):
        read_recorded([write(tmp_path, [3.5, 2.0])], "ours")
