"""What a component differs in and rests on, and which of that has another version than once."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from assay.components.table import Kind

# A recipe leaves out what is as by default, and with it the version of a default. Keys that are in
# use were taken when every such version was 1: only others are added.
_FIRST = 1


class Part(ABC):
    """A component, as far as its name and its versions go."""

    kind: ClassVar[Kind]
    name: ClassVar[str]
    version: ClassVar[int]
    code_digest: ClassVar[str] = ""
    """Digest of the code, where it lies in a file of one's own; an installed one has a version."""

    @property
    @abstractmethod
    def matched(self) -> str:
        """Digest of what rows carry that it is matched to them by, once that is known."""

    @abstractmethod
    def all_children(self) -> Iterator["Part"]:
        """Yield all that must be known before this can be, rows and rules included."""

    @abstractmethod
    def counted_by(self) -> Iterator["Part"]:
        """Yield what counts the tokens of a budget, if there is one in tokens."""


class Revised(ABC):
    """Parameters of which the same ones have come to mean something else."""

    @abstractmethod
    def revision(self) -> int:
        """Return how many meanings these parameters have had; raised with every new one."""


def changed_fields(component: BaseModel) -> dict[str, Any]:
    """Return the fields whose value differs from the declared default."""
    changed: dict[str, Any] = {}
    for name, default in _defaults(type(component)).items():
        value = getattr(component, name)
        if default is PydanticUndefined or default != value:
            changed[name] = value
    return changed


@cache
def _defaults(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the declared default of every field; pydantic copies each that it is asked for."""
    return {
        name: info.get_default(call_default_factory=True, validated_data={})
        for name, info in kind.model_fields.items()
    }


def revision_field(value: object) -> dict[str, int]:
    """Return what a recipe says of the revision of parameters: nothing if it is the first."""
    revision = value.revision() if isinstance(value, Revised) else _FIRST
    return {} if revision == _FIRST else {"revision": revision}


def raised_versions(component: Part) -> dict[str, int]:
    """Return the versions, by name, of parts that the recipe does not spell, where they have risen.

    What rests on a part that gives another result now gives another result as well.
    """
    spelled = {type(part) for part in _spelled(component)}
    parts = {type(part) for part in _closure(component) if part is not component} - spelled
    return {
        part.name: part.version
        for part in sorted(parts, key=lambda part: part.name)
        if part.version != _FIRST
    }


def _closure(component: Part) -> Iterator[Part]:
    for child in component.all_children():
        yield child
        yield from _closure(child)
    yield from component.counted_by()


def _spelled(value: Any) -> Iterable[Part]:
    """Yield the components whose version is in a recipe."""
    if isinstance(value, Part):
        yield value
    if isinstance(value, BaseModel):
        value = tuple(changed_fields(value).values())
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _spelled(item)
