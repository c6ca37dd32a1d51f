"""Source files written piece by piece, so that a test knows where every record lies."""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

from assay.export.original import export_original
from assay.formats.records import Compression, Container, SourceFile
from assay.samples import Origin


@dataclass(frozen=True)
class WrittenFile:
    """A file on disk, its records as bytes, and where each lies."""

    source: SourceFile
    records: tuple[bytes, ...]
    places: tuple[tuple[int, int], ...]
    plain: bytes

    def origin(self, row: int, *, file: int = 0, part: int = 0) -> Origin:
        """Return the origin of one sample as a reader would report it."""
        return Origin(file, row, part, *self.places[row])


def source_file(
    path: Path,
    container: Container,
    *,
    layout: str = "alpaca",
    compression: Compression = "none",
) -> SourceFile:
    """Describe a file that lies on disk."""
    content = path.read_bytes()
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return SourceFile(path, path.stem, "", container, compression, layout, len(content), digest)


def write_pieces(
    path: Path,
    container: Container,
    pieces: Sequence[bytes],
    *,
    layout: str = "alpaca",
    compression: Compression = "none",
) -> WrittenFile:
    """Write a file from pieces of which those at odd places are the records."""
    plain = b"".join(pieces)
    packed = {"none": plain, "gzip": gzip.compress(plain), "zstd": zstandard.compress(plain)}
    path.write_bytes(packed[compression])
    starts = [sum(map(len, pieces[:index])) for index in range(1, len(pieces), 2)]
    records = tuple(pieces[1::2])
    places = tuple((start, len(record)) for start, record in zip(starts, records, strict=True))
    source = source_file(path, container, layout=layout, compression=compression)
    return WrittenFile(source, records, places, plain)


def interleave(
    prefix: bytes, separator: bytes, suffix: bytes, records: Sequence[bytes]
) -> list[bytes]:
    """Return the pieces of a file whose records are kept apart by equal separators."""
    pieces = [prefix]
    for record in records:
        pieces += [record, separator]
    pieces[-1] = suffix
    return pieces


def csv_table(tmp_path: Path, name: str = "table.csv", *, bom: bytes = b"") -> WrittenFile:
    """Write a CSV file with quotes, line breaks in cells, and line ends of Windows."""
    records = [b'"hello, world",a', b'"line one\r\nline ""two""",b', "Grüße,c".encode()]
    pieces = interleave(bom + b"text,label\r\n", b"\r\n", b"\r\n", records)
    return write_pieces(tmp_path / name, "csv", pieces)


def exported(written: WrittenFile, rows: list[int], output: Path) -> bytes:
    """Return what exporting some rows of a file writes."""
    export_original([written.source], [written.origin(row) for row in rows], output)
    return output.read_bytes()
