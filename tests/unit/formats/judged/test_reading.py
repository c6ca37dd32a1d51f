"""Layouts of judge records: what each says, by its fields, and never a number for a failure."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from assay.errors import DataError, FormatError
from assay.formats.judged.layouts import LAYOUTS, find_layout, judged_layout
from assay.formats.judged.reading import layout_of, read_judged
from assay.formats.judged.tables import JudgedTable
from assay.samples import Reason
from tests.unit.formats.judged.records import (
    Record,
    compared,
    evolved,
    preferred,
    rated,
    review,
    write,
)


def _column(table: JudgedTable, name: str) -> list[float | None]:
    """Return the numbers of a column, None where a reason stands."""
    column = table.columns[name]
    assert (np.isnan(column.values) == (column.reason != 0)).all()
    return [None if np.isnan(value) else value for value in column.values.tolist()]


def _verdicts(folder: Path, records: list[Record], **how: object) -> list[float | None]:
    return _column(read_judged(write(folder, records), **how), "verdict")  # type: ignore[arg-type]


# Two answers, both orders in a record


@pytest.mark.parametrize(
    ("scores", "swapped", "verdict"),
    [
        ([9, 7], [7, 9], 1),  # better twice
        ([9, 7], [8, 8], 1),  # better once, equal once
        ([8, 8], [8, 8], 0),
        ([7, 9], [7, 9], 0),  # whoever is second wins: a contradiction
        ([9, 7], [9, 7], 0),
        ([8, 8], [9, 7], -1),
        ([7, 9], [9, 7], -1),
        ("[9.0, 7.5]", "[7, 9]", 1),  # the text of a list
    ],
)
def test_scores_of_the_reversed_order_have_the_second_answer_first(
    tmp_path: Path, scores: object, swapped: object, verdict: int
) -> None:
    assert _verdicts(tmp_path, [review("q", scores, swapped)]) == [verdict]
    assert _verdicts(tmp_path, [review("q", scores, swapped)], candidate=2) == [-verdict]


@pytest.mark.parametrize(
    "scores",
    [[-1, -1], "[-1, -1]", "9 7", [9], [9, 7, 8], None, ["good", 1], [True, 1], "[9, NaN]"],
)
def test_a_reply_that_gave_no_two_scores_has_a_reason(tmp_path: Path, scores: object) -> None:
    table = read_judged(write(tmp_path, [review("q", scores, [1, 2]), review("r", [1, 2], scores)]))

    for name in ("verdict", "win_score", "score", "other_score", "lead"):
        assert table.columns[name].reason.tolist() == [Reason.PARSE_FAILED] * 2
        assert _column(table, name) == [None, None]


def test_means_are_of_both_orders_and_of_the_candidate(tmp_path: Path) -> None:
    path = write(tmp_path, [review("q", [9, 6], [5, 8])])

    own, other = read_judged(path), read_judged(path, candidate=2)

    assert [_column(own, name) for name in ("score", "other_score", "lead")] == [[8.5], [5.5], [3]]
    assert [_column(other, name) for name in ("score", "other_score")] == [[5.5], [8.5]]
    assert own.rows[0].response == "long answer to q"
    assert other.rows[0].response == "short"


def test_contradictions_tell_which_place_the_judge_leans_to(tmp_path: Path) -> None:
    leaning = [review(f"q{n}", [7, 9], [7, 9]) for n in range(6)]
    steady = [review(f"r{n}", [9, 7], [7, 9]) for n in range(2)]

    found = read_judged(write(tmp_path, leaning + steady)).verdicts()

    assert found is not None
    assert (found.wins, found.ties, found.losses) == (2, 6, 0)
    assert (found.for_first, found.for_second) == (0, 6)
    assert found.consistency.value == 0.25
    assert found.first_place.value == 2 / 16
    assert found.win_score == 1.25
    other = read_judged(tmp_path / "records.json", candidate=2).verdicts()
    assert other is not None  # a lean to a place is the judge's, whoever is the candidate
    assert (other.for_first, other.for_second) == (found.for_first, found.for_second)
    assert other.first_place == found.first_place


def test_diverse_evol_stores_the_candidate_first_in_both_orders(tmp_path: Path) -> None:
    """Read as the second reply stands, every one of these would be a contradiction."""
    records = [evolved(n, (6, 9), (5, 9)) for n in range(4)]

    table = read_judged(write(tmp_path, records, "rd_1_vs_chat.jsonl"))

    assert table.layout == "diverse_evol"
    assert _column(table, "verdict") == [-1] * 4
    assert _column(table, "score") == [5.5] * 4
    assert [row.key for row in table.rows] == [f"set_{n}" for n in range(4)]
    found = table.verdicts()
    assert found is not None
    assert found.consistency.value == 1
    turned = read_judged(tmp_path / "rd_1_vs_chat.jsonl", candidate=2)
    assert _column(turned, "verdict") == [1] * 4


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [("model_1", "model_1", 1), ("model_1", "tie", 1), ("model_1", "model_2", 0), ("a", "a", 1),
     ("tie", "model_2", -1), ("model_2", "b", -1), ("error", "model_1", None)],
)  # fmt: skip
def test_comparisons_of_mt_bench_follow_the_rule_of_both_orders(
    tmp_path: Path, first: str, second: str, verdict: int | None
) -> None:
    table = read_judged(write(tmp_path, [compared(81, first, second)]))

    assert _column(table, "verdict") == [verdict]
    assert set(table.columns) == {"verdict", "win_score"}
    row = table.rows[0]
    assert (row.key, row.prompt, row.response) == ("81", "question 81", "of a")
    other = read_judged(tmp_path / "records.json", candidate=2)
    assert other.rows[0].response == "of b"
    assert _column(other, "verdict") == [None if verdict is None else -verdict]


def test_two_turns_are_two_things_until_one_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, [compared(1, "tie", "tie"), compared(1, "model_1", "tie", turn=2)])

    with pytest.raises(DataError, match="judges 2 things apart: 'a against b, turn 1'") as raised:
        read_judged(path)

    assert "FIELD" in str(raised.value.hint)
    assert _column(read_judged(path, where={"turn": "2"}), "verdict") == [1]


# One answer


def test_a_rating_is_the_mean_of_its_turns(tmp_path: Path) -> None:
    records = [rated(1, 8), rated(1, 5, turn=2), rated(2, 9), rated(2, -1, turn=2), rated(3, 7)]

    table = read_judged(write(tmp_path, records, "single.jsonl"))

    assert [row.key for row in table.rows] == ["1", "2", "3"]
    assert _column(table, "score") == [6.5, None, 7]
    assert _column(table, "turn_2") == [5, None, None]
    assert table.columns["turn_2"].reason.tolist() == [0, Reason.PARSE_FAILED, Reason.NOT_IMPORTED]
    assert [row.response for row in table.rows] == [None, None, "answer 3"]


def test_a_rating_that_is_given_twice_and_not_alike_is_none(tmp_path: Path) -> None:
    table = read_judged(write(tmp_path, [rated(1, 8), rated(1, 5), rated(2, 4), rated(2, 4)]))

    assert _column(table, "score") == [None, 4]
    assert table.columns["score"].reason.tolist() == [Reason.AMBIGUOUS, 0]


def test_several_models_in_a_file_are_not_mixed(tmp_path: Path) -> None:
    path = write(tmp_path, [rated(1, 8), rated(1, 2, model="b")])

    with pytest.raises(DataError, match="'a', 'b'"):
        read_judged(path)

    assert _column(read_judged(path, where={"model": "b"}), "score") == [2]
    assert _column(read_judged(path, where={"judge": "single", "model": "a"}), "score") == [8]


def test_triplets_of_alpagasus_are_told_apart_by_their_headings(tmp_path: Path) -> None:
    def triplet(asked: str, given: str, answer: str, score: float) -> Record:
        text = f"###Instruction:\n{asked}\n\n### Input:\n{given}\n\n### Response:\n{answer}\n\n"
        return {"triplet": text, "review": f"{score}\nBecause.", "score": score}

    records = [
        triplet("Add.", "1, 2", "3", 4.5),
        triplet("Name one.", "", "Ada", -1),
        triplet("Show a prompt.", "", "### Response:\nlike this", 4),
        triplet("Rate.", "", "five", 7),
    ]

    table = read_judged(write(tmp_path, records))

    assert table.layout == "alpagasus"
    assert _column(table, "score") == [4.5, None, 4, None]
    assert table.columns["score"].reason.tolist() == [
        0, Reason.PARSE_FAILED, 0, Reason.OUT_OF_RANGE,
    ]  # fmt: skip
    texts = [(row.prompt, row.response) for row in table.rows]
    assert texts == [("Add.\n1, 2", "3"), ("Name one.", "Ada"), (None, None), ("Rate.", "five")]


# Votes


def _votes(idx: int, *votes: object) -> Record:
    names = ("annotator1", "annotator2", "annotator3")
    return {
        "idx": idx, "instruction": "Say it", "input": "briefly", "response1": "yes",
        "response2": "no", **dict(zip(names, votes, strict=True)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "verdict"),
    [
        ((1, 1, 2), 1),
        ((2, 0, 2), -1),
        ((0, 0, 1), 0),
        ((0, 1, 2), 0),
        ((2, 1, 0), 0),
        ((1, 1, 7), None),
    ],
)
def test_people_vote_by_majority_and_three_opinions_are_level(
    tmp_path: Path, votes: tuple[int, ...], verdict: int | None
) -> None:
    table = read_judged(write(tmp_path, [_votes(5, *votes)]))

    assert _column(table, "verdict") == [verdict]
    assert _column(table, "annotator1") == [{0: 0, 1: 1, 2: -1}[votes[0]]]
    assert table.rows[0].prompt == "Say it\nbriefly"
    other = read_judged(tmp_path / "records.json", candidate=2)
    assert _column(other, "verdict") == [None if verdict is None else -verdict]


def test_a_judge_on_pandalm_s_test_set_is_known_by_the_end_of_a_field(tmp_path: Path) -> None:
    said = ["1", 2, "Tie", "garbage", None]
    records = [{"idx": n, "gpt_result": each, "gpt_reason": "..."} for n, each in enumerate(said)]

    table = read_judged(write(tmp_path, records))

    assert table.layout == "pandalm_judge"
    assert _column(table, "verdict") == [1, -1, 0, None, None]
    assert table.columns["verdict"].reason[3] == Reason.PARSE_FAILED


# Numbers of several kinds


def test_oda_s_ratings_are_columns_in_either_form(tmp_path: Path) -> None:
    flat = {"id": 4, "instruction": "ask", "input": "this", "output": "said",
            "Q_scores": {"Clarity": 8, "Deita_Complexity": None, "Complexity": 11},
            "QA_scores": {"Clarity": "7", "Relevance": 9, "IFD": 0.4}}  # fmt: skip
    nested = {"id": 5, "scores": {"Q": {"All": {"Clarity": 6}}, "QA": {"All": {"Clarity": 2},
              "Reward": 31.5}}}  # fmt: skip

    table = read_judged(write(tmp_path, [flat, nested], "scored.jsonl"))

    assert table.layout == "oda"
    assert _column(table, "q_clarity") == [8, 6]
    assert _column(table, "qa_mean") == [8, 2]
    assert _column(table, "q_mean") == [None, 6]
    assert _column(table, "qa_ifd") == [0.4, None]
    assert _column(table, "qa_reward") == [None, 31.5]  # no rating of a judge: any number stands
    reasons = table.columns["q_complexity"].reason.tolist()
    assert reasons == [Reason.OUT_OF_RANGE, Reason.NOT_IMPORTED]
    assert table.rows[0].prompt == "ask\nthis"


def test_mig_s_dialogues_carry_scores_of_turns_and_tags(tmp_path: Path) -> None:
    turns = [{"role": role, "content": text} for role, text in
             (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))]  # fmt: skip
    scores = {"quality_scores": [2.0, 4.0], "complexity_scores": [3.0, 1.0]}
    noted = {"deita": scores, "instag": {"content": ["maths", "proof", "maths"]}}
    uneven = {"deita": scores | {"quality_scores": [2.0]}}
    path = write(tmp_path, [
        {"_id": "x", "dialogs": turns, "annotation": noted, "ifd_score": {"content": 0.5}},
        {"_id": "y", "dialogs": turns[:3], "annotation": uneven},
    ], "example.jsonl")  # fmt: skip
    with path.open("a") as stream:
        stream.write('\n{"_id": "z", "dialogs": []}, "annotation": {}}\n')

    table = read_judged(path)

    assert _column(table, "product") == [5, None]
    assert _column(table, "product_sum") == [10, None]
    assert _column(table, "tags") == [2, None]
    assert table.rows[0].words["tags"] == ("maths", "proof", "maths")
    assert table.rows[0].conversation == "a\nb\nc\nd"
    assert table.rows[1].conversation is None
    assert len(table.faults) == 1
    assert "line 3" in table.faults[0]


def test_scores_without_ids_are_laid_beside_the_rows_they_were_made_for(tmp_path: Path) -> None:
    data = write(tmp_path, [
        {"id": f"n{n}", "instruction": f"q{n}", "output": "a"} for n in range(3)
    ], "data.json")  # fmt: skip
    path = write(tmp_path, [[1, 2, 3, 8], [0, 0, 0, 0], [9, 9, 9, 2]])

    bare, table = read_judged(path), read_judged(path, rows_of=data)

    assert _column(table, "score") == [4, None, 0]
    assert table.columns["overall"].reason.tolist() == [0, Reason.PARSE_FAILED, 0]
    assert [row.key for row in table.rows] == ["n0", "n1", "n2"]
    assert {row.key for row in bare.rows} == {""}
    with pytest.raises(DataError, match=r"2 scores, .* has 3 rows"):
        read_judged(write(tmp_path, [1, 2]), rows_of=data)


# Two files


def _single(number: int, score: object, *, swapped: bool) -> Record:
    ids = ["mine", "yours"][:: -1 if swapped else 1]
    return {"review_id": f"r{number}{swapped}", "question_id": number, "answer1_id": ids[0],
            "answer2_id": ids[1], "text": "8 9\nWhy.", "score": score}  # fmt: skip


def test_two_files_of_one_order_each_are_joined_by_id(tmp_path: Path) -> None:
    first = [_single(n, [9, 7], swapped=False) for n in range(5)]
    second = [_single(n, [7, 9] if n else [9, 7], swapped=True) for n in (4, 3, 0, 1, 9)]
    paths = write(tmp_path, first, "one.jsonl"), write(tmp_path, second, "two.jsonl")

    alone, both = read_judged(paths[0]), read_judged(paths[0], swapped=paths[1])

    assert _column(alone, "verdict") == [1] * 5
    assert _column(both, "verdict") == [0, 1, None, 1, 1]
    assert both.columns["verdict"].reason[2] == Reason.NOT_IMPORTED
    assert [fault.partition(":")[0] for fault in both.faults] == ["id 2", "id 9"]
    other = read_judged(paths[0], swapped=paths[1], candidate=2)
    assert _column(other, "verdict") == [0, -1, None, -1, -1]


def test_a_second_file_that_judges_other_answers_gives_no_verdict(tmp_path: Path) -> None:
    first = write(tmp_path, [_single(1, [9, 7], swapped=False)], "one.jsonl")

    table = read_judged(first, swapped=first)

    assert _column(table, "verdict") == [None]
    assert len(table.faults) == 2


def test_the_name_of_a_file_says_whose_scores_come_first(tmp_path: Path) -> None:
    def records(order: tuple[str, str]) -> list[Record]:
        scores = {"new": 9.0, "old": 7.0}
        return [{"instruction": f"q{n}", "instances": [{"input": f"i{n}", "output": ""}],
                 "old": f"old {n}", "new": f"new {n}", "review": "...",
                 "score": [scores[name] for name in order]} for n in range(3)]  # fmt: skip

    one = write(tmp_path, records(("new", "old")), "new-old-sinstruct.json")
    two = write(tmp_path, records(("old", "new"))[::-1], "old-new-sinstruct.json")
    nameless = write(tmp_path, records(("old", "new")), "records.json")

    table = read_judged(one, swapped=two)

    assert table.layout == "alpagasus_review"
    assert _column(table, "verdict") == [1, 1, 1]
    assert [row.response for row in table.rows] == ["new 0", "new 1", "new 2"]
    assert table.rows[0].prompt == "q0\ni0"
    assert _column(read_judged(two), "verdict") == [-1, -1, -1]
    with pytest.raises(FormatError, match="does not say whose"):
        read_judged(nameless)
    with pytest.raises(DataError, match="in the other order") as raised:
        read_judged(one, swapped=one)
    assert "old-new-" in str(raised.value.hint)


# Log-probabilities


def test_log_probabilities_replay_the_stored_preference(tmp_path: Path) -> None:
    shares = np.random.default_rng(3).uniform(0.001, 0.999, 60).tolist()
    records = [preferred(share, swapped=place % 2 == 1) for place, share in enumerate(shares)]

    table = read_judged(write(tmp_path, records, "annotations.json"))

    stored = np.array([record["preference"] for record in records]) - 1
    assert np.abs(table.columns["win_probability"].values - stored).max() == 0
    assert np.abs(table.columns["replayed"].values - stored).max() < 1e-9
    assert np.allclose(table.columns["coverage"].values, 0.98)
    other = read_judged(tmp_path / "annotations.json", candidate=1)
    assert np.abs(other.columns["replayed"].values - (1 - stored)).max() < 1e-9
    assert other.rows[0].response == "one"


def test_a_preference_that_its_log_probabilities_do_not_give_is_not_replayed(
    tmp_path: Path,
) -> None:
    wrong = preferred(0.3, swapped=False) | {"preference": 1.9}
    lost = preferred(0.3, swapped=True) | {"preference": None}
    plain = {key: value for key, value in preferred(1.0, swapped=True).items()
             if key != "raw_completion"} | {"preference": 0}  # fmt: skip

    table = read_judged(write(tmp_path, [wrong, lost, plain]))

    assert _column(table, "win_probability") == [pytest.approx(0.9), None, 0.5]
    assert _column(table, "replayed") == [None, None, None]
    assert _column(table, "verdict") == [1, None, 0]
    assert table.columns["win_probability"].reason[1] == Reason.PARSE_FAILED


# Finding


def test_every_layout_finds_its_own_records() -> None:
    own = {
        "cherry": review("q", [1, 2], [2, 1]),
        "diverse_evol": evolved(1, (1, 2), (1, 2)),
        "mt_bench_pair": compared(1, "tie", "tie"),
        "mt_bench_single": rated(1, 5),
        "alpaca_eval": preferred(0.4, swapped=False),
        "vicuna_review": _single(1, [1, 2], swapped=False),
        "alpagasus_review": {"prompt": "q", "a": "x", "b": "y", "review": "", "score": [1, 2]},
        "alpagasus": {"triplet": "", "review": "", "score": 1},
        "pandalm": _votes(1, 0, 1, 2),
        "pandalm_judge": {"idx": 1, "pandalm_result": 2},
        "oda": {"id": 1, "scores": {"QA": {}}},
        "mig": {"dialogs": [], "annotation": {}},
        "ds2": [1, 2, 3, 4],
    }

    found = {name: find_layout([record]) for name, record in own.items()}

    assert {name: layout and layout.name for name, layout in found.items()} == dict(
        zip(own, own, strict=True)
    )
    assert set(own) == {layout.name for layout in LAYOUTS}
    assert find_layout([{"instruction": "a", "output": "b", "score": 4}]) is None
    assert all(dataclasses.is_dataclass(layout) and layout.summary for layout in LAYOUTS)


def test_the_order_of_records_changes_no_row(tmp_path: Path) -> None:
    records = [review(f"q{n}", [n, 5], [5, n]) for n in range(8)]
    forth = read_judged(write(tmp_path, records))
    back = read_judged(write(tmp_path, records[::-1], "back.json"))

    assert _column(forth, "verdict") == _column(back, "verdict")[::-1]
    assert forth.verdicts() == back.verdicts()


def test_what_cannot_be_asked_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, [rated(1, 5)])

    with pytest.raises(FormatError, match="called 'chery'") as raised:
        judged_layout("chery")
    assert "cherry" in str(raised.value.hint)
    with pytest.raises(DataError, match="no pairs"):
        read_judged(path, candidate=1)
    with pytest.raises(DataError, match="no second file"):
        read_judged(path, swapped=path)
    with pytest.raises(DataError, match="say themselves"):
        read_judged(path, rows_of=path)
    with pytest.raises(FormatError, match="no record says model=z"):
        read_judged(path, where={"model": "z"})
    with pytest.raises(FormatError, match="no record can be read as cherry"):
        read_judged(path, layout="cherry")
    plain = write(tmp_path, [{"a": 1}], "plain.json")
    assert layout_of(plain) is None
    with pytest.raises(FormatError, match="no layout of judge records fits"):
        read_judged(plain)
