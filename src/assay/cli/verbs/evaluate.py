"""``assay evaluate``: who wins, recomputed from what judges said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.evaluation.outcomes import Rule

ACTIONS = ("import", "check", "report")
IMPOSSIBLE = 1


@dataclass(frozen=True)
class Evaluating:
    """Options that say whose records are taken, and by which rule."""

    candidate: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Whose score it is: a model or an answer that the records, or the name "
                     "of the file, name; on whichever side."),
    ] = None  # fmt: skip
    versus: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Take pairs with this reference only; all of them by default. In a table "
                     "of results, the method that others are compared with; random by default."),
    ] = None  # fmt: skip
    questions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False,
                     help="All that was asked, with sets or categories: what was never judged is "
                     "told."),
    ] = None  # fmt: skip
    rule: Annotated[
        str,
        typer.Option(metavar="RULE",
                     help="How two orders become one outcome: sum-sign, agree-else-tie or "
                     "mean-score. The others are printed beside it."),
    ] = "sum-sign"  # fmt: skip
    judged: Annotated[
        str | None,
        typer.Option(metavar="LAYOUT", show_default=False,
                     help="Layout of the records, instead of finding it."),
    ] = None  # fmt: skip
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", show_default=False,
                     help="Take records that say this, such as turn=1. Repeatable."),
    ] = None  # fmt: skip
    better: Annotated[
        str,
        typer.Option(metavar="high|low",
                     help="Which scores of a table of results are better."),
    ] = "high"  # fmt: skip
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", show_default=False,
                     help="Write all figures as JSON; of `report`, the page as HTML."),
    ] = None  # fmt: skip


@verb(
    "evaluate",
    panel=LOOK,
    examples=(
        "assay evaluate import vicuna_wrap_reviews_gpt4.json --candidate Answer1",
        "assay evaluate import ours_vs_chatgpt.jsonl chatgpt_vs_ours.jsonl --candidate ours",
        "assay evaluate import annotations.json --candidate LMCocktail-10.7B-v1 -o report.json",
        "assay evaluate import runs/ours runs/random --candidate ours --versus random",
        "assay evaluate import results.csv --versus random",
        "assay evaluate check table.csv",
        "assay evaluate report data.assay/comparisons/comparison-1a2b3c4d -o report.html",
    ),
)
def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", show_default=False,
                       help="What to do, and the files it is done with."),
    ],
    evaluating: Evaluating,
    everywhere: Everywhere,
) -> None:  # fmt: skip
    """Say who wins, how sure that is, and what it rests on.

    `import FILE...` recomputes everything from records in which judges' replies are published;
    layouts are those of `import-scores`. Two files of one order each are joined by what they say.
    A reply that says nothing is a failure and never a tie, and the score is given for the worst
    and the best that it could have been. Nobody is asked, and nothing is needed but the files.

    Of two runs of lm-evaluation-harness (folders with results and logged samples) it says on which
    tasks they differ, paired by question; tasks that were run on other terms are refused.

    Of a table of results (CSV or TSV: method, test, and dataset, budget, seed, dev, cost and base
    where there are any) it says which method beats the reference at which budget, over its runs.

    `check TABLE.csv` says whether a published table can be right: scores that no counts give,
    totals that contradict their sets, and conclusions that hang on the judge or the rule. It ends
    with code 1 where a line is impossible or contradicts others.

    `report FOLDER -o REPORT.html` makes the report of a comparison again from its records, ours or
    anybody's in the same form, without any model.
    """
    from assay.errors import UsageError

    given = list(words or [])
    if not given or given[0] not in ACTIONS:
        raise UsageError(
            f"evaluate does not know {given[0]!r}" if given else "nothing is named",
            hint="assay evaluate import FILE --candidate NAME, or check TABLE.csv",
        )
    if given[0] == "check":
        _check(given[1:], evaluating, everywhere)
    elif given[0] == "report":
        _report(given[1:], evaluating, everywhere)
    else:
        _import(given[1:], evaluating, everywhere)


def _report(words: Sequence[str], evaluating: Evaluating, everywhere: Everywhere) -> None:
    from assay.cli.options.replacing import check_replaceable
    from assay.cli.printing.compare_report import print_records
    from assay.errors import UsageError
    from assay.reports.comparison.outcome import outcome_of
    from assay.stores.cache import default_cache_folder
    from assay.stores.written import remember

    if len(words) != 1:
        raise UsageError("the records of one comparison at a time",
                         hint="assay evaluate report FOLDER -o report.html")  # fmt: skip
    folder = Path(words[0])
    output = evaluating.output or folder / "report.html"
    check_replaceable(output, yes=everywhere.yes, inputs=[folder / "comparison.json"])
    print_records(outcome_of(folder, output))
    remember(default_cache_folder(), [output])


def _check(words: Sequence[str], evaluating: Evaluating, everywhere: Everywhere) -> None:
    from assay.cli.printing.table_check_report import check_parts, describe_check
    from assay.errors import UsageError
    from assay.evaluation.table_check import check_table
    from assay.evaluation.win_table import read_win_table

    if len(words) != 1:
        raise UsageError("one table is checked at a time", hint="assay evaluate check TABLE.csv")
    path = Path(words[0])
    found = check_table(read_win_table(path))
    _show(describe_check(found, path), check_parts(found), [path], evaluating, everywhere)
    if not found.is_possible:
        raise typer.Exit(IMPOSSIBLE)


def _import(words: Sequence[str], evaluating: Evaluating, everywhere: Everywhere) -> None:
    from assay.cli.options.judged import where_of
    from assay.cli.printing.evaluation_report import describe_evaluation, evaluation_parts
    from assay.errors import UsageError
    from assay.evaluation.harness_runs import results_in
    from assay.evaluation.recorded import read_recorded
    from assay.evaluation.report import report_on
    from assay.evaluation.results_table import is_table_of_results

    if not words:
        raise UsageError("no file is named", hint="assay evaluate import FILE --candidate NAME")
    if all(results_in(Path(word)) for word in words):
        _import_runs(words, evaluating, everywhere)
        return
    if is_table_of_results(Path(words[0])):
        _import_results(words, evaluating, everywhere)
        return
    if not evaluating.candidate:
        raise UsageError("whose score is it?", hint="--candidate NAME, of a model or an answer")
    rule = _rule(evaluating.rule)
    paths = [Path(word) for word in words]
    recorded = read_recorded(
        paths,
        evaluating.candidate,
        versus=evaluating.versus,
        questions=evaluating.questions,
        layout=evaluating.judged,
        where=where_of(evaluating.where),
    )
    found = report_on(recorded, rule=rule)
    _show(describe_evaluation(found, paths), evaluation_parts(found), paths, evaluating, everywhere)
    for note in found.notes:
        terminal().warn(note)


def _import_results(words: Sequence[str], evaluating: Evaluating, everywhere: Everywhere) -> None:
    from assay.cli.printing.grid_report import describe_grid, grid_parts
    from assay.errors import UsageError
    from assay.evaluation.grid import grid_of
    from assay.evaluation.results_table import read_results

    if len(words) > 1:
        raise UsageError("tables of results are read one at a time")
    if evaluating.candidate:
        raise UsageError(
            "every method of a table of results is compared: leave out --candidate",
            hint="--versus NAME says with which",
        )
    if evaluating.better not in ("high", "low"):
        raise UsageError(f"--better {evaluating.better!r}", hint="high or low")
    path = Path(words[0])
    found = grid_of(
        read_results(path),
        reference=evaluating.versus,
        better="low" if evaluating.better == "low" else "high",
    )
    _show(describe_grid(found, path), grid_parts(found), [path], evaluating, everywhere)
    for note in found.notes:
        terminal().warn(note)


def _import_runs(words: Sequence[str], evaluating: Evaluating, everywhere: Everywhere) -> None:
    from assay.cli.printing.benchmark_report import benchmark_parts, describe_pairs
    from assay.errors import UsageError
    from assay.evaluation.benchmark_pairs import compare_runs
    from assay.evaluation.harness_runs import distinct, pick, read_run

    paths = [Path(word) for word in words]
    if len(paths) < 2 or (len(paths) > 2 and not evaluating.versus):
        raise UsageError(
            "two runs are compared at a time",
            hint="assay evaluate import RUN OTHER-RUN --candidate NAME --versus NAME",
        )
    runs = distinct([read_run(path) for path in paths])
    candidate = pick(runs, evaluating.candidate) if evaluating.candidate else runs[0]
    others = [run for run in runs if run is not candidate]
    reference = pick(others, evaluating.versus) if evaluating.versus else others[0]
    found = compare_runs(candidate, reference)
    described = describe_pairs(found, [candidate.path, reference.path])
    _show(described, benchmark_parts(found), paths, evaluating, everywhere)
    for note in found.notes:
        terminal().warn(note)


def _show(
    described: "dict[str, Any]",
    parts: "Iterable[RenderableType]",
    inputs: Sequence[Path],
    evaluating: Evaluating,
    everywhere: Everywhere,
) -> None:
    """Print what was found, or hand it over as data, and write it where that is asked for."""
    from assay.cli.naming import shown_path
    from assay.cli.options.replacing import check_replaceable
    from assay.files import write_text
    from assay.stores.cache import default_cache_folder
    from assay.stores.written import remember
    from assay.wording import json_text

    if evaluating.output is not None:
        check_replaceable(evaluating.output, yes=everywhere.yes, inputs=inputs)
    page = terminal()
    if page.settings.as_json:
        page.document(described)
    else:
        for part in parts:
            page.result(part)
    if evaluating.output is not None:
        write_text(evaluating.output, json_text(described) + "\n")
        remember(default_cache_folder(), [evaluating.output])
        page.note(f"wrote {shown_path(evaluating.output)}", style="dim")


def _rule(word: str) -> "Rule":
    from assay.errors import UsageError, did_you_mean
    from assay.evaluation.outcomes import RULES

    found = next((rule for rule in RULES if rule == word), None)
    if found is None:
        hint = did_you_mean(word, RULES) or f"one of {', '.join(RULES)}"
        raise UsageError(f"--rule {word!r}", hint=hint)
    return found
