"""Names of results: derived from what differs from the defaults, or given by a person."""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from assay.components.base import Component
from assay.components.budget import Budget
from assay.components.component import Selector
from assay.components.default_selection import default_selection
from assay.components.defaults import with_defaults
from assay.components.parts import changed_fields
from assay.components.references import SPELLED_ENCODER, name_of, pinned_fields, short_name
from assay.errors import UsageError

DIGITS = 6
"""Digits of a key that tell apart what the name alone does not."""
_LONGEST = 80
_GIVEN = re.compile(r"[^\W_][\w.%+-]{0,99}")
_LIKE_AN_ID = re.compile(r"(?=.*\d)[0-9a-f]{6,16}")
_LIKE_A_PATH = re.compile(
    r"\.(json|jsonl|ndjson|csv|tsv|parquet|arrow|feather|ipc|gz|zst|zstd|txt|py|yaml|yml|assay)$",
    re.IGNORECASE,
)


def derived_name(component: Component) -> str:
    """Return the name of a result that nobody named, such as ``ifd-5pct``.

    The method, the parameters that differ from their default, what it chooses among, the budget
    and the seed. A long name ends early, in digits of the key.
    """
    name = slug("-".join(part for part in _parts(component) if part))
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - DIGITS - 1].rstrip('-_.')}-{component.key[:DIGITS]}"


def slug(text: str) -> str:
    """Return text as a part of a file's name and as one word of a shell."""
    return re.sub(r"[^\w.%+-]+", "_", text)


def free_name(name: str, taken: Container[str]) -> str:
    """Return a name, with a number after it if it is taken."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def check_given(name: str) -> str:
    """Return a name that a person gives a result, which can be typed to mean it.

    Raises:
        UsageError: if it cannot, or would be taken for a file or a row.
    """
    if not _GIVEN.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a result",
            hint="letters, digits and any of - _ . % +, a letter or digit first, 100 at most",
        )
    if _LIKE_AN_ID.fullmatch(name) or _LIKE_A_PATH.search(name):
        meant = "a file" if _LIKE_A_PATH.search(name) else "the id of a row"
        raise UsageError(f"{name!r} would be taken for {meant}", hint="choose another name")
    return name


def _parts(component: Component) -> Iterator[str]:
    fields = _changed(component)
    budget, seed = fields.pop("budget", None), fields.pop("seed", 0)
    within = fields.pop("within", None)
    recipe = _recipe(component) if isinstance(component, Selector) else ""
    best = fields.pop("by", None) if component.name == "top_score" else None
    if recipe:
        yield recipe
    elif isinstance(best, Component):
        yield best.name
        yield from _named(_changed(best), seed)
        yield from _named(fields, seed)
    else:
        yield component.name
        yield from _named(fields, seed)
    if within is not None:
        yield f"within-{_words(within, seed)}"
    if isinstance(budget, Budget):
        yield _budget(budget)
    if seed:
        yield f"seed{seed}"


def _recipe(selector: Selector) -> str:
    """Return the name of the recipe of `assay select` without a method, if that is what it is."""
    recipe = default_selection(selector.budget or "1%")
    # With the encoder that a pool of rare words is given in place of the plain one, too.
    forms = [recipe.selector, with_defaults(recipe.selector, encoder=SPELLED_ENCODER)]
    return recipe.name if _bare(selector) in [_bare(form) for form in forms] else ""


def _bare(selector: Selector) -> str:
    return _words(selector.model_copy(update={"budget": None, "within": None, "seed": 0}), 0)


def _changed(model: BaseModel) -> dict[str, Any]:
    """Return the fields that differ from their default; a default that was pinned does not."""
    return {
        name: value
        for name, value in changed_fields(model).items()
        if not _is_default(model, name, value)
    }


def _is_default(model: BaseModel, name: str, value: Any) -> bool:
    info = type(model).model_fields[name]
    default = info.get_default(call_default_factory=True, validated_data={})
    if name in pinned_fields(type(model)) and isinstance(value, str):
        return default is not PydanticUndefined and name_of(value) == default
    holds = isinstance(default, BaseModel) or (
        isinstance(default, tuple) and any(isinstance(item, BaseModel) for item in default)
    )
    return holds and _words(value, 0) == _words(default, 0)


def _named(fields: Mapping[str, Any], seed: int) -> Iterator[str]:
    for name, value in fields.items():
        yield f"{name}-{_words(value, seed)}"


def _words(value: Any, seed: int) -> str:
    """Return a parameter's value; inside another component, texts speak for themselves."""
    if isinstance(value, Component):
        inner = _changed(value)
        if inner.get("seed") == seed:
            del inner["seed"]
        return "-".join([value.name, *_inside(inner, seed)])
    if isinstance(value, Budget):
        return _budget(value)
    if isinstance(value, BaseModel):
        return "-".join(_named(_changed(value), seed)) or "default"
    if isinstance(value, (tuple, list)):
        return "-".join(_words(item, seed) for item in value)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, str):
        return short_name(value).replace(".", "_")
    return str(value).lower()


def _inside(fields: Mapping[str, Any], seed: int) -> Iterator[str]:
    for name, value in fields.items():
        reported = _words(value, seed)
        yield reported if isinstance(value, (str, Component, tuple)) else f"{name}-{reported}"


def _budget(budget: Budget) -> str:
    parts = [budget.slug]
    if budget.of != "pool":
        parts.append(f"of_{budget.of}")
    if budget.rounding != "floor":
        parts.append(budget.rounding)
    if budget.tokenizer:
        parts.append(short_name(budget.tokenizer))
    return "_".join(parts)
