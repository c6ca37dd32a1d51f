"""``assay diff``: two selections, or two scores, side by side."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Words
from assay.cli.options.writing import REPORT_HELP

if TYPE_CHECKING:
    from assay.project import Project
    from assay.workspace.stored import StoredResult


@verb(
    "diff",
    panel=LOOK,
    examples=(
        "assay diff alpaca_data.json random-5pct longest_response-5pct",
        "assay diff alpaca_data.json compression_ifd longest_response",
    ),
)
def diff(
    words: Words,
    everywhere: Everywhere,
    limit: Annotated[int, typer.Option(min=0, help="Rows to show of each side.")] = 3,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="PAGE.html", help=REPORT_HELP, show_default=False),
    ] = None,
) -> None:
    """Compare two selections, or two scores, of a project.

    Selections: rows in common, what each has alone, their make-up side by side, and how far the
    scores behind them agree. Scores: their rank correlation, and what their best rows share.
    """
    from assay.cli.options.names import open_named
    from assay.cli.options.replacing import check_replaceable
    from assay.errors import UsageError
    from assay.workspace.stored import find_result

    project, names = open_named(words or [], everywhere, as_loaded=True)
    if len(names) != 2:
        raise UsageError(
            f"diff compares two results, and {len(names)} are named",
            hint="`assay status` lists them",
        )
    first, second = (find_result(project, name) for name in names)
    if first.kind != second.kind:
        raise UsageError(f"{first.name} is a {first.kind}, {second.name} is a {second.kind}")
    if first.kind == "score":
        if report is not None:
            raise UsageError(
                "--report shows two selections", hint="`assay score ... --report` shows scores"
            )
        _scores(project, first, second)
    else:
        if report is not None:
            loaded = [file.path for file in project.load_record.files]
            check_replaceable(report, yes=everywhere.yes, inputs=loaded)
        _selections(project, first, second, limit, report)


def _scores(project: "Project", first: "StoredResult", second: "StoredResult") -> None:
    from assay.cli.printing.diff_report import describe_scores, score_parts

    page = terminal()
    described: dict[str, Any] = describe_scores(project, first, second)
    if page.settings.as_json:
        page.document(described)
        return
    for part in score_parts(described):
        page.result(part)


def _selections(
    project: "Project", first: "StoredResult", second: "StoredResult", limit: int,
    report: Path | None,
) -> None:  # fmt: skip
    from assay.cli.naming import shown_path
    from assay.cli.printing.diff_report import describe_selections, selection_parts

    page = terminal()
    started = time.perf_counter()
    described = describe_selections(project, first.name, second.name, limit)
    if report is not None:
        _report(project, described, time.perf_counter() - started, report)
        page.note(f"wrote: {shown_path(report)}")
    if page.settings.as_json:
        page.document(described)
        return
    for part in selection_parts(described):
        page.result(part)


def _report(project: "Project", described: dict[str, Any], seconds: float, path: Path) -> None:
    from assay.components.references import shown_names
    from assay.files import write_text
    from assay.reports.rows.difference import difference_page
    from assay.stores.written import remember
    from assay.workspace.stored import stored_selection

    first, second = (stored_selection(project, name) for name in described["names"])
    command = ["assay", "diff", *sys.argv[2:]]
    stages = {"compare": seconds}
    shown = described | {"methods": [shown_names(text) for text in described["methods"]]}
    write_text(path, difference_page((first, second), shown, stages=stages, command=command))
    remember(project.runtime.cache, [path])
