"""Whatever a verb prints, it fits the screen, and no name or number is lost."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import COMMAND_LINE, Called, assay
from tests.fork_server import on_terminal
from tests.screens import OWN, WIDTHS, misfits, unseen

DATA = "数据集-of-a-file-whose-name-is-rather-long.jsonl"
OTHER = "another-file-with-a-name-that-goes-on.jsonl"
NAMED = "a_selection_that_somebody_gave_a_name_of_seventy_characters_or_so_it_is"
SCORE = "reward_of_a_judge_with_quite_a_name"
TASKS = ("closed_question_answering_over_documents", "要約とその他のとても長い課題の名前", "brief")
NAMES = (DATA, OTHER, NAMED, SCORE, *TASKS, "longest_response", "mtld", "random-6",
         "longest_response-unit_of_length-words", "facility_location")  # fmt: skip
WORDS = ("a river", "the mountain", "some bread", "an orchestra", "a lighthouse", "el mercado",
         "la montagne", "ein Wald", "静かな湖", "一座古老的桥")  # fmt: skip


def _rows(count: int, first: int = 0) -> list[dict[str, str]]:
    # No row has a digit: every number on the screen is Assay's.
    return [
        {
            "instruction": f"Tell me about {WORDS[place % 10]} and {WORDS[place // 10 % 10]}, "
            + "please, " * (place % 4),
            "context": "",
            "response": f"{WORDS[place % 10]} is near {WORDS[place // 10 % 10]}. " * (place + 1),
            "category": TASKS[place % 3],
        }
        for place in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of long names, wide letters and several results."""
    folder = tmp_path_factory.mktemp("widths")
    for name, rows in ((DATA, _rows(40)), (OTHER, _rows(30, 20))):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "reward.csv").write_text(
        "response,reward\n" + "".join(f'"{row["response"]}",0.{place}\n'
                                      for place, row in enumerate(_rows(40)))
    )  # fmt: skip
    for words in (
        ["score", DATA, "longest_response", "mtld"],
        ["score", DATA, "longest_response", "--set", "unit_of_length=words"],
        ["import-scores", DATA, "reward.csv", "--column", "reward", "--text", "response",
         "--name", SCORE],
        ["select", DATA, "random", "--budget", "6"],
        ["select", DATA, "longest_response", "--budget", "6", "--name", NAMED],
        ["init", DATA, "-o", "assay.yaml"],
    ):  # fmt: skip
        made = assay(folder, *words)
        assert made.code == 0, made.err
    return folder


LINES = {
    "load": ["load", DATA],
    "score": ["score", DATA, "mtld", "hdd", SCORE],
    "select": ["select", DATA, "longest_response", "--budget", "7", "-o", "out.jsonl", "-y"],
    "select several": ["select", DATA, "random", "mtld", SCORE, "--budget", "5"],
    "select by task": ["select", DATA, "random", "--budget", "9", "--per", "task"],
    "a price": ["score", DATA, "relevance", "compression_ifd", "-n"],
    "show": ["show", DATA],
    "show a score": ["show", DATA, SCORE],
    "show a selection": ["show", DATA, NAMED],
    "diff": ["diff", DATA, "random-6", NAMED],
    "diff of scores": ["diff", DATA, SCORE, "longest_response-unit_of_length-words"],
    "run": ["run", "assay.yaml"],
    "run dry": ["run", "assay.yaml", "-n"],
    "assess": ["assess", DATA, OTHER],
    "assess by task": ["assess", DATA, "--by", "task"],
    "status": ["status", DATA],
    "methods": ["methods"],
    "a method": ["methods", "facility_location"],
    "cache": ["cache"],
    "doctor": ["doctor"],
    "import-scores": ["import-scores", DATA, "reward.csv", "--column", "reward", "--text",
                      "response", "--name", SCORE],
    "export": ["export", DATA, NAMED, "-o", "exported.jsonl", "-y"],
    "init": ["init", DATA, "-o", "again.yaml", "-y"],
    "an error": ["show", DATA, f"no{NAMED}"],
}  # fmt: skip
# What they print depends on what was run before, or on the machine's load.
_PROGRESS = re.compile(r"^.*: \d+% of .*$", re.MULTILINE)
"""Of work that may or may not be quick enough not to be heard of."""
_CHANGING = ("cache", "status", "doctor")


def _said(called: Called) -> str:
    assert "this is a bug" not in called.err, called.err
    return called.out + called.err


@pytest.mark.parametrize("name", LINES)
def test_every_screen_has_the_names_and_numbers_of_a_wide_one(folder: Path, name: str) -> None:
    assay(folder, *LINES[name])  # what is computed once is told once
    wide = _PROGRESS.sub("", _said(assay(folder, *LINES[name])))

    for width in WIDTHS:
        narrow = _said(assay(folder, *LINES[name], COLUMNS=str(width)))
        assert misfits(narrow, narrow if name in _CHANGING else wide, width, NAMES) == []


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("width", [60, 80])
def test_a_terminal_shows_the_same(folder: Path, name: str, width: int) -> None:
    environment = os.environ | {"ASSAY_CACHE": str(folder / "cache"), "TERM": "xterm-256color"}

    _, shown = on_terminal(
        COMMAND_LINE, LINES[name], folder=folder, environment=environment, columns=width
    )

    text = OWN.sub(lambda found: "\n" if found[0][-1] in "\r\n" else "", shown)
    assert misfits(text, text, width, ()) == []


@pytest.mark.parametrize("words", [["schema"], ["schema", "quota"], ["status", "--json"]])
def test_a_document_is_whole_whatever_the_screen(folder: Path, words: list[str]) -> None:
    called = assay(folder, *words, COLUMNS="60")

    assert called.document
    assert unseen(called.out) == []


@pytest.mark.parametrize("name", ["show a selection", "diff", "status", "score"])
def test_a_pipe_gets_whole_lines(folder: Path, name: str) -> None:
    called = assay(folder, *LINES[name])

    shown = [name for name in NAMES if name in called.out]
    assert shown
    assert max(map(len, called.out.splitlines())) < 1000


@pytest.mark.parametrize("width", WIDTHS)
def test_names_that_fit_a_line_stay_in_one_piece(folder: Path, width: int) -> None:
    for words in (["status", DATA], ["diff", DATA, "random-6", NAMED], ["show", DATA, NAMED]):
        shown = assay(folder, *words, COLUMNS=str(width)).out
        for name in ("random-6", "longest_response-unit_of_length-words", SCORE):
            assert name in shown or words[0] != "status"
        assert NAMED in shown or width < len(NAMED)


def _next_lines(called: Called) -> list[list[str]]:
    """Return the lines that a command proposes, as words."""
    lines = called.err.splitlines()
    first = next((place for place, line in enumerate(lines) if line.startswith("next:")), None)
    if first is None:
        return []
    found = [line.removeprefix("next:").strip() for line in lines[first:]]
    return [shlex.split(line)[1:] for line in found if line.startswith("assay ")]


MORE_LINES = {
    **LINES,
    "with settings": ["score", DATA, "longest_response", "--set", "unit_of_length=words",
                      "--set", "enough=20"],
    "several settings": ["score", DATA, "weighted_sum", "--set", "of=mtld,longest_response",
                         "--set", "longest_response.unit_of_length=words"],
    "filters": ["select", DATA, "mtld", "--budget", "20%", "--of", "eligible", "--dedup", "near",
                "--where", f"task={TASKS[0]}", "--against", OTHER, "-o", "my filtered rows.jsonl",
                "-y"],
    "shares": ["select", DATA, "mtld", "--per", "task", "--share", f"{TASKS[0]}=3",
               "--share", "brief=200 tokens", "-o", "shared.jsonl", "-y"],
    "a format": ["select", DATA, "mtld", "--budget", "5", "--format", "axolotl",
                 "-o", "for a trainer.jsonl", "-y"],
    "a rule": ["select", DATA, "compression_ifd", "--set", "rule=none", "--budget", "5"],
    "a filter alone": ["select", DATA, "deduplicate", "-o", "distinct.jsonl", "-y"],
    "a project elsewhere": ["load", DATA, "-p", "my own project"],
    "offline": ["show", DATA, "--offline"],
    "own code": ["score", DATA, "own.py", "--set", "least=2"],
    "a choice by own code": ["select", DATA, "threshold", "--set", "by=own.py", "--set", "low=1",
                             "--budget", "4"],
    "no data named": ["status", "-p", "my own project"],
    "a spare folder": ["status"],
}  # fmt: skip
_OWN_CODE = '''
"""Length of an answer over a limit."""

from typing import ClassVar

from assay import NoPaper, Scorer
from assay.features.text import Lengths


class Own(Scorer):
    """Characters of an answer, less some."""

    name = "own_length"
    paper: ClassVar[NoPaper] = NoPaper(reason="a test")

    least: float = 0.0
    """What is taken away."""

    def requires(self):
        return {"lengths": Lengths()}

    def score(self, *, lengths):
        return lengths["response_characters"] - self.least
'''


@pytest.mark.parametrize("name", MORE_LINES)
def test_every_next_line_works_as_it_is(folder: Path, name: str) -> None:
    (folder / "own.py").write_text(_OWN_CODE)
    called = assay(folder, *MORE_LINES[name])
    assert called.code == (1 if name == "an error" else 0), called.err

    for line in _next_lines(called):
        followed = assay(folder, *line)
        assert followed.code == 0, (line, followed.err)
        for further in _next_lines(followed):
            assert assay(folder, *further).code == 0, (line, further)


def test_next_lines_repeat_what_matters(folder: Path) -> None:
    scored = _next_lines(assay(folder, *MORE_LINES["with settings"]))
    chosen = _next_lines(assay(folder, *MORE_LINES["filters"]))
    shared = _next_lines(assay(folder, *MORE_LINES["shares"]))

    quality = json.loads(scored[1][4].removeprefix("quality="))
    assert quality == {"method": "longest_response", "unit_of_length": "words", "enough": 20.0}
    [chance] = [line for line in chosen if "random" in line]
    assert {"--dedup", "near", "--where", f"task={TASKS[0]}", "--against", OTHER} <= {*chance}
    [by_task] = [line for line in shared if "random" in line]
    assert "--budget" not in by_task
    assert [by_task[place + 1] for place, word in enumerate(by_task) if word == "--share"] == [
        f"{TASKS[0]}=3", "brief=200 tokens",
    ]  # fmt: skip


def test_an_import_that_matches_no_row_is_refused_and_leaves_what_was_there(folder: Path) -> None:
    (folder / "others.csv").write_text("response,reward\nnobody said this,0.5\n")
    before = assay(folder, "show", DATA, SCORE).out

    by_text = assay(folder, "import-scores", DATA, "others.csv", "--column", "reward",
                    "--text", "response", "--name", SCORE)  # fmt: skip
    by_id = assay(folder, "import-scores", DATA, "others.csv", "--column", "reward", "--id",
                  "response", "--name", "new_one")  # fmt: skip

    assert (by_text.code, by_id.code) == (1, 1)
    assert "no row gets a number" in by_text.err
    assert "columns of the file: response, reward" in by_id.err
    assert assay(folder, "show", DATA, SCORE).out == before
    assert "new_one" not in assay(folder, "status", DATA).out


def test_rows_shown_at_random_are_those_of_the_seed(folder: Path) -> None:
    ids = [
        [row["id"] for row in assay(folder, "show", DATA, "--json", *words).document]
        for words in ((), ("--seed", "0"), ("--seed", "1"))
    ]
    everything = assay(folder, "select", DATA, "everything", "--json").document["examples"]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0] != sorted(row["id"] for row in everything["chosen"])


def test_an_id_that_is_too_short_is_told_how_long_it_must_be(folder: Path) -> None:
    called = assay(folder, "show", DATA, "0a1b")

    assert called.code == 1
    assert "first 6 characters of its id at least" in called.err


def test_a_file_from_init_has_the_share_that_was_asked_for(folder: Path) -> None:
    for share, written in ((None, "0%"), ("0.05%", "0.05%"), ("0.25", "25%")):
        given = [] if share is None else ["--hold-out", share]
        made = assay(folder, "init", DATA, "-o", "held.yaml", "-y", "-p", "a folder", *given)

        assert made.code == 0
        text = (folder / "held.yaml").read_text()
        assert f"\n  hold_out: {written}  #" in text
        assert '\nproject: "a folder"\n' in text
