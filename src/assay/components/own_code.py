"""Code of one's own: what a method does that comes in a file and not in an installed package.

An installed package says by `version` that its results have changed. Nobody does so in a script, a
notebook or a file beside the data, so the text of such code is part of the keys.
"""

import ast
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path

ENTRY_POINTS = "assay.methods"
FILE_MODULE = "assay_file_"
"""How the modules of files begin that were named as methods."""
_DIGEST_BYTES = 8


def code_digest(component: type) -> str:
    """Return a digest of the code of one's own that a class is made of; empty if it has none.

    That is the file that defines it or one of its bases, and the files beside it that these import.
    Without a file, as in a notebook, it is the code of the class alone.
    """
    parts = []
    for kind in component.__mro__:
        if _is_installed(kind.__module__):
            continue
        path = _file(kind.__module__)
        found = file_digest(path) if path is not None else _class_digest(kind)
        if found not in parts:
            parts.append(found)
    return "-".join(parts)


def file_digest(path: Path) -> str:
    """Return a digest of a Python file and of those beside it that it imports, wherever it lies."""
    state = hashlib.blake2b(path.read_bytes(), digest_size=_DIGEST_BYTES)
    for sibling in siblings(path):
        state.update(f"\0{sibling.relative_to(path.parent).as_posix()}\0".encode())
        state.update(sibling.read_bytes())
    return state.hexdigest()


def siblings(path: Path) -> list[Path]:
    """Return the files in a Python file's folder that it imports, and what they import in turn."""
    found: set[Path] = set()
    left = [path]
    while left:
        for near in _imported(left.pop(), path.parent):
            if near not in found and near != path:
                found.add(near)
                left.append(near)
    return sorted(found)


def _imported(path: Path, folder: Path) -> Iterator[Path]:
    for level, name in _imports(path.read_bytes()):
        within = [folder] if level == 0 else [path.parents[level - 1]]
        for base in within:
            place = base.joinpath(*name.split(".")) if name else base
            for file in (place.with_suffix(".py"), place / "__init__.py"):
                if file.is_relative_to(folder) and file.is_file():
                    yield file


@lru_cache(maxsize=256)
def _imports(source: bytes) -> tuple[tuple[int, str], ...]:
    """Return the modules that a source may import, each with the dots before its name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()  # whoever imports it says so
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            found.append((node.level, start))
            found += [(node.level, f"{start}.{each.name}".lstrip(".")) for each in node.names]
    return tuple(dict.fromkeys(found))


def _is_installed(module: str) -> bool:
    top = module.partition(".")[0]
    if top == "assay" or top in sys.stdlib_module_names:
        return top != "__main__"
    if top.startswith(FILE_MODULE):
        return False
    path = _file(module)
    if path is None:
        return False
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    return path.is_relative_to(sysconfig.get_path("stdlib")) or top in _plugins()


@cache
def _plugins() -> frozenset[str]:
    """Return the packages that are installed as plugins, which may lie anywhere."""
    found = entry_points(group=ENTRY_POINTS)
    return frozenset(entry.value.partition(":")[0].partition(".")[0].strip() for entry in found)


def _file(module: str) -> Path | None:
    name = getattr(sys.modules.get(module), "__file__", None)
    path = Path(name) if name else None
    return path if path is not None and path.is_file() and path.suffix == ".py" else None


def _class_digest(kind: type) -> str:
    state = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for name, value in sorted(vars(kind).items()):
        inner = getattr(value, "__func__", getattr(value, "fget", value))
        if isinstance(inner, types.FunctionType):
            state.update(f"{name}{_code_words(inner.__code__)}".encode())
    return state.hexdigest()


def _code_words(code: types.CodeType) -> str:
    inner = [_code_words(each) if isinstance(each, types.CodeType) else repr(each)
             for each in code.co_consts]  # fmt: skip
    return f"{code.co_code.hex()} {code.co_names} {inner}"
