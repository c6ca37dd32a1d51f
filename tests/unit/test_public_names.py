import ast
import inspect
import sys
from pathlib import Path

import pytest

import assay
from tests.patience import run

_SOURCE = Path(assay.__file__)


def _python(script: str) -> str:
    done = run([sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", assay.__all__)
def test_a_public_name_can_be_imported_and_is_documented(name: str) -> None:
    value = getattr(assay, name)

    if isinstance(value, type) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()
        assert value.__module__.startswith("assay.")


def test_what_a_type_checker_sees_is_what_can_be_imported() -> None:
    tree = ast.parse(_SOURCE.read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    imported = [
        alias.name
        for branch in guarded
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]

    assert sorted(imported) == sorted(assay.__all__) == sorted(assay._HOME_OF)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Projects'"):
        assay.Projects  # noqa: B018


def test_names_are_listed_before_they_are_used() -> None:
    assert set(assay.__all__) <= set(dir(assay))


def test_importing_assay_loads_nothing_heavy() -> None:
    heavy = ("torch", "polars", "numpy", "pydantic", "faiss", "rich", "typer")

    loaded = _python(f"import assay, sys; print([m for m in {heavy} if m in sys.modules])")

    assert loaded == "[]"


def test_importing_every_method_leaves_torch_and_faiss_alone() -> None:
    loaded = _python(
        "import sys, assay.project; from assay.components.table import load_all; load_all(); "
        "print([m for m in ('torch', 'sklearn', 'transformers') if m in sys.modules])"
    )

    assert loaded == "[]"


@pytest.mark.parametrize(
    "module", ["assay.components.registry", "assay.engine.engine", "assay.project",
               "assay.config.config", "assay.testing",
               "assay.methods.combinations.quota", "assay.features.text", "assay.components.budget"]
)  # fmt: skip
def test_a_module_can_be_the_first_to_be_imported(module: str) -> None:
    assert _python(f"import {module}; print('ok')") == "ok"
