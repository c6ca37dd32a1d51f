"""Imported scores that a project keeps, each a method of its own name."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

from assay.components.references import FileRef
from assay.errors import DataError
from assay.features.imported_column import Match
from assay.methods.judged.imported import Imported
from assay.samples import Part
from assay.workspace.import_files import read_import


def check_name(name: str) -> str:
    """Return a name that can be typed as a method.

    Raises:
        DataError: if it cannot.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DataError(
            f"{name!r} cannot be the name of a score",
            hint="small letters, digits and underscores, a letter first",
        )
    return name


@lru_cache
def _declared(path: Path, text: str) -> type[Imported]:
    """Return the method that a file in ``imports`` describes; an equal text gives the same one."""
    described = json.loads(text)
    source = path.parent / described["file"]

    class Declared(Imported):
        __doc__ = f"{described['column']} of {described['original']}, imported."
        # The defaults below are no part of a key, so what they hold must be in the version.
        version: ClassVar[int] = int(described["digest"][:12], 16)

        file: FileRef = f"{source}@{described['file_digest']}"
        column: str = described["column"]
        match: Match = described["match"]
        key_column: str = described["key"]
        part: Part = described["part"]
        better: Literal["high", "low"] = described["better"]
        reason_column: str = described.get("reason_column", "")

    # A name of its project alone: a class that has one from the start is known everywhere.
    Declared.name = path.stem
    return Declared


def imported_names(folder: Path) -> list[type[Imported]]:
    """Return the methods that the imported scores of a project are, by their names."""
    paths = sorted((folder / "imports").glob("*.json"))
    return [
        _declared(path, json.dumps(read_import(folder, path.stem), sort_keys=True))
        for path in paths
    ]
