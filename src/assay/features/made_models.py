"""Language models as values: one that is named, or one that is made on the way."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator

from assay.components.base import Component
from assay.components.component import Dataset, Selector, build
from assay.components.references import Pinned, pinned_fields
from assay.features.passes import PoolFeature

ComponentType = TypeVar("ComponentType", bound=Component)


class MadeModel(PoolFeature):
    """A language model that is made on the way, such as one that is tuned on some rows.

    It stands wherever a language model is named. Its value is made before anything reads it, and
    what is read is kept under the digest of its weights: rows of two trainings never mix, and one
    that comes to the same weights is read once.
    """

    @property
    def makes(self) -> Literal["language_model", "classifier"]:
        """What it is: a causal language model by default."""
        return "language_model"

    @abstractmethod
    def named(self, value: Any) -> str:
        """Return the name under which the model that its value holds is opened."""

    @abstractmethod
    def before(self) -> "ModelRef":
        """Return the model that it is made from, which is of the same size."""

    def stand_in(self) -> str:
        """Return the name of a model that is at hand and takes as long: the first of all."""
        return first_model(self)

    @cached_property
    def run_key(self) -> str:
        """Key of the work that makes it; those that have the same one differ in what is kept."""
        return self.key

    def together(self, others: Sequence[Self]) -> Self:
        """Return one of the same run whose value serves the others, too."""
        return self


def _described(value: Any) -> Any:
    return build(value, "feature") if isinstance(value, Mapping) else value


def _made_as(kind: str, called: str) -> AfterValidator:
    def checked(value: str | MadeModel) -> str | MadeModel:
        if isinstance(value, MadeModel) and value.makes != kind:
            raise ValueError(f"{value.label()} makes no {called}; its recipe has another objective")
        return value

    return AfterValidator(checked)


ModelRef: TypeAlias = Annotated[
    str | MadeModel,
    Pinned("language_model"),
    BeforeValidator(_described),
    _made_as("language_model", "language model"),
]
"""A causal language model: its name, or a value that is one, such as `TunedModel`."""
ClassifierRef: TypeAlias = Annotated[
    str | MadeModel,
    Pinned("classifier"),
    BeforeValidator(_described),
    _made_as("classifier", "classifier"),
]
"""A sequence classifier: its name, or a value that is one, such as a `TunedModel` whose recipe has
numbers or words as its objective."""


def model_name(model: "str | MadeModel") -> str:
    """Return a model's name, of one that is not made on the way.

    Raises:
        TypeError: if it is, and has not been made.
    """
    if not isinstance(model, str):
        raise TypeError(f"{model.label()} is read before it is made")
    return model


def first_model(model: "str | MadeModel") -> str:
    """Return the name of the model that all began with, which is of the same size."""
    while not isinstance(model, str):
        model = model.before()
    return model


def models_read(component: Component) -> list[MadeModel]:
    """Return the models made on the way that a component names; not those that they rest on.

    Whose rows it is of is another matter, so datasets and selections are not looked into.
    """
    found: list[MadeModel] = []

    def named(model: MadeModel) -> str:
        found.append(model)
        return ""

    with_names(component, named)
    return found


def with_names(component: ComponentType, name: Callable[[MadeModel], str]) -> ComponentType:
    """Return a component that names by text what it would name as a model made on the way.

    Args:
        component: itself unchanged, if it names no such model.
        name: returns the name of a model that is made on the way.
    """
    found: ComponentType = _named(component, name)
    return found


def _named(value: Any, name: Callable[[MadeModel], str]) -> Any:
    if isinstance(value, tuple):
        items = tuple(_named(item, name) for item in value)
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, BaseModel) or isinstance(value, (Dataset, Selector)):
        return value
    pinned = pinned_fields(type(value))
    update = {}
    for field in type(value).model_fields:
        old = getattr(value, field)
        if field in pinned and isinstance(old, MadeModel):
            new: Any = name(old)
        else:
            new = _named(old, name)
        if new is not old:
            update[field] = new
    return value.model_copy(update=update) if update else value


def stage(component: Component, known: dict[str, int]) -> int:
    """Return how many models have to be made one after the other before a component can be.

    Args:
        component: resolved or not.
        known: stages by key, which is added to.
    """
    if component.key not in known:
        below = max((stage(child, known) for child in component.all_children()), default=0)
        known[component.key] = below + isinstance(component, MadeModel)
    return known[component.key]
