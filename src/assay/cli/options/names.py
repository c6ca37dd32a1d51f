"""Words that name results of a project: ``[SOURCE...] NAME...``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.cli.options.grammar import Source, find_source
from assay.cli.options.groups import Everywhere
from assay.cli.options.opening import open_project

if TYPE_CHECKING:
    from pathlib import Path

    from assay.project import Project


def split_words(words: Sequence[str]) -> "tuple[list[Source], list[Path], list[str]]":
    """Return sources, method files, and the words that must be names or ids."""
    from pathlib import Path

    sources: list[Source] = []
    files: list[Path] = []
    names: list[str] = []
    for word in words:
        source = find_source(word)
        if source is None:
            names.append(word)
        elif word.endswith(".py"):
            files.append(Path(source.location))
        else:
            sources.append(source)
    return sources, files, names


def open_named(
    words: Sequence[str], everywhere: Everywhere, *, as_loaded: bool = False
) -> "tuple[Project, list[str]]":
    """Return the project that the words mean, and the names among them; see `open_project`.

    Raises:
        DataError: if nothing says which project is meant.
    """
    from assay.components.registry import load_file

    sources, files, names = split_words(words)
    for file in files:
        load_file(file)
    return open_project(sources, everywhere, plugin_files=files, as_loaded=as_loaded), names
