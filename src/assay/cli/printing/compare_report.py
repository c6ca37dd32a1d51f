"""What a comparison will do, what it is doing, and what came of it, for people."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assay.cli.console import Column, facts, labelled, table, terminal
from assay.cli.naming import output_name, shown_path, typed_path
from assay.cli.printing.next_lines import joined, model_path, reading_options, recipe_options
from assay.cli.printing.planning_report import steps_table
from assay.cli.shell import command_line
from assay.compare.power import power_words
from assay.components.references import short_name
from assay.engine.planning import plan
from assay.errors import PlanError
from assay.errors import joined as in_one
from assay.progress import format_seconds
from assay.wording import count, flops, interval, nats, p_value, seconds, short_count, signed

if TYPE_CHECKING:
    from assay.compare.records import Comparison
    from assay.compare.runner import Runner, Step
    from assay.compare.statistics import Row
    from assay.compare.study import Study
    from assay.components.base import Component
    from assay.models.recipe import Recipe
    from assay.reports.comparison.outcome import Outcome
    from assay.workspace.workspace import Workspace

_LISTED = 4


def print_plan(study: "Study", *, dry_run: bool) -> None:
    """Say what a comparison will do, what it will be able to show, and how long it takes.

    Args:
        study: the comparison.
        dry_run: nothing follows, so the plan itself is the result.

    Raises:
        PlanError: with every reason why it cannot start.
    """
    page = terminal()
    for note in study.first.division.notes():
        page.note(f"note: {note}", style="yellow")
    study.check()
    for words in dict.fromkeys(words for each in study.runners for words in each.notes):
        page.warn(page.spelled(words))
    if dry_run and page.settings.as_json:
        page.document(_planned_of_all(study))
        return
    for runner in study.runners:
        _show_plan(runner, dry_run=dry_run)
    if dry_run:
        page.note("nothing was tuned")


def _show_plan(runner: "Runner", *, dry_run: bool) -> None:
    page = terminal()
    show = page.result if dry_run else page.note
    if dry_run:
        show(facts([*_facts(runner), *_foretold(runner)]))
    else:
        show(facts(_facts(runner)))
        # The base model reads all questions now, which may take a while.
        show(facts(_measured(runner)))
    show()
    if dry_run and runner.plan.steps:
        show(steps_table(runner.plan.steps, head="before the trainings"))


def print_both_plans(
    project: "Workspace", components: "Sequence[Component]", study: "Study"
) -> None:
    """Print the work before a comparison and its own plan as one JSON document.

    Raises:
        PlanError: with every reason why it cannot start.
    """
    before = plan(project.engine, components)
    if before.refusals:
        raise PlanError(in_one(before.refusals))
    study.check()
    steps = [step.facts() for step in before.steps]
    terminal().document({"steps": steps, "comparison": _planned_of_all(study)})


def _facts(runner: "Runner") -> Iterator[tuple[str, object]]:
    planned, experiment = runner.plan, runner.experiment
    methods = [each.arm.name for each in planned.contenders]
    yield "arms", ", ".join(methods)
    axis = {"samples": "rows", "tokens": "tokens", "steps": "rows and optimiser steps"}
    yield "budgets", f"{', '.join(s.words for s in planned.sizes)} (equal {axis[experiment.axis]})"
    yield "base", short_name(experiment.base)
    runs = f"{experiment.seeds} per arm and budget, {experiment.draws} of random rows"
    trained = f"{planned.trainings:,} trainings on about {count(planned.tokens)} tokens in all"
    yield "work", f"{trained}: {runs}"
    total = planned.seconds
    first = "" if total is None else f"about {format_seconds(total)} in all, "
    reported = format_seconds(planned.training_seconds)
    yield (
        "time",
        f"{first}{reported} of it for training and questions; what is done already is less",
    )


def _measured(runner: "Runner") -> Iterator[tuple[str, object]]:
    """Yield what is measured, for which the base model answers the questions."""
    for asked in runner.questions:
        left = f", {asked.unscored:,} without an answer left out" if asked.unscored else ""
        yield "measured", f"{asked.record.name}: {len(asked.record):,} questions{left}"
    near = runner.near_duplicates
    if near:
        yield "note", f"{near:,} rows that may be chosen are nearly equal to a question held out"
    yield "power", power_words(runner.power)


def _foretold(runner: "Runner") -> Iterator[tuple[str, object]]:
    """Yield what would be measured, for which the base model answers a few questions at most."""
    for name, _, asked in runner.asked:
        yield "measured", f"{name}: up to {asked:,} questions"
    power = runner.foretold_power
    if power is not None:
        yield "power", f"{power_words(power)} Estimated from a few answers of the base model."


def _planned_of_all(study: "Study") -> dict[str, Any]:
    """Return the plan on the base model, or on each of several."""
    plans = [_planned(runner) for runner in study.runners]
    return plans[0] if len(plans) == 1 else {"bases": plans}


def _planned(runner: "Runner") -> dict[str, Any]:
    planned, power = runner.plan, runner.foretold_power
    return {
        "base": runner.experiment.base,
        "arms": [each.arm.name for each in planned.contenders],
        "budgets": [size.words for size in planned.sizes],
        "trials": [
            {"arm": job.arm.name, "budget": job.budget, "draw": job.draw, "seed": job.seed,
             "tokens": job.tokens, "seconds": job.seconds}
            for job in planned.jobs
        ],
        "sets": [
            {"name": name, "kind": kind, "questions": asked} for name, kind, asked in runner.asked
        ],
        "notes": [*runner.division.notes(), *map(str, runner.notes)],
        "trainings": planned.trainings,
        "tokens": planned.tokens,
        "steps": [step.facts() for step in planned.steps],
        "training_seconds": planned.training_seconds,
        "seconds": planned.seconds,
        "power": None if power is None else vars(power),
    }  # fmt: skip


def tell(step: "Step") -> None:
    """Say that a trial has ended, how, and how long the rest will take."""
    trial = step.trial
    if trial.status == "failed":
        what = "failed"
    elif step.job.selector is None:
        what = "asked as it is"
    elif step.reused:
        what = "at hand"
    else:
        what = f"trained in {seconds(trial.training_seconds)}"
    left = ""
    if step.seconds_left is not None and step.number < step.of:
        left = f", about {format_seconds(step.seconds_left)} left"
    job = f"{step.job} with {step.on}" if step.on else f"{step.job}"
    terminal().note(f"trial {step.number} of {step.of}: {job}: {what}{left}", style="dim")


def print_outcome(project: "Workspace", outcome: "Outcome", recipe: "Recipe") -> None:
    """Tell what came of a comparison: tables per set of questions, the conclusion, what is next.

    Args:
        project: whose rows were compared.
        outcome: what came of it.
        recipe: how models were tuned.
    """
    print_records(outcome)
    if not terminal().settings.as_json:
        for path in outcome.best:
            terminal().note(labelled("wrote:", shown_path(path)))
        _next(project, outcome, recipe)


def print_records(outcome: "Outcome") -> None:
    """Tell what records of a comparison say: tables per set, the conclusions, where they lie."""
    page = terminal()
    if page.settings.as_json:
        page.document(outcome.facts())
        return
    comparison = outcome.comparison
    for part in outcome.comparison.sets:
        for base in outcome.comparison.base_axis:
            primary = ", on which claims are made" if part.name == comparison.primary else ""
            on = f", with {short_name(base)}" if base else ""
            rows = [row for row in outcome.rows[part.name] if row.base == base]
            title = f"{part.name}{on}{primary}"
            page.result(
                table(_columns(outcome, part.name), _cells(comparison, rows), title=title, names=2)
            )
            page.result()
    for trial in outcome.failed[:_LISTED]:
        where = f" at {trial.budget}" if trial.budget else ""
        on = f" with {short_name(trial.base)}" if trial.base else ""
        page.warn(f"{trial.arm}{where}{on}, seed {trial.seed} failed: {trial.error}")
    if len(outcome.failed) > _LISTED:
        page.warn(f"{len(outcome.failed) - _LISTED:,} more trials failed")
    for name, found in outcome.verdicts.items():
        on = f"{short_name(name)}: " if len(outcome.verdicts) > 1 else ""
        page.result(f"{on}{found.headline}", style="bold")
        page.result(found.claim)
        for note in found.caveats:
            page.result(note, style="dim")
    page.note()
    page.note(labelled("report:", shown_path(outcome.report)))
    page.note(labelled("records:", shown_path(outcome.records)))


def _columns(outcome: "Outcome", name: str) -> list[Column]:
    measure = outcome.comparison.set(name).measure
    columns: list[Column] = ["arm", "budget", ("rows", "right"), ("their tokens", "right"),
                             ("trained on", "right"), (measure, "right"), ("to random", "right"),
                             ("95 % interval", "right")]  # fmt: skip
    if name == outcome.comparison.primary:
        columns.append(("Holm p", "right"))
    return [*columns, ("choosing", "right"), ("training", "right"), ("FLOP", "right")]


def _cells(comparison: "Comparison", rows: "Sequence[Row]") -> Iterator[Sequence[object]]:
    for row in rows:
        primary = row.set == comparison.primary
        claim = [] if not primary else ["" if row.p_holm is None else p_value(row.p_holm)]
        yield (row.arm, row.budget, count(row.rows), _tokens(row.chosen_tokens),
               _tokens(row.read_tokens), _mean(row), *_difference(row), *claim,
               seconds(row.selection_seconds), seconds(row.training_seconds),
               flops(row.total_flops))  # fmt: skip


def _tokens(number: float) -> str:
    return short_count(number) if number > 0 else ""


def _mean(row: "Row") -> str:
    if row.mean is None:
        return "failed" if row.faults else ""
    return nats(row.mean.value) + ("*" if row.faults else "")


def _difference(row: "Row") -> tuple[str, str]:
    found = row.difference
    return ("", "") if found is None else (signed(found.value), interval(found.low, found.high))


def _next(project: "Workspace", outcome: "Outcome", recipe: "Recipe") -> None:
    typed = sys.argv[1:]
    if outcome.failed:
        terminal().note("only what failed is tried anew by the same line", style="dim")
        terminal().next(command_line(typed))
    elif outcome.best:
        subset, base = typed_path(outcome.best[0]), model_path(outcome.comparison.bases[0])
        how = [*reading_options(project), *recipe_options(recipe)]
        terminal().next(joined("tune", subset, "--base", base, how))
    elif outcome.verdict.arm is not None and typed[:1] == ["compare"]:
        terminal().next(command_line([*typed, "--best", output_name(project, "best")]))
