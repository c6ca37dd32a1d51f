"""Names of components: registration, look-up, plugins."""

from __future__ import annotations  # components import this module to register themselves

import contextlib
import importlib
import importlib.util
import logging
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from assay.components.own_code import ENTRY_POINTS, FILE_MODULE, file_digest, siblings
from assay.errors import ConfigError, UnknownMethodError

if TYPE_CHECKING:
    from assay.components.component import Component, Kind

_log = logging.getLogger("assay.registry")
_components: dict[tuple[Kind, str], type[Component]] = {}
_failed_plugins: dict[str, str] = {}
_files: dict[Path, str] = {}
_defined: dict[str, list[type[Component]]] = {}
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


def _named(kind: Kind, name: str) -> type[Component] | None:
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


def load_file(path: Path) -> list[type[Component]]:
    """Import one Python file and return the components it defines.

    A file that has changed since it was imported, or imports one beside it that has, is imported
    anew, and what it defines takes the place of what it defined.

    Raises:
        ConfigError: if the file cannot be imported or defines no component.
    """
    path = path.resolve()
    if not path.is_file():
        raise ConfigError(f"{path} does not exist")
    name = f"{FILE_MODULE}{path.stem}_{file_digest(path)}"
    before = dict(_components)
    try:
        _forget(_files.get(path, name), name)
        if name in _defined:
            for component in _defined[name]:
                register(component)
        else:
            if path in _files:
                _forget_siblings(path)
            _run(name, path)
            _defined[name] = [item for item in _components.values() if item.__module__ == name]
        if not _defined[name] and not set(_components.values()) - set(before.values()):
            raise ConfigError(
                f"{path} defines no component",
                hint="subclass assay.Scorer or assay.Selector and give it a name",
            )
    except ConfigError:
        _components.clear()
        _components.update(before)
        _defined.pop(name, None)
        raise
    _files[path] = name
    return list(_defined[name])


class _FromSource(SourceFileLoader):
    """Compiles what the file holds now: Python's own cache may miss an edit of the same second."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _run(name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{path} cannot be imported: {error}") from error


def _forget(module: str, but: str) -> None:
    """Free the names that an earlier text of a file has taken."""
    if module != but:
        for place in [place for place, item in _components.items() if item.__module__ == module]:
            del _components[place]


def _forget_siblings(path: Path) -> None:
    """Let the files beside a file be read anew when it imports them."""
    near = {str(sibling) for sibling in siblings(path)}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and str(Path(file).resolve()) in near:
            del sys.modules[name]
            Path(importlib.util.cache_from_source(file)).unlink(missing_ok=True)


def components(kind: Kind | None = None) -> Iterator[type[Component]]:
    """Yield every component that has a name here, by kind and name."""
    load_all()
    known = {**_components, **(_of_project.get() or {})}
    for place in sorted(known):
        if kind is None or place[0] == kind:
            yield known[place]


def find(name: str, kind: Kind | None = None) -> type[Component]:
    """Return the component called `name`; a scorer before a selector if no kind is given.

    Raises:
        UnknownMethodError: with the nearest names.
    """
    load_all()
    kinds: tuple[Kind, ...] = METHOD_KINDS if kind is None else (kind,)
    for candidate in kinds:
        found = _named(candidate, name)
        if found is not None:
            return found
    raise UnknownMethodError(name, [item.name for item in components() if item.kind in kinds])


def build(description: str | Mapping[str, Any], kind: Kind | None = None) -> Component:
    """Return a component from its name, or from ``{"method": name, parameter: value}``.

    A scorer asked for as a selector becomes `top_score` by it, with the scorer's own rule.

    Raises:
        UnknownMethodError: if no component has the name.
        ConfigError: if a parameter is wrong.
    """
    parameters = {"method": description} if isinstance(description, str) else dict(description)
    name = parameters.pop("method", None)
    if not isinstance(name, str):
        raise ConfigError(f"{description!r} names no method", hint="{method: NAME, ...}")
    load_all()
    if kind == "selector" and not _named("selector", name) and _named("scorer", name):
        shared = {"budget", "seed", "within", "rule"}
        outer = {key: parameters.pop(key) for key in list(parameters) if key in shared}
        scorer = find(name, "scorer")(**parameters)
        return find("top_score", "selector")(by=scorer, **outer)
    return find(name, kind)(**parameters)
