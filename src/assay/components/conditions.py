"""What a row must satisfy to be considered, as people write it: ``language=en``, ``score>=0.8``.

A condition is ``NAME OPERATOR VALUE``:

* ``=`` and ``!=`` compare words; several words of one name are alternatives,
* ``>``, ``>=``, ``<`` and ``<=`` compare numbers,
* ``~`` and ``!~`` look for a regular expression.

The name is the first of these that fits: a word that every row has (source, split, task,
language); a text of the row (instruction, prompt, response, conversation), or a measure of one
(``response.words``); else a field of the record, a nested one with dots (``meta.source``).
``record.NAME`` is a field in any case.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay.components.component import Selector
from assay.components.registry import find
from assay.errors import ConfigError, UsageError, did_you_mean
from assay.samples import Attribute, Part

Measure: TypeAlias = Literal[
    "characters", "words", "language", "refusals", "boilerplate", "html", "urls", "emails", "phones"
]
"""What can be asked about a text besides its words."""
_SPLIT = re.compile(r"(?s)(?P<name>.*?)(?P<operator>!=|!~|>=|<=|=|~|>|<)(?P<value>.*)")
_BOUNDS = {">": "above", ">=": "at_least", "<": "below", "<=": "at_most"}
_RECORD = "record."
_Bound: TypeAlias = Annotated[float, Field(allow_inf_nan=False)] | None


class Condition(BaseModel):
    """What is asked of one value of a row: words, a pattern or bounds; all that are given hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    words: tuple[str, ...] = ()
    """Words of which the value is one; of a list, one of which is in it."""
    pattern: str = ""
    """Regular expression that is found somewhere in it (the syntax of Rust's regex)."""
    above: _Bound = None
    """Number that it is above."""
    at_least: _Bound = None
    """Number that it is not below."""
    below: _Bound = None
    """Number that it is below."""
    at_most: _Bound = None
    """Number that it is not above."""
    keep: bool = True
    """False for the rows of which this does not hold, those without a value included."""

    @model_validator(mode="after")
    def _asks_something(self) -> "Condition":
        asked = (self.words, self.pattern, *(getattr(self, name) for name in _BOUNDS.values()))
        if not any(value not in ((), "", None) for value in asked):
            raise ValueError(f"asks nothing: give words, pattern, {', '.join(_BOUNDS.values())}")
        if self.pattern:
            try:
                pl.Series([""]).str.contains(self.pattern)
            except pl.exceptions.ComputeError as error:
                lines = [line.strip() for line in str(error).splitlines() if line.strip()]
                raise ValueError(f"{self.pattern!r} is no pattern: {lines[-1]}") from None
        return self


class _Term(NamedTuple):
    """A name and what is asked of it."""

    name: str
    operator: str
    value: str


def filters(texts: Iterable[str], within: Selector | None = None) -> Selector | None:
    """Return the selector of the rows that pass all conditions, or `within` if there are none.

    Args:
        texts: conditions, in any order.
        within: what the rows must have passed before.

    Raises:
        UsageError: naming the condition that is not one.
    """
    alternatives: dict[tuple[str, str], list[str]] = {}
    others: list[_Term] = []
    for term in map(_term, texts):
        if term.operator in ("=", "!="):
            alternatives.setdefault((term.name, term.operator), []).append(term.value)
        else:
            others.append(term)
    for (name, operator), words in alternatives.items():
        asked = {"words": tuple(dict.fromkeys(words)), "keep": operator == "="}
        within = _filter(name, asked, within)
    for term in others:
        within = _filter(term.name, _asked(term), within)
    return within


def condition_texts(where: object) -> list[str]:
    """Return conditions as texts: of one, of a list of them, or of names with their words.

    Raises:
        UsageError: if `where` is something else.
    """
    if where is None:
        return []
    if isinstance(where, str):
        return [where]
    if isinstance(where, Mapping):
        return [
            f"{name}={_word(word)}" for name, words in where.items() for word in _as_list(words)
        ]
    if isinstance(where, list | tuple) and all(isinstance(item, str) for item in where):
        return list(where)
    raise UsageError(f"where = {where!r}", hint='{language: en}, or ["language=en", "score>=0.8"]')


def _as_list(words: object) -> list[object]:
    return list(words) if isinstance(words, list | tuple) else [words]


def _word(word: object) -> str:
    """Return a word as fields spell it."""
    if isinstance(word, bool):
        return str(word).lower()
    if not isinstance(word, str | int | float):
        raise UsageError(f"where: {word!r} is no word", hint="{language: en}, or a list of words")
    return str(word)


def _term(text: str) -> _Term:
    found = _SPLIT.fullmatch(text)
    if found is None or not found["name"].strip():
        raise UsageError(
            f"{text!r} is no condition", hint="NAME=WORD, NAME!=WORD, NAME>=NUMBER or NAME~PATTERN"
        )
    return _Term(found["name"].strip(), found["operator"], found["value"])


def _asked(term: _Term) -> dict[str, Any]:
    if term.operator in ("~", "!~"):
        if not term.value:
            raise UsageError(f"{term.name}{term.operator} names no pattern")
        return {"pattern": term.value, "keep": term.operator == "~"}
    try:
        return {_BOUNDS[term.operator]: float(term.value)}
    except ValueError:
        raise UsageError(
            f"{term.name}{term.operator}{term.value}: {term.value!r} is not a number"
        ) from None


def _filter(name: str, asked: dict[str, Any], within: Selector | None) -> Selector:
    if name in get_args(Attribute):
        if set(asked) == {"words", "keep"}:
            known: dict[str, Any] = {"values": asked["words"], "keep": asked["keep"]}
            return _made("where", attribute=name, **known, within=within)
        return _made("where_field", field=name, condition=asked, within=within)
    part, _, measure = name.partition(".")
    if part in get_args(Part):
        if measure and measure not in get_args(Measure):
            raise UsageError(
                f"a text has no measure {measure!r}",
                hint=did_you_mean(measure, get_args(Measure))
                or f"{part}.{'|'.join(get_args(Measure))}, or {_RECORD}{name} for the field",
            )
        asked_of = {"part": part, "measure": measure or "text", "condition": asked}
        return _made("where_text", **asked_of, within=within)
    field = name.removeprefix(_RECORD)
    return _made("where_field", field=field, condition=asked, within=within)


def _made(name: str, **parameters: Any) -> Selector:
    try:
        made = find(name, "selector")(**parameters)
    except ConfigError as error:
        message, hint = error.words
        raise UsageError(message, hint=hint) from None
    assert isinstance(made, Selector)  # noqa: S101  narrows what the registry returns
    return made
