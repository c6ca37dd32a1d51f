"""Optional groups of dependencies, and whether they are installed."""

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "models": ("torch", "transformers", "gguf", "sentence_transformers", "sklearn"),
    "tune": ("trl", "peft"),
    "local": ("xllamacpp",),
}
"""Modules that each group brings, the one that tells whether it is there first."""


def is_installed(extra: str) -> bool:
    """Return whether an optional group of dependencies is there."""
    return importlib.util.find_spec(EXTRAS[extra][0]) is not None


def needed_extra(component: "BaseModel") -> str:
    """Return the group that a component cannot run without; none where its model brings its own."""
    from assay.components.references import is_endpoint, name_of, pinned_fields  # noqa: PLC0415  help starts without

    models = [
        str(getattr(component, name))
        for name, kind in pinned_fields(type(component)).items()
        if kind == "language_model"
    ]
    in_full = getattr(component, "dtype", "float32") == "float32"
    if models and all(
        is_endpoint(model) or (name_of(model).startswith("assay:") and in_full) for model in models
    ):
        return ""
    return str(getattr(type(component), "extra", ""))
