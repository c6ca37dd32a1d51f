"""The table of all components, by kind and name: registration, loading, plugins.

Built-in components are found by name without importing the others: each module says in plain text
which names it defines, ``name: ClassVar[str] = "..."``, and only a module that is asked for runs.
"""

import contextlib
import importlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, TypeAlias

from assay.components.own_code import ENTRY_POINTS
from assay.errors import ConfigError, UnknownMethodError

Kind = Literal["dataset", "feature", "scorer", "selector"]
Entries: TypeAlias = dict[tuple[Kind, str], type[Any]]
"""Classes of components by kind and name."""
METHOD_KINDS: tuple[Kind, ...] = ("scorer", "selector")

_log = logging.getLogger("assay.registry")
_ROOT = Path(__file__).parents[1]
_PACKAGES = ("features", "tuning", "methods")
_NAME = re.compile(r'^    name(?:: ClassVar\[str\])? = "(\w+)"$', re.MULTILINE)
_components: Entries = {}
_failed_plugins: dict[str, str] = {}
_loaded = False
_plugins_loaded = False
_of_project: ContextVar[Entries | None] = ContextVar("names of the project at hand", default=None)


def register(component: type[Any]) -> None:
    """Make a component known by its name; called for every subclass that has one.

    A module that is run again, such as the cell of a notebook, defines its classes anew.

    Raises:
        ConfigError: if another class already has that name and kind.
    """
    for module in built_in_modules().get(component.name, ()):
        if module != component.__module__:
            importlib.import_module(module)  # so that a name that is taken shows at once
    place = (component.kind, component.name)
    other = _components.get(place)
    if other not in (None, component) and not _defines_anew(component, other):
        raise ConfigError(
            f"{_path(component)} and {_path(other)} are both the {component.kind} "
            f"{component.name!r}",
            hint="rename one of them",
        )
    _components[place] = component


def _defines_anew(component: type[Any], other: type[Any]) -> bool:
    # A class made inside a function is another one at every call.
    return _path(other) == _path(component) and "<locals>" not in component.__qualname__


def _path(component: type[Any]) -> str:
    return f"{component.__module__}.{component.__qualname__}"


@contextlib.contextmanager
def project_names(found: Iterable[type[Any]]) -> Iterator[None]:
    """Let the names of a project come before those that all projects share."""
    token = _of_project.set({(item.kind, item.name): item for item in found})
    try:
        yield
    finally:
        _of_project.reset(token)


def use_project_names(found: Iterable[type[Any]]) -> None:
    """Let the names of a project come first from now on, in place of those of another one."""
    _of_project.set({(item.kind, item.name): item for item in found})


# Loading


@cache
def built_in_modules() -> Mapping[str, tuple[str, ...]]:
    """Return the modules that define the built-in components of each name, unimported."""
    found: dict[str, tuple[str, ...]] = {}
    for path, module in _modules():
        for name in _NAME.findall(path.read_text(encoding="utf-8")):
            found[name] = (*found.get(name, ()), module)
    return found


def _modules() -> Iterator[tuple[Path, str]]:
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            parts = path.relative_to(_ROOT).with_suffix("").parts
            if parts[-1] != "__init__":
                yield path, ".".join(("assay", *parts))


def load_all() -> None:
    """Import every built-in component and every installed plugin, once.

    A plugin that fails to import is reported once and takes nothing down.
    """
    global _loaded, _plugins_loaded  # noqa: PLW0603  loaded once per process
    if _loaded:
        return
    _loaded = _plugins_loaded = True
    for _, module in _modules():
        importlib.import_module(module)
    _import_plugins()


def load_plugins() -> None:
    """Import every installed plugin, once, and of the built-in components only what they need."""
    global _plugins_loaded  # noqa: PLW0603  loaded once per process
    if not _plugins_loaded:
        _plugins_loaded = True
        _import_plugins()


def _import_plugins() -> None:
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name in _failed_plugins:
            continue
        try:
            entry.load()
        except Exception as error:
            _failed_plugins[entry.name] = f"{type(error).__name__}: {error}"
            _log.warning("plugin %s failed to load: %s", entry.name, _failed_plugins[entry.name])


def failed_plugins() -> Mapping[str, str]:
    """Return what each plugin that could not be imported said."""
    load_all()
    return dict(_failed_plugins)


# Looking up


def is_known(name: str, *kinds: Kind) -> bool:
    """Return whether a component of one of these kinds has the name; dashes are underscores."""
    return _look_up(name, kinds) is not None


def find(name: str, kind: Kind | None = None) -> type[Any]:
    """Return the component called `name`; a scorer before a selector if no kind is given.

    Raises:
        UnknownMethodError: with the nearest names.
    """
    kinds = METHOD_KINDS if kind is None else (kind,)
    found = _look_up(name, kinds)
    if found is None:
        load_all()  # for the nearest names
        raise UnknownMethodError(name, [item.name for item in entries() if item.kind in kinds])
    return found


def _look_up(name: str, kinds: tuple[Kind, ...]) -> type[Any] | None:
    """Return a component, importing no more than plugins and the modules of its name."""
    load_plugins()
    forms = (name, name.replace("-", "_"))
    for form in forms:
        for module in built_in_modules().get(form, ()):
            importlib.import_module(module)
    for kind in kinds:
        for known in (_of_project.get() or {}, _components):
            for form in forms:
                if (kind, form) in known:
                    return known[kind, form]
    return None


def entries() -> list[type[Any]]:
    """Return every component that has a name here by now, by kind and name."""
    known = {**_components, **(_of_project.get() or {})}
    return [known[place] for place in sorted(known)]


# Files that are read again


def snapshot() -> Entries:
    """Return what is registered by now, in the order in which it was defined."""
    return dict(_components)


def not_built_in(since: Entries) -> list[type[Any]]:
    """Return what was registered since a snapshot and does not come with Assay.

    What does is loaded whenever somebody needs it, such as a file that is read.
    """
    old = set(since.values())
    return [item for item in _components.values() if item not in old and not _is_ours(item)]


def restore(before: Entries) -> None:
    """Forget what was registered since a snapshot, but for what comes with Assay."""
    ours = {place: item for place, item in _components.items() if _is_ours(item)}
    _components.clear()
    _components.update(ours | before)


def forget(module: str) -> None:
    """Free the names that a module has taken."""
    for place in [place for place, item in _components.items() if item.__module__ == module]:
        del _components[place]


def _is_ours(component: type[Any]) -> bool:
    return component.__module__.partition(".")[0] == "assay"
