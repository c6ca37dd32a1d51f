"""Verbs that look at a project never read its data anew, and other data never replaces it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comparisons import write_rows
from tests.end_to_end.in_process import Here, calls_in


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    """Calls the command line in this process, beside `rows.json`."""
    write_rows(tmp_path)
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _other(name: str = "rows.json") -> None:
    Path(name).write_text(json.dumps([{"instruction": "why", "output": "because it is so"}]))


@pytest.mark.parametrize(
    "words",
    [
        ("show", "rows.json"),
        ("show", "rows.json", "ttr-20pct"),
        ("diff", "rows.json", "ttr-20pct", "random-20pct"),
        ("status", "rows.json"),
    ],
)
def test_a_changed_file_is_said_and_not_read(here: Here, words: tuple[str, ...]) -> None:
    here("select", "rows.json", "ttr", "random", "--budget", "20%")
    before = Path("rows.assay/load.json").read_bytes()
    _other()

    called = here(*words)

    assert called.code == 0, called.err
    assert Path("rows.assay/load.json").read_bytes() == before
    if words[0] != "status":
        assert "the rows are shown as they were" in " ".join(called.err.split())


def test_a_mix_and_its_files_have_projects_of_their_own(here: Here) -> None:
    _other("more.json")
    here("select", "rows.json", "ttr", "--budget", "20%")

    mixed = here("load", "rows.json", "more.json")
    alone = here("show", "rows.json", "ttr-20pct")

    assert (mixed.code, alone.code) == (0, 0), alone.err
    assert json.loads(here("status", "--json").out)
    assert Path("rows+more.assay/load.json").exists()


def test_other_data_in_a_project_that_is_named_is_refused(here: Here) -> None:
    _other("more.json")
    here("load", "rows.json", "-p", "mine")

    for verb in (["load"], ["select", "ttr", "--budget", "2"], ["show"], ["score", "ttr"]):
        called = here(verb[0], "more.json", *verb[1:], "-p", "mine")
        assert called.code == 1
        assert "holds a project of" in called.err
        assert "delete mine first" in " ".join(called.err.split())
