"""``--set``: text as parameters, read as their types say."""

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from assay.cli.grammar import parse_assignments
from assay.component import Component
from assay.errors import ConfigError, UsageError, did_you_mean
from assay.registry import find

ComponentType = TypeVar("ComponentType", bound=Component)
_OF_SELECTIONS = ("rule",)


@dataclass(frozen=True)
class Setting:
    """One ``--set``: the method it is for (any if empty), the parameter, and the text."""

    method: str
    parameter: str
    text: str


def parse_settings(texts: Sequence[str]) -> list[Setting]:
    """Split ``parameter=value`` and ``method.parameter=value``.

    Raises:
        UsageError: if a text has another form.
    """
    settings = []
    for name, text in parse_assignments(texts, "--set"):
        method, _, parameter = name.rpartition(".")
        settings.append(Setting(method.replace("-", "_"), parameter.replace("-", "_"), text))
    return settings


def describe_methods(
    methods: Sequence[str], settings: Sequence[Setting], *, selecting: bool = False
) -> tuple[list[dict[str, Any]], list[Setting]]:
    """Return a description of each method, and the settings meant for what they hold inside.

    Args:
        methods: names, in order.
        settings: parameters; one without a method goes to every method that has it.
        selecting: whether scores stand for a selection by them.

    Raises:
        UnknownMethodError: if a method is not known.
        ConfigError: if no method has a parameter of that name.
    """
    described: list[dict[str, Any]] = [{"method": name} for name in methods]
    inner = []
    for setting in settings:
        if setting.method and setting.method not in methods:
            find(setting.method)
            inner.append(setting)
            continue
        takers = [
            (description, _parameters(find(name), selecting=selecting))
            for name, description in zip(methods, described, strict=True)
            if setting.method in ("", name)
        ]
        having = [pair for pair in takers if setting.parameter in pair[1]]
        if not having:
            raise _no_parameter(setting, [pair[1] for pair in takers], methods)
        for description, parameters in having:
            description[setting.parameter] = typed(parameters[setting.parameter], setting.text)
    return described, inner


def set_inside(component: ComponentType, settings: Sequence[Setting]) -> ComponentType:
    """Return a component in which the parameters of components it holds are set.

    Raises:
        ConfigError: if it holds no component of that name, or that has no such parameter.
    """
    for setting in settings:
        changed = _set(component, setting)
        if changed is component:
            held = list(dict.fromkeys(item.name for item in _held(component)))
            raise ConfigError(
                f"--set {setting.method}.{setting.parameter}: "
                f"{component.name} holds no {setting.method!r}",
                hint=did_you_mean(setting.method, held) or f"it holds {', '.join(held)}",
            )
        component = changed
    return component


def _held(component: Component) -> Iterator[Component]:
    yield component
    for name in type(component).model_fields:
        value = getattr(component, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Component):
                yield from _held(item)


def _set(value: Any, setting: Setting) -> Any:
    if isinstance(value, tuple):
        new = tuple(_set(item, setting) for item in value)
        return value if all(a is b for a, b in zip(new, value, strict=True)) else new
    if not isinstance(value, Component):
        return value
    kind = type(value)
    fields = {name: getattr(value, name) for name in kind.model_fields}
    changed = {name: _set(old, setting) for name, old in fields.items()}
    update = {name: new for name, new in changed.items() if new is not fields[name]}
    if value.name == setting.method:
        parameters = _parameters(kind, selecting=False)
        if setting.parameter not in parameters:
            raise _no_parameter(setting, [parameters], [value.name])
        update[setting.parameter] = typed(parameters[setting.parameter], setting.text)
    if not update:
        return value
    # Validated anew, and only what was set counts as set.
    checked = kind(**(fields | update))
    return value.model_copy(update={name: getattr(checked, name) for name in update})


def _parameters(component: type[Component], *, selecting: bool) -> dict[str, Any]:
    """Return the types of the parameters that a name on the command line takes."""
    own = {name: info.annotation for name, info in component.model_fields.items()}
    if selecting and component.kind == "scorer":
        outer = find("top_score", "selector").model_fields
        own = {name: outer[name].annotation for name in _OF_SELECTIONS} | own
    return own


def _no_parameter(
    setting: Setting, having: Sequence[Mapping[str, Any]], methods: Sequence[str]
) -> ConfigError:
    known = sorted({name for parameters in having for name in parameters})
    where = setting.method or (methods[0] if len(methods) == 1 else "none of the methods")
    no = "has a parameter" if where == "none of the methods" else "has no parameter"
    example = f"assay methods {setting.method or methods[0]}" if methods else "assay methods"
    return ConfigError(
        f"{where} {no} {setting.parameter!r}",
        hint=did_you_mean(setting.parameter, known)
        or f"it takes {', '.join(known)}; `{example}` explains them",
    )


def typed(annotation: Any, text: str) -> Any:
    """Return text in the form that a parameter of some type is validated from.

    Raises:
        UsageError: if it begins like JSON and is none.
    """
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise UsageError(f"{text!r} is not JSON: {error}") from error
    parts = list(_parts(annotation))
    if text.lower() in ("none", "null") and type(None) in parts:
        return None
    for part in parts:
        if get_origin(part) is tuple:
            items = [item.strip() for item in text.split(",") if item.strip()]
            if _holds_pairs(part):
                return dict(item.partition("=")[::2] for item in items)
            return items
    return text


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, annotations removed."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation


def _holds_pairs(annotation: Any) -> bool:
    return any(get_origin(inner) is tuple for inner in get_args(annotation))
