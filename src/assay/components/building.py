"""From plain descriptions to components: the one way there from Python, files and command lines.

A description is the name of a component, or ``{"method": name, parameter: value}``, where a
parameter that holds components is described alike. What goes wrong is an error whose `place` leads
to it within the description; whoever has read the description says where that is.
"""

import contextlib
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from assay.components.parameter_errors import no_component, other_kind, unknown_parameter
from assay.components.parts import Part
from assay.components.references import pinned_fields
from assay.components.table import METHOD_KINDS, Kind, find, is_known
from assay.errors import AssayError

SHARED_FIELDS = ("budget", "seed", "within", "rule", "without_flags", "column")
"""Parameters of a selection that a lone score, standing for one, may be given too."""
_OWN_FIRST = ("column",)
"""Those of them that are the score's, where it has a parameter of that name."""


class Reading:
    """How the texts of a description are read: as they stand. Files have a way of their own."""

    def component(self, text: str, kind: Kind | None) -> Part | None:
        """Return what a text stands for where a component is wanted; None if it is a name."""
        return None

    def value(self, text: str, parameter: str, pinned: str | None) -> str:
        """Return the text that is meant as a parameter's value.

        Args:
            text: as it was written.
            parameter: whose value, or a part of it, it is.
            pinned: what it names outside, see `assay.components.references`; None if nothing.
        """
        return text


AS_IT_STANDS = Reading()


def made_of(description: Any, kind: Kind | None, reading: Reading) -> Part:
    """Return the component of a description; see `assay.components.component.build`."""
    if isinstance(description, Part):
        return _as_wanted(description, kind, description.name)
    if isinstance(description, str):
        meant = reading.component(description, kind)
        if meant is not None:
            return _as_wanted(meant, kind, description)
        description = {"method": description}
    if not isinstance(description, Mapping) or not isinstance(description.get("method"), str):
        raise no_component(description, kind or "method")
    parameters = dict(description)
    with _inside("method"):
        found = find_for(parameters.pop("method"), kind)
    if kind != "selector" or found.kind != "scorer":
        _refuse_unknown(found, parameters)
        return _made(found, parameters, reading)
    _refuse_unknown(found, parameters, also=SHARED_FIELDS)
    own = [name for name in _OWN_FIRST if name in found.model_fields]
    shared = [name for name in SHARED_FIELDS if name in parameters and name not in own]
    outer = {name: parameters.pop(name) for name in shared}
    best = {"by": _made(found, parameters, reading)}
    return _made(find("top_score", "selector"), best | outer, reading)


def find_for(name: str, kind: Kind | None) -> type[Any]:
    """Return the component called `name`; where a selection is wanted, a score will do.

    Raises:
        UnknownMethodError: with the nearest names.
        ConfigError: if what has the name is of another kind.
    """
    if kind is None or is_known(name, kind):
        return find(name, kind)
    if kind == "selector":
        return find(name)
    for other in METHOD_KINDS:
        if is_known(name, other):
            raise other_kind(name, other, kind)
    return find(name, kind)


def _as_wanted(component: Part, kind: Kind | None, word: str) -> Part:
    if kind is None or component.kind == kind:
        return component
    if kind == "selector" and component.kind == "scorer":
        best: Part = find("top_score", "selector")(by=component)
        return best
    raise other_kind(word, component.kind, kind)


def _refuse_unknown(
    component: type[Any], parameters: Iterable[str], *, also: Sequence[str] = ()
) -> None:
    known = list(dict.fromkeys([*component.model_fields, *also]))
    method = component.name if component.kind in METHOD_KINDS else ""
    for name in parameters:
        if name not in known:
            with _inside(name):
                raise unknown_parameter(component.name, name, known, method=method)


def _made(component: type[Any], parameters: Mapping[str, Any], reading: Reading) -> Part:
    holds = component_fields(component)
    pinned = pinned_fields(component)
    read: dict[str, Any] = {}
    for name, value in parameters.items():
        with _inside(name):
            named = name in pinned and isinstance(value, str)
            kinds = holds.get(name, ())
            kind = kinds[0] if kinds else None
            if named and (meant := reading.component(value, kind)) is not None:
                read[name] = meant
            elif kinds and value is not None and not named:
                several = is_several(component.model_fields[name].annotation)
                read[name] = _held(value, kinds, several, reading)
            else:
                read[name] = _Value(reading, name).read(value, component, name)
    try:
        made: Part = component(**read)
    except AssayError as error:
        if not error.place:  # The message names the parameter at fault.
            words = re.findall(r"\w+", error.message)
            error.place = tuple(name for name in parameters if name in words)[:1]
        raise
    return made


def _held(value: Any, kinds: Sequence[Kind], several: bool, reading: Reading) -> Any:
    if not several:
        return made_of(value, kind_for(value, kinds), reading)
    if not isinstance(value, (list, tuple)):
        return value  # pydantic says that it is no list
    items = []
    for index, item in enumerate(value):
        with _inside(index):
            items.append(made_of(item, kind_for(item, kinds), reading))
    return tuple(items)


def kind_for(description: Any, kinds: Sequence[Kind]) -> Kind:
    """Return the first of some kinds that has what is described; the first where none has."""
    if isinstance(description, Part):
        return description.kind if description.kind in kinds else kinds[0]
    name = description.get("method") if isinstance(description, Mapping) else description
    if len(kinds) == 1 or not isinstance(name, str):
        return kinds[0]
    return next((kind for kind in kinds if is_known(name, kind)), kinds[0])


class _Value:
    """Reads the texts in the value of one parameter that holds no components."""

    def __init__(self, reading: Reading, parameter: str) -> None:
        self._reading = reading
        self._parameter = parameter

    def read(self, value: Any, model: type[BaseModel] | None, field: str) -> Any:
        """Return a plain value as it is meant.

        Args:
            value: of a field, or a part of it.
            model: that has the field; None if it is none's.
            field: its name.
        """
        if isinstance(value, str):
            pinned = None if model is None else pinned_fields(model).get(field)
            return self._reading.value(value, self._parameter, pinned)
        if isinstance(value, list):
            return [self._inner(item, None, index) for index, item in enumerate(value)]
        if isinstance(value, Mapping):
            inner = None if model is None else _model_of(model, field)
            return {name: self._inner(item, inner, name) for name, item in value.items()}
        return value

    def _inner(self, value: Any, model: type[BaseModel] | None, step: str | int) -> Any:
        with _inside(step):
            return self.read(value, model, str(step))


def _model_of(model: type[BaseModel], field: str) -> type[BaseModel] | None:
    """Return the class of what a field holds, if that has fields of its own."""
    info = model.model_fields.get(field)
    held = () if info is None else types_in(info.annotation)
    return next((item for item in held if issubclass(item, BaseModel)), None)


@contextlib.contextmanager
def _inside(step: str | int) -> Iterator[None]:
    """Let errors of the block say that what is wrong lies inside a key or a position."""
    try:
        yield
    except AssayError as error:
        error.place = (step, *error.place)
        raise


# Types of parameters


def component_fields(component: type[BaseModel]) -> dict[str, tuple[Kind, ...]]:
    """Return the parameters that hold components, with the kinds that each may hold."""
    found: dict[str, tuple[Kind, ...]] = {}
    for name, info in component.model_fields.items():
        kinds = [held.kind for held in types_in(info.annotation) if issubclass(held, Part)]
        if kinds:
            found[name] = tuple(dict.fromkeys(kinds))
    return found


def is_several(annotation: Any) -> bool:
    """Return whether a parameter of some type takes any number of values."""
    parts = get_args(annotation) if _is_union(annotation) else (annotation,)
    return any(get_origin(part) is tuple for part in parts)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def types_in(annotation: Any) -> Iterator[type]:
    """Yield the classes that an annotation names."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from types_in(get_args(annotation)[0])
    elif origin is tuple or _is_union(annotation):
        for part in get_args(annotation):
            yield from types_in(part)
    elif isinstance(annotation, type):
        yield annotation
