"""What ``--dry-run`` prints: the work ahead, and why it cannot start, if so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.console import Column, table, terminal
from assay.errors import PlanError

if TYPE_CHECKING:
    from assay.component import Component
    from assay.project import Project


def print_plan(project: "Project", components: "Sequence[Component]") -> None:
    """Print what computing some components would take; nothing is computed.

    Raises:
        PlanError: if the work could not start.
    """
    from assay.planning import plan
    from assay.progress import format_seconds

    planned = plan(project.engine, components)
    page = terminal()
    if page.settings.as_json:
        page.document(
            {
                "steps": [step._asdict() for step in planned.steps],
                "seconds": planned.seconds,
                "refusals": planned.refusals,
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
        raise PlanError("; ".join(planned.refusals))
    if not planned.steps:
        page.note("everything is at hand: nothing would be computed")
    elif planned.seconds is not None:
        page.note(f"about {format_seconds(planned.seconds)} in all; nothing was computed")
    else:
        page.note("how long it takes cannot be told yet; nothing was computed")
