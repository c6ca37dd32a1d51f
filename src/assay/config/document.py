"""YAML 1.2 as plain values, with the line each of them stands on."""

import datetime
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from assay.config.spelling import in_yaml
from assay.config.yaml_size import TooLargeError, check_size
from assay.errors import ConfigError, Phrase, Words
from assay.files.checksums import is_as_written

_log = logging.getLogger(__name__)

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


class LocatedError(ConfigError):
    """A configuration error whose message says where it is."""


@dataclass(frozen=True)
class Document:
    """A file's content and where it stands.

    Attributes:
        file: name for messages; empty for a configuration that was not read from a file.
        content: dicts, lists, strings, numbers, booleans and None.
        lines: line of each value, counted from 1.
    """

    file: str
    content: Any
    lines: Mapping[Path, int] = field(default_factory=dict)

    def error(self, path: Path, message: Words, hint: Words | None = None) -> LocatedError:
        """Return an error that names the file and the line nearest to `path`."""
        place = self.file
        for length in range(len(path), 0, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                place = f"{place}, line {line}"
                break
        located = Phrase("{}: {}", place, message) if place else message
        return LocatedError(located, hint=hint).of_file(in_yaml)


def read_yaml(file: FilePath) -> Document:
    """Return the content of a YAML file.

    Raises:
        ConfigError: if it cannot be read, is not YAML 1.2, or holds more than plain values.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {file}: {error}", hint="`assay init FILE` writes a configuration"
        ) from error
    if not is_as_written(text):
        _log.warning(
            "%s is not as Assay wrote it: it is damaged, or it was edited (then remove its last "
            "line)",
            file,
        )
    return parse_yaml(text, file=str(file))


def parse_yaml(text: str, *, file: str = "") -> Document:
    """Return the content of a YAML text; `file` names it in errors.

    Raises:
        ConfigError: if it is not YAML 1.2, or holds more than plain values.
    """
    yaml = YAML(typ="rt", pure=True)
    try:
        check_size(text)
        loaded = yaml.load(text)
    except TooLargeError as error:
        raise ConfigError(
            f"{file}, line {error.line}: {error}", hint="`assay init FILE` writes a configuration"
        ) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}, line {mark.line + 1}" if mark is not None else file
        reason = (error.problem or error.context or "not YAML").strip()
        raise ConfigError(f"{place}: {reason}", hint=_yaml_hint(reason)) from error
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"{file}: {error}") from error
    lines: dict[Path, int] = {}
    content = _Reader(file, lines).plain(loaded, ())
    return Document(file, content, lines)


def _yaml_hint(reason: str) -> str | None:
    if "duplicate key" in reason:
        return "keep one of them"
    if "\\t" in reason or "tab" in reason:
        return "indent with spaces"
    return None


class _Reader:
    """Turns what ruamel.yaml gives into plain values, and notes lines on the way."""

    def __init__(self, file: str, lines: dict[Path, int]) -> None:
        self._file = file
        self._lines = lines
        self._open: list[int] = []

    def plain(self, value: Any, path: Path) -> Any:
        if isinstance(value, Mapping | list):
            return self._collection(value, path)
        # bool before int: True is an int.
        if value is None or isinstance(value, bool):
            return value
        for kind in (str, int, float):
            if isinstance(value, kind):
                return kind(value)
        what = "a date" if isinstance(value, datetime.date) else f"a {type(value).__name__}"
        raise self._error(path, f"{what} cannot stand here", "write it in quotes")

    def _collection(self, value: Any, path: Path) -> Any:
        if id(value) in self._open:
            raise self._error(path, "a value that contains itself", "remove the alias")
        tag = getattr(value, "tag", None)
        if tag is not None and getattr(tag, "value", None):
            raise self._error(path, f"the tag {tag.value} means nothing here", "remove the tag")
        self._open.append(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(value, path)
            return self._sequence(value, path)
        finally:
            self._open.pop()

    def _mapping(self, value: Any, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(key, bool) or not isinstance(key, (str, int, float)):
                raise self._error(path, f"{key!r} cannot be a key", "write it in quotes")
            place = (*path, str(key))
            position = value.lc.data.get(key)
            if position is not None:
                self._lines[place] = position[0] + 1
            result[str(key)] = self.plain(item, place)
        return result

    def _sequence(self, value: Sequence[Any], path: Path) -> list[Any]:
        result = []
        for index, item in enumerate(value):
            place = (*path, index)
            position = (value.lc.data or {}).get(index)  # type: ignore[attr-defined]
            if position is not None:
                self._lines[place] = position[0] + 1
            result.append(self.plain(item, place))
        return result

    def _error(self, path: Path, message: str, hint: str) -> ConfigError:
        return Document(self._file, None, self._lines).error(path, message, hint)
