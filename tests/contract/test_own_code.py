"""A method in a file of one's own: when the file changes, so do the values."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.own_code import siblings
from assay.components.registry import find, load_file
from assay.errors import ConfigError, UnknownMethodError
from assay.project import Project
from assay.runtime import Runtime
from tests.patience import run

_METHOD = '''
import assay
from assay.features.text import Lengths
{imports}

class Mine(assay.Scorer):
    """Characters of the answer, times a number."""

    name = "{name}"
    paper = assay.NoPaper(reason="a test")

    def requires(self):
        return {{"lengths": Lengths()}}

    def score(self, *, lengths):
        return lengths["response_characters"] * {factor}
'''
_SCORES = """
import json, sys
from pathlib import Path
from assay.project import Project
from assay.components.registry import load_file
from assay.runtime import Runtime

folder = Path(sys.argv[1])
load_file(folder / "mine.py")
project = Project(folder / "data.assay", runtime=Runtime(cache=folder / "cache", workers=1))
print(json.dumps(sorted(project.score("mine_a")[0].main.values.tolist())))
"""
# Answers of 1, 2 and 3 characters.
LENGTHS = [1.0, 2.0, 3.0]


def _write(path: Path, factor: str, name: str = "mine_a", imports: str = "") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(_METHOD.format(factor=factor, name=name, imports=imports))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    rows = [{"instruction": f"ask {i}", "output": "a" * (i + 1)} for i in range(3)]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    return Project(data=tmp_path / "data.json", runtime=runtime)


def _scores(project: Project, name: str) -> list[float]:
    return sorted(project.score(name)[0].main.values.tolist())


def test_an_edit_between_two_processes_is_noticed(project: Project, tmp_path: Path) -> None:
    def scores() -> list[float]:
        done = run([sys.executable, "-c", _SCORES, tmp_path])
        assert done.returncode == 0, done.stderr
        found: list[float] = json.loads(done.stdout)
        return found

    file = _write(tmp_path / "mine.py", "1")
    assert scores() == LENGTHS
    moment = file.stat()
    _write(file, "5")
    os.utime(file, ns=(moment.st_atime_ns, moment.st_mtime_ns))  # as in an edit of the same second
    assert scores() == [5.0, 10.0, 15.0]
    assert len(project) == 3


def test_an_edit_within_a_process_is_noticed(project: Project, tmp_path: Path) -> None:
    file = _write(tmp_path / "mine_b.py", "1", "mine_b")
    [first] = load_file(file)
    assert _scores(project, "mine_b") == LENGTHS
    moment = file.stat()
    _write(file, "7", "mine_b")
    os.utime(file, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    [second] = load_file(file)

    assert first().key != second().key
    assert find("mine_b") is second
    assert _scores(project, "mine_b") == [7.0, 14.0, 21.0]
    assert sorted(project.frame()["mine_b"].to_list()) == [7.0, 14.0, 21.0]
    # The first text again: its values are still at hand, and they are its own.
    _write(file, "1", "mine_b")
    assert load_file(file) == [first]
    assert _scores(project, "mine_b") == LENGTHS


def test_a_name_that_is_taken_away_is_gone(tmp_path: Path) -> None:
    file = _write(tmp_path / "mine_c.py", "1", "mine_c")
    load_file(file)
    _write(file, "1", "mine_c_renamed")
    load_file(file)

    assert find("mine_c_renamed")
    with pytest.raises(UnknownMethodError):
        find("mine_c")


def test_a_text_that_is_broken_leaves_what_was(tmp_path: Path) -> None:
    file = _write(tmp_path / "mine_d.py", "1", "mine_d")
    [first] = load_file(file)
    file.write_text("import assay\n1 +\n")

    with pytest.raises(ConfigError, match="cannot be imported"):
        load_file(file)
    assert find("mine_d") is first


def test_equal_text_in_another_folder_is_the_same_method(tmp_path: Path) -> None:
    [first] = load_file(_write(tmp_path / "one" / "mine_e.py", "2", "mine_e"))
    [second] = load_file(_write(tmp_path / "two" / "other_name.py", "2", "mine_e_two"))
    [again] = load_file(_write(tmp_path / "three" / "mine_e.py", "2", "mine_e"))

    assert first().key == again().key != second().key
    assert first.version == second.version == 1


def test_a_file_beside_it_counts_as_well(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "beside_f.py").write_text("FACTOR = 2\n")
    file = _write(tmp_path / "mine_f.py", "FACTOR", "mine_f", "from beside_f import FACTOR")
    load_file(file)
    assert _scores(project, "mine_f") == [2.0, 4.0, 6.0]

    (tmp_path / "beside_f.py").write_text("FACTOR = 3\n")
    load_file(file)

    assert _scores(project, "mine_f") == [3.0, 6.0, 9.0]


def test_files_that_are_imported_in_turn_are_found(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from . import inner\n")
    (tmp_path / "pack" / "inner.py").write_text("import mine\n")
    (tmp_path / "near.py").write_text("import json, pack\n")
    (tmp_path / "unused.py").write_text("")
    (tmp_path / "mine.py").write_text("import near\nimport numpy\n")

    assert [path.relative_to(tmp_path).as_posix() for path in siblings(tmp_path / "mine.py")] == [
        "near.py", "pack/__init__.py", "pack/inner.py"
    ]  # fmt: skip


def _in_a_notebook(body: str) -> type[Scorer]:
    """Return a class as a notebook defines it: in no file."""
    space: dict[str, Any] = {
        "__name__": "a_notebook", "Scorer": Scorer, "np": np, "NoPaper": NoPaper, "Paper": Paper,
    }  # fmt: skip
    text = (
        "class Cell(Scorer):\n"
        "    name = 'of_a_notebook'\n"
        "    paper = NoPaper(reason='a test')\n"
        "    def requires(self):\n"
        "        return {}\n"
        f"    def score(self):\n        return {body}\n"
    )
    exec(text, space)
    made: type[Scorer] = space["Cell"]
    return made


def test_a_cell_that_is_run_again_otherwise_has_another_key() -> None:
    keys = [_in_a_notebook(body)().key for body in ("np.ones(3)", "np.ones(3)", "np.zeros(3)")]

    assert keys[0] == keys[1] != keys[2]


def test_what_is_installed_goes_by_its_version_alone() -> None:
    assert find("compression_ifd").code_digest == find("random").code_digest == ""
