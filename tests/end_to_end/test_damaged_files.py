"""What a person sees of a damaged file: one line and the same result, or one error with its way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.components import table
from assay.features.text import TextReading
from tests.end_to_end.cli_helpers import write_dolly
from tests.end_to_end.in_process import Here, calls_in


@pytest.fixture
def assay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    table.load_all()
    monkeypatch.setattr(table, "_components", dict(table._components))
    monkeypatch.setattr(TextReading, "rows_per_shard", 16)
    write_dolly(tmp_path / "data.jsonl", 40)
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _flip(folder: Path, pattern: str, share: float = 0.5) -> Path:
    path = sorted(folder.glob(pattern))[0]
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 4
    path.write_bytes(content)
    return path


def _warnings(said: str) -> list[str]:
    return [line for line in " ".join(said.split()).split("warning: ") if "is damaged" in line]


def _select(assay: Here, method: str, budget: str, *words: str) -> tuple[list[str], str]:
    called = assay(
        "select", "data.jsonl", method, "--budget", budget, "-o", "o.jsonl", "-y", *words
    )
    assert called.code == 0, called.err
    return Path("o.jsonl").read_text().splitlines(), called.err


@pytest.mark.parametrize(
    "pattern",
    ["data.assay/pool-*.parquet", "cache/embeddings/*/rows-*.npy", "cache/lengths/*/*.parquet",
     "cache/embeddings/*/rows-*.parquet", "cache/embeddings/*/canonical-*.npy"],
)  # fmt: skip
def test_what_can_be_made_anew_is_with_one_line_and_the_same_result(
    assay: Here, tmp_path: Path, pattern: str
) -> None:
    method = "longest_response" if "lengths" in pattern else "k_center"
    if "lengths" in pattern:
        assay("score", "data.jsonl", "longest_instruction")
    _select(assay, "k_center", "3")
    expected, quiet = _select(assay, method, "7")
    for path in tmp_path.glob("data.assay/s*s/*.parquet"):
        path.unlink()  # so that it is chosen again
    damaged = _flip(tmp_path, pattern)

    found, said = _select(assay, method, "7")

    assert found == expected
    assert len(_warnings(said)) == 1, said
    assert damaged.name in said.replace("\n", "")
    assert damaged.with_name(f"{damaged.name}.damaged").exists()
    again, silence = _select(assay, method, "7")
    assert again == expected
    assert _warnings(silence) == _warnings(quiet) == []


def test_a_damaged_record_of_the_load_stops_until_the_options_are_said_again(
    assay: Here, tmp_path: Path
) -> None:
    expected, _ = _select(assay, "random", "9", "--hold-out", "50%")
    _flip(tmp_path, "data.assay/load.json")

    stopped = assay("select", "data.jsonl", "random", "--budget", "9", "-o", "o.jsonl", "-y")

    assert stopped.code == 1
    assert "load.json is damaged" in " ".join(stopped.err.split())
    assert "--hold-out" in stopped.err
    assert _select(assay, "random", "9", "--hold-out", "50%")[0] == expected


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_damaged_imported_numbers_stop_and_can_be_imported_again(
    assay: Here, tmp_path: Path, ending: str
) -> None:
    lines = ["place,quality", *(f"{row},{row * 7 % 11}" for row in range(40))]
    (tmp_path / "quality.csv").write_text("\n".join(lines) + "\n")
    assert assay("import-scores", "data.jsonl", "quality.csv", "--column", "quality").code == 0
    expected, _ = _select(assay, "quality", "5")
    _flip(tmp_path, f"data.assay/imports/quality.{ending}")

    stopped = assay("select", "data.jsonl", "quality", "--budget", "5", "-o", "o.jsonl", "-y")

    assert stopped.code == 1
    said = " ".join(stopped.err.split())
    assert f"quality.{ending} is damaged" in said
    assert "import them again as 'quality': `assay import-scores`" in said
    assert "bug" not in said
    assert assay("import-scores", "data.jsonl", "quality.csv", "--column", "quality").code == 0
    assert _select(assay, "quality", "5")[0] == expected


def test_the_pool_of_a_source_that_is_gone_says_which_file_is_missing(
    assay: Here, tmp_path: Path
) -> None:
    _select(assay, "random", "5")
    _flip(tmp_path, "data.assay/pool-*.parquet")
    (tmp_path / "data.jsonl").unlink()

    stopped = assay("select", "-p", "data.assay", "random", "--budget", "5", "-o", "o.jsonl", "-y")

    assert stopped.code == 1
    assert "data.jsonl" in stopped.err
    assert "bug" not in stopped.err


def test_an_edited_configuration_of_a_run_is_told_from_one_as_written(
    assay: Here, tmp_path: Path
) -> None:
    _select(assay, "random", "5")
    (path,) = tmp_path.glob("data.assay/runs/*/config.yaml")
    as_written = assay("run", str(path), "-y")
    path.write_text(path.read_text().replace("budget: 5", "budget: 6"))

    edited = assay("run", str(path), "-y")

    assert as_written.code == edited.code == 0, as_written.err + edited.err
    assert "not as Assay wrote it" not in as_written.err
    assert "not as Assay wrote it" in " ".join(edited.err.split())


def test_status_leaves_out_a_run_whose_record_is_damaged(assay: Here, tmp_path: Path) -> None:
    _select(assay, "random", "5")
    _flip(tmp_path, "data.assay/runs/*/manifest.json")

    shown = assay("status", "data.jsonl", "--json")

    assert shown.code == 0, shown.err
    assert shown.document[0]["runs"] == []
    assert "manifest.json is damaged" in " ".join(shown.err.split())


def test_pruning_removes_what_was_set_aside(assay: Here, tmp_path: Path) -> None:
    _select(assay, "k_center", "3")
    _flip(tmp_path, "cache/embeddings/*/rows-*.parquet")
    _select(assay, "k_center", "4")
    assert list(tmp_path.glob("cache/embeddings/*/*.damaged"))

    assert assay("cache", "prune").code == 0

    assert list(tmp_path.glob("cache/embeddings/*/*.damaged")) == []
