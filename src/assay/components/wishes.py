"""Selections as configuration and command line write them: a method and a few common wishes."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.components.component import Component, Selector
from assay.components.registry import find

DUPLICATES = ("exact", "near", "semantic")
"""What `dedup` may ask for."""
WISHES = ("where", "dedup", "against", "per", "seeds")
"""Keys beside a method's own parameters; a parameter of that name comes first."""


def narrowed(
    within: Selector | None = None,
    *,
    where: Mapping[str, Sequence[str]] | None = None,
    dedup: str | None = None,
    against: Sequence[str] = (),
) -> Selector | None:
    """Return what a selection may choose from: filtered, decontaminated, deduplicated, in turn.

    Args:
        within: what it may choose from in any case; None is everything.
        where: words that pass, for some of source, split, task and language.
        dedup: "exact", "near" or "semantic".
        against: evaluation files.

    Returns:
        The last selector of the chain, or None if nothing is asked for.
    """
    chain: list[tuple[str, dict[str, Any]]] = [
        ("where", {"attribute": attribute, "values": tuple(words)})
        for attribute, words in (where or {}).items()
    ]
    chain += [("decontaminate", {"against": file}) for file in against]
    if dedup is not None:
        chain.append(("deduplicate", {"match": dedup}))
    for name, parameters in chain:
        within = as_selector(find(name, "selector")(within=within, **parameters))
    return within


def per_group(selector: Selector, attribute: str) -> Selector:
    """Return the selector applied to every group of rows, in proportion to their sizes."""
    inner = selector.model_copy(update={"budget": None, "within": None})
    return as_selector(
        find("quota", "selector")(
            by=inner,
            per=attribute,
            budget=selector.budget,
            within=selector.within,
            seed=selector.seed,
        )
    )


def as_selector(component: Component) -> Selector:
    """Return the component, known to be a selector."""
    if not isinstance(component, Selector):
        raise TypeError(f"{component.name} is a {component.kind}")
    return component
