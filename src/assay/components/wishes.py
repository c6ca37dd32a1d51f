"""Selections as people write them: a method, and a few common wishes beside it.

The command line, configuration files and `Project.select` read them here, so that a wish means the
same everywhere.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

from assay.components.base import Component
from assay.components.budget import Budget
from assay.components.component import Selector
from assay.components.conditions import condition_texts, filters
from assay.components.registry import find
from assay.errors import UsageError, did_you_mean
from assay.samples import Attribute

Duplicates: TypeAlias = Literal["exact", "near", "semantic"]
"""What `dedup` may ask for."""
DUPLICATES: tuple[Duplicates, ...] = get_args(Duplicates)
_Words: TypeAlias = str | list[str]
_Word: TypeAlias = str | int | float | bool


class WrittenSelection(BaseModel):
    """What a selection may be asked for beside its method's own parameters, as it is written.

    `read_wishes` reads it, and says what is wrong with it.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    where: dict[str, _Word | list[_Word]] | _Words
    """Only rows of which all conditions hold: names with their words, or texts such as
    score>=0.8."""
    dedup: Duplicates
    """Keep one row of every group."""
    against: _Words
    """Evaluation files whose questions are avoided."""
    per: Attribute
    """Divide the budget between these groups."""
    share: dict[str, float | str]
    """Weights of the groups, or without a budget their own budgets."""
    seeds: Annotated[int, Field(ge=1)] | Annotated[list[int], Field(min_length=1)]
    """How many selections to make, or with which seeds."""


WISHES = tuple(WrittenSelection.model_fields)
"""Keys beside a method's own parameters; a parameter of that name comes first."""


@dataclass(frozen=True)
class Wishes:
    """What a selection is asked for besides its method.

    Attributes:
        where: conditions that a row must satisfy, as texts; see `assay.components.conditions`.
        dedup: "exact", "near" or "semantic": one row of every group is kept.
        against: evaluation files whose questions are avoided.
        per: source, split, task or language: the budget is divided between its groups.
        share: of groups, weights that divide the budget or, without one, budgets of their own.
    """

    where: Sequence[str] = ()
    dedup: str | None = None
    against: Sequence[str] = ()
    per: str | None = None
    share: Mapping[str, Any] | None = None


def read_wishes(
    *,
    where: object = None,
    dedup: object = None,
    against: object = None,
    per: object = None,
    share: object = None,
) -> Wishes:
    """Return wishes from plain values, as Python and configuration files hold them.

    Raises:
        UsageError: if one cannot be read.
    """
    if share is not None and not isinstance(share, Mapping):
        raise UsageError(f"share = {share!r}", hint="{NAME: 2, OTHER: 1}, with `per`")
    conditions = condition_texts(where)
    filters(conditions)  # whatever is wrong with one is said here
    return Wishes(
        where=tuple(conditions),
        dedup=None if dedup is None else _one_of(str(dedup), DUPLICATES, "dedup"),
        against=_files(against),
        per=None if per is None else _one_of(str(per), get_args(Attribute), "per"),
        share=share,
    )


def _files(against: object) -> tuple[str, ...]:
    listed = list(against) if isinstance(against, list | tuple) else [against]
    if against is None:
        return ()
    if not all(isinstance(file, str | os.PathLike) for file in listed):
        raise UsageError(f"against = {against!r}", hint="FILE, or a list of files")
    return tuple(map(str, listed))


def narrowed(within: Selector | None, wishes: Wishes) -> Selector | None:
    """Return what a selection may choose from: filtered, decontaminated, deduplicated, in turn.

    Args:
        within: what it may choose from in any case; None is everything.
        wishes: what is asked for.

    Returns:
        The last selector of the chain, or None if nothing is asked for.

    Raises:
        UsageError: if a condition cannot be read.
    """
    within = filters(wishes.where, within)
    for file in wishes.against:
        within = as_selector(find("decontaminate", "selector")(against=file, within=within))
    if wishes.dedup is not None:
        match = _one_of(wishes.dedup, DUPLICATES, "dedup")
        within = as_selector(find("deduplicate", "selector")(match=match, within=within))
    return within


def divided(selector: Selector, wishes: Wishes) -> Selector:
    """Return the selector applied to every group of rows with its part of the budget.

    Without `per` it is the selector itself.

    Raises:
        UsageError: if a share is no weight, or shares have nothing to divide.
    """
    share = dict(wishes.share or {})
    if wishes.per is None:
        if share:
            raise UsageError("shares are of groups", hint="say which: per source or task")
        return selector
    per = _one_of(wishes.per, get_args(Attribute), "per")
    parameters: dict[str, Any] = {"per": per, "within": selector.within}
    if "seed" in selector.model_fields_set:  # one that nobody set may yet be one of several
        parameters["seed"] = selector.seed
    if selector.budget is not None:
        parameters["budget"] = selector.budget
        if share:
            parameters["weights"] = tuple((n, _weight(n, w)) for n, w in sorted(share.items()))
    elif share:
        own = {name: Budget.model_validate(amount) for name, amount in share.items()}
        parameters["budgets"] = tuple(sorted(own.items()))
    inner = selector.model_copy(update={"budget": None, "within": None})
    return as_selector(find("quota", "selector")(by=inner, **parameters))


def as_selector(component: Component) -> Selector:
    """Return the component, known to be a selector."""
    if not isinstance(component, Selector):
        raise TypeError(f"{component.name} is a {component.kind}")
    return component


def _weight(name: str, weight: object) -> float:
    try:
        number = float(str(weight).strip().removesuffix("%"))
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise UsageError(
            f"share of {name}: {weight!r} is not a weight",
            hint="where there is a budget, a share is a weight, such as 2 or 70%",
        )
    return number


def _one_of(word: str, known: Sequence[str], what: str) -> str:
    if word not in known:
        hint = did_you_mean(word, known) or f"one of {', '.join(known)}"
        raise UsageError(f"{what}: {word!r} is not known", hint=hint)
    return word
