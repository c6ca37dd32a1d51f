"""What Python writes replaces nobody's file unless it is told to."""

import json
from pathlib import Path

import pytest

from assay.config.config import load_config
from assay.errors import AssayError, DataError, UsageError
from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.named_selection import NamedSelection

_ROWS = [{"instruction": f"Say {n}", "output": f"It is {n}"} for n in range(9)]


@pytest.fixture
def chosen(tmp_path: Path) -> NamedSelection:
    (tmp_path / "rows.json").write_text(json.dumps(_ROWS))
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    return Project(data=tmp_path / "rows.json", runtime=runtime).select("random", budget=4)


@pytest.mark.parametrize(
    ("output", "file", "layout"),
    [
        ("out.json", "out.json", None),
        ("out.jsonl", "out.jsonl", "trl"),
        ("out.jsonl", "out.axolotl.yaml", "axolotl"),
        ("out", "out/rows.json", None),
    ],
)
@pytest.mark.parametrize("sidecar", [True, False])
def test_a_file_stays_unless_python_says_otherwise(
    chosen: NamedSelection, tmp_path: Path, *, output: str, file: str, layout: str | None,
    sidecar: bool,
) -> None:  # fmt: skip
    target, theirs = tmp_path / output, tmp_path / file
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("mine")

    with pytest.raises(DataError, match="is not as Assay wrote it") as raised:
        chosen.export(target, layout=layout, sidecar=sidecar)

    assert raised.value.hint == "name another place, or add replace=True"
    assert theirs.read_text() == "mine"
    chosen.export(target, layout=layout, sidecar=sidecar, replace=True)
    chosen.export(target, layout=layout, sidecar=sidecar)
    assert theirs.read_text() != "mine"


def test_a_link_stays_and_what_it_leads_to(chosen: NamedSelection, tmp_path: Path) -> None:
    (tmp_path / "out.json").symlink_to("own.json")

    with pytest.raises(DataError, match=r"out\.json, a link to own\.json, which is not as"):
        chosen.export(tmp_path / "out.json")

    assert not (tmp_path / "own.json").exists()


@pytest.mark.parametrize("layout", [None, "trl"])
def test_an_input_is_not_replaced_whatever_is_said(
    chosen: NamedSelection, tmp_path: Path, layout: str | None
) -> None:
    with pytest.raises(DataError, match="one of the files that were loaded"):
        chosen.export(tmp_path / "rows.json", layout=layout, replace=True)

    assert json.loads((tmp_path / "rows.json").read_text()) == _ROWS


def test_a_file_in_the_way_of_a_folder_is_told(chosen: NamedSelection, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")

    with pytest.raises(UsageError, match="out is a file, and a name without a known ending"):
        chosen.export(tmp_path / "out", replace=True)


def test_what_a_kill_left_half_done_is_written_anew(
    chosen: NamedSelection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: NamedSelection, *words: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(NamedSelection, "_write_sidecar", killed)
        chosen.export(tmp_path / "out.json")

    assert (tmp_path / "out.json").exists()
    chosen.export(tmp_path / "out.json")
    assert (tmp_path / "out.json.assay.json").exists()


def test_what_an_error_kept_from_being_written_is_not_taken_for_assays_own(
    chosen: NamedSelection, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no trainer layout is called"):
        chosen.export(tmp_path / "out.jsonl", layout="nobody's")
    (tmp_path / "out.jsonl").write_text("mine")

    with pytest.raises(DataError, match="is not as Assay wrote it"):
        chosen.export(tmp_path / "out.jsonl")

    assert not (tmp_path / "cache" / "written").exists()


def test_rows_that_go_elsewhere_leave_nothing_in_the_cache(
    chosen: NamedSelection, tmp_path: Path
) -> None:
    chosen.write_rows(tmp_path / "out.json")

    assert not (tmp_path / "cache" / "written").exists()


@pytest.mark.parametrize(
    ("theirs", "more"),
    [("a-1.json", ""), ("page.html", "compare: {base: none, budgets: 2, report: page.html}\n"),
     ("best.json", "compare: {base: none, budgets: 2, best: best.json}\n")],
)  # fmt: skip
def test_a_file_is_refused_before_any_work(tmp_path: Path, theirs: str, more: str) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(_ROWS))
    (tmp_path / "run.yaml").write_text(
        "data: rows.json\nselections: {a: {method: random, budget: 2, seeds: 2}}\n"
        "exports: [{selection: a, output: 'a-{seed}.json'}]\n" + more
    )
    (tmp_path / theirs).write_text("mine")
    runtime = Runtime(cache=tmp_path / "cache", workers=1)

    with pytest.raises(AssayError, match="is not as Assay wrote it") as raised:
        load_config(tmp_path / "run.yaml").run(runtime=runtime)

    assert raised.value.hint == "name another place, or add replace=True"
    assert (tmp_path / theirs).read_text() == "mine"
    assert not (tmp_path / "a-0.json").exists()
