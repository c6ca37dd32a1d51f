"""Named recipes: what `assay select` does when no method is named."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.components.budget import Budget
from assay.components.component import Selector
from assay.components.registry import find

_QUALITY_SHARE = 0.5
ENOUGH_TOKENS = 64
"""An answer of so many tokens is long enough; more is not better by itself."""
ENOUGH_NEW = 0.95
"""An answer of which the question gives away a twentieth says enough that is new."""
ENOUGH_RELEVANCE = 0.3
"""An answer whose cosine with the question is this speaks of what was asked."""

DEFAULT_QUALITY: Mapping[str, Any] = {
    "method": "rank_mean",
    "of": [
        {"method": "compression_ifd", "enough": ENOUGH_NEW},
        {"method": "relevance", "enough": ENOUGH_RELEVANCE},
        {"method": "longest_response", "unit_of_length": "tokens", "enough": ENOUGH_TOKENS},
    ],
}
"""What makes a row worth choosing by itself: the answer says something that the question does not
give away, about what was asked, at some length. `docs/concepts/default.md` has the evidence."""


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
        budget=budget, within=within, quality=DEFAULT_QUALITY, trade_off=_QUALITY_SHARE
    )
    assert isinstance(selector, Selector)  # noqa: S101  narrows what the registry returns
    return Recipe(
        "facility_location+rank_mean",
        "facility location over assay:encoder, weighed by answers that are long enough, speak of "
        "what was asked and do not just repeat it",
        selector,
    )
