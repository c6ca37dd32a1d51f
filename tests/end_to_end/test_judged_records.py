"""Records of judges become scores on the command line, with what they tell of the judge."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.in_process import Here, calls_in
from tests.unit.formats.judged.records import rated, review, write

ROWS = 40


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    records = [_judged(place) for place in range(ROWS)]
    rows = [{"id": f"n{place}", "instruction": each["text"], "output": each["Answer1"]}
            for place, each in enumerate(records)]  # fmt: skip
    # The data come in another order than the records, so that a join by place would be wrong.
    write(tmp_path, rows[::-1], "data.json")
    (tmp_path / "reviews.json").write_text(json.dumps({"Meta_Info": {}, "data": records}))
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _judged(place: int) -> dict[str, object]:
    """Every fourth wins, the rest contradict themselves, and one reply could not be read."""
    scores = [-1, -1] if place == 7 else [9, 7]
    return review(f"question {place}", scores, [7, 9] if place % 4 == 0 else [9, 7])


def _values(here: Here, name: str) -> dict[str, float | None]:
    called = here("score", "data.json", name, "-o", "out.jsonl", "--max-unscored", "50%")
    assert called.code == 0, called.err
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    texts = [row["instruction"] for row in json.loads(Path("data.json").read_text())]
    return dict(zip(texts, (line[name] for line in lines), strict=True))


def test_reviews_become_a_score_and_say_what_they_are_worth(here: Here) -> None:
    called = here("import-scores", "data.json", "reviews.json", "--name", "judge")

    assert called.code == 0, called.err
    assert "judge, matched by their question and answer" in called.out
    assert "39 of 40 rows" in called.out
    assert "10 wins, 29 ties, 0 losses" in called.out
    assert "parse failed" in called.out
    assert "contradicts itself on 74% of the pairs" in called.err
    assert "--max-unscored allows it" in called.err  # one of 40 is more than 2 %
    values = _values(here, "judge")
    assert values["question 8"] == 2
    assert values["question 9"] == 1
    assert values["question 7"] is None
    described = json.loads(Path("data.assay/imports/judge.json").read_text())
    assert described["original"] == "reviews.json"
    assert described["match"] == "text"


def test_a_report_on_records_of_pairs_tells_the_lean_to_a_place(here: Here) -> None:
    here("import-scores", "data.json", "reviews.json", "--name", "judge")
    _values(here, "judge")
    found = here("judge", "report", "data.json", "judge", "--json").document["verdicts"]
    shown = here("judge", "report", "data.json", "judge")

    # A quarter wins in both orders; the rest prefer what was shown first, whoever it is.
    assert (found["wins"], found["ties"], found["both_orders"]) == (10, 29, 39)
    assert found["for_first"] == 29
    assert found["consistency"]["value"] == pytest.approx(10 / 39)
    # Of one pair only one order could be read, and that prefers the first.
    assert found["first_place"]["value"] == pytest.approx((10 + 2 * 29 + 1) / 79)
    assert "of the preferences are for the first" in shown.out


def test_a_judge_is_held_against_another_score(here: Here) -> None:
    here("import-scores", "data.json", "reviews.json", "--name", "judge")

    line = ["import-scores", "data.json", "reviews.json", "--column", "score", "--candidate", "2"]
    refused = here(*line)
    called = here(*line, "--text", "prompt", "--beside", "judge", "--json")

    assert refused.code == 1
    assert "with another answer than its own" in refused.err
    assert "--text prompt takes their numbers all the same" in refused.err

    judged = called.document["judged"]
    assert judged["agreement"]["with"] == "judge"
    assert judged["agreement"]["rows"] == 39
    assert called.document["score"] == "score"
    assert called.document["rows_with_a_number"] == 39
    assert any("found by their prompt" in note for note in judged["notes"])


def test_a_plain_table_stays_one_and_options_of_records_are_refused(here: Here) -> None:
    Path("plain.csv").write_text("id,score\nn1,3\nn2,4\n")

    plain = here("import-scores", "data.json", "plain.csv", "--column", "score", "--id", "id")
    refused = here("import-scores", "data.json", "plain.csv", "--column", "score", "--where", "a=b")
    unknown = here("import-scores", "data.json", "plain.csv", "--judged", "chery")

    assert plain.code == 0
    assert "records" not in plain.out.replace("rows of the file", "")
    assert refused.code == 2
    assert "--where is about records of judges" in refused.err
    lost = here("import-scores", "data.json", "reviews.json", "--swapped", "nowhere.json")
    nowhere = here("import-scores", "data.json", "reviews.json", "--rows", "nowhere.json")

    assert (lost.code, nowhere.code) == (2, 1)
    assert "--swapped 'nowhere.json' is not a file" in lost.err
    assert unknown.code == 1
    assert "did you mean 'cherry'?" in unknown.err


def test_one_of_several_models_is_named_by_a_field(here: Here) -> None:
    records = [rated(f"n{place}", place % 9 + 1, model=model)  # type: ignore[arg-type]
               for place in range(ROWS) for model in ("a", "b")]  # fmt: skip
    records = [record | {"user_prompt": ""} for record in records]
    write(Path.cwd(), records, "single.jsonl")

    mixed = here("import-scores", "data.json", "single.jsonl")
    one = here("import-scores", "data.json", "single.jsonl", "--where", "model=b", "--name", "b")

    assert mixed.code == 1
    assert "judges 2 things apart: 'a', 'b'" in mixed.err
    assert "--where FIELD=VALUE" in mixed.err
    assert one.code == 0, one.err
    assert _values(here, "b")["question 12"] == 4


def test_scores_without_ids_need_the_rows_they_were_made_for(here: Here) -> None:
    rows = json.loads(Path("data.json").read_text())
    order = [*rows[10:], *rows[:10]]
    write(Path.cwd(), order, "scored.json")
    Path("scores.pt").write_bytes(pickle.dumps([int(row["id"][1:]) % 6 for row in order], 2))

    bare = here("import-scores", "data.json", "scores.pt")
    beside = here("import-scores", "data.json", "scores.pt", "--rows", "scored.json")

    assert bare.code == 1
    assert "--rows" in bare.err
    assert beside.code == 0, beside.err
    values = _values(here, "score")
    assert values == {f"question {place}": place % 6 for place in range(ROWS)}
