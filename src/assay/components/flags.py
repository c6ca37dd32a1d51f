"""Flags of rows as parameters name them."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from assay.errors import ConfigError, did_you_mean
from assay.samples import Flag

_NAMES_ROWS = "identity"
"""The feature that says which row a row is, and nothing of it."""
FLAG_NAMES: tuple[str, ...] = tuple(str(flag.name).lower() for flag in Flag)
"""All flags that a value may carry."""


def _known(value: Any) -> Any:
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        return value  # pydantic says what is wrong
    return tuple(sorted({_flag(word) for word in words if word.strip()}))


def _flag(word: str) -> str:
    name = word.strip().lower().replace("-", "_").replace(" ", "_")
    if name not in FLAG_NAMES:
        raise ConfigError(
            f"without_flags: there is no flag {word!r}",
            hint=did_you_mean(name, FLAG_NAMES) or f"there are {', '.join(FLAG_NAMES)}",
        )
    return name


FlagNames: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_known)]
"""Names of flags, each once and in the order of the alphabet, so that equal sets are equal."""


def flags_named(names: Iterable[str]) -> Flag:
    """Return some flags as one value."""
    found = Flag.NONE
    for name in names:
        found |= Flag[name.upper()]
    return found


def bears_flags(need: Any) -> bool:
    """Return whether a row may carry flags by a value: one of its own, or of chance, cannot."""
    if need.kind == "scorer":
        parts = list(need.children())
        return any(map(bears_flags, parts)) or any(
            part.kind == "feature" and part.name != _NAMES_ROWS for part in parts
        )
    return need.kind == "feature" and need.scope == "row"


def shunned(need: Any) -> Flag:
    """Return the flags of rows that no selection takes by a value, or by what it is made of.

    A row that talks a judge into a number does so by a score that several judged ones make, too.
    """
    if need.kind not in ("scorer", "feature"):
        return Flag.NONE
    found: Flag = need.shuns
    for part in need.children():
        found |= shunned(part)
    return found
