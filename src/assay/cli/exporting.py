"""Where a selection is written, and how."""

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from assay.console import terminal
from assay.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from assay.cli.select import Writing
    from assay.formats.export import ExportReport
    from assay.formats.export_trainers import LayoutReport
    from assay.named_selection import NamedSelection

_STDOUT = Path("-")


def check_output(writing: "Writing") -> None:
    """Refuse before any work what could not be written after it.

    Raises:
        UsageError: if an option is wrong, or stdout would have to hold two things.
        DataError: if the output's ending asks for what does not exist.
    """
    from assay.formats.export_outputs import output_form
    from assay.formats.export_trainers import TRAINER_LAYOUTS

    if writing.layout_out is not None and writing.layout_out not in TRAINER_LAYOUTS:
        raise UsageError(
            f"--format: {writing.layout_out!r} is not known",
            hint=did_you_mean(writing.layout_out, TRAINER_LAYOUTS)
            or f"one of {', '.join(TRAINER_LAYOUTS)}",
        )
    if writing.output is None:
        if writing.layout_out is not None:
            raise UsageError("--format needs a place to write to", hint="add -o subset.jsonl")
        return
    if writing.output == "-":
        if terminal().settings.as_json:
            raise UsageError("-o - and --json both want stdout", hint="write to a file: -o FILE")
        return
    output_form(Path(writing.output))


def output_path(writing: "Writing", label: str) -> Path | None:
    """Return where a selection goes; a label stands before the ending of the name.

    Raises:
        UsageError: if several selections would go to stdout.
    """
    if writing.output is None:
        return None
    if not label:
        return Path(writing.output)
    if writing.output == "-":
        raise UsageError("several selections cannot share stdout", hint="write to a file: -o FILE")
    path = Path(writing.output)
    stem, dot, ending = path.name.partition(".")
    return path.with_name(f"{stem}-{re.sub(r'[^a-zA-Z0-9_-]+', '-', label)}{dot}{ending}")


def write_selection(selection: "NamedSelection", path: Path, writing: "Writing") -> list[Path]:
    """Write a selection, say what is not simply a part of the input, and return the files."""
    if path == _STDOUT:
        _write_stdout(selection, writing)
        return []
    sidecar = not writing.no_sidecar
    report = selection.export(path, layout=writing.layout_out, sidecar=sidecar)
    _say(report)
    beside = [path.with_name(f"{path.name}.assay.{ending}") for ending in ("parquet", "json")]
    return [*report.paths, *(beside if sidecar else [])]


def _write_stdout(selection: "NamedSelection", writing: "Writing") -> None:
    containers = {file.container for file in selection.project.load_record.files}
    ending = containers.pop() if len(containers) == 1 and not writing.layout_out else "jsonl"
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        path = Path(folder) / f"subset.{ending}"
        _say(selection.export(path, layout=writing.layout_out, sidecar=False))
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _say(report: "ExportReport | LayoutReport") -> None:
    page = terminal()
    for note in report.notes:
        page.note(f"note: {note}", style="yellow")
    for reason, count in getattr(report, "left_out", {}).items():
        page.warn(f"{count:,} samples were not written: {reason}")
    for what, count in getattr(report, "losses", {}).items():
        page.warn(f"{count:,} samples were written without {what}")
