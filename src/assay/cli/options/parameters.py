"""``--set``: text as parameters, read as their types say."""

import contextlib
import json
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from assay.cli.options.grammar import parse_assignments
from assay.components.base import Component
from assay.components.building import kind_for
from assay.components.descriptions import plain_value
from assay.components.parameter_errors import unknown_parameter
from assay.components.registry import find, load_file
from assay.components.table import is_known
from assay.errors import ConfigError, UnknownMethodError, UsageError, did_you_mean

ComponentType = TypeVar("ComponentType", bound=Component)
_OF_SELECTIONS = ("rule", "without_flags", "with_flags", "column")
_FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>\w+))?", re.DOTALL)
"""A file that defines methods, and which of them is meant if it defines several."""


@dataclass(frozen=True)
class Setting:
    """One ``--set``: the method it is for (any if empty), the parameter, and the text.

    A parameter that holds others is followed by theirs: ``rendering.template``.
    """

    method: str
    parameter: str
    text: str


def parse_settings(
    texts: Sequence[str], methods: Sequence[str] = (), *, selecting: bool = False
) -> list[Setting]:
    """Split ``parameter=value`` and ``method.parameter=value``.

    Args:
        texts: as they were typed. A word before a dot is a method if it is among `methods`;
            else a parameter of one of these, if there is one; else another method.
        methods: that are meant by a text that names none.
        selecting: whether scores stand for a selection by them.

    Raises:
        UsageError: if a text has another form.
    """
    having = {name for method in methods for name in _parameters(find(method), selecting=selecting)}
    settings = []
    for name, text in parse_assignments(texts, "--set"):
        path = name.replace("-", "_")
        first, dot, rest = path.partition(".")
        if not dot or (first in having and first not in methods):
            settings.append(Setting("", path, text))
        else:
            settings.append(Setting(first, rest, text))
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
            _check_known(setting.method, methods)
            inner.append(setting)
            continue
        takers = [
            (description, _parameters(find(name), selecting=selecting))
            for name, description in zip(methods, described, strict=True)
            if setting.method in ("", name)
        ]
        first, *path = setting.parameter.split(".")
        having = [pair for pair in takers if first in pair[1]]
        if not having:
            raise _no_parameter(setting, [pair[1] for pair in takers], methods)
        for description, parameters in having:
            held = description.get(first, _default(find(description["method"]), first))
            description[first] = _put(held, parameters[first], path, setting)
    return described, inner


def _check_known(word: str, methods: Sequence[str]) -> None:
    try:
        find(word)
    except UnknownMethodError as error:
        known = {name for method in methods for name in find(method).model_fields}
        error.message = f"{word!r} is neither a method nor a parameter"
        error.hint = did_you_mean(word, known) or error.words[1]
        raise


def _default(kind: type[BaseModel], name: str) -> Any:
    """Return the value that a parameter has by itself, None if it has to be given."""
    info = kind.model_fields.get(name)
    if info is None or info.is_required():
        return None
    return info.get_default(call_default_factory=True, validated_data={})


def _put(held: Any, annotation: Any, path: Sequence[str], setting: Setting) -> Any:
    """Return the plain value of a parameter, in which the one at the end of a path is set.

    Args:
        held: its value so far, plain or not.
        annotation: its type.
        path: names that lead from it to the parameter that is set; none for itself.
        setting: what is set.
    """
    if not path:
        return typed(annotation, setting.text)
    plain = plain_value(held)
    kind = _held_kind(plain, annotation)
    if kind is None:
        raise ConfigError(f"{_before(setting, path)} holds no parameters")
    if not isinstance(plain, dict):
        plain = {"method": kind.name} if issubclass(kind, Component) else {}
    first, *rest = path
    if first not in kind.model_fields:
        raise unknown_parameter(_before(setting, path), first, kind.model_fields)
    inner = plain.get(first, _default(kind, first))
    return plain | {first: _put(inner, kind.model_fields[first].annotation, rest, setting)}


def _before(setting: Setting, path: Sequence[str]) -> str:
    """Return what a person typed before the names of a path."""
    words = [setting.method] if setting.method else []
    words += setting.parameter.split(".")
    return ".".join(words[: len(words) - len(path)])


def _held_kind(plain: Any, annotation: Any) -> type[BaseModel] | None:
    """Return the class of what a parameter holds, if that has parameters of its own."""
    parts = [part for part in _parts(annotation) if isinstance(part, type)]
    kinds = [part.kind for part in parts if issubclass(part, Component)]
    if kinds:
        name = plain.get("method") if isinstance(plain, dict) else plain
        if not isinstance(name, str) or (str in parts and not is_known(name, *kinds)):
            return None
        return find(name, kind_for(name, kinds))
    return next((part for part in parts if issubclass(part, BaseModel)), None)


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
        first, *path = setting.parameter.split(".")
        if first not in parameters:
            raise _no_parameter(setting, [parameters], [value.name])
        update[first] = _put(fields[first], parameters[first], path, setting)
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
    """Return the error of a parameter that no method of the line has, or not the one it names."""
    word = setting.parameter.partition(".")[0]
    known = sorted({name for parameters in having for name in parameters})
    owner = setting.method or methods[0]
    error = unknown_parameter(owner, word, known, method=owner)
    if setting.method or len(methods) == 1:
        return error
    return ConfigError(f"none of the methods has a parameter {word!r}", hint=error.hint)


def typed(annotation: Any, text: str) -> Any:
    """Return text in the form that a parameter of some type is validated from.

    Raises:
        UsageError: if it begins like JSON and is none.
    """
    parts = list(_parts(annotation))
    held = [kind for part in parts for kind in _components(part)]
    if text[:1] in ("{", "["):
        return _nested(text, short=bool(held))
    if text.lower() in ("none", "null"):
        words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
        if type(None) in parts:
            return None
        if "" in words and "none" not in words:
            return ""
    for part in parts:
        if get_origin(part) is tuple:
            items = [item.strip() for item in text.split(",") if item.strip()]
            if _holds_pairs(part):
                return dict(item.partition("=")[::2] for item in items)
            return [_method_name(item, held) for item in items]
    return _method_name(text, held)


def _nested(text: str, *, short: bool) -> Any:
    """Return what JSON says or, where `short`, ``{method: name}`` as a configuration file does."""
    from assay.config.document import parse_yaml

    try:
        return json.loads(text)
    except ValueError as error:
        with contextlib.suppress(ConfigError):
            content = parse_yaml(text).content if short else None
            if isinstance(content, list) or (
                isinstance(content, dict) and None not in content.values()
            ):
                return content
        raise UsageError(f"{text!r} is not JSON: {error}") from error


def files_named(texts: Sequence[str]) -> list[Path]:
    """Return the method files that are values of some settings, as ``by=my_method.py``."""
    items = [item for text in texts for item in text.partition("=")[2].split(",")]
    found = [_FILE.fullmatch(item.strip()) for item in items]
    paths = [Path(match["path"]).expanduser() for match in found if match]
    return list(dict.fromkeys(path for path in paths if path.is_file()))


def _method_name(text: str, held: Sequence[type[Component]]) -> str:
    """Return the name of the method of a file, where a parameter takes one; other text as it is.

    Raises:
        UsageError: if the file defines none, or several and none of them is named.
        ConfigError: if it cannot be loaded.
    """
    found = _FILE.fullmatch(text)
    if not held or found is None:
        return text
    kinds = {kind.kind for kind in held}
    defined = load_file(Path(found["path"]).expanduser())
    names = list(dict.fromkeys(item.name for item in defined if item.kind in kinds))
    if found["name"] in names:
        return str(found["name"])
    if found["name"] is None and len(names) == 1:
        return names[0]
    several = f"{found['path']} defines {', '.join(names) or f'no {_or(sorted(kinds))}'}"
    raise UsageError(
        several if found["name"] is None else f"{several}, and not {found['name']}",
        hint=f"name one: {found['path']}:{names[0]}" if names else None,
    )


def _or(words: Sequence[str]) -> str:
    return " or ".join(words)


def _components(annotation: Any) -> Iterator[type[Component]]:
    """Yield the kinds of components that a parameter of some type holds, one or several."""
    if isinstance(annotation, type):
        if issubclass(annotation, Component):
            yield annotation
    elif get_origin(annotation) is tuple:
        for inner in get_args(annotation):
            for part in _parts(inner):
                yield from _components(part)


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
