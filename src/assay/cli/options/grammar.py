"""The one grammar of the command line.

``assay VERB [SOURCE...] [METHOD...]``

A word after the verb is, by the first rule that fits:

1. a **method**, if it is the name of one: ``ifd``; where a file has that name too, ``./ifd`` is
   the file;
2. a **source**, if it is ``-`` (standard input) or names an existing path: a file, a folder, or a
   project folder that holds a pool already;
3. **methods of a file**, if the path ends in ``.py``: the file is loaded, and the components that
   it defines are meant;
4. a **named source**, if it has the form ``name=PATH``, ``name=-`` or ``name=org/name``;
5. a **source on the Hub**, if it has the form ``org/name``;
6. an error: a path that does not exist, where the word looks like one, else an unknown method.
   The hint names the nearest methods and files.

Parameters are ``--set parameter=value``, for every method named that has it, or
``--set method.parameter=value``, for that one. The text is read as the parameter's type says;
several values are separated by commas, and ``{...}`` or ``[...]`` is JSON. A parameter that is a
method takes one of a file, too: ``by=my_method.py``, or ``by=my_methods.py:name`` of several.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import AssayError, DataError, UnknownMethodError, UsageError

if TYPE_CHECKING:
    from assay.components.base import Component

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<location>.+)", re.DOTALL)
_PATH_START = ("./", "../", "/", "~")
_DATA_ENDING = re.compile(
    r"\.(json|jsonl|ndjson|csv|tsv|parquet|arrow|feather|ipc|gz|zst|zstd|txt|py|yaml|yml|assay)$",
    re.IGNORECASE,
)
_SUGGESTIONS = 3


@dataclass(frozen=True)
class Source:
    """A source as it was named: where it is, and what it is to be called."""

    location: str
    name: str | None = None

    @property
    def is_project(self) -> bool:
        """Whether it is a project folder, which holds a pool already."""
        return (Path(self.location) / "load.json").is_file()


@dataclass(frozen=True)
class Words:
    """What the words of a command line stand for.

    Attributes:
        sources: data, in order.
        methods: names of methods, in order; those that a method file defines included.
        plugin_files: method files that were loaded.
        notes: what a person should know about how the words were read.
    """

    sources: tuple[Source, ...] = ()
    methods: tuple[str, ...] = ()
    plugin_files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def parse_words(words: Sequence[str], project: Path | None = None) -> Words:
    """Return what the words of a command line stand for.

    Args:
        words: after the verb, options left out.
        project: folder of ``-p``, whose imported scores are methods too.

    Raises:
        DataError: if a word looks like a path that does not exist.
        UnknownMethodError: if a word is neither a source nor a method.
        ConfigError: if a method file cannot be loaded.
    """
    from assay.components.registry import load_file

    _declare_imports(words, project)
    sources: list[Source] = []
    methods: list[str] = []
    files: list[Path] = []
    notes: list[str] = []
    for word in words:
        if is_method(word):
            methods.append(word.replace("-", "_"))
            if Path(word).exists():
                notes.append(f"{word} is read as the method; ./{word} would be the path")
        elif word.endswith(".py") and _expanded(word).is_file():
            path = _expanded(word)
            files.append(path)
            methods += method_names(load_file(path))
        else:
            source = find_source(word)
            if source is None:
                raise _unknown(word, method_names())
            sources.append(source)
    return Words(tuple(sources), tuple(methods), tuple(files), tuple(notes))


def _declare_imports(words: Sequence[str], project: Path | None) -> None:
    """Make the imported scores known of every project that the words may mean."""
    from assay.components.table import load_plugins, use_project_names
    from assay.workspace.imports import imported_names

    load_plugins()
    folders = [] if project is None else [project]
    for word in words:
        path = _expanded(word.rpartition("=")[2] or word)
        folders += [path, path.parent / f"{path.name.split('.')[0]}.assay"]
    if not any(folder.is_dir() for folder in folders):
        folders = list(Path().glob("*.assay"))
    use_project_names(found for folder in folders for found in imported_names(folder))


def find_source(word: str) -> Source | None:
    """Return the source that a word names, or None if it does not look like one.

    Raises:
        DataError: if it looks like a path, and nothing is there.
    """
    plain = _location(word)
    if plain is not None:
        return Source(plain)
    named = _NAMED.fullmatch(word)
    if named is not None:
        location = _location(named["location"])
        if location is None:
            raise _no_such_path(named["location"])
        return Source(location, named["name"])
    if _looks_like_path(word):
        raise _no_such_path(word)
    return None


def _location(word: str) -> str | None:
    """Return where a source is, or None if the word does not name one."""
    if word == "-":
        return word
    path = _expanded(word)
    if word and path.exists():
        return os.path.expanduser(word)  # noqa: PTH111  keeps the text as it was typed otherwise
    if _HUB.fullmatch(word) and not _looks_like_path(word):
        return word
    return None


def _expanded(word: str) -> Path:
    # Unlike `Path.expanduser` it leaves "~notes" alone where there is no such user.
    return Path(os.path.expanduser(word))  # noqa: PTH111


def _looks_like_path(word: str) -> bool:
    return word.startswith(_PATH_START) or _DATA_ENDING.search(word) is not None


def _no_such_path(word: str) -> DataError:
    from assay.files import absence

    if Path(word).is_symlink():
        return DataError(absence(word), hint="mend the link, or name the file itself")
    near = near_files(word)
    return DataError(absence(word), hint=_did_you_mean(near) if near else None)


def _unknown(word: str, known: Iterable[str]) -> AssayError:
    methods = list(known)
    near = [
        *get_close_matches(word, methods, n=_SUGGESTIONS, cutoff=0.5),
        *near_files(word),
    ][:_SUGGESTIONS]
    error = UnknownMethodError(word, methods)
    if near:
        error.hint = _did_you_mean(near)
    if Path(word).suffix or near != get_close_matches(word, methods, n=_SUGGESTIONS, cutoff=0.5):
        error.message = f"{word!r} is neither a method nor a file"
    return error


def near_files(word: str) -> list[str]:
    """Return names of files near to a word, in the folder it points to."""
    path = _expanded(word)
    folder = path.parent
    if not folder.is_dir():
        return []
    names = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    found = get_close_matches(path.name, names, n=_SUGGESTIONS, cutoff=0.6)
    stems = [name for name in names if name.split(".")[0] == path.name and name not in found]
    return [str(folder / name) if str(folder) != "." else name for name in [*stems, *found]]


def _did_you_mean(words: Sequence[str]) -> str:
    return f"did you mean {' or '.join(repr(word) for word in words)}?"


def method_names(among: "Iterable[type[Component]] | None" = None) -> list[str]:
    """Return the names that can be typed as a method: scores and selectors."""
    from assay.components.registry import components
    from assay.components.table import METHOD_KINDS

    found = components() if among is None else among
    return list(dict.fromkeys(item.name for item in found if item.kind in METHOD_KINDS))


def is_method(word: str) -> bool:
    """Return whether a word is the name of a score or a selector."""
    from assay.components import registry  # noqa: F401  brings the classes that all build on
    from assay.components.table import METHOD_KINDS, is_known

    return is_known(word, *METHOD_KINDS)


def parse_assignments(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Split ``name=value`` texts at their first equals sign.

    Raises:
        UsageError: if one has no name or no equals sign.
    """
    pairs = []
    for text in texts:
        name, found, value = text.partition("=")
        if not found or not name.strip():
            raise UsageError(f"{option} {text!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), value))
    return pairs
