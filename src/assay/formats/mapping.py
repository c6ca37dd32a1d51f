"""Field mapping: canonical fields written as plain templates over a record's own fields.

Text of a dataset is never a format string: a template is split once into literal text and field
names, and what a field holds is put in as it is.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assay.errors import ConfigError, FormatError, Parameter, Phrase, did_you_mean
from assay.formats.beside import Beside, bind_beside
from assay.formats.conversations import checked
from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.labels import Labels, Provenance, Record, bind_labels
from assay.formats.layouts import Converter
from assay.samples import Conversation, Message, Sample

TARGETS = (
    "instruction", "input", "response", "system", "source", "task", "language", "id", "split",
)  # fmt: skip
_SAME = {"context": "input", "output": "response"}
_token = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Template:
    """Literal text and field names in turn; `pieces[i]` stands before `fields[i]`."""

    pieces: tuple[str, ...]
    fields: tuple[str, ...]

    def fill(self, record: Record) -> str:
        """Return the text for one record.

        Raises:
            UnusableRecordError: if a field is missing, null, a list or an object.
        """
        parts = [self.pieces[0]]
        for name, after in zip(self.fields, self.pieces[1:], strict=True):
            parts.append(_text_of(record, name))
            parts.append(after)
        return "".join(parts)


def parse_template(text: str) -> Template:
    """Split a template such as "Classify: {text}"; "{{" and "}}" stand for braces.

    Raises:
        ConfigError: if a brace is not closed or names no field.
    """
    pieces, fields, begin, literal = [], [], 0, ""
    for token in _token.finditer(text):
        literal += text[begin : token.start()]
        begin = token.end()
        if token[0] in {"{{", "}}"}:
            literal += token[0][0]
        elif token[1] and token[1].strip():
            pieces.append(literal)
            fields.append(token[1].strip())
            literal = ""
        else:
            raise ConfigError(
                f"template {text!r}: a brace at character {token.start() + 1} holds no field",
                hint="write '{field}' for a field, '{{' and '}}' for braces",
            )
    pieces.append(literal + text[begin:])
    return Template(tuple(pieces), tuple(fields))


def _look_up(record: Record, name: str) -> object:
    if name in record:
        return record[name]
    value: object = record
    for step in name.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise UnusableRecordError(Fault.MISSING_FIELD, f"no field {name!r}")
    return value


def _text_of(record: Record, name: str) -> str:
    value = _look_up(record, name)
    if isinstance(value, str):
        return value
    if value is None:
        raise UnusableRecordError(Fault.NULL_FIELD, f"field {name!r} is null")
    if isinstance(value, dict | list):
        detail = f"field {name!r} is {type_name(value)}, not text"
        raise UnusableRecordError(Fault.WRONG_TYPE, detail)
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)


@dataclass(frozen=True)
class MappedLayout:
    """What the user's own templates make of records."""

    templates: Mapping[str, Template]
    name: str = "mapping"
    summary: str = "as the mapping says"

    def matches(self, record: Record) -> bool:
        """Are all the fields there that the templates name?"""
        try:
            for template in self.templates.values():
                for name in template.fields:
                    _look_up(record, name)
        except UnusableRecordError:
            return False
        return True

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        mapped = {name for template in self.templates.values() for name in template.fields}
        # Templates say which texts are meant; what is shown belongs to the record all the same.
        every = bind_beside(fields, mapped)
        beside = Beside(media=every.media, objects=every.objects)
        labels = bind_labels(fields, (mapped & set(fields)) | set(beside.used))

        def convert(record: Record) -> Sample:
            given = {target: template.fill(record) for target, template in self.templates.items()}
            messages, _ = beside.complete(record, _mapped_messages(given))
            turns = checked(messages, questions=questions)
            return _mapped_sample(given, turns, provenance, labels(record))

        return convert


def _mapped_messages(given: Mapping[str, str]) -> list[Message]:
    messages = [Message("user", given.get("instruction", ""), given.get("input", ""))]
    if given.get("system"):
        messages.insert(0, Message("system", given["system"]))
    if "response" in given:
        messages.append(Message("assistant", given["response"]))
    return messages


def _mapped_sample(
    given: Mapping[str, str], turns: tuple[Message, ...], provenance: Provenance, found: Labels
) -> Sample:
    return Sample(
        Conversation(turns),
        given.get("source") or provenance.source,
        given.get("split") or found.split or provenance.split,
        given.get("task") or found.task,
        given.get("language") or found.language,
        given.get("id") or found.external_id,
        found.meta,
    )


def mapped_layout(mapping: Mapping[str, str], *, questions: bool = False) -> MappedLayout:
    """Return the layout that a mapping from canonical fields to templates describes.

    Raises:
        ConfigError: if a canonical field is unknown or lacking, or a template cannot be read.
    """
    templates = {}
    for target, text in mapping.items():
        canonical = _SAME.get(target, target)
        if canonical not in TARGETS:
            raise ConfigError(
                Phrase("{}: no canonical field is called {}", Parameter("mapping"), repr(target)),
                hint=did_you_mean(target, (*TARGETS, *_SAME)) or f"one of {', '.join(TARGETS)}",
            )
        templates[canonical] = parse_template(text)
    needed = ("instruction",) if questions else ("instruction", "response")
    lacking = [target for target in needed if target not in templates]
    if lacking:
        raise ConfigError(
            Phrase("{} gives no {}", Parameter("mapping"), " and no ".join(lacking)),
            hint="add " + " ".join(f"'{target}={{field}}'" for target in lacking),
        )
    return MappedLayout(templates)


def check_fields(layout: MappedLayout, records: Iterable[Record], *, file: str) -> None:
    """Stop early if a template names a field that no sampled record has.

    Raises:
        FormatError: naming the field, and the nearest ones that exist.
    """
    sampled = list(records)
    seen = list(dict.fromkeys(name for record in sampled for name in record))
    for target, template in layout.templates.items():
        for name in template.fields:
            if sampled and not any(_has(record, name) for record in sampled):
                raise FormatError(
                    Phrase(
                        "{}: {}, {}: no record has a field {}",
                        file,
                        Parameter("mapping"),
                        target,
                        repr(name),
                    ),
                    hint=did_you_mean(name, seen) or f"the fields are {', '.join(seen)}",
                )
        if not template.fields and template.pieces[0] in seen:
            raise FormatError(
                Phrase(
                    "{}: {}, {}={} is the same text for every record",
                    file,
                    Parameter("mapping"),
                    target,
                    template.pieces[0],
                ),
                hint=f"write '{target}={{{template.pieces[0]}}}' for the field",
            )


def _has(record: Record, name: str) -> bool:
    try:
        _look_up(record, name)
    except UnusableRecordError:
        return False
    return True
