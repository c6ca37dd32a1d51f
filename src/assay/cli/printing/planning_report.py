"""What ``--dry-run`` prints: the work ahead, and why it cannot start, if so."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from assay.cli.console import Column, table, terminal
from assay.errors import PlanError, joined

if TYPE_CHECKING:
    from assay.components.component import Component
    from assay.workspace.workspace import Workspace


def print_plan(
    project: "Workspace", components: "Sequence[Component]", *, naming: str = "--model gpt2"
) -> None:
    """Print what computing some components would take; nothing is computed.

    Args:
        project: whose rows they are computed for.
        components: scores and selections.
        naming: how a person names a language model here.

    Raises:
        PlanError: if the work could not start.
    """
    from assay.cli.options.models import model_errors
    from assay.engine.planning import plan
    from assay.progress import format_seconds

    faulty = dict(model_errors(project, components, naming=naming))
    planned = plan(project.engine, [item for item in components if item not in faulty])
    sentences = [error.sentence() for error in faulty.values()]
    planned = replace(planned, refusals=list(dict.fromkeys([*sentences, *planned.refusals])))
    page = terminal()
    if page.settings.as_json:
        page.document(
            {
                "steps": [step._asdict() for step in planned.steps],
                "seconds": planned.seconds,
                "refusals": [page.spelled(each) for each in planned.refusals],
            }
        )
    elif planned.steps:
        rows = [
            (step.name, step.rows, step.missing,
             "?" if step.seconds is None else format_seconds(step.seconds), step.note)
            for step in planned.steps
        ]  # fmt: skip
        columns: list[Column] = ["step", ("rows", "right"), ("to do", "right"),
                                                ("time", "right"), ""]  # fmt: skip
        page.result(table(columns, rows))
    if planned.refusals:
        raise PlanError(joined(planned.refusals))
    if not planned.steps:
        page.note("everything is at hand: nothing would be computed")
    elif planned.seconds is not None:
        page.note(f"about {format_seconds(planned.seconds)} in all; nothing was computed")
    else:
        page.note("how long it takes cannot be told yet; nothing was computed")
