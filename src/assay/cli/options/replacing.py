"""Before a person's file is replaced, they are asked; where nobody can answer, it stays."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.console import confirmed, terminal

if TYPE_CHECKING:
    from assay.workspace.workspace import Workspace

_STDOUT = Path("-")


def check_export(project: "Workspace", output: Path, layout: str | None, *, yes: bool) -> None:
    """Ask before an export replaces files that Assay did not write; see `check_replaceable`.

    Args:
        project: whose rows are written.
        output: file or folder; "-" is stdout.
        layout: of a trainer; None for the data's own.
        yes: whether the line says that it may.

    Raises:
        UsageError: if a file stands where a folder is meant.
        DataError: if a file is to stay.
    """
    from assay.workspace.replacing import export_paths

    if output != _STDOUT:
        _tell_of_new_folder(output)
        _ask(export_paths(project.load_record.files, output, layout), yes=yes)


def check_comparison(
    project: "Workspace", report: Path | None, best: Path | None, *, yes: bool
) -> None:
    """Ask before what a comparison leaves replaces files; see `check_replaceable`."""
    if report is not None:
        loaded = [file.path for file in project.load_record.files]
        check_replaceable(report, yes=yes, inputs=loaded)
    if best is not None:
        check_export(project, best, None, yes=yes)


def check_replaceable(path: Path, *, yes: bool, inputs: Sequence[Path] = ()) -> None:
    """Ask before a file is replaced that Assay did not write; without a terminal, refuse.

    Args:
        path: what is about to be written.
        yes: whether the line says that it may.
        inputs: files that were loaded, which stay in any case.

    Raises:
        DataError: if the file is to stay.
    """
    from assay.export.original import refuse_inputs

    refuse_inputs([path], inputs)
    _tell_of_new_folder(path)
    _ask([path], yes=yes)


def _tell_of_new_folder(path: Path) -> None:
    if not path.parent.exists():
        terminal().note(f"note: the folder {path.parent} is not there yet and is made")


def _ask(paths: Sequence[Path], *, yes: bool) -> None:
    from assay.stores.cache import default_cache_folder
    from assay.workspace.replacing import foreign_files, kept_error, shown_files

    foreign = foreign_files(paths, default_cache_folder())
    if foreign and not confirmed(f"write over {shown_files(foreign)}?", yes=yes):
        raise kept_error(foreign)
