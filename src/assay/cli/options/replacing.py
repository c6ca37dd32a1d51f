"""Nobody's file is written over without a word."""

import json
from collections.abc import Sequence
from pathlib import Path

from assay.cli.console import confirmed, terminal
from assay.cli.options.written import is_as_written
from assay.errors import DataError, UsageError


def check_replaceable(path: Path, *, yes: bool, inputs: Sequence[Path] = ()) -> None:
    """Ask before a file is replaced that Assay did not write; without a terminal, refuse.

    A file that Assay wrote is known by its sidecar ``<path>.assay.json``, which holds its digest,
    or by `assay.cli.options.written`.

    Args:
        path: what is about to be written; "-" is stdout.
        yes: whether the line says that it may.
        inputs: files that were loaded; the export refuses them in any case.

    Raises:
        UsageError: if a file stands where a folder is meant.
        DataError: if the file is to stay.
    """
    from assay.formats.forms import output_form

    if str(path) == "-":
        return
    if not path.parent.exists():
        terminal().note(f"note: the folder {path.parent} is not there yet and is made")
    if path.is_dir() or not (path.is_file() or path.is_symlink()):
        return
    if any(path.exists() and file.exists() and path.samefile(file) for file in inputs):
        return
    if path.is_file() and path.suffix != ".html" and output_form(path) is None:
        raise UsageError(
            f"{path} is a file, and a name without a known ending means a folder",
            hint=f"name a file, such as {path}.jsonl, or another folder",
        )
    if _is_own(path):
        return
    reported = f"{path}, a link to {path.readlink()}," if path.is_symlink() else str(path)
    if not confirmed(f"write over {reported}?", yes=yes):
        raise DataError(
            f"{reported} {'exists, and' if path.exists() else 'which'} is not as Assay wrote it",
            hint="name another file with -o, or add --yes",
        )


def _is_own(path: Path) -> bool:
    from assay.formats.streams import digest_of

    if path.is_symlink():
        return False
    try:
        described = json.loads(path.with_name(f"{path.name}.assay.json").read_bytes())["output"]
        return bool(described["blake2b"] == digest_of(path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return is_as_written(path)
