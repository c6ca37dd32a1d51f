"""Optional groups of dependencies, and whether they are installed."""

import importlib.util
from collections.abc import Mapping

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "models": ("torch", "transformers", "sentence_transformers", "sklearn")
}
"""Modules that each group brings, the one that tells whether it is there first."""


def is_installed(extra: str) -> bool:
    """Return whether an optional group of dependencies is there."""
    return importlib.util.find_spec(EXTRAS[extra][0]) is not None
