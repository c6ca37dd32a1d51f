"""Components by name, and those of a file."""

import importlib.util
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from assay.components import table
from assay.components.base import Component
from assay.components.own_code import FILE_MODULE, file_digest, siblings
from assay.components.table import Kind
from assay.errors import ConfigError

_files: dict[Path, str] = {}
_defined: dict[str, list[type[Component]]] = {}


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
    before = table.snapshot()
    try:
        _forget(_files.get(path, name), name)
        if name in _defined:
            for component in _defined[name]:
                table.register(component)
        else:
            if path in _files:
                _forget_siblings(path)
            _run(name, path)
            known = table.snapshot().values()
            _defined[name] = [item for item in known if item.__module__ == name]
        if not _defined[name] and not table.not_built_in(before):
            raise ConfigError(
                f"{path} defines no component",
                hint="subclass assay.Scorer or assay.Selector and give it a name",
            )
    except ConfigError:
        table.restore(before)
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
        table.forget(module)


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
    table.load_all()
    yield from (item for item in table.entries() if kind is None or item.kind == kind)


def find(name: str, kind: Kind | None = None) -> type[Component]:
    """Return the component called `name`; a scorer before a selector if no kind is given.

    Raises:
        UnknownMethodError: with the nearest names.
    """
    return table.find(name, kind)
