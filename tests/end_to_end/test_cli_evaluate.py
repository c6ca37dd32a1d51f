"""Who wins is said on the command line, and all figures are in the document."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.in_process import Here, calls_in
from tests.unit.formats.judged.records import rated, review, write


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    records = [review(f"q{n}", [9, 7], [7, 9] if n < 20 else [9, 7]) for n in range(30)]
    records[0] |= {"scores": [-1, -1], "review": "no"}
    write(tmp_path, records, "koala_reviews.json")
    yield from calls_in(tmp_path, monkeypatch, capsys)


def test_the_answer_comes_first_and_failures_are_told(here: Here) -> None:
    called = here("evaluate", "import", "koala_reviews.json", "--candidate", "Answer1")

    assert called.code == 0, called.err
    assert called.out.startswith("Answer1 against Answer2: wins beyond chance\n")
    assert "koala     19     10        0      1   1.6552" in called.out
    assert "1 unparsed" in called.out
    assert "1 pair has a reply that says nothing, which is no tie" in called.err


def test_the_document_has_every_figure_and_the_file_the_same(here: Here) -> None:
    words = ("evaluate", "import", "koala_reviews.json", "--candidate", "answer2", "--json")
    found = here(*words, "-o", "report.json").document

    assert found == json.loads(Path("report.json").read_text())
    total = found["total"]
    assert (total["wins"], total["ties"], total["losses"], total["unparsed"]) == (0, 10, 19, 1)
    assert total["other_rules"]["agree-else-tie"]["losses"] == 19
    assert total["orders"] == {"both": 29, "one": 1, "not_recorded": 0}
    assert found["sets"]["koala"]["win_score"] == total["win_score"]


def test_the_rule_is_an_option_and_recorded(here: Here) -> None:
    words = ("evaluate", "import", "koala_reviews.json", "--candidate", "Answer1", "--json")
    found = here(*words, "--rule", "mean-score").document
    refused = here(*words, "--rule", "mean-scores")

    assert found["rule"] == "mean-score"
    assert "sum-sign" in found["total"]["other_rules"]
    assert refused.code == 2
    assert "mean-score" in refused.err


def test_ratings_of_one_answer_have_a_mean(here: Here) -> None:
    write(Path(), [rated(n, 7 + n % 2, model="m") for n in range(10)], "rated.jsonl")

    called = here("evaluate", "import", "rated.jsonl", "--candidate", "m")

    assert called.out.startswith("m is rated 7.50 on average\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing is named"),
        (("weigh", "koala_reviews.json"), "does not know 'weigh'"),
        (("import",), "no file is named"),
        (("import", "koala_reviews.json"), "whose score is it?"),
        (("import", "no.json", "--candidate", "a"), "'no.json' is not a file"),
        (("import", "koala_reviews.json", "--candidate", "gpt"), "no record is about gpt"),
        (("import", "koala_reviews.json", "--candidate", "gpt", "--where", "x"), "--where 'x'"),
    ],
)
def test_what_is_missing_is_said(here: Here, words: tuple[str, ...], said: str) -> None:
    called = here("evaluate", *words)

    assert called.code == 2
    assert said in called.err


def test_a_file_that_was_judged_is_never_written_over(here: Here) -> None:
    before = Path("koala_reviews.json").read_text()

    called = here("evaluate", "import", "koala_reviews.json", "--candidate", "Answer1", "-y",
                  "-o", "koala_reviews.json")  # fmt: skip

    assert called.code != 0
    assert Path("koala_reviews.json").read_text() == before


def test_a_table_that_cannot_be_right_is_told_line_by_line(here: Here) -> None:
    Path("table.csv").write_text(
        "candidate,reference,set,score\n"
        "ours,theirs,Vicuna,1.25\nours,theirs,Koala,1.10\nours,theirs,Total,1.25\n"
    )
    Path("sound.csv").write_text("candidate,set,wins,ties,losses\na,x,5,4,1\n")
    called = here("evaluate", "check", "table.csv")
    found = here("evaluate", "check", "table.csv", "--json", "-o", "found.json").document
    sound = here("evaluate", "check", "sound.csv")

    assert called.code == 1
    assert called.out.startswith("1 finding in 3 lines cannot be right\n")
    assert "contradiction" in called.out
    assert "Vicuna 80 and Koala 180 by their usual sizes" in called.out
    assert found == json.loads(Path("found.json").read_text())
    assert found["findings"][0]["lines"] == [2, 3, 4]
    assert found["possible"] is False
    assert sound.code == 0
    assert "1 line: nothing in the table contradicts itself" in sound.out
    assert here("evaluate", "check").code == 2


def test_a_table_of_results_is_compared_with_random_rows(here: Here) -> None:
    lines = [
        f"{dataset},{method},{budget},{seed},{60 + gain + seed * 0.1 + 0.01 * seed * seed * gain}"
        for dataset in ("x", "y")
        for method, gain in (("random", 0), ("ifd", 2))
        for budget in ("5%", "10%")
        for seed in range(3)
    ]
    Path("results.csv").write_text("\n".join(["dataset,method,budget,seed,test", *lines]))
    called = here("evaluate", "import", "results.csv")
    found = here("evaluate", "import", "results.csv", "--json", "-o", "found.json").document

    assert called.code == 0, called.err
    assert called.out.startswith("Better than random, beyond chance: ifd at 5% and ifd at 10%\n")
    assert found == json.loads(Path("found.json").read_text())
    assert found["claims"] == 2
    assert found["rows"][1]["difference"]["pairing"] == "same seeds"
    turned = here("evaluate", "import", "results.csv", "--better", "low", "--versus", "ifd")
    assert turned.out.startswith("Better than ifd, beyond chance: random at 5% and random at 10%")
    assert here("evaluate", "import", "results.csv", "--better", "most").code == 2
    refused = here("evaluate", "import", "results.csv", "--candidate", "ifd")
    assert "leave out --candidate" in refused.err


def test_two_runs_of_the_harness_are_paired_by_question(here: Here) -> None:
    runs = Path(__file__).parents[1] / "fixtures" / "harness_runs"
    for name in ("one", "two"):
        shutil.copytree(runs / name, name)
    words = ("evaluate", "import", "one", "two", "--candidate", "two", "--versus", "one")
    called = here(*words)
    found = here(*words, "--json").document

    assert called.code == 0, called.err
    assert "not told apart on any task" in called.out
    assert "cannot be told from guessing" in called.err
    assert [row["questions"] for row in found["rows"]] == [13, 13, 4]
    assert found["rows"][0]["metric"] == "acc"
    assert here("evaluate", "import", "one").code == 2
    assert "no run is called 'three'" in here(*words[:-1], "three").err
