r"""Examples in the documentation: run as a reader would, and their output pasted back.

A block counts if the line before it is a mark:

* ``<!-- run -->`` before ``console``: each line after ``$`` runs in a shell; the lines below it are
  its output, both streams together. A command may go over several lines that end in ``\``.
* ``<!-- run: fails -->``: the same, and the last command must fail.
* ``<!-- run -->`` before ``python``: the block runs as a program; what it prints is not shown.
* ``<!-- file: NAME -->`` before any block: its text is written to that file.

All blocks of a page run in one new folder that holds the example data.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS = "100"
_BLOCK = re.compile(
    r"<!-- (?P<mark>run|run: fails|file: (?P<file>[\w./-]+)) -->\n"
    r"```(?P<language>\w+)\n(?P<body>.*?)```\n",
    re.DOTALL,
)
_TIMES = re.compile(
    r"(?<![\w.])(?:under |about |less than )?\d+(?:[.,]\d+)*\s?(?:ms|s|seconds?|min|minutes?|h)\b"
    r"(?: \d+(?:\.\d+)?\s?(?:s|min)\b)?"
)
_SIZES = re.compile(r"\d+(?:\.\d+)? (?=(?:[KMG]i)?B\b)")
_PROGRESS = re.compile(r": \d+% of [\d,]+ rows|: [\d,]+ rows reused$")
_PRICE = re.compile(r"^about [^;]+ of it for[^;]+;[^;]+ none\s+without\s+--model\n", re.MULTILINE)
"""What is said beforehand where a machine takes long."""


class ExampleError(Exception):
    """An example that did not do what its page says."""

    def __init__(self, page: str, command: str, output: str) -> None:
        super().__init__(f"{page}: {command}\n{output}")


def marked(text: str) -> Iterator["re.Match[str]"]:
    """Yield the blocks of a page that run."""
    yield from _BLOCK.finditer(text)


def refreshed(page: str, text: str) -> str:
    """Return a page with the output that its commands give now.

    Raises:
        ExampleError: if one fails that should not, or the other way round.
    """
    if _BLOCK.search(text) is None:
        return text
    with _folder() as folder:
        environment = process_environment(folder)

        def run(block: "re.Match[str]") -> str:
            if block["file"]:
                (folder / block["file"]).write_text(block["body"], encoding="utf-8")
                return block[0]
            if block["language"] == "python":
                _run_python(page, block["body"], folder, environment)
                return block[0]
            output = _run_console(page, block, folder, environment)
            return block[0].replace(block["body"], output)

        return _BLOCK.sub(run, text)


def same(one: str, other: str) -> bool:
    """Are two versions of a page equal but for times?"""
    return _without_times(one) == _without_times(other)


def _without_times(text: str) -> str:
    def masked(block: "re.Match[str]") -> str:
        if block["language"] != "console":
            return block[0]
        # A table's columns are as wide as what stands in them.
        return re.sub(r"[ ─]+", " ", _SIZES.sub("# ", _TIMES.sub("#", block[0])))

    return _BLOCK.sub(masked, text)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="assay-docs-") as name:
        folder = Path(name).resolve()
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=_made)
        yield folder


def _made(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "work" or name.endswith(".assay")]


def process_environment(folder: Path) -> dict[str, str]:
    """Return the variables of the processes of a page."""
    programs = str(Path(sys.executable).parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    return kept | {
        "ASSAY_CACHE": str(folder / ".cache"),
        "PATH": programs + os.pathsep + os.environ.get("PATH", ""),
        "COLUMNS": COLUMNS,
        "LC_ALL": "C.UTF-8",
    }


def _run_python(page: str, body: str, folder: Path, environment: Mapping[str, str]) -> None:
    done = _run([sys.executable, "-c", body], folder, environment)
    if done.returncode:
        raise ExampleError(page, body, done.stdout)


def _run(
    words: list[str], folder: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )


def _run_console(
    page: str, block: "re.Match[str]", folder: Path, environment: Mapping[str, str]
) -> str:
    commands = _commands(block["body"])
    lines: list[str] = []
    for place, command in enumerate(commands):
        done = _run(["bash", "-c", command], folder, environment)
        may_fail = block["mark"] == "run: fails" and place == len(commands) - 1
        if (done.returncode != 0) != may_fail:
            raise ExampleError(page, command, done.stdout)
        said = _PRICE.sub("", done.stdout).replace(str(folder), "~").splitlines()
        output = [line.rstrip() for line in said if not _PROGRESS.search(line)]
        lines += [f"$ {command}", *output]
    return "\n".join(lines).rstrip() + "\n"


def _commands(body: str) -> list[str]:
    commands: list[str] = []
    continued = False
    for line in body.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif continued:
            commands[-1] += "\n" + line
        continued = (line.startswith("$ ") or continued) and line.endswith("\\")
    return commands
