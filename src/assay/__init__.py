"""Assay: data selection for LLM instruction tuning.

    import assay
    project = assay.Project(data="alpaca_data.json")
    best = project.select(budget="5%")
    best.export("subset.json")

Names are imported when they are first used, so that ``import assay`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.components.base import Component, NoPaper, Paper
    from assay.components.budget import Allowance, Budget
    from assay.components.component import (
        AnyDataset,
        AnyFeature,
        AnyScorer,
        AnySelector,
        Chosen,
        Dataset,
        Feature,
        FileSet,
        Given,
        Scorer,
        Selector,
    )
    from assay.components.references import EncoderRef, FileRef, TokenizerRef
    from assay.components.rule import Rule
    from assay.config.config import Config, load_config
    from assay.errors import AssayError
    from assay.features.made_rows import Dropped, MadeRows, WithDemonstration
    from assay.features.passes import Pass, PoolFeature, RowFeature
    from assay.formats.records import SourceSpec
    from assay.pool.pool import Pool
    from assay.pool.view import PoolView
    from assay.progress import Silent
    from assay.project import Project
    from assay.runtime import Runtime
    from assay.samples import (
        Conversation,
        Flag,
        Message,
        Reason,
        Sample,
        Scores,
        Selection,
    )
    from assay.values import Groups, Labels, Matrix, Numbers, RowValue
    from assay.version import __version__
    from assay.workspace.named_selection import NamedSelection

_HOMES = {
    "assay.version": ("__version__",),
    "assay.components.budget": ("Allowance", "Budget"),
    "assay.components.base": ("Component", "NoPaper", "Paper"),
    "assay.components.component": (
        "AnyDataset", "AnyFeature", "AnyScorer", "AnySelector", "Chosen", "Dataset", "Feature",
        "FileSet", "Given", "Scorer", "Selector",
    ),
    "assay.components.rule": ("Rule",),
    "assay.config.config": ("Config", "load_config"),
    "assay.errors": ("AssayError",),
    "assay.formats.records": ("SourceSpec",),
    "assay.features.made_rows": ("Dropped", "MadeRows", "WithDemonstration"),
    "assay.features.passes": ("Pass", "PoolFeature", "PoolView", "RowFeature"),
    "assay.pool.pool": ("Pool",),
    "assay.workspace.named_selection": ("NamedSelection",),
    "assay.progress": ("Silent",),
    "assay.project": ("Project",),
    "assay.components.references": ("EncoderRef", "FileRef", "TokenizerRef"),
    "assay.runtime": ("Runtime",),
    "assay.samples": (
        "Conversation", "Flag", "Message", "Reason", "Sample", "Scores", "Selection",
    ),
    "assay.values": ("Groups", "Labels", "Matrix", "Numbers", "RowValue"),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Allowance",
    "AnyDataset",
    "AnyFeature",
    "AnyScorer",
    "AnySelector",
    "AssayError",
    "Budget",
    "Chosen",
    "Component",
    "Config",
    "Conversation",
    "Dataset",
    "Dropped",
    "EncoderRef",
    "Feature",
    "FileRef",
    "FileSet",
    "Flag",
    "Given",
    "Groups",
    "Labels",
    "MadeRows",
    "Matrix",
    "Message",
    "NamedSelection",
    "NoPaper",
    "Numbers",
    "Paper",
    "Pass",
    "Pool",
    "PoolFeature",
    "PoolView",
    "Project",
    "Reason",
    "RowFeature",
    "RowValue",
    "Rule",
    "Runtime",
    "Sample",
    "Scorer",
    "Scores",
    "Selection",
    "Selector",
    "Silent",
    "SourceSpec",
    "TokenizerRef",
    "WithDemonstration",
    "__version__",
    "load_config",
]


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
