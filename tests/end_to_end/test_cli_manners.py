"""How the command line ends, what it says when something is wrong, and how it completes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import assay, write_dolly
from tests.patience import TELLING, communicate, happens, hung

COMMAND = [sys.executable, "-c", "from assay.cli import main; main()"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dolly(tmp_path / "data.jsonl", 12)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        (["slect", "data.jsonl"], 2, "no command is called 'slect'", "did you mean 'select'?"),
        (["data.jsonl"], 2, "'data.jsonl' is data", "assay load data.jsonl"),
        (["select", "data.jsonl", "--bugdet", "5%"], 2, "no option --bugdet", "'--budget'"),
        (["select", "data.jsonl"], 2, "a selection needs a budget", "--budget 5%"),
        (["select", "dta.jsonl", "--budget", "3"], 1, "dta.jsonl does not exist", "'data.jsonl'"),
        (["score", "data.jsonl", "mltd"], 1, "no method is called 'mltd'", "'mtld'"),
        (["select", "data.jsonl", "random", "--budget", "5x"], 1, "the budget '5x'", "5000"),
        (["select", "data.jsonl", "random", "--budget", "1", "--format", "trll", "-o", "x.jsonl"],
         2, "'trll' is not known", "'trl'"),
        (["select", "data.jsonl", "random", "--budget", "1", "-o", "data.jsonl"], 1,
         "one of the files that were loaded", "another name"),
        (["select", "data.jsonl", "random", "--budget", "1", "-o", "-", "--json"], 2,
         "both want stdout", "-o FILE"),
        (["select", "data.jsonl", "threshold", "--set", "by=mtld", "--set", "low=1e9"], 1,
         "no row was chosen", "cut-off"),
        (["load", "data.jsonl", "random"], 2, "'random' is a method", "assay score"),
        (["score", "data.jsonl"], 2, "no method is named", "assay methods"),
        (["show", "data.jsonl", "randm-1"], 1, "neither a score nor a selection", "there are"),
    ],
)  # fmt: skip
def test_an_error_names_the_thing_and_the_remedy(
    folder: Path, words: list[str], code: int, error: str, hint: str
) -> None:
    called = assay(folder, *words)

    lines = called.err.replace("\n", " ")
    assert called.code == code
    assert called.out == ""
    assert error in lines.partition("hint:")[0]
    assert hint in lines.partition("hint:")[2]
    assert "Traceback" not in lines


def test_failed_rows_end_with_code_three(folder: Path) -> None:
    (folder / "bad.py").write_text(
        "from typing import Any, ClassVar\n"
        "import numpy as np\n"
        "from assay.components.component import NoPaper, Paper, Scorer\n"
        "from assay.features.text import Lengths\n"
        "class Infinite(Scorer):\n"
        '    """Never finite."""\n'
        '    name: ClassVar[str] = "infinite"\n'
        "    paper: ClassVar[Paper | NoPaper] = NoPaper(reason='a test')\n"
        "    def requires(self) -> dict[str, Any]:\n"
        '        return {"lengths": Lengths()}\n'
        "    def score(self, **needs: Any) -> Any:\n"
        '        return needs["lengths"]["response_characters"] * np.inf\n'
    )

    called = assay(folder, "score", "data.jsonl", "bad.py")

    assert called.code == 3
    assert "NON_FINITE: 12" in called.err


def test_a_shard_that_lacks_the_others_ends_with_code_four(folder: Path) -> None:
    # Few rows make one shard, which the first of two parts has.
    other = assay(folder, "score", "data.jsonl", "longest_response", "--shard", "2/2")
    mine = assay(folder, "score", "data.jsonl", "longest_response", "--shard", "1/2")

    assert other.code == 4
    assert "run the other shards" in other.err
    assert mine.code == 0


def test_a_bug_is_called_one_and_the_traceback_waits_for_v(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "from typing import Any, ClassVar\n"
        "from assay.components.component import NoPaper, Paper, Scorer\n"
        "class Broken(Scorer):\n"
        '    """Raises."""\n'
        '    name: ClassVar[str] = "broken"\n'
        "    paper: ClassVar[Paper | NoPaper] = NoPaper(reason='a test')\n"
        "    def score(self, **needs: Any) -> Any:\n"
        "        raise ZeroDivisionError('at the heart')\n"
    )

    short = assay(folder, "score", "data.jsonl", "broken.py")
    long = assay(folder, "score", "data.jsonl", "broken.py", "-v")

    assert short.code == long.code == 1
    assert "ZeroDivisionError: at the heart" in short.err
    assert "Traceback" not in short.err
    assert "Traceback" in long.err


def test_quiet_leaves_stderr_empty(folder: Path) -> None:
    called = assay(folder, "select", "data.jsonl", "random", "--budget", "3", "-o", "o.jsonl", "-q")

    assert (called.code, called.out, called.err) == (0, "", "")


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    process = _started(folder, "methods", "--json", stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()

    _, said = communicate(process)

    assert process.returncode == 141
    assert said == ""


def test_an_interrupt_says_how_to_go_on(folder: Path) -> None:
    (folder / "slow.py").write_text(
        "import time\n"
        "from typing import Any, ClassVar\n"
        "from assay.components.component import NoPaper, Paper, Scorer\n"
        "class Slow(Scorer):\n"
        '    """Waits."""\n'
        '    name: ClassVar[str] = "slow"\n'
        "    paper: ClassVar[Paper | NoPaper] = NoPaper(reason='a test')\n"
        "    def score(self, **needs: Any) -> Any:\n"
        "        open('started', 'w').close()\n"
        "        time.sleep(3600)\n"
    )
    process = _started(folder, "score", "data.jsonl", "slow.py")

    def started(seconds: float) -> bool:
        time.sleep(min(seconds, 0.05))
        return (folder / "started").exists() or process.poll() is not None

    assert happens(started, process.pid), hung(*process.communicate())
    process.send_signal(signal.SIGINT)
    _, said = communicate(process)

    assert process.returncode == 130
    assert said.splitlines()[-2:] == [
        "error: interrupted",
        "hint: go on with: assay score data.jsonl slow.py",
    ]


def _started(folder: Path, *words: str, stdout: int | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *words], cwd=folder, stdout=stdout, stderr=subprocess.PIPE, text=True,
        env=os.environ | TELLING, start_new_session=True,
    )  # fmt: skip


def _complete(folder: Path, line: str, shell: str) -> str:
    words = line.split(" ")
    environment = {
        "_ASSAY_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    return assay(folder, **environment).out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_verbs_methods_and_files_complete(folder: Path, shell: str) -> None:
    assert "select" in _complete(folder, "assay sel", shell)
    assert "longest_response" in _complete(folder, "assay score data.jsonl long", shell)
    assert "data.jsonl" in _complete(folder, "assay score da", shell)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(folder: Path, shell: str) -> None:
    called = assay(folder, "--show-completion", shell,
                   _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")  # fmt: skip

    assert called.code == 0
    assert "_ASSAY_COMPLETE" in called.out


def test_the_package_runs_as_a_module(folder: Path) -> None:
    words = ["status", "nowhere.assay"]
    module = [sys.executable, "-m", "assay", *words]
    done = subprocess.run(module, cwd=folder, capture_output=True, check=False)

    asked = assay(folder, *words)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (
        asked.code,
        asked.out,
        asked.err,
    )
    assert "error: nowhere.assay" in asked.err


def test_help_imports_nothing_heavy(folder: Path) -> None:
    script = (
        "import sys; from assay.cli import main\n"
        "try: main(['--help'])\n"
        "finally: sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, check=True
    )

    loaded = set(done.stderr.decode().split())
    assert not loaded & {"numpy", "polars", "pydantic", "torch", "faiss", "tokenizers", "ruamel"}
