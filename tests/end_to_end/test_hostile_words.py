"""Whatever the data, its tasks and its files are called, a screen shows text and nothing else."""

import json
import os
import re
import unicodedata
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import COMMAND_LINE, Called, assay
from tests.fork_server import on_terminal

CLIPBOARD = "\x1b]52;c;aGlkZGVu\x07"
HOSTILE = {
    "clipboard": CLIPBOARD,
    "clear": "\x1b[2J",
    "one byte": "\x9b31m",
    "delete": "\x7f",
    "backwards": "\u202e",
    "arabic mark": "\u061c",
    "nothing": "\u200b",
    "line": "\u2028",
    "tags": "\U000e0041\U000e007f",
    "return": "\rERASED",
}
EVERYTHING = "[red]" + "".join(HOSTILE.values())
NAME = "da\x1b[2Jta\u202e\x9b.jsonl"
# What Assay itself sends to a terminal: colours, and a bar that is drawn anew.
_OWN = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[AK]|1A|2K)|\r\n|\r(?=\x1b\[)")


def _unseen(shown: str) -> list[str]:
    """Return the characters that no reader sees, apart from line breaks."""
    return [
        repr(character)
        for character in shown
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in "\n\t"
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project all of whose words are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {
            "instruction": f"Question {place} {list(HOSTILE.values())[place % len(HOSTILE)]}",
            "context": EVERYTHING,
            "response": f"Answer {'word ' * place}{EVERYTHING}",
            "category": f"task{place % 3}{EVERYTHING}",
        }
        for place in range(24)
    ]
    (folder / NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "again.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:12]))
    made = assay(folder, "select", NAME, "longest_response", "--budget", "5", "-p", "project")
    assert made.code == 0, made.err
    made = assay(folder, "select", NAME, "random", "--budget", "5", "-p", "project",
                 "--name", f"mine{CLIPBOARD}")  # fmt: skip
    return folder


LINES = {
    "load": ["load", NAME, "-p", "project"],
    "score": ["score", NAME, "mtld", "-p", "project"],
    "select": ["select", NAME, "hdd", "--budget", "5", "-p", "project", "-o", f"out{NAME}", "-y"],
    "select by task": ["select", NAME, "random", "--budget", "6", "-p", "project", "--per", "task"],
    "export": ["export", NAME, "longest_response-5", "-p", "project", "-o", f"b{NAME}", "-y"],
    "dry run": ["select", NAME, "random", "--budget", "4", "-p", "project", "-o", f"c{NAME}", "-n"],
    "show": ["show", "project"],
    "show a score": ["show", "project", "longest_response"],
    "show a selection": ["show", "project", "longest_response-5"],
    "show an unknown row": ["show", "project", EVERYTHING],
    "diff": ["diff", "project", "longest_response-5", f"mine{CLIPBOARD}"],
    "diff by task": ["diff", "project", "longest_response-5", "random-5", "--by", "task"],
    "assess": ["assess", NAME, "again.jsonl"],
    "assess by task": ["assess", NAME, "--by", "task"],
    "status": ["status", "project"],
    "cache": ["cache", "list"],
    "doctor": ["doctor"],
    "methods": ["methods", f"no{CLIPBOARD}"],
    "no such file": ["load", f"no{NAME}"],
    "no such command": [f"no{CLIPBOARD}"],
    "where": ["select", NAME, "random", "--budget", "2", "-p", "project", "--where",
              f"task={CLIPBOARD}"],
    "set": ["score", NAME, "mtld", "-p", "project", "--set", f"{CLIPBOARD}=1"],
    "init": ["init", NAME, "-p", "project"],
    "tune": ["tune", NAME, "--base", f"no{CLIPBOARD}", "-n", "-p", "project"],
    "compare": ["compare", NAME, "--base", f"no{CLIPBOARD}", "--budget", "5", "-n"],
    "verbose": ["load", f"no{NAME}", "-v"],
}  # fmt: skip


def _said(called: Called) -> str:
    assert "this is a bug" not in called.err, called.err
    return called.out + called.err


@pytest.mark.parametrize("name", LINES)
def test_a_pipe_gets_nothing_that_cannot_be_seen(folder: Path, name: str) -> None:
    called = assay(folder, *LINES[name])

    assert _unseen(_said(called)) == []
    assert called.out or called.err


@pytest.mark.parametrize("name", LINES)
def test_json_spells_what_cannot_be_seen(folder: Path, name: str) -> None:
    called = assay(folder, *LINES[name], "--json")

    assert _unseen(_said(called)) == []
    if called.out:
        assert called.document is not None


@pytest.mark.parametrize("name", LINES)
def test_a_terminal_gets_no_code_but_our_own(folder: Path, name: str) -> None:
    environment = os.environ | {"ASSAY_CACHE": str(folder / "cache"), "TERM": "xterm-256color"}

    _, shown = on_terminal(
        COMMAND_LINE, LINES[name], folder=folder, environment=environment, typed=b"n\n"
    )

    assert "this is a bug" not in shown
    assert "\x1b[2J" not in shown
    assert _unseen(_OWN.sub("", shown)) == []


def test_what_is_spelled_can_be_read_and_a_document_holds_it_as_it_is(folder: Path) -> None:
    rows = assay(folder, "show", "project", "longest_response-5", "--json").document["rows"]

    shown = assay(folder, "show", "project", rows[0]["id"]).out
    [row] = assay(folder, "show", "project", rows[0]["id"], "--json").document

    for spelled in (
        "\\x1b]52;c;aGlkZGVu\\x07",
        "\\x9b",
        "\\u202e",
        "\\u200b",
        "\\U000e0041",
        "[red]",
    ):
        assert spelled in " ".join(shown.split())
    assert CLIPBOARD in row["messages"][-1]["content"]
