"""A person's file stays unless they say so; what Assay wrote is written anew without a question."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.in_process import Here, calls_in


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    for call in calls_in(tmp_path, monkeypatch, capsys):
        rows = [{"instruction": f"Say {n}", "output": f"It is {n}"} for n in range(7)]
        Path("rows.json").write_text(json.dumps(rows))
        Path("own.json").write_text("mine")
        Path("own.csv").write_text("mine")
        Path("link.json").symlink_to("own.json")
        Path("nowhere.json").symlink_to("gone.json")
        Path("name").write_text("mine")
        yield call


def _select(here: Here, output: str, *words: str) -> tuple[int, str]:
    called = here("select", "rows.json", "random", "--budget", "2", "-o", output, *words)
    return called.code, " ".join(called.err.split())


@pytest.mark.parametrize("output", ["own.json", "link.json", "nowhere.json"])
def test_a_file_that_assay_did_not_write_is_kept(here: Here, output: str) -> None:
    code, said = _select(here, output)

    assert code == 1
    assert "add --yes" in said
    assert Path("own.json").read_text() == "mine"
    assert not Path("gone.json").exists()


def test_yes_replaces_it(here: Here) -> None:
    assert _select(here, "own.json", "--yes")[0] == 0
    assert len(json.loads(Path("own.json").read_text())) == 2


def test_what_assay_wrote_is_written_anew_until_it_was_edited(here: Here) -> None:
    first = _select(here, "out.json")
    again = _select(here, "out.json")
    Path("out.json").write_text("edited")
    edited = _select(here, "out.json")

    assert [first[0], again[0], edited[0]] == [0, 0, 1]
    assert "not as Assay wrote it" in edited[1]


def test_the_page_of_a_difference_is_kept_once_it_was_edited(here: Here) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        settings = ("--set", f"seed={seed}", "--name", name)
        here("select", "rows.json", "random", "--budget", "2", *settings)
    words = ("diff", "rows.json", "one", "two", "--report", "diff.html")

    codes = [here(*words).code, here(*words).code]
    Path("diff.html").write_text("mine")

    assert [*codes, here(*words).code] == [0, 0, 1]
    assert Path("diff.html").read_text() == "mine"


def test_a_file_in_the_way_of_a_folder_is_told(here: Here) -> None:
    code, said = _select(here, "name")

    assert code == 2
    assert "name is a file, and a name without a known ending means a folder" in said


def test_export_and_score_ask_too(here: Here) -> None:
    _select(here, "out.json")

    exported = here("export", "rows.json", "random-2", "-o", "own.json")
    scored = here("score", "rows.json", "longest_response", "-o", "own.csv")

    assert (exported.code, scored.code) == (1, 1)
    assert Path("own.json").read_text() == Path("own.csv").read_text() == "mine"


def test_a_run_asks_before_it_works(here: Here) -> None:
    Path("run.yaml").write_text(
        "data: {source: rows.json}\nproject: p.assay\nselections:\n"
        "  a: {method: random, budget: 2}\nexports:\n  - {selection: a, output: own.json}\n"
    )

    assert here("run", "run.yaml").code == 1
    assert Path("own.json").read_text() == "mine"
    assert here("run", "run.yaml", "--yes").code == 0


def _folder_of_two() -> None:
    Path("more").mkdir()
    Path("more/rows.json").write_text(Path("rows.json").read_text())
    Path("more/others.json").write_text(
        json.dumps([{"instruction": f"Tell {n}", "output": f"Of {n}"} for n in range(7)])
    )


@pytest.mark.parametrize("sidecar", [[], ["--no-sidecar"]])
def test_a_folder_keeps_the_files_that_assay_did_not_write(here: Here, sidecar: list[str]) -> None:
    _folder_of_two()
    words = ("select", "more", "random", "--budget", "4", "-o", "out", *sidecar)
    Path("out").mkdir()
    Path("out/rows.json").write_text("mine")
    Path("out/notes.txt").write_text("mine")

    refused = here(*words)
    kept = [path.name for path in sorted(Path("out").iterdir())]
    codes = [here(*words, "--yes").code, here(*words).code]
    Path("out/rows.json").write_text("edited")
    Path("out/others.json").write_text("edited")
    edited = here(*words)

    assert refused.code == 1
    assert "out/rows.json exists, and is not as Assay wrote it" in " ".join(refused.err.split())
    assert kept == ["notes.txt", "rows.json"]
    assert codes == [0, 0]
    assert edited.code == 1
    assert "and 1 other file are there" in " ".join(edited.err.split())
    assert Path("out/rows.json").read_text() == "edited"
    assert Path("out/notes.txt").read_text() == "mine"


def test_a_link_to_nowhere_is_no_folder(here: Here) -> None:
    Path("link").symlink_to("gone")

    code, said = _select(here, "link")

    assert code == 2
    assert "link is a link to gone, which does not exist" in said


def test_a_file_of_a_seed_is_kept(here: Here) -> None:
    Path("run.yaml").write_text(
        "data: {source: rows.json}\nproject: p.assay\nselections:\n"
        "  a: {method: random, budget: 2, seeds: 2}\n"
        "exports:\n  - {selection: a, output: 'a-{seed}.json'}\n"
    )
    Path("a-1.json").write_text("mine")

    refused = here("run", "run.yaml")

    assert refused.code == 1
    assert "a-1.json exists, and is not as Assay wrote it" in " ".join(refused.err.split())
    assert Path("a-1.json").read_text() == "mine"
    assert not Path("a-0.json").exists()
    assert here("run", "run.yaml", "-y").code == here("run", "run.yaml").code == 0
    assert "would write a-0.json" in here("run", "run.yaml", "-n").err


@pytest.mark.parametrize("words", [[], ["--format", "trl"], ["--yes", "--format", "axolotl"]])
def test_an_input_is_never_written_over(here: Here, words: list[str]) -> None:
    before = Path("rows.json").read_bytes()

    code, said = _select(here, "rows.json", *words)

    assert code == 1
    assert "rows.json is one of the files that were loaded" in said
    assert Path("rows.json").read_bytes() == before


def test_scores_do_not_replace_their_input(here: Here) -> None:
    Path("rows.csv").write_text("instruction,output\nSay one,It is one\nSay two,It is two\n")

    scored = here("score", "rows.csv", "longest_response", "-o", "rows.csv", "--yes")

    assert scored.code == 1
    assert "one of the files that were loaded" in scored.err
    assert Path("rows.csv").read_text().startswith("instruction")


def test_settings_beside_rows_are_kept_once_they_were_edited(here: Here) -> None:
    made = _select(here, "out.jsonl", "--format", "axolotl")
    Path("out.axolotl.yaml").write_text("edited")
    again = _select(here, "out.jsonl", "--format", "axolotl")

    assert (made[0], again[0]) == (0, 1)
    assert "out.axolotl.yaml exists, and is not as Assay wrote it" in again[1]
    assert Path("out.axolotl.yaml").read_text() == "edited"


_WRITING = {
    "scores.csv": ("score", "rows.json", "mtld", "-o"),
    "scores.parquet": ("score", "rows.json", "mtld", "-o"),
    "selection.html": ("select", "rows.json", "random", "--budget", "2", "--report"),
    "scores.html": ("score", "rows.json", "mtld", "--report"),
    "assess.html": ("assess", "rows.json", "-o"),
    "bare.json": ("select", "rows.json", "random", "--budget", "2", "--no-sidecar", "-o"),
}


@pytest.mark.parametrize(("output", "words"), _WRITING.items(), ids=list(_WRITING))
def test_what_has_no_sidecar_is_written_anew_until_it_was_edited(
    here: Here, output: str, words: tuple[str, ...]
) -> None:
    codes = [here(*words, output).code, here(*words, output).code]
    Path(output).write_text("mine")
    refused = here(*words, output)

    assert codes == [0, 0]
    assert refused.code == 1
    assert "not as Assay wrote it" in " ".join(refused.err.split())
    assert Path(output).read_text() == "mine"
    assert here(*words, output, "--yes").code == 0
