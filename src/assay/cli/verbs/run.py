"""``assay run``: do what a configuration file says."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import CHOOSE, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Working
from assay.cli.options.opening import runtime_of

if TYPE_CHECKING:
    from assay.config.config import Config, RunResult
    from assay.models.recipe import Recipe
    from assay.runtime import Runtime

_NAMING = "defaults: {language_model: gpt2}"


@verb(
    "run",
    panel=CHOOSE,
    examples=(
        "assay run assay.yaml",
        "assay run assay.yaml --only best",
        "assay run assay.yaml -n",
        "assay run alpaca_data.assay/runs/20260101T120000Z-select-1a2b3c/config.yaml",
    ),
)
def run(
    file: Annotated[Path, typer.Argument(help="Configuration (YAML).", show_default=False)],
    everywhere: Everywhere,
    working: Working,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this score or selection, and its exports. Repeatable.",
                     show_default=False),
    ] = None,
) -> None:  # fmt: skip
    """Load, score, select, export and compare as a configuration file says.

    What is at hand already is not made again: after an interruption the same line goes on.
    """
    from assay.cli.naming import shown_path
    from assay.cli.options.models import check_work
    from assay.cli.options.replacing import check_comparison, check_export
    from assay.cli.options.spending import check_spending
    from assay.cli.printing.compare_report import print_both_plans, tell
    from assay.cli.printing.compare_report import print_plan as print_comparison_plan
    from assay.cli.printing.planning_report import print_plan
    from assay.cli.recording import recorded
    from assay.cli.verbs.compare import FAILED
    from assay.config.config import load_config

    terminal().speak_of_a_file()
    config = load_config(file, everywhere.project)
    if only:
        config = config.only(only)
    runtime = _runtime(config, everywhere, working)
    project = config.open(runtime)
    study = config.study(project)
    if working.dry_run:
        if study is not None and terminal().settings.as_json:
            print_both_plans(project, config.components(), study)
            return
        if study is None or config.components():
            print_plan(project, config.components(), naming=_NAMING)
        for export in config.placed_exports():
            terminal().note(f"would write {shown_path(export.output)}")
        if study is not None:
            print_comparison_plan(study, dry_run=True)
        return
    for export in config.placed_exports():
        check_export(project, export.output, export.layout, yes=everywhere.yes)
    if config.comparison is not None:
        report, best = config.comparison.report, config.comparison.best
        check_comparison(project, report, best, yes=everywhere.yes)
    check_work(project, config.components(), naming=_NAMING)
    check_spending(project, config.components(), working, everywhere)
    if study is not None:
        print_comparison_plan(study, dry_run=False)
    with recorded(project, "run", sys.argv[2:], config.components()) as record:
        result = config.run(project=project, study=study, tell=tell, replace=True)
        described = _describe(result) | {
            "models": [fit.facts() for fit in project.model_fits(config.components())]
        }
        record.facts |= described
    _show(result, described, None if study is None else study.experiment.recipe)
    if result.comparison is not None and result.comparison.failed:
        raise typer.Exit(FAILED)


def _runtime(config: "Config", everywhere: Everywhere, working: Working) -> "Runtime":
    """Return the runtime of the file; options of the command line come first."""
    import dataclasses

    given = runtime_of(everywhere, working)
    changes: dict[str, Any] = {}
    if working.threads is not None:
        changes |= {"threads": given.threads, "workers": given.workers}
    if working.workers is not None:
        changes["workers"] = given.workers
    if working.max_unscored is not None:
        changes["max_unscored"] = given.max_unscored
    for name in ("device", "max_cost", "price"):
        if getattr(working, name) is not None:
            changes[name] = getattr(given, name)
    return dataclasses.replace(config.runtime(given), **changes)


def _describe(result: "RunResult") -> dict[str, Any]:
    import numpy as np

    from assay.outcomes import reason_counts

    return {
        "project": str(result.project.folder),
        "pool": {"digest": result.project.pool.digest, "rows": len(result.project)},
        "scores": {
            name: {
                "scored": int(np.count_nonzero(table.main.reason == 0)),
                "unscored": reason_counts(table.main.reason),
            }
            for name, table in result.scores.items()
        },
        "selections": {
            name: [
                {"name": chosen.name, "seed": chosen.selector.seed, "rows": len(chosen),
                 "eligible": chosen.record.eligible, "key": chosen.selector.key,
                 "files": chosen.record.facts.get("files", [])}
                for chosen in group
            ]
            for name, group in result.selections.items()
        },
        "exports": [
            {"selection": made.export.selection, "seed": made.chosen.selector.seed,
             "paths": [str(path) for path in made.report.paths],
             **made.chosen.described_export(made.report)}
            for made in result.exports
        ],
    } | ({"comparison": result.comparison.facts()} if result.comparison else {})  # fmt: skip


def _show(result: "RunResult", described: dict[str, Any], recipe: "Recipe | None") -> None:
    from assay.cli.console import table
    from assay.cli.naming import shown_path, typed_path
    from assay.cli.options.writing import say_export
    from assay.cli.printing.compare_report import print_outcome
    from assay.cli.printing.next_lines import joined
    from assay.cli.printing.selection_report import empty_error, warn_of_files
    from assay.cli.shell import quoted
    from assay.components.references import shown_names
    from assay.outcomes import reason_counts

    page = terminal()
    warn_of_files([chosen for group in result.selections.values() for chosen in group])
    for item in (item for group in result.selections.values() for item in group):
        if not len(item):
            empty = empty_error(item)
            page.warn(f"{empty.message}; {empty.hint}")
    for made in result.exports:
        output = made.export.output
        beside = output.with_name(f"{output.name}.assay.parquet") if made.export.sidecar else None
        say_export(made.report, len(made.chosen), beside)
    if page.settings.as_json:
        page.document(described)
        return
    if result.scores:
        rows = [
            (name, int((scores.main.reason == 0).sum()), _counts(reason_counts(scores.main.reason)))
            for name, scores in result.scores.items()
        ]
        page.result(table(["score", ("rows", "right"), "without a score"], rows))
        page.result()
    if result.selections:
        several = any(len(group) > 1 for group in result.selections.values())
        chosen = [
            (name, *([item.selector.seed] if several else []), len(item), item.record.eligible,
             shown_names(item.selector.label()))
            for name, group in result.selections.items()
            for item in group
        ]  # fmt: skip
        heads = [*([("seed", "right")] if several else []), ("rows", "right"), ("of", "right")]
        page.result(table(["selection", *heads, "by"], chosen))  # type: ignore[list-item]
        page.result()
    for made in result.exports:
        paths = ", ".join(shown_path(path) for path in made.report.paths)
        page.result(f"{made.export.selection} -> {paths}")
    if result.comparison is not None and recipe is not None:
        print_outcome(result.project, result.comparison, recipe)
    page.note(f"made {shown_path(result.project.folder)}", style="dim")
    first = next((chosen for group in result.selections.values() for chosen in group), None)
    if first is not None:
        page.next(joined("show", typed_path(result.project.folder), quoted(first.name)))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ').lower()} {count:,}" for name, count in counts.items()
    )
