"""What a record says about itself beside the conversation: task, language, id, split, the rest."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

Record = Mapping[str, object]

TASK_FIELDS = (
    "task", "task_name", "template", "template_name", "category", "source", "dataset",
)  # fmt: skip
LANGUAGE_FIELDS = ("language_code", "language", "lang", "lang_code")
ID_FIELDS = (
    "id", "prompt_id", "question_id", "conversation_id", "sample_id", "uid", "uuid", "idx",
)  # fmt: skip
NOTHING: Mapping[str, object] = MappingProxyType({})
_language_code = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,8})*").fullmatch
# Code datasets use the same field names for the programming language.
_PROGRAMMING = frozenset({"cpp", "css", "go", "js", "lua", "php", "sql", "xml"})


class Labels(NamedTuple):
    """The labels of one record."""

    task: str = ""
    language: str = ""
    external_id: str | None = None
    split: str = ""
    meta: Mapping[str, object] = NOTHING


@dataclass(frozen=True)
class Provenance:
    """What is known of a record from the file it lies in."""

    source: str = ""
    split: str = ""


def bind_labels(fields: Sequence[str], used: Collection[str]) -> Callable[[Record], Labels]:
    """Return what reads the labels of records that have exactly these `fields`.

    Args:
        fields: names of the record's fields.
        used: the fields that hold the conversation itself.
    """
    free = [name for name in fields if name not in used]
    if not free:
        return lambda record: _NO_LABELS
    by_name = {name.lower(): name for name in reversed(free)}
    tasks = [by_name[name] for name in TASK_FIELDS if name in by_name]
    languages = [by_name[name] for name in LANGUAGE_FIELDS if name in by_name]
    ids = [by_name[name] for name in ID_FIELDS if name in by_name]
    split = by_name.get("split")

    def read(record: Record) -> Labels:
        meta = {name: record[name] for name in free}
        task = _first_text(meta, tasks)
        language = _first_language(meta, languages)
        external_id = _first_id(meta, ids)
        where = _first_text(meta, (split,)) if split else ""
        return Labels(task, language, external_id, where, meta or NOTHING)

    return read


_NO_LABELS = Labels()


def _first_text(meta: dict[str, object], names: Sequence[str]) -> str:
    for name in names:
        value = meta[name]
        if isinstance(value, str) and value:
            del meta[name]
            return value
    return ""


def _first_language(meta: dict[str, object], names: Sequence[str]) -> str:
    for name in names:
        value = meta[name]
        if isinstance(value, str) and _language_code(value) and value not in _PROGRAMMING:
            del meta[name]
            return value
    return ""


def _first_id(meta: dict[str, object], names: Sequence[str]) -> str | None:
    for name in names:
        value = meta[name]
        if isinstance(value, str | int) and not isinstance(value, bool):
            del meta[name]
            return str(value)
    return None
