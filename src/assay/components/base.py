"""What every component is: a frozen description of a result, with a key to recognise it by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from assay.components.guide import Guide
from assay.components.own_code import code_digest
from assay.components.parameter_errors import wrong_parameter
from assay.components.parts import Part, changed_fields
from assay.components.recipes import label_of, recipe_key
from assay.components.table import Kind, register


class Paper(BaseModel):
    """The publication a method comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    year: int
    authors: str = ""
    arxiv: str = ""
    doi: str = ""
    url: str = ""
    code: str = ""


class NoPaper(BaseModel):
    """States that a component is our own, or common knowledge, and why that is enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str


class Component(BaseModel, Part):
    """A frozen description of a result: what it is, its parameters, and what it requires.

    Subclasses set `name` (short form used in citations), `version` (raised when the same
    parameters give another result), `paper` and `summary`. A subclass without `name` of its own
    is abstract and is not registered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: ClassVar[Kind]
    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    paper: ClassVar[Paper | NoPaper]
    guide: ClassVar[Guide | None] = None
    """What a method's page teaches; Assay's own methods all have one."""
    extra: ClassVar[str] = ""
    """Optional dependency group without which it cannot run."""

    _matched: str = PrivateAttr(default="")

    def __init__(self, **parameters: Any) -> None:
        try:
            super().__init__(**parameters)
        except ValidationError as error:
            raise wrong_parameter(type(self), self.name, error) from None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.code_digest = code_digest(cls)
        if "name" in cls.__dict__ and cls.name:
            register(cls)

    def requires(self) -> Mapping[str, "Component | Sequence[Component]"]:
        """Return what must be known before this can be; by default every field that holds one."""
        found: dict[str, Component | Sequence[Component]] = {}
        for field in type(self).model_fields:
            value = getattr(self, field)
            if isinstance(value, Component) or (
                isinstance(value, tuple) and value and isinstance(value[0], Component)
            ):
                found[field] = value
        return found

    def children(self) -> Iterator["Component"]:
        """Yield every component that this one requires, sequences opened."""
        for value in self.requires().values():
            if isinstance(value, Component):
                yield value
            else:
                yield from value

    def all_children(self) -> Iterator["Component"]:
        """Yield all that must be known before this can be, rows and rules included."""
        yield from self.children()

    def counted_by(self) -> Iterator["Component"]:
        """Yield what counts the tokens of a budget, if there is one in tokens."""
        yield from ()

    @cached_property
    def key(self) -> str:
        """Recipe key: 16 hex digits over kind, name, version and what differs from the default.

        And over the code, where it is one's own. Versions of parts that are as by default count
        from when they are raised.
        """
        return recipe_key(self)

    @property
    def matched(self) -> str:
        """Digest of what rows carry that it is matched to them by, once that is known."""
        return self._matched

    def matched_to(self, digest: str) -> Self:
        """Return the same for rows that carry what has this digest, such as ids of a file."""
        found = self.model_copy()
        found._matched = digest
        return found

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed; a key that was taken is not carried over."""
        copied = super().model_copy(update=update, deep=deep)
        for name in set(copied.__dict__) - set(type(self).model_fields):
            del copied.__dict__[name]
        return copied

    def __eq__(self, other: object) -> bool:
        """Two components are equal when their recipe keys are."""
        return isinstance(other, Component) and self.key == other.key

    def __hash__(self) -> int:
        """Hash of the recipe key."""
        return hash(self.key)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Yield what differs from the defaults: that says which component it is."""
        yield from changed_fields(self).items()

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the class's documentation."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def label(self) -> str:
        """Return the name with the parameters that differ from their default, for people."""
        return label_of(self)
