"""Rows on disk, in canonical order: ascending id."""

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.files.frames import read_frame, read_metadata
from assay.samples import (
    Conversation,
    IdArray,
    ImageRef,
    IndexArray,
    Message,
    Origin,
    Sample,
    Tool,
    ToolCall,
)

HashArray = NDArray[np.bytes_]

MESSAGE_FIELDS = ("role", "content", "context", "reasoning", "tool_calls", "images")
ORIGIN_FIELDS = ("file", "row", "part", "byte_offset", "byte_length")
READ_ROWS = 65_536


def hash_array(hashes: Sequence[bytes]) -> HashArray:
    """Return 16-byte hashes as an array of shape (n,), dtype S16, which compares bytewise."""
    return np.frombuffer(b"".join(hashes), dtype="S16")


class Pool:
    """The rows being selected from, or questions, targets, anchors; text is read in blocks.

    Attributes:
        path: the Parquet file.
        ids: shape (n,), uint64, ascending; fixed by content and the ordinal among equals.
        content_hashes: shape (n,), S16; equal for rows of equal text.
        held_out: shape (n,), bool; rows that no method sees beside others, and none chooses.
        hidden: rows of the file that are not in the pool, because they are held out.
        digest: 16 hex digits over the ids.
        context: 16 hex digits over all that a selection may read of a row besides its text: ids,
            hold-out, source, split, task, language.

    Raises:
        DamagedError: if the file is damaged; it is set aside by then.
        CacheError: if the system does not give it.
    """

    hidden: int = 0
    _places: IndexArray | None = None  # of the rows in the file, where some of it is hidden

    def __init__(self, path: Path) -> None:
        self.path = path
        head = read_frame(path, ["id", "content_hash", "held_out"])
        self.ids: IdArray = head["id"].to_numpy()
        self.content_hashes = hash_array(head["content_hash"].to_list())
        self.held_out: NDArray[np.bool_] = head["held_out"].to_numpy()
        self.digest = digest_of(self.ids)
        stored: str = read_metadata(path).get("context", "")
        self.context = barred_context(stored, self.held_out) if self.held_out.any() else stored

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)

    def __repr__(self) -> str:
        barred = int(self.held_out.sum())
        return f"Pool({len(self):,} rows{f', {barred:,} of them held out' if barred else ''})"

    def without_held_out(self) -> "Pool":
        """Return the pool as it would be if it had never had the rows that are held out."""
        if not self.held_out.any():
            return self
        rest = copy.copy(self)
        for name in ("row", "unique"):
            rest.__dict__.pop(name, None)
        free = np.flatnonzero(~self.held_out)
        rest._places = self.file_places(free)
        rest.hidden = self.hidden + len(self) - len(free)
        rest.ids, rest.content_hashes = self.ids[free], self.content_hashes[free]
        rest.held_out = self.held_out[free]
        rest.digest = digest_of(rest.ids)
        return rest

    def file_places(self, index: IndexArray) -> IndexArray:
        """Return which rows of the file the rows at `index` are."""
        return index if self._places is None else self._places[index]

    def column(self, name: str) -> pl.Series:
        """Return one stored column, such as "source" or "meta", in canonical order."""
        column = pl.read_parquet(self.path, columns=[name])[name]
        return column if self._places is None else column[self._places]

    @cached_property
    def row(self) -> IndexArray:
        """Place of each row in its file, for reference modes that need file order. Shape (n,)."""
        return self.column("row").to_numpy()

    def origins(self, index: IndexArray) -> list[Origin]:
        """Return where the rows at `index` lie in the files they came from."""
        frame = pl.read_parquet(self.path, columns=list(ORIGIN_FIELDS))
        frame = frame[self.file_places(index)]
        return [Origin(*values) for values in frame.iter_rows()]

    @cached_property
    def unique(self) -> tuple[HashArray, IndexArray, IndexArray]:
        """Distinct content hashes ascending, a row that has each, and each row's place in them."""
        distinct, first, inverse = np.unique(
            self.content_hashes, return_index=True, return_inverse=True
        )
        return distinct, first.astype(np.int64), inverse.astype(np.int64)

    def conversations(self, index: IndexArray) -> list[Conversation]:
        """Return the conversations at ascending positions `index`."""
        return [
            conversation
            for block in self._frames(index, ["messages", "tools"])
            for conversation in _conversations(block)
        ]

    def samples(self, index: IndexArray) -> Iterator[Sample]:
        """Yield the samples at ascending positions `index`, with their provenance."""
        names = ["source", "split", "task", "language", "external_id", "meta"]
        for block in self._frames(index, ["messages", "tools", *names]):
            for conversation, values in zip(
                _conversations(block), block.select(names).iter_rows(), strict=True
            ):
                source, split, task, language, external_id, meta = values
                extra = json.loads(meta) if meta else {}
                yield Sample(conversation, source, split, task, language, external_id, extra)

    def _frames(self, index: IndexArray, columns: list[str]) -> Iterator[pl.DataFrame]:
        index = self.file_places(index)
        for start in range(0, len(self) + self.hidden, READ_ROWS):
            low, high = np.searchsorted(index, [start, start + READ_ROWS])
            if low == high:
                continue
            first, last = int(index[low]), int(index[high - 1])
            frame = (
                pl.scan_parquet(self.path).select(columns).slice(first, last - first + 1).collect()
            )
            wanted = index[low:high] - first
            yield frame if len(wanted) == len(frame) else frame[wanted]


def barred_context(context: str, held_out: NDArray[np.bool_]) -> str:
    """Return the context of rows of which some are held out: 16 hex digits.

    Methods of earlier versions saw such rows, so what they made of them goes by another context.
    """
    state = hashlib.blake2b(f"unseen/{context}".encode() + held_out.tobytes(), digest_size=8)
    return state.hexdigest()


def digest_of(ids: IdArray) -> str:
    """Return 16 hex digits that name a set of rows."""
    return hashlib.blake2b(np.ascontiguousarray(ids).tobytes(), digest_size=8).hexdigest()


def format_id(row_id: int) -> str:
    """Return an id as it is printed: 16 hex digits."""
    return f"{row_id:016x}"


def parse_id(text: str) -> int | None:
    """Return the id that 16 hex digits stand for, or None."""
    try:
        return int(text, 16) if len(text) == 16 else None
    except ValueError:
        return None


def _conversations(frame: pl.DataFrame) -> Iterator[Conversation]:
    lengths = frame["messages"].list.len().to_list()
    flat = frame["messages"].explode(empty_as_null=False).struct.unnest()
    rows = flat.select(MESSAGE_FIELDS).iter_rows()
    for length, tools in zip(lengths, frame["tools"].to_list(), strict=True):
        messages = tuple(_message(*next(rows)) for _ in range(length))
        yield Conversation(
            messages, tuple(Tool(*parts) for parts in json.loads(tools)) if tools else ()
        )


def _message(
    role: Literal["system", "user", "assistant", "tool"],
    content: str,
    context: str,
    reasoning: str,
    calls: str,
    images: str,
) -> Message:
    if not calls and not images:
        return Message(role, content, context, reasoning)
    return Message(
        role,
        content,
        context,
        reasoning,
        tuple(ToolCall(*parts) for parts in json.loads(calls)) if calls else (),
        tuple(ImageRef(path, bytes.fromhex(digest)) for path, digest in json.loads(images))
        if images
        else (),
    )
