"""What ``--dry-run`` prints: the work ahead, and why it cannot start, if so."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from assay.cli.console import Column, table, terminal
from assay.errors import PlanError, joined

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.components.base import Component
    from assay.engine.planning import Plan
    from assay.engine.row_steps import Step
    from assay.workspace.workspace import Workspace


def print_plan(
    project: "Workspace",
    components: "Sequence[Component]",
    *,
    naming: str = "--model gpt2",
    rows: int | None = None,
) -> None:
    """Print what computing some components would take; nothing is computed.

    Args:
        project: whose rows they are computed for.
        components: scores and selections.
        naming: how a person names a language model here.
        rows: price so many rows like those of the project, with nothing at hand.

    Raises:
        PlanError: if the work could not start.
    """
    from assay.cli.options.models import model_errors
    from assay.engine.planning import plan

    faulty = dict(model_errors(project, components, naming=naming))
    planned = plan(project.engine, [item for item in components if item not in faulty], rows=rows)
    sentences = [error.sentence() for error in faulty.values()]
    planned = replace(planned, refusals=list(dict.fromkeys([*sentences, *planned.refusals])))
    page = terminal()
    if page.settings.as_json:
        page.document(
            {
                "steps": [step.facts() for step in planned.steps],
                "seconds": planned.seconds,
                "refusals": [page.spelled(each) for each in planned.refusals],
            }
        )
    elif planned.steps:
        page.result(steps_table(planned.steps))
    if rows is None and planned.refusals:
        raise PlanError(joined(planned.refusals))
    if rows is not None:
        for sentence in planned.refusals:
            page.warn(page.spelled(sentence))
        page.note(f"for {rows:,} rows like these {len(project):,}, loading them apart:")
    in_all(planned)


def print_steps(steps: "Sequence[Step]") -> None:
    """Print some work that can be done, and how long it would take."""
    from assay.engine.planning import Plan

    page = terminal()
    planned = Plan(list(steps), [])
    if page.settings.as_json:
        page.document({"steps": [step.facts() for step in steps], "seconds": planned.seconds})
    else:
        page.result(steps_table(steps))
    in_all(planned)


def steps_table(steps: "Sequence[Step]", *, head: str = "step") -> "RenderableType":
    """Return what there is to do, a line for each step.

    Args:
        steps: in order.
        head: of the steps' names.
    """
    rows = [(step.name, step.rows, step.missing, time_of(step), step.remark) for step in steps]
    columns: list[Column] = [head, ("rows", "right"), ("to do", "right"), ("time", "right"), ""]
    return table(columns, rows)


def time_of(step: "Step") -> str:
    """Return how long a step takes, in words."""
    from assay.progress import format_seconds

    return "?" if step.seconds is None else format_seconds(step.seconds)


def in_all(planned: "Plan") -> None:
    """Say how long some work takes, and that none of it was done."""
    from assay.progress import format_seconds

    page = terminal()
    if not planned.steps:
        page.note("everything is at hand: nothing would be computed")
    elif planned.seconds is not None:
        page.note(f"about {format_seconds(planned.seconds)} in all; nothing was computed")
    elif any(step.price is not None for step in planned.steps):
        page.note("how long it takes depends on the server; nothing was sent or computed")
    else:
        page.note("how long it takes is not known yet; nothing was computed")
