"""Copying records into the container they came in, with what stands between them."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from assay.export.frames import BOM, Frame, Span, csv_header, json_frame, line_end, skip_space
from assay.export.outputs import write_frame
from assay.export.sources import DELIMITERS, OpenSource
from assay.export.typed_columns import copy_typed, different_columns, keeps_types
from assay.files.columnar import is_arrow_stream
from assay.formats.records import Container

_BLOCK_BYTES = 1 << 22
_PLAIN_FRAME = Frame(b"[\n", b",\n", b"\n]\n")


def copy_records(sources: list[OpenSource], stream: BinaryIO, container: Container) -> None:
    """Write the chosen records of text files that all have this container.

    They keep their bytes. What surrounds them comes from the first source: brackets,
    the separator between its first two records, header, byte order mark.

    Raises:
        DataError: if the sources have different columns.
    """
    if container in DELIMITERS:
        _copy_lines(sources, stream, _common_header(sources))
    elif container == "jsonl":
        _copy_lines(sources, stream, BOM if sources[0].content[: len(BOM)] == BOM else b"")
    else:
        _copy_json(sources, stream)


class _Piece(NamedTuple):
    """Neighbouring records that are copied in one go, or one record that was cut (`text`)."""

    span: Span
    first_row: int = -1
    text: bytes | None = None


def _pieces(source: OpenSource) -> Iterator[_Piece]:
    run: _Piece | None = None
    next_row = -1
    for record in source.records:
        span = source.span(record)
        if run and record.row == next_row and source.is_whole(record):
            run = run._replace(span=Span(run.span.start, span.end))
        else:
            if run:
                yield run
            whole = source.is_whole(record)
            run = _Piece(span, record.row, None if whole else source.text(record))
        # A record that was cut cannot be continued.
        next_row = record.row + 1 if run.text is None else -1
        source.done_with(span.start)
    if run:
        yield run


def _write_piece(source: OpenSource, stream: BinaryIO, piece: _Piece) -> None:
    if piece.text is not None:
        stream.write(piece.text)
        return
    for start in range(piece.span.start, piece.span.end, _BLOCK_BYTES):
        stream.write(source.content[start : min(start + _BLOCK_BYTES, piece.span.end)])
        source.done_with(start)


def _copy_json(sources: list[OpenSource], stream: BinaryIO) -> None:
    frame: Frame | None = None
    for source in sources:
        for piece in _pieces(source):
            if frame is None:
                records = Span(piece.span.start, source.span(source.records[-1]).end)
                frame = json_frame(source.content, records) or _PLAIN_FRAME
                stream.write(frame.prefix)
            else:
                stream.write(frame.separator)
            _write_piece(source, stream, piece)
    stream.write(frame.suffix if frame else b"[]\n")


def _copy_lines(sources: list[OpenSource], stream: BinaryIO, opening: bytes) -> None:
    started = False
    line_ended = True
    for number, source in enumerate(sources):
        for piece in _pieces(source):
            if not started:
                # Row 0 brings along what stands before it, blank lines and all.
                brings = number == 0 and piece.first_row == 0
                stream.write(source.content[: piece.span.start] if brings else opening)
                started = True
            elif not line_ended:
                stream.write(b"\n")
            _write_piece(source, stream, piece)
            line_ended = _copy_line_end(source, stream, piece.span.end)
    if not started:
        stream.write(opening)


def _copy_line_end(source: OpenSource, stream: BinaryIO, end: int) -> bool:
    """Copy what follows a record up to the next line, or to the end if only space follows."""
    after = line_end(source.content, end)
    if skip_space(source.content, after) == len(source.content):
        after = len(source.content)
    stream.write(source.content[end:after])
    return after > end


def _common_header(sources: list[OpenSource]) -> bytes:
    headers = [csv_header(source.content) for source in sources]
    for source, header in zip(sources, headers, strict=True):
        if header.removeprefix(BOM).strip() != headers[0].removeprefix(BOM).strip():
            raise different_columns(source, sources[0])
    return headers[0]


def copy_columns(sources: list[OpenSource], stream: BinaryIO, container: Container) -> None:
    """Write the chosen rows of Parquet and Arrow files as one of either.

    Raises:
        DataError: if the sources have different columns.
    """
    if keeps_types():
        copy_typed(sources, stream, container)
        return
    frames = [source.frame() for source in sources]
    for source, frame in zip(sources, frames, strict=True):
        if list(frame.schema.items()) != list(frames[0].schema.items()):
            raise different_columns(source, sources[0])
    first = sources[0].file
    write_frame(
        frames,
        stream,
        container,
        like=first.path if {container, first.container} == {"parquet"} else None,
        as_stream={container, first.container} == {"arrow"} and is_arrow_stream(first.path),
    )
