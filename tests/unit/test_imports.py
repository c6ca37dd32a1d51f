"""Imports point one way, and nothing heavy is loaded before it is used."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "assay"
PLAIN = (
    "samples", "errors", "budget", "random_numbers", "progress", "references", "files", "extras",
    "own_code", "parameter_errors", "language_models", "rendering", "templates", "checksums",
)  # fmt: skip
MACHINERY = (
    "frames", "stored_vectors", "import_files",
    "cache", "cache_size", "composition", "console", "defaults", "engine", "fitting",
    "loading", "passes", "planning", "pool", "prompts", "recipes", "registry",
    "result_labels", "result_names", "results", "row_shards", "row_work", "run_log",
    "runtime", "settling", "token_rows", "values", "tuning", "pages", "read_files", "seen_rows",
    "shown_rows",
)  # fmt: skip
DOORS = (
    "project", "named_selection", "stored", "agreement", "sample_reading", "trainings",
    "assessment", "compare",
    "testing", "config", "config_builder", "config_components", "config_init",
    "config_schema", "config_sections", "config_selections", "config_yaml", "config_compare",
    "token_view",
)  # fmt: skip
LEVELS = {
    **dict.fromkeys(PLAIN, 0),
    **dict.fromkeys(("component", "parts", "formats", "solvers"), 1),
    **dict.fromkeys(MACHINERY, 2),
    **dict.fromkeys(("features", "backends"), 2),
    **dict.fromkeys(("methods", "advice", "model_fit"), 3),
    **dict.fromkeys(DOORS, 4),
    "cli": 5,
}
"""A part may import parts of its own level and of those below."""
TEXT_FUNCTIONS = {"features.text_measures", "features.language"}
"""Functions of text alone, which solvers and backends may use as they do numpy."""
HEAVY = {"torch", "transformers", "sentence_transformers", "sklearn"}


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def _imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Yield the modules that a file imports; with `at_import` those that loading it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(_loaded(tree)) if at_import else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = SOURCE.parent.joinpath(*node.module.split("."), f"{alias.name}.py")
                yield f"{node.module}.{alias.name}" if inner.is_file() else node.module


def _loaded(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _loaded(child)


def _own(path: Path, *, at_import: bool = False) -> list[str]:
    names = _imports(path, at_import=at_import)
    return [name.removeprefix("assay.") for name in names if name.startswith("assay.")]


def _part(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_has_its_place() -> None:
    parts = {_part(module) for module in _modules()} - {""}

    assert parts - set(LEVELS) == set()


def test_no_module_imports_from_a_level_above() -> None:
    upward = [
        f"{module} -> {target}"
        for module, path in _modules().items()
        if _part(module) in LEVELS
        for target in set(_own(path, at_import=True)) - TEXT_FUNCTIONS
        if LEVELS[_part(target)] > LEVELS[_part(module)]
    ]

    assert upward == []


def test_loading_a_module_leads_back_to_it_nowhere() -> None:
    modules = _modules()
    graph = {m: {t for t in _own(p, at_import=True) if t in modules} for m, p in modules.items()}

    assert _cycles(graph) == []


def _cycles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules left when those without unresolved imports are taken away in turn."""
    left = {module: set(targets) for module, targets in graph.items()}
    while free := [module for module, targets in left.items() if not targets & set(left)]:
        for module in free:
            del left[module]
    return sorted(left)


def test_only_the_runtime_knows_the_backends() -> None:
    users = {
        module
        for module, path in _modules().items()
        if any(_part(target) == "backends" for target in _own(path)) and _part(module) != "backends"
    }

    assert users <= {"runtime"} | {m for m in users if _part(m) == "cli"}


def test_solvers_are_functions_of_arrays_alone() -> None:
    foreign = {
        f"{module} -> {target}"
        for module, path in _modules().items()
        if _part(module) == "solvers"
        for target in set(_own(path)) - TEXT_FUNCTIONS
        if _part(target) not in {"solvers", "samples", "errors"}
    }

    assert foreign == set()


def test_functions_of_text_know_nothing_else() -> None:
    modules = _modules()

    known = {target for module in TEXT_FUNCTIONS for target in _own(modules[module])}
    assert known <= {"samples"}


def test_methods_know_neither_files_nor_models() -> None:
    forbidden = {"backends", "formats", "cache", "engine", "project", "cli", "files"}
    foreign = {
        f"{module} -> {target}"
        for module, path in _modules().items()
        if _part(module) == "methods"
        for target in _own(path)
        if _part(target) in forbidden
    }

    assert foreign == set()


def test_heavy_packages_are_imported_by_backends_alone() -> None:
    users = {
        module
        for module, path in _modules().items()
        if any(name.partition(".")[0] in HEAVY for name in _imports(path))
    }

    assert {_part(module) for module in users} <= {"backends"}


def _loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n' + '\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_loading_every_method_leaves_heavy_packages_alone() -> None:
    loaded = _loaded_after("from assay.components.table import load_all; load_all()")

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
