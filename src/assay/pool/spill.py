"""Rows that may be too many for memory, divided by ranges of a key."""

import io
import math
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

import numpy as np
import polars as pl

from assay.files import write_error
from assay.samples import IdArray, IndexArray

SPILL_BYTES = 1 << 25
"""Rows are divided, and go to the disk, whenever as many bytes of them have come together."""
BITS = 8
"""Most leading bits of the key by which rows are divided once they do not fit into memory."""


def bits_for(expected_bytes: int | None) -> int:
    """Return by how many bits to divide rows of so many bytes; the most if that is not known.

    Fewer and larger pieces are faster to write and to read.
    """
    if expected_bytes is None:
        return BITS
    parts = 4 * expected_bytes / SPILL_BYTES
    return min(max(math.ceil(math.log2(max(parts, 1))), 1), BITS)


def without_others(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows that were picked from a larger frame without the texts of the other rows.

    Polars leaves all texts in memory as long as one of them is in use.
    """
    content = io.BytesIO()
    frame.write_ipc(content)
    content.seek(0)
    return pl.read_ipc(content)


class _Piece(NamedTuple):
    """Where some rows of one part lie in the file."""

    begin: int
    size: int


class Spill:
    """Rows in parts by the leading bits of a 64-bit key, each part in the order of arrival.

    Few rows stay in memory, as a single part. More lie in a file without a name, which the system
    removes with the process, however that ends; the keys stay in memory, eight bytes a row.

    Attributes:
        schema: names and types of the columns, empty without a row.
        bits: how many leading bits of the key tell the part; known after `settle`.
    """

    def __init__(self, folder: Path, expected_bytes: int | None = None) -> None:
        """Hold no rows yet; a file will lie in `folder`, of about `expected_bytes` if known."""
        self.schema = pl.Schema()
        self.bits = bits_for(expected_bytes)
        self._folder = folder
        self._file: BinaryIO | None = None
        self._frames: list[pl.DataFrame] = []
        self._keys: list[IdArray] = []
        self._bytes = 0
        self._pieces: list[list[_Piece | pl.DataFrame]] = []
        self._parts: list[list[IdArray]] = []

    def add(self, frame: pl.DataFrame, keys: IdArray) -> None:
        """Take rows with their keys, shape (n,)."""
        self.schema = frame.schema
        self._frames.append(frame)
        self._keys.append(keys)
        self._bytes += int(frame.estimated_size())
        if self._bytes >= SPILL_BYTES:
            self._divide(to_disk=True)

    def __enter__(self) -> Self:
        """Return itself; the file goes when the block ends."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()

    def settle(self, bits: int | None = None) -> None:
        """Take no more rows; they can be read from now on, in `2 ** bits` parts if none is on disk.

        Without `bits`, rows that all fit into memory are one part.
        """
        if self._file is None:
            self.bits = bits or 0
        self._divide(to_disk=False)

    @property
    def parts(self) -> int:
        """Number of parts."""
        return 1 << self.bits

    def part_of(self, keys: IdArray) -> IndexArray:
        """Return the part of each key. Shape (n,)."""
        if not self.bits:
            return np.zeros(len(keys), np.int64)
        return (keys >> np.uint64(64 - self.bits)).astype(np.int64)

    def take_keys(self) -> list[IdArray]:
        """Return the keys of each part's rows in their order, which are then no longer held."""
        keys = [np.concatenate([*found, np.empty(0, np.uint64)]) for found in self._parts]
        self._parts = []
        return keys

    def read(self, part: int, columns: Sequence[str] | None = None) -> list[pl.DataFrame]:
        """Return a part's rows, or some of their columns, as frames below one another."""
        frames = []
        for piece in self._pieces[part]:
            if isinstance(piece, pl.DataFrame):
                frames.append(piece if columns is None else piece.select(columns))
            else:
                content = self._content(piece)
                frames.append(pl.read_ipc(content, columns=None if columns is None else [*columns]))
        return frames

    def _content(self, piece: _Piece) -> io.BytesIO:
        file = cast("BinaryIO", self._file)
        file.seek(piece.begin)
        return io.BytesIO(file.read(piece.size))

    def _divide(self, *, to_disk: bool) -> None:
        if not self._pieces:
            self._pieces = [[] for _ in range(self.parts)]
            self._parts = [[] for _ in range(self.parts)]
        if not self._frames:
            return
        frame, keys = pl.concat(self._frames, rechunk=True), np.concatenate(self._keys)
        self._frames, self._keys, self._bytes = [], [], 0
        part_of = self.part_of(keys)
        order = np.argsort(part_of, kind="stable")
        frame, keys = frame[order], keys[order]
        borders = np.searchsorted(part_of[order], np.arange(self.parts + 1)).tolist()
        for part, (low, high) in enumerate(pairwise(borders)):
            if low < high:
                rows = frame[low:high]
                self._parts[part].append(keys[low:high])
                self._pieces[part].append(self._written(rows) if to_disk else rows)

    def _written(self, rows: pl.DataFrame) -> _Piece:
        content = io.BytesIO()
        rows.write_ipc(content)
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = cast("BinaryIO", tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
            begin = self._file.seek(0, io.SEEK_END)
            self._file.write(content.getbuffer())
            self._file.flush()
        except OSError as error:
            raise write_error(self._folder, error) from error
        return _Piece(begin, content.tell())
