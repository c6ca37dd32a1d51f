"""Every mistake of the catalogue is noticed by the tests named beside it."""

import compileall
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fork_server import start
from tests.mutants.catalogue import MUTANTS, Mutant

_ROOT = Path(__file__).parents[2]
_PACKAGE = _ROOT / "src" / "assay"
_SOME_FAILED = 1
_PYTEST = """
import sys
sys.dont_write_bytecode = True  # a file that was changed twice in a second would look the same
import assay, pytest
print(assay.__file__, flush=True)
sys.exit(pytest.main(sys.argv[1:]))
"""
every_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.why)


class Ran(NamedTuple):
    """How the tests ended, and what they printed."""

    code: int
    said: str


@every_mutant
def test_it_applies_to_one_place(mutant: Mutant) -> None:
    assert (_PACKAGE / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new
    assert all((_ROOT / killer).is_file() for killer in mutant.killers)


def test_there_are_at_least_twenty_and_no_two_are_equal() -> None:
    assert len({(mutant.file, mutant.new) for mutant in MUTANTS}) == len(MUTANTS) >= 20


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package that may be changed, compiled."""
    copy = tmp_path_factory.mktemp("mutant") / "assay"
    shutil.copytree(_PACKAGE, copy)
    compileall.compile_dir(copy, quiet=1)
    return copy


@pytest.mark.slow
def test_nothing_fails_without_a_mistake(package: Path) -> None:
    ran = _run(("tests/unit/solvers/test_shares.py",), package)

    assert ran.code == 0, ran.said[-2000:]
    assert re.search(r"^\d+ passed", ran.said, re.MULTILINE), ran.said
    assert str(package) in ran.said.splitlines()[0], "another copy of the package was tested"


@pytest.mark.slow
@every_mutant
def test_it_is_killed(mutant: Mutant, package: Path) -> None:
    file = package / mutant.file
    original = file.read_text(encoding="utf-8")
    file.write_text(original.replace(mutant.old, mutant.new), encoding="utf-8")

    try:
        ran = _run(mutant.killers, package)
    finally:
        file.write_text(original, encoding="utf-8")
    # Pytest that cannot start ends with the same code.
    assert re.search(r"^1 failed", ran.said, re.MULTILINE), ran.said[-2000:]
    assert ran.code == _SOME_FAILED, f"{mutant.why} survived:\n{ran.said[-2000:]}"
    assert str(package) in ran.said.splitlines()[0], "another copy of the package was tested"


def _run(tests: tuple[str, ...], package: Path) -> Ran:
    """Run tests against a copy of the package; no other plugin of pytest is needed."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=line"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(package.parent), str(_ROOT)]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("PYTEST_ADDOPTS", None)
    process = start(
        _PYTEST, [*options, *tests], folder=_ROOT, environment=environment,
        imported="what assay rests on",
    )  # fmt: skip
    code = process.wait()
    return Ran(code, "\n".join(process.communicate()))
