"""Nobody's file is written over without a word."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from assay.errors import DataError, Parameter, Phrase, UsageError
from assay.export.original import output_paths, refuse_inputs
from assay.export.trainers import layout_paths
from assay.files import absence
from assay.formats.forms import output_form
from assay.formats.records import SourceFile
from assay.stores.written import is_as_written
from assay.wording import number_of


def export_paths(
    files: Sequence[SourceFile], output: str | Path, layout: str | None = None
) -> list[Path]:
    """Return the files that the export of a selection writes, without its sidecar.

    Args:
        files: everything that was loaded.
        output: file or folder.
        layout: of a trainer; None for the input's own.

    Raises:
        UsageError: if something that is no folder stands where one is meant.
        DataError: if one of them was loaded.
    """
    target = Path(output)
    if output_form(target) is None and layout is None and not target.is_dir():
        _check_way(target)
    paths = output_paths(files, target) if layout is None else layout_paths(target, layout)
    refuse_inputs(paths, [file.path for file in files])
    return paths


def _check_way(folder: Path) -> None:
    hint = f"name a file, such as {folder}.jsonl, or another folder"
    if folder.exists():
        raise UsageError(
            f"{folder} is a file, and a name without a known ending means a folder", hint=hint
        )
    if folder.is_symlink():
        raise UsageError(absence(folder), hint=hint)


def foreign_files(paths: Iterable[Path], cache: Path) -> list[Path]:
    """Return which files are there and are not as Assay wrote them, links among them."""
    return [
        path
        for path in paths
        if (path.is_file() or path.is_symlink()) and not is_as_written(cache, path)
    ]


def shown_files(paths: Sequence[Path]) -> str:
    """Return how files are told before they are replaced: the first, and how many others."""
    first, others = paths[0], len(paths) - 1
    told = f"{first}, a link to {first.readlink()}," if first.is_symlink() else str(first)
    return f"{told} and {number_of(others, 'other file')}" if others else told


def refuse_foreign(paths: Iterable[Path], cache: Path) -> None:
    """Refuse to replace what Assay did not write.

    Raises:
        DataError: if such a file is there.
    """
    if foreign := foreign_files(paths, cache):
        raise kept_error(foreign)


def kept_error(foreign: Sequence[Path]) -> DataError:
    """Return the error for files that are to stay."""
    told = shown_files(foreign)
    if len(foreign) > 1:
        told = f"{told} are there, and are not as Assay wrote them"
    else:
        told = (
            f"{told} {'exists, and' if foreign[0].exists() else 'which'} is not as Assay wrote it"
        )
    return DataError(told, hint=Phrase("name another place, or add {}", Parameter("replace")))
