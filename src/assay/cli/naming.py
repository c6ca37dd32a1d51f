"""Paths, sources and models by the words that a person would type."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.shell import quoted

if TYPE_CHECKING:
    from assay.formats.records import SourceSpec
    from assay.workspace.workspace import Workspace


def shown_path(path: Path) -> str:
    """Return a path as a person in this folder would type it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def shown_source(project: "Workspace") -> str:
    """Return the words by which a command line names a project's data."""
    from assay.workspace.placement import default_folder

    specs = project.load_record.specs
    location = specs[0]["location"]
    usual = default_folder(_as_specs(specs)).absolute() == project.folder.absolute()
    if len(specs) == 1 and usual and location != "-":
        return typed_path(Path(location)) if Path(location).exists() else quoted(location)
    return typed_path(project.folder)


def typed_path(path: Path) -> str:
    """Return a path as a word of a command line that is taken for nothing else."""
    from assay.cli.options.grammar import is_method

    word = shown_path(path)
    return quoted(f"./{word}" if word.startswith("-") or is_method(word) else word)


def output_name(project: "Workspace", stem: str) -> str:
    """Return a file name in the container that the data came in."""
    return f"{stem}.{project.load_record.files[0].container}"


def _as_specs(specs: Sequence[dict[str, Any]]) -> "list[SourceSpec]":
    from assay.formats.records import SourceSpec

    return [SourceSpec(**spec) for spec in specs]
