"""Named recipes: what `assay select` does when no method is named."""

from typing import NamedTuple

from assay.components.budget import Budget
from assay.components.component import Selector
from assay.components.registry import find

QUALITY = "substance"
"""Score of a row's own worth. `docs/concepts/default.md` has the evidence."""
_QUALITY_SHARE = 0.5


class DefaultSelection(NamedTuple):
    """A selector with a name and a sentence that says what it does."""

    name: str
    summary: str
    selector: Selector


def default_selection(
    budget: Budget | str | int, *, within: Selector | None = None
) -> DefaultSelection:
    """Return the recipe of `assay select` without a method.

    It runs from the core install, without torch, hub, key or GPU.
    """
    method = find("facility_location", "selector")
    selector = method(budget=budget, within=within, quality=QUALITY, trade_off=_QUALITY_SHARE)
    assert isinstance(selector, Selector)  # noqa: S101  narrows what the registry returns
    return DefaultSelection(
        "facility_location+substance",
        "facility location over assay:encoder, weighed by answers that are long enough, speak of "
        "what was asked and do not just repeat it",
        selector,
    )
