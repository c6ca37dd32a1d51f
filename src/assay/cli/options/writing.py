"""Where a selection is written, and how."""

import re
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.console import terminal
from assay.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from assay.export.original import ExportReport
    from assay.export.trainers import LayoutReport
    from assay.workspace.named_selection import NamedSelection


REPORT_HELP = "Write a page to look at: pictures, rows to read, what it cost. Needs no network."


@dataclass(frozen=True)
class Writing:
    """Options that say what is written, and where."""

    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="File or folder to write; '-' is stdout.",
                     rich_help_panel="What to write", show_default=False),
    ] = None  # fmt: skip
    layout_out: Annotated[
        str | None,
        typer.Option("--format", metavar="trl|trl-prompt-completion|llama-factory|axolotl|ms-swift",
                     help="Layout of a trainer; the input's own by default, byte for byte.",
                     rich_help_panel="What to write", show_default=False),
    ] = None  # fmt: skip
    no_sidecar: Annotated[
        bool,
        typer.Option("--no-sidecar", help="Write no ids, ranks, scores and reasons beside it.",
                     rich_help_panel="What to write"),
    ] = False  # fmt: skip

    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="PAGE.html", help=REPORT_HELP,
                     rich_help_panel="What to write", show_default=False),
    ] = None  # fmt: skip
    push: Annotated[
        str | None,
        typer.Option("--push", metavar="ORG/NAME", rich_help_panel="What to write",
                     help="Upload the rows to the Hugging Face Hub, with a card; to a private "
                     "dataset, unless it exists already.", show_default=False),
    ] = None  # fmt: skip
    public: Annotated[
        bool,
        typer.Option("--public", help="Whether a dataset that --push makes is for everybody.",
                     rich_help_panel="What to write"),
    ] = False  # fmt: skip


_STDOUT = Path("-")


def check_output(writing: "Writing") -> None:
    """Refuse before any work what could not be written after it.

    Raises:
        UsageError: if an option is wrong, or stdout would have to hold two things.
        DataError: if the output's ending asks for what does not exist.
    """
    from assay.export.trainers import TRAINER_LAYOUTS
    from assay.formats.forms import output_form

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


@dataclass(frozen=True)
class Written:
    """What was written of a selection.

    `paths` are files; `facts` says how many rows they hold, and which rows they lack and why.
    """

    paths: list[Path] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def write_selection(selection: "NamedSelection", path: Path, writing: "Writing") -> Written:
    """Write a selection where `check_export` has asked, and say what is not part of the input."""
    if path == _STDOUT:
        return Written([], _write_stdout(selection, writing))
    sidecar = not writing.no_sidecar
    report = selection.export(path, layout=writing.layout_out, sidecar=sidecar, replace=True)
    beside = [path.with_name(f"{path.name}.assay.{ending}") for ending in ("parquet", "json")]
    say_export(report, len(selection), beside[0] if sidecar else None)
    paths = [*report.paths, *(beside if sidecar else [])]
    return Written(paths, selection.described_export(report))


def written_ending(selection: "NamedSelection", writing: "Writing") -> str:
    """Return the ending of a file for rows whose place nobody has named."""
    containers = {file.container for file in selection.project.load_record.files}
    return containers.pop() if len(containers) == 1 and not writing.layout_out else "jsonl"


def _write_stdout(selection: "NamedSelection", writing: "Writing") -> dict[str, Any]:
    ending = written_ending(selection, writing)
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        path = Path(folder) / f"subset.{ending}"
        report = selection.write_rows(path, layout=writing.layout_out)
        say_export(report, len(selection), None)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return selection.described_export(report)


def say_export(report: "ExportReport | LayoutReport", chosen: int, table: Path | None) -> None:
    """Say what an export holds that is not simply a part of the input, and what it lacks.

    Args:
        report: what was written.
        chosen: rows of the selection.
        table: the file beside it that names the rows which are not whole; None if there is none.
    """
    from assay.cli.naming import shown_path

    page = terminal()
    for note in report.notes:
        page.note(f"note: {note}", style="yellow")
    left_out, losses = getattr(report, "left_out", {}), getattr(report, "losses", {})
    for reason, count in left_out.items():
        page.warn(f"{count:,} of {chosen:,} chosen rows were not written: {reason}")
    for what, count in losses.items():
        page.warn(f"{count:,} of {chosen:,} chosen rows were written without {what}")
    columns = [("not_written", left_out), ("written_without", losses)]
    named = " and ".join(name for name, found in columns if found)
    if named and table is not None:
        page.note(f"their ids: {shown_path(table)}, {named}", style="yellow")
    elif named:
        page.note("their ids: write to a file without --no-sidecar", style="yellow")
