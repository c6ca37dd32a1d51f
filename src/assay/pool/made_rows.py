"""Rows that were made from other rows, one of each, kept as a pool."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from assay.files.frames import Late, write_blocks
from assay.formats.records import Block
from assay.pool.building import frame_of
from assay.pool.pool import READ_ROWS, Pool, leading_words
from assay.pool.view import PoolView
from assay.progress import Task
from assay.samples import Conversation, IndexArray, Origin, Sample

Change = Callable[[Sequence[Conversation]], Sequence[Conversation]]
"""Makes a conversation of each, from that one alone."""

_BLOCK_ROWS = 8192
_OF_TEXTS = frozenset({"messages", "tools", "content_hash"})


class MadePool(Pool):
    """Rows that were made from others: in their order, under their ids, held out as they are.

    What a row is besides its text, such as its source, it has from the one that it was made from.
    Rows made from equal ones are equal, and lie in the file once.

    Args:
        path: of a file that `write_made` wrote for the same texts.
        parents: what the rows were made from.

    Raises:
        DamagedError: if the file is damaged; it is set aside by then.
    """

    def __init__(self, path: Path, parents: PoolView) -> None:
        super().__init__(path)
        self.parents = parents
        _, _, self._places = parents.unique
        self.ids = parents.ids
        self.content_hashes = self.content_hashes[self._places]
        self.held_out = parents.pool.held_out[parents.positions]
        self.digest = self.digest_at(None)
        state = f"made/{parents.pool.context}/{self.digest}".encode()
        self.context = hashlib.blake2b(state, digest_size=8).hexdigest()

    def digest_at(self, index: IndexArray | None) -> str:
        """Return 16 hex digits over ids and texts of the rows at `index`, or of all."""
        rows = slice(None) if index is None else index
        state = hashlib.blake2b(np.ascontiguousarray(self.ids[rows]).data, digest_size=8)
        state.update(np.ascontiguousarray(self.content_hashes[rows]).tobytes())
        return state.hexdigest()

    def column(self, name: str) -> pl.Series:
        """Return one stored column: texts are their own, all else is that of the parents."""
        return super().column(name) if name in _OF_TEXTS else self.parents.column(name)

    @property
    def duplicates(self) -> int:
        """Number of rows whose text another row has that counts before them."""
        return len(self) - len(self.unique[0])

    def origins(self, index: IndexArray) -> list[Origin]:
        """Return where the rows lie that those at `index` were made from."""
        return self.parents.pool.origins(self.parents.positions[index])

    def samples(self, index: IndexArray) -> Iterator[Sample]:
        """Yield the samples at ascending positions `index`, with their parents' provenance."""
        before = self.parents.pool.samples(self.parents.positions[index])
        for sample, conversation in zip(before, self.conversations(index), strict=True):
            yield replace(sample, conversation=conversation)

    def conversations(self, index: IndexArray) -> list[Conversation]:
        """Return the conversations at ascending positions `index`."""
        places, back = np.unique(self.file_places(index), return_inverse=True)
        found = list(self._stored(places))
        return [found[place] for place in back.tolist()]

    def _narrowed(self, index: IndexArray) -> Self:
        rest = super()._narrowed(index)
        rest.parents = PoolView(self.parents.pool, self.parents.positions[index])
        return rest


def made_digest(parents: PoolView, also: bytes = b"") -> str:
    """Return 16 hex digits over the texts that rows are made from, and what else they hold."""
    state = hashlib.blake2b(parents.unique[0].tobytes(), digest_size=8)
    state.update(also)
    return state.hexdigest()


def write_made(path: Path, parents: PoolView, change: Change, task: Task) -> None:
    """Write what is made of every different text, in the order of the hashes of these texts.

    Args:
        path: of the file.
        parents: the rows that others are made from.
        change: what makes them.
        task: is told of the texts that are done.
    """
    first = parents.unique[1]

    def blocks() -> Iterator[pl.DataFrame]:
        for start in range(0, len(first), _BLOCK_ROWS):
            frame = _frame(parents, first[start : start + _BLOCK_ROWS], change)
            yield frame
            task.advance(len(frame))

    schema = _frame(parents, first[:1], change).schema
    late = Late("parents", 16, lambda written: made_digest(parents))
    write_blocks(path, blocks(), schema, row_group_size=READ_ROWS, late=late)


def _frame(parents: PoolView, places: IndexArray, change: Change) -> pl.DataFrame:
    made = change(parents.conversations(places))
    if len(made) != len(places):
        raise TypeError(f"{len(made)} rows were made from {len(places)}")
    samples = [Sample(conversation) for conversation in made]
    origins = [Origin(0, place) for place in range(len(samples))]
    frame = frame_of(Block(samples, origins))
    ids = leading_words(parents.pool.content_hashes[parents.positions[places]])
    return frame.select(pl.Series("id", ids, pl.UInt64), pl.all(), pl.lit(False).alias("held_out"))
