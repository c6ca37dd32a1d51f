"""Files as bytes: what they are packed in, their digest, and their content chunk by chunk."""

import atexit
import codecs
import contextlib
import gzip
import hashlib
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from assay.errors import FormatError
from assay.files import is_pipe
from assay.formats.records import Compression

STANDARD_INPUT = "-"
CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
LONGEST_HEAD = 1 << 24
_PROBE_BYTES = 1 << 9
UTF8_BOM = codecs.BOM_UTF8
_PACKED_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_WIDE_BOMS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def sniff_compression(path: Path) -> Compression:
    """Return how a file is packed, from its first bytes rather than its name."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return "gzip"
    return "zstd" if magic == b"\x28\xb5\x2f\xfd" else "none"


def unpacked_suffix(path: Path) -> str:
    """Return the ending that names the container, such as ".jsonl" of "a.JSONL.gz"."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _PACKED_SUFFIXES:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def plain_stem(path: Path) -> str:
    """Return a file's name without container and compression endings."""
    name = path.name
    for ending in (*_PACKED_SUFFIXES, unpacked_suffix(path)):
        if ending and name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name


def digest_of(path: Path) -> str:
    """Return blake2b (16 bytes, hex) of a file as it lies on disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def byte_chunks(
    path: Path, compression: Compression, *, size: int = CHUNK_BYTES
) -> Iterator[bytes]:
    """Yield a file's unpacked content in order, in pieces of about `size` bytes.

    Raises:
        FormatError: if the packed data break off or are damaged.
    """
    with path.open("rb") as file:
        if compression == "none":
            yield from iter(lambda: file.read(size), b"")
        elif compression == "gzip":
            yield from _gzip_chunks(file, path, size)
        else:
            yield from _zstd_chunks(file, path, size)


def physical_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield the lines of a text with their ends; only where no \n is found, \r ends them."""
    pending: list[bytes] = []
    end = b""
    for chunk in chunks:
        end = end or _line_end(chunk)
        pending.append(chunk)
        if end and end in chunk:
            lines = b"".join(pending).split(end)
            pending = [lines.pop()]
            for line in lines:
                yield line + end
    if last := b"".join(pending):
        yield last


def written_lines(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the lines of a text that are not blank, without their ends, and their places in bytes.

    A mark of UTF-8 at the beginning is no part of the first.
    """
    end = 0
    for whole in physical_lines(chunks):
        start = end
        end = start + len(whole)
        line = whole.rstrip(b"\r\n")
        if start == 0 and line.startswith(UTF8_BOM):
            start = len(UTF8_BOM)
            line = line[start:]
        if line and not line.isspace():
            yield line, start


def _line_end(chunk: bytes) -> bytes:
    if b"\n" in chunk:
        return b"\n"
    # At the end of a chunk the other half of \r\n may follow.
    return b"\r" if b"\r" in chunk[:-1] else b""


def _damaged(path: Path, kind: str, detail: str) -> FormatError:
    return FormatError(
        f"{path}: the {kind} data are damaged or break off ({detail})",
        hint="the file is probably incomplete: fetch or pack it again",
    )


def _gzip_chunks(file: BinaryIO, path: Path, size: int) -> Iterator[bytes]:
    with gzip.open(file, "rb") as unpacked:
        while True:
            try:
                chunk = unpacked.read(size)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise _damaged(path, "gzip", str(error)) from error
            if not chunk:
                return
            yield chunk


def _zstd_chunks(file: BinaryIO, path: Path, size: int) -> Iterator[bytes]:
    # The library's stream reader ends silently where a frame breaks off.
    frame = zstandard.ZstdDecompressor().decompressobj()
    started = False
    while packed := file.read(size):
        while packed:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            try:
                chunk = frame.decompress(packed)
            except zstandard.ZstdError as error:
                raise _damaged(path, "zstd", str(error)) from error
            started = True
            packed = frame.unused_data if frame.eof else b""
            if chunk:
                yield chunk
    if started and not frame.eof:
        raise _damaged(path, "zstd", "the last frame is not closed")


def head_of(path: Path, compression: Compression) -> bytes:
    """Return the first bytes of the unpacked content; all of the first line if it is an object."""
    head = b""
    for chunk in byte_chunks(path, compression, size=HEAD_BYTES):
        head += chunk
        text = head.removeprefix(UTF8_BOM).lstrip()
        if text[:1] != b"{" or b"\n" in text or len(head) > LONGEST_HEAD:
            break
    return head


def refuse_wide_encoding(path: Path, head: bytes) -> None:
    """Stop at a file that is not UTF-8.

    Raises:
        FormatError: if a byte order mark or zero bytes show UTF-16, UTF-32 or no text at all.
    """
    name = next((name for bom, name in _WIDE_BOMS.items() if head.startswith(bom)), None)
    name = name or _wide_encoding(head[:_PROBE_BYTES])
    if name is None and b"\x00" in head[:_PROBE_BYTES]:
        raise FormatError(
            f"{path}: byte {head.index(0)}: a zero byte, which no text holds",
            hint="the file is no text, or is damaged: write or fetch it again",
        )
    if name is not None:
        raise FormatError(
            f"{path}: byte 0: the text is {name}, and Assay reads UTF-8",
            hint=f"iconv -f {name} -t UTF-8 {path.name} > utf8-{path.name}",
        )


def _wide_encoding(head: bytes) -> str | None:
    """Return the encoding that the zero bytes of a text without a mark stand for."""
    zeros = [head[place::4].count(0) for place in range(4)]
    quarter = len(head) // 4
    if quarter and sorted(zeros)[1:] == [quarter] * 3 and min(zeros) < quarter:
        return "UTF-32"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    # Letters of European languages have a zero on one side, and never on both.
    return "UTF-16" if max(even, odd) > quarter and min(even, odd) == 0 else None


def line_at(path: Path, compression: Compression, byte_offset: int) -> int:
    """Return the number, from 1, of the line that holds a byte of the unpacked content."""
    line, left, end = 1, byte_offset, b""
    for chunk in byte_chunks(path, compression):
        end = end or _line_end(chunk) or b"\n"
        line += chunk.count(end, 0, max(0, min(left, len(chunk))))
        left -= len(chunk)
        if left <= 0:
            break
    return line


def can_be_read_once(location: str) -> bool:
    """Is a source standard input or a pipe, whose content is gone once it was read?"""
    return location == STANDARD_INPUT or is_pipe(Path(location))


def spool(location: str, folder: Path | None = None) -> Path:
    """Keep what standard input or a pipe holds in a file, and return its path.

    Args:
        location: "-" or the path of a pipe.
        folder: where to keep it for good, named by its content; None keeps it only while this
            process lives.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    file = tempfile.NamedTemporaryFile(  # noqa: SIM115
        prefix="standard-input-", suffix=Path(location).suffix, dir=folder, delete=False
    )
    path = Path(file.name)
    with file, contextlib.ExitStack() as stack:
        stream = sys.stdin.buffer
        if location != STANDARD_INPUT:
            stream = stack.enter_context(Path(location).open("rb"))
        shutil.copyfileobj(stream, file, CHUNK_BYTES)
    if folder is None:
        atexit.register(path.unlink, missing_ok=True)
        return path
    return path.replace(folder / f"standard-input-{digest_of(path)[:16]}")
