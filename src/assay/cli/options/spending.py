"""Before money is spent on judges the price is said; above a limit, somebody has to agree."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.cli.console import can_ask, confirmed, terminal
from assay.errors import PlanError

if TYPE_CHECKING:
    from assay.cli.options.groups import Everywhere, Working
    from assay.components.base import Component
    from assay.components.money import Amount
    from assay.engine.judged_ahead import JudgedAhead
    from assay.workspace.workspace import Workspace

CONFIRM_ABOVE = "1"
"""What may be spent without asking, in whatever is paid with."""


def check_spending(
    project: "Workspace",
    components: Sequence["Component"],
    working: "Working",
    everywhere: "Everywhere",
) -> None:
    """Say what judges will cost, and ask whether that is meant where it is much.

    Without a terminal to ask on it is meant where ``--max-cost`` or ``-y`` says so.

    Args:
        project: whose rows are judged.
        components: what is asked for.
        working: options of how work is done.
        everywhere: options of all verbs.

    Raises:
        PlanError: if nobody agrees to what may be spent.
        AssayError: whatever would stop the work before anything is sent.
    """
    from assay.components.money import Amount, parse_amount
    from assay.engine.judged_ahead import judged_ahead

    ahead = judged_ahead(project.engine, components)
    max_cost = project.runtime.max_cost
    for each in ahead:
        terminal().note(_sentence(each, max_cost))
    for currency, most in _most(ahead).items():
        cap = parse_amount(max_cost, currency) if max_cost else None
        may = Amount(most if cap is None else min(most, cap.nano), currency)
        limit = parse_amount(working.confirm_above or CONFIRM_ABOVE, currency)
        if may.nano > limit.nano or limit.currency != currency:
            _agree(may, yes=everywhere.yes, capped=cap is not None)


def _sentence(ahead: "JudgedAhead", max_cost: str) -> str:
    from assay.components.money import amount_text, parse_amount

    if ahead.price is None:
        return f"{ahead.name}: what is asked depends on what is not there yet"
    fewer = ", or fewer: its rows are still to be chosen" if ahead.is_bound else ""
    said = f"{ahead.name}: {ahead.price.words()}{fewer}"
    if ahead.price.money is None:
        return said
    currency = ahead.price.money.currency
    spent = f", {amount_text(ahead.spent, currency)} of it before" if ahead.spent else ""
    if not max_cost:
        return f"{said}; --max-cost would set the most that is spent"
    return f"{said}; at most {parse_amount(max_cost, currency)} will be spent{spent}"


def _most(ahead: Sequence["JudgedAhead"]) -> dict[str, int]:
    """Return what may be spent at most, by currency; amounts of two are not added."""
    most: dict[str, int] = {}
    for each in ahead:
        money = None if each.price is None else each.price.money
        if money is not None:
            most[money.currency] = most.get(money.currency, 0) + money.high
    return most


def _agree(may: "Amount", *, yes: bool, capped: bool) -> None:
    if yes or (capped and not can_ask()):
        return
    if not can_ask():
        raise PlanError(
            f"it may cost {may}, and there is no terminal to ask on",
            hint=f"--max-cost '{may}' sets the most that is spent; -y agrees to the price",
        )
    if not confirmed(f"spend up to {may}?", yes=yes):
        raise PlanError("nothing was sent", hint="-n tells the price alone")
