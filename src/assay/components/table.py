"""The table of all components, by kind and name: registration, loading, plugins."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Literal

from assay.components.own_code import ENTRY_POINTS
from assay.errors import ConfigError

if TYPE_CHECKING:
    from assay.components.component import Component


Kind = Literal["dataset", "feature", "scorer", "selector"]


_log = logging.getLogger("assay.registry")


_components: dict[tuple[Kind, str], type[Component]] = {}


_failed_plugins: dict[str, str] = {}


_loaded = False


_of_project: ContextVar[Mapping[tuple[Kind, str], type[Component]] | None] = ContextVar(
    "names of the project at hand", default=None
)


METHOD_KINDS: tuple[Kind, ...] = ("scorer", "selector")


def register(component: type[Component]) -> None:
    """Make a component known by its name; called for every subclass that has one.

    A module that is run again, such as the cell of a notebook, defines its classes anew.

    Raises:
        ConfigError: if another class already has that name and kind.
    """
    place = (component.kind, component.name)
    other = _components.get(place)
    if other not in (None, component) and not _defines_anew(component, other):
        raise ConfigError(
            f"{_path(component)} and {_path(other)} are both the {component.kind} "
            f"{component.name!r}",
            hint="rename one of them",
        )
    _components[place] = component


def _defines_anew(component: type[Component], other: type[Component]) -> bool:
    # A class made inside a function is another one at every call.
    return _path(other) == _path(component) and "<locals>" not in component.__qualname__


def _path(component: type[Component]) -> str:
    return f"{component.__module__}.{component.__qualname__}"


@contextlib.contextmanager
def project_names(found: Iterable[type[Component]]) -> Iterator[None]:
    """Let the names of a project come before those that all projects share."""
    token = _of_project.set({(item.kind, item.name): item for item in found})
    try:
        yield
    finally:
        _of_project.reset(token)


def use_project_names(found: Iterable[type[Component]]) -> None:
    """Let the names of a project come first from now on, in place of those of another one."""
    _of_project.set({(item.kind, item.name): item for item in found})


def look_up(kind: Kind, name: str) -> type[Component] | None:
    """Return the component of a name, if there is one."""
    for known in (_of_project.get() or {}, _components):
        for form in (name, name.replace("-", "_")):
            if (kind, form) in known:
                return known[kind, form]
    return None


def load_all() -> None:
    """Import every built-in component and every installed plugin, once.

    A plugin that fails to import is reported once and takes nothing down.
    """
    global _loaded  # noqa: PLW0603  a module-wide registry is loaded once per process
    if _loaded:
        return
    _loaded = True
    for package_name in ("assay.features", "assay.methods"):
        package = importlib.import_module(package_name)
        for module in pkgutil.walk_packages(package.__path__, f"{package_name}."):
            importlib.import_module(module.name)
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:
            _failed_plugins[entry.name] = f"{type(error).__name__}: {error}"
            _log.warning("plugin %s failed to load: %s", entry.name, _failed_plugins[entry.name])


def failed_plugins() -> Mapping[str, str]:
    """Return what each plugin that could not be imported said."""
    load_all()
    return dict(_failed_plugins)
