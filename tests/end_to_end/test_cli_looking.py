"""Looking at what was made: show, diff, status, methods, cache, doctor, dry runs."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import assay, write_dolly


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("looking")
    write_dolly(folder / "data.jsonl", 30)
    for method in ("longest_response", "random"):
        assay(folder, "select", "data.jsonl", method, "--budget", "6", "-q")
    return folder


def test_show_tells_a_rows_text_scores_and_fate(folder: Path) -> None:
    [first, *_] = assay(folder, "show", "data.jsonl", "longest_response-6", "--json").document[
        "rows"
    ]  # fmt: skip

    [row] = assay(folder, "show", "data.jsonl", first["id"][:10], "--json").document

    assert row["id"] == first["id"]
    assert row["messages"][0]["content"] == "Tell me about the number 29, please"
    assert row["scores"]["longest_response"]["share_not_above"] == 1.0
    assert row["selections"]["longest_response-6"]["rank"] == 1


def test_show_without_a_project_argument_finds_the_only_one(folder: Path) -> None:
    called = assay(folder, "show", "longest_response", "--limit", "2")

    assert called.code == 0
    assert "highest and lowest of longest_response" in called.out


def test_diff_of_selections_counts_what_they_share(folder: Path) -> None:
    document = assay(
        folder, "diff", "data.jsonl", "longest_response-6", "random-6", "--json"
    ).document  # fmt: skip

    both = document["in_both"]
    assert document["alone"] == [6 - both, 6 - both]
    assert document["jaccard"] == pytest.approx(both / (12 - both))
    assert document["expected_by_chance"] == pytest.approx(36 / 30)
    assert list(document["rank_correlation"]) == ["longest_response and random_number"]


def test_diff_of_scores_tells_their_rank_correlation(folder: Path) -> None:
    document = assay(
        folder, "diff", "data.jsonl", "longest_response", "longest_response", "--json"
    ).document  # fmt: skip

    assert document["rank_correlation"] == pytest.approx(1.0)
    assert set(document["highest_in_common"].values()) == {1.0}


def test_diff_refuses_a_score_against_a_selection(folder: Path) -> None:
    called = assay(folder, "diff", "data.jsonl", "longest_response", "random-6")

    assert called.code == 2
    assert "longest_response is a score, random-6 is a selection" in called.err


def test_status_lists_results_and_runs(folder: Path) -> None:
    [project] = assay(folder, "status", "--json").document

    assert project["samples"] == 30
    assert {r["name"] for r in project["results"] if r["kind"] == "selection"} == {
        "longest_response-6",
        "random-6",
    }
    assert all(run["outcome"] == "done" for run in project["runs"])


def test_status_says_when_the_data_changed(tmp_path: Path) -> None:
    write_dolly(tmp_path / "data.jsonl", 5)
    assay(tmp_path, "load", "data.jsonl", "-q")
    write_dolly(tmp_path / "data.jsonl", 6)

    called = assay(tmp_path, "status", "data.jsonl")

    assert "changed since it was loaded" in called.out


def test_methods_is_a_catalogue_and_explains_one(tmp_path: Path) -> None:
    every = assay(tmp_path, "methods")
    one = assay(tmp_path, "methods", "longest_response")
    cited = assay(tmp_path, "methods", "longest_response", "--bibtex")

    assert "Read off the text" in every.out
    assert "facility_location" in every.out
    assert "unit_of_length" in one.out
    assert "arXiv 2402.04833" in one.out
    assert cited.out.startswith("@misc{")
    assert "score = length of all answers of the row together" in one.out
    assert "choose it" in one.out
    assert "compared" in one.out


def test_methods_works_out_three_rows(tmp_path: Path) -> None:
    shown = assay(tmp_path, "methods", "longest_response", "--example")
    told = assay(tmp_path, "methods", "longest_response", "--example", "--json")
    none = assay(tmp_path, "methods", "where", "--example")

    (example,) = told.document
    lengths = [len(row["answered"]) for row in example["rows"]]
    assert [int(row["score"]) for row in example["rows"]] == lengths
    assert all(str(length) in shown.out for length in lengths)
    assert none.code != 0
    assert "where has no example" in none.err


def test_a_dry_run_prices_and_makes_nothing(tmp_path: Path) -> None:
    write_dolly(tmp_path / "data.jsonl", 30)

    called = assay(tmp_path, "select", "data.jsonl", "compression_ifd", "--budget", "3", "-n",
                   "-o", "out.jsonl", "--json")  # fmt: skip

    document = called.document
    steps = {step["name"]: step for step in document["steps"]}
    assert steps["compressed_lengths"]["missing"] == 29
    assert document["seconds"] >= 0
    assert not (tmp_path / "out.jsonl").exists()
    assert not (tmp_path / "data.assay" / "scores").exists()


def test_a_dry_run_that_cannot_start_lists_every_refusal(tmp_path: Path) -> None:
    write_dolly(tmp_path / "data.jsonl", 30)

    called = assay(tmp_path, "select", "data.jsonl", "random", "--budget", "99", "-n")

    assert called.code == 1
    assert "99 samples, the pool has 30" in called.err


def test_cache_lists_prunes_and_clears(tmp_path: Path) -> None:
    write_dolly(tmp_path / "data.jsonl", 30)
    assay(tmp_path, "score", "data.jsonl", "longest_response", "-q")

    listed = assay(tmp_path, "cache", "--json").document
    refused = assay(tmp_path, "cache", "clear", "lengths")
    cleared = assay(tmp_path, "cache", "clear", "lengths", "-y")

    assert [entry["feature"] for entry in listed["features"]] == ["lengths"]
    assert refused.code == 2
    assert cleared.code == 0
    assert assay(tmp_path, "cache", "--json").document["features"] == []


def test_doctor_never_shows_what_a_variable_holds(tmp_path: Path) -> None:
    called = assay(tmp_path, "doctor", HF_TOKEN="hf_secret_value")
    document = assay(tmp_path, "doctor", "--json", HF_TOKEN="hf_secret_value")

    assert "hf_secret_value" not in called.out + called.err + document.out
    assert document.document["variables_set"]["HF_TOKEN"] is True
    assert document.document["packages"]["polars"]


def test_hostile_text_cannot_move_the_cursor(tmp_path: Path) -> None:
    row = {"instruction": "\x1b[2Jclear [red]me[/red]", "context": "", "response": "ok\x07",
           "category": "open_qa"}  # fmt: skip
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")

    called = assay(tmp_path, "show", "data.jsonl")

    assert "\x1b" not in called.out
    assert "\x07" not in called.out
    assert "[red]me[/red]" in called.out
