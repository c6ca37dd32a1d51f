"""Paths, sources and models by the words that a person would type."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.formats.records import SourceSpec
    from assay.workspace.workspace import Workspace


def command_line(words: Sequence[str]) -> str:
    """Return words as they are typed in a shell."""
    return shlex.join(["assay", *words])


def shown_path(path: Path) -> str:
    """Return a path as a person in this folder would type it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def shown_names(text: str) -> str:
    """Return a label in which models go by their names, without digests and folders."""
    from assay.components.references import short_name

    return re.sub(r"([^\s=,()\[\]]+)@[0-9a-f]{12,}", lambda found: short_name(found[0]), text)


def shown_source(project: "Workspace") -> str:
    """Return the words by which a command line names a project's data."""
    from assay.workspace.placement import default_folder

    specs = project.load_record.specs
    location = specs[0]["location"]
    usual = default_folder(_as_specs(specs)).absolute() == project.folder.absolute()
    if len(specs) == 1 and usual and location != "-":
        return shlex.quote(shown_path(Path(location)) if Path(location).exists() else location)
    return shlex.quote(shown_path(project.folder))


def output_name(project: "Workspace", stem: str) -> str:
    """Return a file name in the container that the data came in."""
    return f"{stem}.{project.load_record.files[0].container}"


def _as_specs(specs: Sequence[dict[str, Any]]) -> "list[SourceSpec]":
    from assay.formats.records import SourceSpec

    return [SourceSpec(**spec) for spec in specs]
