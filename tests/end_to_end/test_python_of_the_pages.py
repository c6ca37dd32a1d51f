"""The Python of the first pages does what they say, in every way to run a few lines of it."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import assay
from tests.end_to_end.notebook import printed, run_cells, shown
from tests.patience import run

ROOT = Path(__file__).parents[2]
_PAGES = ("README.md", "docs/tutorial.md")
_DATA = "examples/data/instructions.json"


def _blocks() -> list[str]:
    """Return the Python of the pages, as a reader copies it."""
    found = [
        block
        for page in _PAGES
        for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    ]
    assert len(found) == len(_PAGES)
    return found


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the data of the pages, loaded as the tutorial does before its Python."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / _DATA).parent.mkdir(parents=True)
    shutil.copy(ROOT / _DATA, folder / _DATA)
    runtime = assay.Runtime(cache=folder / "cache", progress=assay.Silent())
    assay.Project(data=folder / _DATA, runtime=runtime)
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Return a copy of it; what is computed of the rows is computed once for all copies."""
    shutil.copytree(prepared / "examples", tmp_path / "examples")
    return tmp_path


def _as_file(folder: Path, lines: str) -> str:
    (folder / "lines.py").write_text(lines)
    return _run(folder, [sys.executable, "lines.py"])


def _as_words(folder: Path, lines: str) -> str:
    return _run(folder, [sys.executable, "-c", lines])


def _as_input(folder: Path, lines: str) -> str:
    return _run(folder, [sys.executable, "-"], lines)


def _run(folder: Path, line: list[str], given: str = "") -> str:
    done = run(line, folder=folder, stdin=given)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress where nobody watches, and nothing to warn of
    return done.stdout


def _as_notebook(folder: Path, lines: str) -> str:
    [*cells, echoes] = run_cells(folder, [*_blocks(), "display(project, best, chance)\nproject"])
    assert "\n".join(_blocks()) == lines
    assert [printed(cell, "stderr") for cell in cells] == ["", ""]
    cards = [page.count('class="assay"') for page in shown(echoes, "text/html")]
    assert cards == [1, 1, 3, 1]  # three of the selections by chance
    told = shown(echoes, "text/plain")
    assert told[-1] == "Project('examples/data/instructions.assay', 260 rows)"
    assert told[1] == "NamedSelection('longest_response-26', 26 of 257 rows)"
    assert max(map(len, told)) < 300
    return "".join(printed(cell) for cell in cells)


@pytest.mark.parametrize("way", [_as_file, _as_words, _as_input, _as_notebook])
def test_the_lines_of_readme_and_tutorial_run_as_they_are(
    prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[Path, str], str]
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(prepared / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    told = way(folder, "\n".join(_blocks()))

    frame, ranked, composition = (
        told.index(words) for words in ("shape: (260, ", "shape: (26, 3)", "Composition(samples=26")
    )
    assert frame < ranked < composition
    assert (folder / "best.json").is_file()
    assert (folder / "best.json.assay.parquet").is_file()
