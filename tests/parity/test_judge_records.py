"""Published files of judge records, against what their fields say when they are read one by one."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.agreement.judges import between_judges
from assay.formats.judged.reading import read_judged

_DATA = Path(__file__).parents[2] / "../shared/data"
_RECORDS, _JUDGED = _DATA / "records", _DATA / "judged"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not _RECORDS.exists(), reason="needs ../shared/data/records and judged"),
]


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _document(path: Path) -> Any:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return json.load(stream)


def _sign(lead: float) -> int:
    return (lead > 0) - (lead < 0)


def _rule(first: int, second: int) -> int:
    """Return a verdict by cases, and not as a sum."""
    if {first, second} == {1, -1}:
        return 0
    return first or second


def test_cherry_s_reviews_by_gpt_3_5_contradict_themselves_on_58_of_80() -> None:
    path = _RECORDS / "cherry_vicuna_reviews_gpt3.5.json.gz"
    verdicts, against = [], 0
    for record in _document(path)["data"]:
        own, other = json.loads(record["scores"])
        other_again, own_again = json.loads(record["scores_reverse"])
        signs = _sign(own - other), _sign(own_again - other_again)
        verdicts.append(_rule(*signs))
        against += set(signs) == {1, -1}

    table = read_judged(path)
    found = table.verdicts()

    assert table.columns["verdict"].values.tolist() == verdicts
    assert found is not None
    assert (found.wins, found.ties, found.losses) == (16, 58, 6)
    assert found.for_first + found.for_second == against == 58
    assert found.for_first == 0
    stated = json.loads(_document(path)["Meta_Info"]["average_scores"])
    own = [json.loads(record["scores"]) for record in _document(path)["data"]]
    assert np.mean(own, axis=0).tolist() == pytest.approx(stated)


def test_diverse_evol_s_lists_have_the_candidate_first_where_its_replies_have_not() -> None:
    path = _RECORDS / "diverseevol_rd_0_vs_chat.jsonl.gz"
    records = _lines(path)
    said = [record["response_QUERY1"].split("\n")[0].split()[:2] for record in records]
    reversed_pairs = [[float(second), float(first)] for first, second in said]

    table = read_judged(path)

    assert [record["eval_QUERY1"] for record in records] == reversed_pairs  # as the replies stand
    own = np.array([[record["eval_QUERY0"][0], record["eval_QUERY1"][0]] for record in records])
    other = np.array([[record["eval_QUERY0"][1], record["eval_QUERY1"][1]] for record in records])
    assert np.array_equal(table.columns["score"].values, own.mean(axis=1))
    relative = table.columns["score"].values.sum() / table.columns["other_score"].values.sum()
    assert relative == pytest.approx(own.sum() / other.sum(), abs=1e-12)
    assert relative == pytest.approx(0.6950, abs=5e-5)
    found = table.verdicts()
    assert found is not None
    assert (found.wins, found.ties, found.losses) == (1, 6, 173)
    assert found.for_first + found.for_second == 1


def test_selfee_s_two_files_give_one_verdict_whichever_is_named_first() -> None:
    names = ("chatgpt", "selfee_13b_enforce_0_revisions")
    paths = [_RECORDS / f"selfee_{a}_vs_{b}.jsonl.gz" for a, b in (names, names[::-1])]
    first, second = (
        {record["question_id"]: record["score"] for record in _lines(path)} for path in paths
    )
    verdicts = {
        key: _rule(_sign(first[key][0] - first[key][1]), _sign(second[key][1] - second[key][0]))
        for key in first
    }

    one = read_judged(paths[0], swapped=paths[1])
    other = read_judged(paths[1], swapped=paths[0])

    assert {int(row.key): verdict for row, verdict in
            zip(one.rows, one.columns["verdict"].values, strict=True)} == verdicts  # fmt: skip
    assert one.faults == other.faults == []
    found, turned = one.verdicts(), other.verdicts()
    assert found is not None
    assert turned is not None
    assert (found.wins, found.ties, found.losses) == (31, 17, 32)
    assert (turned.wins, turned.ties, turned.losses) == (32, 17, 31)
    assert found.consistency == turned.consistency


def test_mt_bench_s_files_give_every_question_its_number() -> None:
    single, pair = (_RECORDS / f"mt_bench_gpt-4_{kind}.jsonl.gz" for kind in ("single", "pair"))
    ratings = {str(record["question_id"]): record["score"] for record in _lines(single)}

    table, compared = read_judged(single), read_judged(pair)

    assert dict(zip((row.key for row in table.rows), table.columns["score"].values.tolist(),
                    strict=True)) == ratings  # fmt: skip
    assert all(row.prompt and row.response for row in [*table.rows, *compared.rows])
    for row, record in zip(table.rows, _lines(single), strict=True):
        assert f"\n{row.response}\n[The End of Assistant's Answer]" in record["user_prompt"]
        assert f"[Question]\n{row.prompt}\n\n" in record["user_prompt"]
    signs = {"model_1": 1, "model_2": -1, "tie": 0}
    verdicts = [_rule(signs[record["g1_winner"]], signs[record["g2_winner"]])
                for record in _lines(pair)]  # fmt: skip
    assert compared.columns["verdict"].values.tolist() == verdicts


def test_pandalm_s_people_agree_as_scikit_learn_counts_it() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    path = _RECORDS / "pandalm_100.json.gz"
    votes = {0: 0, 1: 1, 2: -1}
    people = {name: [votes[record[name]] for record in _document(path)]
              for name in ("annotator1", "annotator2", "annotator3")}  # fmt: skip

    columns = read_judged(path).columns

    for one, other in (("annotator1", "annotator2"), ("annotator2", "annotator3")):
        assert columns[one].values.tolist() == people[one]
        found = between_judges(columns[one].values, columns[other].values)
        labels = [-1, 0, 1]
        assert found.kappa.value == pytest.approx(
            metrics.cohen_kappa_score(people[one], people[other], labels=labels)
        )
        assert found.quadratic_kappa.value == pytest.approx(
            metrics.cohen_kappa_score(
                people[one], people[other], labels=labels, weights="quadratic"
            )
        )


def test_alpaca_eval_s_preferences_are_the_probability_of_the_second_output() -> None:
    path = _RECORDS / "alpaca_eval_LMCocktail_100.json.gz"
    stored = np.array([record["preference"] for record in _document(path)])

    table = read_judged(path)

    assert np.array_equal(table.columns["win_probability"].values, stored - 1)
    assert "replayed" not in table.columns  # these records keep no log-probabilities


def test_oda_s_thousand_rows_have_thirteen_ratings_each() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    table = read_judged(_JUDGED / "ODA-DataScorer_example_input_scored.jsonl")
    ratings = [name for name in table.columns if not name.endswith("_mean")]

    assert (len(table.rows), len(ratings)) == (1000, 13)
    assert all((table.columns[name].reason == 0).all() for name in ratings)
    assert sorted(int(row.key) for row in table.rows) == list(range(1000))
    first, second = (table.columns[name].values for name in ("q_clarity", "qa_clarity"))
    found = between_judges(first, second)
    labels = list(range(1, 11))
    theirs = metrics.cohen_kappa_score(first.astype(int), second.astype(int), labels=labels,
                                       weights="quadratic")  # fmt: skip
    assert found.quadratic_kappa.value == pytest.approx(theirs)


def test_mig_s_example_gives_nine_dialogues_and_tells_the_broken_line() -> None:
    table = read_judged(_JUDGED / "MIG_example.jsonl")

    assert len(table.rows) == 9
    assert "line 3" in table.faults[0]
    assert table.columns["product"].values[0] == pytest.approx(
        3.5785536465098664 * 2.035370713781308
    )
    assert table.rows[0].words["tags"] == ("code translation", "code understanding", "code comment")
