"""Reading chosen records back from the files they came from, unchanged or not at all."""

import csv
import io
import json
import mmap
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import polars as pl

from assay.errors import DataError
from assay.export.frames import BOM, Content, Span, csv_header, element_spans, keep_elements
from assay.files.columnar import scan_arrow, scan_parquet
from assay.formats.delimited import delimiter_of
from assay.formats.records import SourceFile
from assay.formats.streams import byte_chunks, digest_of
from assay.samples import Origin

DELIMITERS: Mapping[str, str] = {"csv": ",", "tsv": "\t"}
COLUMNAR = ("parquet", "arrow")

INSTANCES = "instances"
"""Field of a self-instruct record that holds its samples."""
_ROW = "__assay_row"
_MAPPED_BYTES = 1 << 26


class ChosenRecord(NamedTuple):
    """A record of which at least one sample was chosen.

    `span` is where it lies in the uncompressed file, without its line end; `parts` counts the
    chosen samples of the record from 0, ascending.
    """

    row: int
    span: Span
    parts: tuple[int, ...]


def chosen_records(
    files: Sequence[SourceFile], origins: Sequence[Origin]
) -> list[list[ChosenRecord]]:
    """Return the chosen records of each file in the order in which they stand in it.

    Raises:
        DataError: if a sample is named twice.
    """
    grouped: list[dict[int, list[Origin]]] = [{} for _ in files]
    for origin in origins:
        grouped[origin.file].setdefault(origin.row, []).append(origin)
    return [
        [_merged(file, rows[row]) for row in sorted(rows)]
        for file, rows in zip(files, grouped, strict=True)
    ]


def _merged(file: SourceFile, origins: list[Origin]) -> ChosenRecord:
    first = origins[0]
    parts = tuple(sorted(origin.part for origin in origins))
    if len(set(parts)) < len(parts):
        raise DataError(
            f"row {first.row} of {file.path} is chosen more than once",
            hint="every sample can be exported once; remove the repeated ids",
        )
    return ChosenRecord(
        first.row, Span(first.byte_offset, first.byte_offset + first.byte_length), parts
    )


@dataclass
class OpenSource:
    """A source file whose content is known to be what was loaded.

    `content` is the uncompressed text, empty for Parquet and Arrow. `partial` counts the records
    that were handed out with some of their samples only.
    """

    file: SourceFile
    records: list[ChosenRecord]
    content: Content = b""
    partial: int = 0
    _done: int = 0

    def done_with(self, end: int) -> None:
        """Give back the memory of what lies before `end`; it can still be read, from the disk.

        What was read of a mapped file counts as memory of the process, up to the whole of it.
        """
        if isinstance(self.content, mmap.mmap) and abs(end - self._done) >= _MAPPED_BYTES:
            self._done = end - end % mmap.PAGESIZE
            if hasattr(mmap, "MADV_DONTNEED"):
                self.content.madvise(mmap.MADV_DONTNEED, 0, self._done)

    @property
    def is_columnar(self) -> bool:
        """Tell whether the file holds columns and no text."""
        return self.file.container in COLUMNAR

    @property
    def splits_records(self) -> bool:
        """Tell whether a record of this file can hold several samples."""
        return self.file.layout.replace("-", "_") == "self_instruct"

    def span(self, record: ChosenRecord) -> Span:
        """Return where the record lies, without a line end at its end."""
        end = record.span.end
        while end > record.span.start and self.content[end - 1 : end] in (b"\r", b"\n"):
            end -= 1
        return Span(record.span.start, end)

    def is_whole(self, record: ChosenRecord) -> bool:
        """Tell whether all samples of the record are chosen, so that its bytes can be copied."""
        if not self.splits_records:
            return True
        span = self.span(record)
        found = element_spans(self.content[span.start : span.end], INSTANCES)
        return len(found) <= 1 or record.parts == tuple(range(len(found)))

    def text(self, record: ChosenRecord) -> bytes:
        """Return the record's own bytes, less the instances that were not chosen."""
        span = self.span(record)
        self.done_with(span.start)
        raw = self.content[span.start : span.end]
        if self.is_whole(record):
            return raw
        self.partial += 1
        return keep_elements(raw, INSTANCES, record.parts)

    def values(self) -> Iterator[dict[str, object]]:
        """Yield each chosen record as a mapping from field names to values."""
        if self.is_columnar:
            yield from self.frame().iter_rows(named=True)
        elif self.file.container in DELIMITERS:
            yield from self._csv_values()
        else:
            for record in self.records:
                yield json.loads(self.text(record))

    def frame(self) -> pl.DataFrame:
        """Return the chosen rows of a Parquet or Arrow file with its columns and types."""
        rows = [record.row for record in self.records]
        lazy = _scan(self.file).with_row_index(_ROW).filter(pl.col(_ROW).is_in(rows)).drop(_ROW)
        return self._without_unchosen_instances(lazy.collect())

    def _without_unchosen_instances(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self.splits_records or not isinstance(frame.schema.get(INSTANCES), pl.List):
            return frame
        kept = self.chosen_instances(frame[INSTANCES].to_list(), self.records)
        column = pl.Series(INSTANCES, kept, dtype=frame.schema[INSTANCES])
        return frame.with_columns(column)

    def chosen_instances(
        self, lists: Sequence[list[object] | None], records: Sequence[ChosenRecord]
    ) -> list[list[object] | None]:
        """Return the lists of some records' instances, less those that were not chosen."""
        kept: list[list[object] | None] = []
        for record, instances in zip(records, lists, strict=True):
            chosen = instances and [instances[part] for part in record.parts]
            self.partial += instances != chosen
            kept.append(chosen)
        return kept

    def _csv_values(self) -> Iterator[dict[str, object]]:
        header = csv_header(self.content).removeprefix(BOM)
        delimiter = delimiter_of(header.decode(), default=DELIMITERS[self.file.container])
        names = _csv_fields(header, delimiter)
        for record in self.records:
            yield dict(zip(names, _csv_fields(self.text(record), delimiter), strict=False))


def _csv_fields(line: bytes, delimiter: str) -> list[str]:
    text = io.StringIO(line.decode(), newline="")
    return next(csv.reader(text, delimiter=delimiter), [])


@contextmanager
def open_source(
    file: SourceFile, records: list[ChosenRecord], scratch: Path
) -> Iterator[OpenSource]:
    """Open a source file after checking that it is the one that was loaded.

    Args:
        file: what was loaded.
        records: what was chosen from it.
        scratch: folder for the uncompressed copy of a compressed file.

    Raises:
        DataError: if the file is gone or has changed.
    """
    _verify(file)
    if file.container in COLUMNAR:
        yield OpenSource(file, records)
        return
    with _mapped(file, scratch) as content:
        yield OpenSource(file, records, content)


def _verify(file: SourceFile) -> None:
    try:
        digest = digest_of(file.path)
    except OSError as problem:
        raise DataError(
            f"cannot read {file.path} again: {problem.strerror}",
            hint="put the file back where it was when it was loaded, or load it again",
        ) from problem
    if digest != file.digest:
        raise DataError(
            f"{file.path} has changed since it was loaded",
            hint="load it again, so that the selection is made from what the file holds now",
        )


@contextmanager
def _mapped(file: SourceFile, scratch: Path) -> Iterator[Content]:
    if file.compression == "none":
        with file.path.open("rb") as stream, _memory_map(stream) as content:
            yield content
        return
    # On disk, not in memory: the file may hold more text than there is memory.
    with tempfile.TemporaryFile(dir=scratch) as plain:
        plain.writelines(byte_chunks(file.path, file.compression))
        plain.flush()
        with _memory_map(plain) as content:
            yield content


@contextmanager
def _memory_map(stream: IO[bytes]) -> Iterator[Content]:
    # An empty file cannot be mapped.
    if stream.seek(0, io.SEEK_END) == 0:
        yield b""
        return
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _scan(file: SourceFile) -> pl.LazyFrame:
    return scan_parquet(file.path) if file.container == "parquet" else scan_arrow(file.path)
