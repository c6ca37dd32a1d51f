"""Documents that nobody asked for: an answer each, without an instruction."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.formats.conversations import bind_conversation
from assay.formats.faults import Fault, UnusableRecordError, not_utf8
from assay.formats.fields import not_text, resolve
from assay.formats.json_stream import RawRecord
from assay.formats.labels import Provenance, Record
from assay.formats.layouts import Converter
from assay.formats.streams import UTF8_BOM, unpacked_suffix, written_lines
from assay.samples import Message, Tool

_FIELDS = ("text", "document", "content", "passage", "article", "body")
_word = re.compile(r"\w").search


@dataclass(frozen=True)
class DocumentsLayout:
    """Texts, each of which is what somebody might be asked to write."""

    name: str = "documents"
    summary: str = "`text`, `document`, `content`, `passage`, `article` or `body`"

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that may hold a document, the likeliest first."""
        return _FIELDS

    def matches(self, record: Record) -> bool:
        """Is there a text?"""
        name = resolve(record, _FIELDS)
        return name is not None and isinstance(record[name], str)

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        name = resolve(fields, _FIELDS)

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            if name is None:
                raise UnusableRecordError(Fault.MISSING_FIELD, f"no field {_FIELDS[0]!r}")
            text = record[name]
            if not isinstance(text, str):
                raise not_text(record, name)
            if not _word(text):
                raise UnusableRecordError(Fault.EMPTY_CONVERSATION, f"field {name!r} has no word")
            return (Message("assistant", text),), ()

        return bind_conversation(assemble, fields, (name,), provenance, questions=questions)


def is_plain_text(path: Path, head: bytes) -> bool:
    """Return whether a file is plain text: it ends in ``.txt``, and its first line is no record."""
    if unpacked_suffix(path) != ".txt":
        return False
    first = head.removeprefix(UTF8_BOM).lstrip().partition(b"\n")[0]
    try:
        return not isinstance(json.loads(first), (dict, list))
    except (ValueError, RecursionError):
        return first.rstrip() not in (b"[", b"{")


def text_records(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    """Yield every line of a text as a document; blank lines are passed over and not counted."""
    for line, start in written_lines(chunks):
        yield _document(line), start, len(line)


def _document(line: bytes) -> object:
    try:
        return {_FIELDS[0]: line.decode()}
    except UnicodeDecodeError as error:
        return not_utf8(line, error, "line")
