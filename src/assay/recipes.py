"""Named recipes: what `assay select` does when no method is named."""

from typing import NamedTuple

from assay.budget import Budget
from assay.component import Selector
from assay.registry import find

_QUALITY_SHARE = 0.5


class Recipe(NamedTuple):
    """A selector with a name and a sentence that says what it does."""

    name: str
    summary: str
    selector: Selector


def default_recipe(budget: Budget | str | int, *, within: Selector | None = None) -> Recipe:
    """Return the recipe of `assay select` without a method.

    It runs from the core install, without torch, hub, key or GPU.
    """
    method = find("facility_location", "selector")
    selector = method(
        budget=budget,
        within=within,
        quality={"method": "compression_ifd"},
        trade_off=_QUALITY_SHARE,
    )
    assert isinstance(selector, Selector)  # noqa: S101  narrows what the registry returns
    return Recipe(
        "facility_location+compression_ifd",
        "facility location over assay:encoder, weighted by compression IFD",
        selector,
    )
