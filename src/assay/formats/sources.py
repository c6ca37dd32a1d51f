"""Sources in, blocks of samples out: streaming, in a fixed order, nothing lost without a reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assay.errors import FormatError
from assay.formats import streams
from assay.formats.containers import Packed, file_records, sample_records, sniff
from assay.formats.detection import QUESTIONS, choose_layout, document_layout, layout_named
from assay.formats.faults import (
    BadRecord,
    Fault,
    UnusableRecordError,
    excerpt_of,
    type_name,
)
from assay.formats.json_stream import RepeatingRecord
from assay.formats.labels import Provenance
from assay.formats.layouts import Converter, Layout
from assay.formats.mapping import check_fields, mapped_layout
from assay.formats.places import Place, default_names, places_of
from assay.formats.questions import check_question
from assay.formats.records import Block, ReadReport, SetAside, SourceFile, SourceSpec
from assay.samples import Conversation, Origin, Sample

BLOCK_ROWS = 8192
MAX_CHARACTERS = 1_000_000
_MOST_CONVERTERS = 1024


@dataclass(frozen=True)
class DetectedFile:
    """A file that is about to be read, and how."""

    place: Place
    packed: Packed
    layout: Layout
    mapping: Mapping[str, str] | None


def detect(
    specs: Sequence[SourceSpec],
    *,
    questions: bool = False,
    documents: bool = False,
    offline: bool = False,
) -> list[DetectedFile]:
    """Return every file of the sources in reading order, with container and layout.

    Only the first records of each file are read.

    Args:
        specs: what the user named.
        questions: accept records without an answer, as evaluation files hold them.
        documents: take records for documents, which are answers without an instruction.
        offline: take Hub repositories from the local cache only.

    Raises:
        FormatError: for the first file that cannot be used; names it and the remedy.
        ConfigError: if a field mapping cannot be read.
    """
    found = []
    for spec, name in zip(specs, default_names(specs), strict=True):
        places = places_of(spec, name, offline=offline)
        files = [
            _detect_file(spec, place, questions=questions, documents=documents) for place in places
        ]
        if spec.name is None:
            _refuse_mixture(spec, files)
        found.extend(files)
    return found


def _detect_file(
    spec: SourceSpec, place: Place, *, questions: bool, documents: bool
) -> DetectedFile:
    packed = sniff(place.path, container=spec.container, documents=documents)
    records = sample_records(packed)
    file = str(place.path)
    layout: Layout
    if spec.mapping is not None:
        layout = mapped_layout(spec.mapping, questions=questions)
        check_fields(layout, records, file=file)
    elif spec.layout is not None:
        layout = layout_named(spec.layout)
    elif documents:
        layout = document_layout(records, file=file)
    else:
        layout = choose_layout(records, file=file, questions=questions)
    return DetectedFile(place, packed, layout, spec.mapping)


def _refuse_mixture(spec: SourceSpec, files: Sequence[DetectedFile]) -> None:
    kinds: dict[str, str] = {}
    for file in files:
        kinds.setdefault(f"{file.layout.name} in {file.packed.container}", file.place.path.name)
    if len(kinds) > 1:
        found = "; ".join(f"{kind} ({name} …)" for kind, name in kinds.items())
        first = files[0].place.path
        example = f"{streams.plain_stem(first)}={first}"
        raise FormatError(
            f"{spec.location}: the folder mixes formats: {found}",
            hint=f"name each part as a source of its own, such as {example}",
        )


def read_sources(
    specs: Sequence[SourceSpec],
    *,
    report: ReadReport,
    block_rows: int = BLOCK_ROWS,
    max_characters: int = MAX_CHARACTERS,
    questions: bool = False,
    documents: bool = False,
    offline: bool = False,
) -> Iterator[Block]:
    """Yield the samples of all sources in blocks, in the order of the sources and their files.

    Every file is detected before the first is read, so most trouble stops the load at once. A
    record that cannot be used is set aside in `report` with its place and reason.

    Args:
        specs: what the user named.
        report: grows while blocks are taken; a file is in `report.files` before its first block.
        block_rows: about how many samples a block holds; does not change what is read.
        max_characters: a conversation longer than this is set aside.
        questions: accept records without an answer, as evaluation files hold them.
        documents: take records for documents, which are answers without an instruction.
        offline: take Hub repositories from the local cache only.

    Raises:
        FormatError: for a file that cannot be used; names file, place and remedy.
        ConfigError: if a field mapping cannot be read.
    """
    files = detect(specs, questions=questions, documents=documents, offline=offline)
    for file in files:
        reader = _FileReader(file, report, max_characters=max_characters, questions=questions)
        yield from reader.blocks(block_rows)


class _FileReader:
    """Turns the records of one file into samples and keeps the books."""

    def __init__(
        self, file: DetectedFile, report: ReadReport, *, max_characters: int, questions: bool
    ) -> None:
        self._file = file
        self._report = report
        self._max_characters = max_characters
        self._questions = questions
        self._index = len(report.files)
        self._provenance = Provenance(file.place.source, file.place.split)
        self._converters: dict[tuple[str, ...], Converter] = {}
        self._samples: list[Sample] = []
        self._origins: list[Origin] = []
        self._lost_parts = 0
        self._unlearned = 0

    def blocks(self, block_rows: int) -> Iterator[Block]:
        path = self._file.place.path
        before = path.stat()
        self._report.files.append(_source_file(self._file))
        self._report.notes.extend(self._file.place.notes)
        value: object = None
        fresh = 0
        for row, (value, offset, length) in enumerate(file_records(self._file.packed)):
            self._take(row, value, offset, length)
            # Where many rows are set aside, too, the reader hears of them now and then.
            if len(self._samples) >= block_rows or row - fresh > 2 * block_rows:
                yield self._close_block()
                fresh = row
        if self._samples:
            yield self._close_block()
        self._add_notes(value)
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FormatError(f"{path}: the file changed while it was read", hint="load it again")

    def _close_block(self) -> Block:
        block = Block(self._samples, self._origins)
        self._report.samples += len(self._samples)
        self._unlearned += sum(map(_teaches_nothing, self._samples))
        self._samples, self._origins = [], []
        return block

    def _take(self, row: int, value: object, offset: int, length: int) -> None:
        self._report.rows += 1
        if type(value) is not dict:
            self._set_aside_unclear(row, value, offset)
            return
        try:
            made = self._made(value)
            # A text is never longer than the bytes that spell it.
            if length < 0 or length > self._max_characters:
                self._refuse_long(made)
        except UnusableRecordError as error:
            self._set_aside(row, offset, BadRecord(error.fault, error.detail, excerpt_of(value)))
            return
        if type(made) is Sample:
            self._samples.append(made)
            self._origins.append(Origin(self._index, row, 0, offset, length))
        else:
            self._take_parts(made, row, offset, length)  # type: ignore[arg-type]

    def _made(self, record: dict[str, object]) -> Sample | list[Sample | None]:
        if not self._questions or self._file.mapping is not None:
            return self._converter(record)(record)
        try:
            made = self._converter(record)(record)
        except UnusableRecordError:
            # What is wrong may be the answer alone, which a question can do without.
            made = QUESTIONS.bind(tuple(record), self._provenance, questions=True)(record)
        if isinstance(made, Sample):
            check_question(made.conversation)
        return made

    def _take_parts(self, parts: list[Sample | None], row: int, offset: int, length: int) -> None:
        for part, sample in enumerate(parts):
            if sample is None:
                self._lost_parts += 1
            else:
                self._samples.append(sample)
                self._origins.append(Origin(self._index, row, part, offset, length))

    def _converter(self, record: dict[str, object]) -> Converter:
        fields = tuple(record)
        converter = self._converters.get(fields)
        if converter is None:
            if len(self._converters) >= _MOST_CONVERTERS:
                self._converters.clear()
            converter = self._file.layout.bind(fields, self._provenance, questions=self._questions)
            self._converters[fields] = converter
        return converter

    def _refuse_long(self, made: Sample | list[Sample | None]) -> None:
        parts = [made] if isinstance(made, Sample) else [part for part in made if part]
        count = max(characters_of(part.conversation) for part in parts)
        if count > self._max_characters:
            raise UnusableRecordError(
                Fault.TOO_LONG, f"{count} characters; the limit is {self._max_characters}"
            )

    def _set_aside_unclear(self, row: int, value: object, offset: int) -> None:
        if isinstance(value, RepeatingRecord):
            value = value.bad
        elif not isinstance(value, BadRecord):
            detail = f"{type_name(value)}, not an object with fields"
            value = BadRecord(Fault.NOT_A_RECORD, detail, excerpt_of(value))
        self._set_aside(row, offset, value)

    def _set_aside(self, row: int, offset: int, bad: BadRecord) -> None:
        path = str(self._file.place.path)
        aside = SetAside(path, row, offset, str(bad.fault), bad.detail, bad.excerpt)
        self._report.set_aside.append(aside)

    def _add_notes(self, last: object) -> None:
        path = self._file.place.path
        if self._unlearned:
            self._report.notes.append(
                f"{path}: no answer of {self._unlearned:,} rows is to be learned, as their weight "
                "or label says: they have no score, and no trainer is given them"
            )
        if self._lost_parts:
            self._report.notes.append(
                f"{path}: {self._lost_parts} unusable instances left out of records that were kept"
            )
        if isinstance(last, BadRecord) and last.fault is Fault.INVALID_JSON:
            self._report.notes.append(
                f"{path}: the last line is not whole; the file may be incomplete"
            )


def _teaches_nothing(sample: Sample) -> bool:
    """Does a sample have answers, and are all of them marked as not to be learned?"""
    has_answers = False
    for message in sample.conversation.messages:
        if message.role == "assistant":
            if message.weight != 0:
                return False
            has_answers = True
    return has_answers


def characters_of(conversation: Conversation) -> int:
    """Return the length of all texts of a conversation in characters."""
    return sum(
        len(message.content)
        + len(message.context)
        + len(message.reasoning)
        + sum(len(call.arguments) for call in message.tool_calls)
        for message in conversation.messages
    )


def _source_file(file: DetectedFile) -> SourceFile:
    path, packed = file.place.path, file.packed
    is_text = packed.container not in {"parquet", "arrow"}
    return SourceFile(
        path=path,
        source=file.place.source,
        split=file.place.split,
        container=packed.container,
        compression=packed.compression,
        layout=file.layout.name,
        size=path.stat().st_size,
        digest=streams.digest_of(path),
        mapping=file.mapping,
        encoding_bom=is_text
        and streams.head_of(path, packed.compression).startswith(streams.UTF8_BOM),
        commit=file.place.commit,
    )
