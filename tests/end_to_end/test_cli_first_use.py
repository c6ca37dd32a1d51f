"""A newcomer's way: load, look, score, select, export; and what stands where."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.cli_helpers import assay, write_dolly

ROWS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dolly(tmp_path / "data.jsonl", ROWS)
    return tmp_path


def test_assay_alone_prints_the_three_commands_a_newcomer_needs(tmp_path: Path) -> None:
    called = assay(tmp_path)

    commands = [line.strip() for line in called.out.splitlines() if line.startswith("  assay")]
    assert called.code == 0
    assert commands == [
        "assay load data.json",
        "assay methods",
        "assay select data.json --budget 5% -o subset.json",
    ]


def test_load_says_what_is_in_the_data_and_what_to_type_next(folder: Path) -> None:
    bad = '{"instruction": null, "context": "", "response": "x", "category": "open_qa"}\n'
    with (folder / "data.jsonl").open("a") as data:
        data.write(bad)

    called = assay(folder, "load", "data.jsonl", "--max-set-aside", "5%", "--json")
    told = assay(folder, "load", "data.jsonl", "--max-set-aside", "5%")

    document = called.document
    assert called.code == 0
    assert document["rows"] == ROWS + 1
    assert document["samples"] + sum(document["set_aside"].values()) == document["rows"]
    assert document["duplicates"] == 1
    assert document["set_aside_first"][0]["row"] == ROWS
    assert document["files"][0]["layout"] == "dolly"
    assert "next: assay select data.jsonl --budget 5% -o subset.jsonl" in told.err
    assert "dolly" in told.out


def test_select_writes_the_chosen_lines_as_they_came(folder: Path) -> None:
    called = assay(folder, "select", "data.jsonl", "longest_response", "--budget", "3",
                   "-o", "out.jsonl")  # fmt: skip

    lines = (folder / "data.jsonl").read_bytes().splitlines(keepends=True)
    assert called.code == 0
    assert called.out == ""
    assert (folder / "out.jsonl").read_bytes() == b"".join(lines[-3:])
    assert (folder / "out.jsonl.assay.parquet").exists()
    for said in ("loaded", "chosen", "open_qa", "training", "chosen first", "left out",
                 "time: load", "wrote: out.jsonl", "next: assay show data.jsonl"):  # fmt: skip
        assert said in called.err


def test_the_report_is_one_json_document_for_programs(folder: Path) -> None:
    called = assay(folder, "select", "data.jsonl", "longest_response", "--budget", "10%", "--json")

    document = called.document
    assert document["chosen"] == 4
    assert document["composition"]["task"] == {"open_qa": 2, "summarization": 2}
    assert [len(document["examples"][side]) for side in ("chosen", "rejected")] == [3, 3]
    assert document["examples"]["rejected"][0]["why"] == "the budget went to others"
    operations = 6 * 7e9 * 3 * document["tokens"]
    assert document["training_cost"]["operations"] == pytest.approx(operations)


def test_every_run_is_written_down_without_text(folder: Path) -> None:
    assay(folder, "select", "data.jsonl", "longest_response", "--budget", "3", "-o", "out.jsonl")

    [run] = (folder / "data.assay" / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["outcome"] == "done"
    assert manifest["selections"][0]["chosen"] == 3
    assert {path.name for path in run.iterdir()} == {"manifest.json", "log.jsonl", "config.yaml"}
    assert not any("Tell me about" in path.read_text() for path in run.iterdir())


def test_a_written_run_can_be_replayed(folder: Path) -> None:
    assay(folder, "select", "data.jsonl", "random", "--budget", "5", "-o", "out.jsonl")
    first = (folder / "out.jsonl").read_bytes()
    (folder / "out.jsonl").unlink()
    [run] = (folder / "data.assay" / "runs").iterdir()

    called = assay(folder, "run", str(run / "config.yaml"))

    assert called.code == 0
    assert (folder / "out.jsonl").read_bytes() == first


def test_seeds_make_files_of_their_own(folder: Path) -> None:
    assay(folder, "select", "data.jsonl", "random", "--budget", "5", "--seeds", "2",
          "-o", "chance.jsonl", "--no-sidecar")  # fmt: skip

    made = [(folder / f"chance-seed{seed}.jsonl").read_bytes() for seed in range(2)]
    assert [part.count(b"\n") for part in made] == [5, 5]
    assert made[0] != made[1]
    assert not list(folder.glob("*.assay.json"))


def test_what_is_not_written_has_no_column(folder: Path) -> None:
    words = ("select", "data.jsonl", "random", "--budget", "5", "--seeds", "2")

    shown = [assay(folder, *words, *output).err for output in ((), ("-o", "chance.jsonl"))]

    assert ["written" in text for text in shown] == [False, True]


def test_a_selection_can_be_piped(folder: Path) -> None:
    data = (folder / "data.jsonl").read_text()

    called = assay(folder, "select", "-", "longest_response", "--budget", "2", "-o", "-",
                   stdin=data)  # fmt: skip

    assert called.code == 0
    assert [json.loads(line)["category"] for line in called.out.splitlines()] == [
        "open_qa",
        "summarization",
    ]


def test_filters_quotas_and_duplicates_leave_their_reasons(folder: Path) -> None:
    called = assay(folder, "select", "data.jsonl", "random", "--budget", "4",
                   "--where", "task=summarization", "--dedup", "exact", "--json")  # fmt: skip

    document = called.document
    assert document["composition"]["task"] == {"summarization": 4}
    assert document["reasons"]["NEAR_DUPLICATE"] == 1
    assert sum(document["reasons"].values()) + 4 == ROWS


def test_decontamination_takes_an_evaluation_file(folder: Path) -> None:
    (folder / "eval.jsonl").write_text(
        '{"question": "Tell me about the number 7, please"}\n'
        '{"question": "Tell me about the number 8, please"}\n'
    )

    called = assay(folder, "select", "data.jsonl", "everything", "--against", "eval.jsonl",
                   "--json")  # fmt: skip

    assert called.document["reasons"]["CONTAMINATED"] == 2


def test_a_score_is_summed_up_and_kept(folder: Path) -> None:
    called = assay(folder, "score", "data.jsonl", "longest_response", "mtld", "--json",
                   "--set", "unit_of_length=words")  # fmt: skip

    names = [entry["label"] for entry in called.document["scores"]]
    stored = pl.read_parquet(next((folder / "data.assay" / "scores").glob("longest*")))
    assert names == ["longest_response(unit_of_length=words)", "mtld"]
    assert called.document["scores"][0]["quantiles"]["1"] == stored["value"].max()


def test_a_later_export_gives_the_same_bytes_in_any_layout(folder: Path) -> None:
    assay(folder, "select", "data.jsonl", "random", "--budget", "5", "-o", "first.jsonl")

    plain = assay(folder, "export", "data.jsonl", "random-5", "-o", "second.jsonl")
    trainer = assay(folder, "export", "data.jsonl", "random-5", "-o", "t.jsonl",
                    "--format", "trl")  # fmt: skip

    assert plain.code == trainer.code == 0
    assert (folder / "second.jsonl").read_bytes() == (folder / "first.jsonl").read_bytes()
    first = json.loads((folder / "t.jsonl").read_text().splitlines()[0])
    assert [message["role"] for message in first["messages"]] == ["user", "assistant"]


def test_a_method_of_a_file_works_like_any_other(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from typing import Any, ClassVar\n"
        "from assay.components.component import NoPaper, Paper, Scorer\n"
        "from assay.features.text import Lengths\n"
        "class Shout(Scorer):\n"
        '    """How long it is."""\n'
        '    name: ClassVar[str] = "shout"\n'
        "    paper: ClassVar[Paper | NoPaper] = NoPaper(reason='a test')\n"
        "    def requires(self) -> dict[str, Any]:\n"
        '        return {"lengths": Lengths()}\n'
        "    def score(self, **needs: Any) -> Any:\n"
        '        return needs["lengths"]["response_characters"]\n'
    )

    called = assay(folder, "select", "data.jsonl", "mine.py", "--budget", "2", "-o", "a.jsonl")
    assay(folder, "select", "data.jsonl", "longest_response", "--budget", "2", "-o", "b.jsonl")
    again = assay(folder, "export", "data.jsonl", "mine.py", "shout-2", "-o", "c.jsonl")

    assert called.code == again.code == 0
    assert (folder / "a.jsonl").read_bytes() == (folder / "b.jsonl").read_bytes()
    assert (folder / "c.jsonl").read_bytes() == (folder / "b.jsonl").read_bytes()


def test_an_imported_column_becomes_a_method(folder: Path) -> None:
    lines = [f"{place},{place % 10}" for place in range(ROWS)]
    (folder / "reward.csv").write_text("\n".join(["place,my reward", *lines]) + "\n")

    called = assay(folder, "import-scores", "data.jsonl", "reward.csv", "--column", "my reward",
                   "--prefer", "low", "--json")  # fmt: skip
    (folder / "reward.csv").unlink()
    chosen = assay(folder, "select", "data.jsonl", "my_reward", "--budget", "4", "--json")
    explained = assay(folder, "methods", "my_reward", "--json")

    assert called.document["rows_with_a_number"] == ROWS
    assert [e["scores"] for e in chosen.document["examples"]["chosen"]] == [{"my_reward": 0.0}] * 3
    assert explained.document[0]["prefer"] == "low"


def test_an_imported_column_may_not_take_a_methods_name(folder: Path) -> None:
    (folder / "r.csv").write_text("mtld\n" + "1\n" * ROWS)

    called = assay(folder, "import-scores", "data.jsonl", "r.csv", "--column", "mtld")

    assert called.code == 1
    assert "'mtld' is a method of Assay already" in called.err


def test_rows_held_out_stay_out_of_later_commands(folder: Path) -> None:
    held = assay(folder, "load", "data.jsonl", "--hold-out", "30%", "--json").document["held_out"]

    later = assay(folder, "select", "data.jsonl", "everything", "--json").document

    assert held > 0
    assert later["reasons"] == {"HELD_OUT": held}


def test_scores_can_be_taken_home_and_joined_to_the_rows(folder: Path) -> None:
    line = '{"instruction": "No words", "context": "", "response": "...", "category": "open_qa"}\n'
    with (folder / "data.jsonl").open("a") as data:
        data.write(line)
    source = [json.loads(each) for each in (folder / "data.jsonl").read_text().splitlines()]

    for ending in ("csv", "jsonl", "parquet"):
        called = assay(
            folder, "score", "data.jsonl", "longest_response", "ttr", "-o", f"s.{ending}"
        )
        assert called.code == 0, called.err
        assert f"wrote: s.{ending}" in called.err
    frames = [
        pl.read_csv(folder / "s.csv"),
        pl.read_ndjson(folder / "s.jsonl"),
        pl.read_parquet(folder / "s.parquet"),
    ]

    for frame in frames:
        assert frame["record"].to_list() == list(range(ROWS + 1))
        assert frame["file"].unique().to_list() == ["data.jsonl"]
        lengths = [len(row["response"].strip()) for row in source]
        assert frame["longest_response"].to_list() == lengths
        assert frame["ttr"].to_list()[-1] is None
        assert frame["ttr.reason"].to_list()[-2:] == [None, "no_words"]
    refused = assay(folder, "score", "data.jsonl", "ttr", "-o", "s.xlsx")
    assert refused.code == 2
    assert ".parquet, .csv or .jsonl" in refused.err
