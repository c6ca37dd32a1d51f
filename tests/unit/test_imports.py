"""Imports point one way, and nothing heavy is loaded before it is used."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "assay"
FLOORS = (
    ("folding", "version", "wording"),
    ("errors", "html"),
    ("echo",),
    ("samples",),
    ("files", "processors", "progress", "random_numbers", "prompts"),
    ("solvers",),
    ("values", "outcomes", "formats", "components", "notebooks"),
    ("tags", "texts", "pool", "rendering", "export"),
    ("models", "stores"),
    ("backends",),
    ("judging",),
    ("pinning",),
    ("runtime",),
    ("features",),
    ("tuning",),
    ("methods", "engine"),
    ("testing",),
    ("workspace",),
    ("agreement", "assessment", "compare", "evaluation"),
    ("reports", "project"),
    ("config",),
    ("cli", "assay"),
    ("__main__",),
)
"""The folders and files of the package, from the ground up; "assay" is its ``__init__``.

One may import what lies on floors below its own: when it is loaded, later inside a function, or
for types alone.
"""
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {"torch", "transformers", "gguf", "sentence_transformers", "sklearn", "xllamacpp"}


def _modules() -> dict[str, Path]:
    """Return every module by its name without ``assay.`` in front."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__") or "assay"] = path
    return found


def _imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = SOURCE.parent.joinpath(*node.module.split("."), alias.name)
                is_module = inner.with_suffix(".py").is_file() or (inner / "__init__.py").is_file()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def _own(path: Path) -> set[str]:
    names = (name for name in _imports(path) if name.partition(".")[0] == "assay")
    return {name.removeprefix("assay.") for name in names}


def _room(module: str) -> str:
    return module.partition(".")[0]


def _foreign(room: str, allowed: set[str]) -> set[str]:
    """Return what a room imports besides itself and some others."""
    return {
        f"{module} -> {target}"
        for module, path in _modules().items()
        if _room(module) == room
        for target in _own(path)
        if _room(target) not in allowed | {room}
    }


def _upward(modules: dict[str, Path]) -> list[str]:
    return [
        f"{module} -> {target}"
        for module, path in modules.items()
        for target in sorted(_own(path))
        if _room(target) != _room(module) and FLOOR_OF[_room(target)] >= FLOOR_OF[_room(module)]
    ]


def test_every_module_lies_on_a_floor_and_every_floor_is_lived_on() -> None:
    assert {_room(module) for module in _modules()} == set(FLOOR_OF)


def test_no_room_imports_one_of_its_own_floor_or_above() -> None:
    assert _upward(_modules()) == []


def test_late_and_type_only_imports_count(tmp_path: Path) -> None:
    late = tmp_path / "late.py"
    late.write_text("def f() -> None:\n    from assay.cli.app import app\n")
    typed = tmp_path / "typed.py"
    typed.write_text("if TYPE_CHECKING:\n    from assay import Project\n")

    assert _upward({"engine.late": late}) == ["engine.late -> cli.app"]
    assert _upward({"stores.typed": typed}) == ["stores.typed -> assay"]


def test_no_module_leads_back_to_itself() -> None:
    modules = _modules()
    graph = {name: (_own(path) & set(modules)) - {name} for name, path in modules.items()}

    assert _cycles(graph) == []


def _cycles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules left when those without unresolved imports are taken away in turn."""
    left = {module: set(targets) for module, targets in graph.items()}
    while free := [module for module, targets in left.items() if not targets & set(left)]:
        for module in free:
            del left[module]
    return sorted(left)


def test_a_circle_is_found() -> None:
    assert _cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_only_the_runtime_knows_the_backends() -> None:
    users = {
        module
        for module, path in _modules().items()
        if any(_room(target) == "backends" for target in _own(path)) and _room(module) != "backends"
    }

    known = {"runtime", "pinning", "judging.opening"}
    assert users <= known | {module for module in users if _room(module) == "cli"}


def test_solvers_are_functions_of_arrays_alone() -> None:
    assert _foreign("solvers", {"samples", "errors", "progress"}) == set()


def test_texts_are_functions_of_text_alone() -> None:
    assert _foreign("texts", {"samples", "errors", "progress", "solvers"}) == set()


def test_methods_know_neither_files_nor_models() -> None:
    barred = {"backends", "formats", "stores", "engine", "workspace", "project", "cli", "files"}

    assert _foreign("methods", set(FLOOR_OF) - barred) == set()


def test_heavy_packages_are_imported_by_backends_alone() -> None:
    users = {
        module
        for module, path in _modules().items()
        if any(name.partition(".")[0] in HEAVY for name in _imports(path))
    }

    assert {_room(module) for module in users} <= {"backends"}


def _loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n' + '\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_loading_every_method_leaves_heavy_packages_alone() -> None:
    loaded = _loaded_after("from assay.components.registry import components; list(components())")

    assert "assay.methods.geometry.facility_location" in loaded
    assert loaded & HEAVY == set()


# The framework itself validates with pydantic, once there is something to validate.
_HELP = [(["--help"], {"pydantic"}), (["select", "--help"], set()), (["--version"], set())]


@pytest.mark.parametrize(("words", "besides"), _HELP)
def test_help_starts_without_arrays_frames_and_models(words: list[str], besides: set[str]) -> None:
    loaded = _loaded_after(
        f"from assay.cli import main\ntry:\n    main({words})\nexcept SystemExit:\n    pass"
    )

    assert "assay.cli" in loaded
    assert loaded & ({"numpy", "polars", "faiss", "tokenizers", "ruamel"} | besides) == set()


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = _loaded_after("import assay")

    assert {name for name in loaded if name.startswith("assay")} == {"assay"}
