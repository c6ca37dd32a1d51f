"""A name is found without importing what has other names."""

import subprocess
import sys
from pathlib import Path

import pytest

from assay.components.base import Component
from assay.components.registry import components, find
from assay.components.table import built_in_modules, is_known

# What a project or a plugin of this process brought has a module of its own.
_BUILT_IN = [
    item
    for item in components()
    if item.__module__.startswith(("assay.features.", "assay.tuning.", "assay.methods."))
    and "<locals>" not in item.__qualname__
]


@pytest.mark.parametrize("item", _BUILT_IN, ids=lambda item: f"{item.kind}-{item.name}")
def test_the_module_of_every_built_in_name_is_known_without_importing_it(
    item: type[Component],
) -> None:
    assert item.__module__ in built_in_modules()[item.name]


def test_every_module_of_a_name_does_define_it() -> None:
    defined = {(item.name, item.__module__) for item in _BUILT_IN}

    named = {(name, module) for name, found in built_in_modules().items() for module in found}
    assert named == defined


def _python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_naming_one_method_does_not_import_the_others() -> None:
    loaded = _python(
        "import sys; from assay.components.component import build; build('mtld', 'selector');"
        "print(*(name for name in sys.modules if name.startswith('assay.methods.')))"
    )

    assert set(loaded.split()) == {
        "assay.methods.text", "assay.methods.text.lexical",
        "assay.methods.combinations", "assay.methods.combinations.top_score",
    }  # fmt: skip


def test_a_name_is_known_by_its_kinds_and_dashes_are_underscores() -> None:
    assert is_known("facility-location", "selector")
    assert not is_known("facility_location", "scorer")
    assert is_known("random", "scorer", "selector")
    assert not is_known("no_such_method", "scorer", "selector")
    assert find("facility-location").name == "facility_location"


def test_a_file_that_imports_components_and_defines_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "only_imports.py"
    path.write_text("from assay.features.text import Lengths\n")

    said = _python(
        "from pathlib import Path; from assay.components.registry import load_file\n"
        f"try: load_file(Path({str(path)!r}))\n"
        "except Exception as error: print(error)"
    )

    assert "defines no component" in said


def test_a_name_that_is_taken_is_refused_before_its_owner_was_loaded(tmp_path: Path) -> None:
    path = tmp_path / "taken.py"
    path.write_text(
        "from assay import NoPaper, Scorer\n"
        "class Own(Scorer):\n"
        "    name = 'mtld'\n"
        "    paper = NoPaper(reason='a test')\n"
    )

    said = _python(
        "from pathlib import Path; from assay.components.registry import load_file\n"
        f"try: load_file(Path({str(path)!r}))\n"
        "except Exception as error: print(error)"
    )

    assert "assay.methods.text.lexical.MTLD are both the scorer 'mtld'" in said
