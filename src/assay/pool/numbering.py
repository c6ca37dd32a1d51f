"""Ids of rows: the first bytes of the content hash, and an ordinal among rows of equal text."""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from assay.pool.pool import HashArray, hash_array
from assay.samples import IdArray, IndexArray

PROVENANCE = ("source", "split", "task", "language", "external_id", "meta", "file", "row", "part")

Read = Callable[[int, Sequence[str]], list[pl.DataFrame]]
"""Returns some columns of the rows of one part, as frames below one another."""


class _Repeated(NamedTuple):
    """The rows of a part whose leading word another row has, in the order in which they count.

    That order is by hash and, among equals, by provenance. `ordinals` counts from 0 in each run
    of equal hashes.
    """

    places: IndexArray
    hashes: HashArray
    ordinals: IndexArray


def numbered(leading: list[IdArray], read: Read) -> list[IdArray]:
    """Return the ids of rows that are divided into parts by their leading words.

    Equal words lie in the same part. What a row's id is depends on the rows, not on their order
    or their parts.

    Args:
        leading: of each part, the leading word of every row's content hash; becomes the result.
        read: gives what a part's rows are told apart by, where words repeat.
    """
    repeated = {}
    for part, words in enumerate(leading):
        places = _repeated_places(words)
        if len(places):
            repeated[part] = _in_turn(part, places, read)
            _number(words, repeated[part])
    if repeated and _any_equal(leading):
        _number_one_by_one(leading, repeated)
    return leading


def _number(ids: IdArray, rows: _Repeated) -> None:
    """Give all but the first of equal rows their ids."""
    later = np.flatnonzero(rows.ordinals)
    ids[rows.places[later]] = [
        _numbered(rows.hashes[place : place + 1].tobytes(), ordinal)
        for place, ordinal in zip(later.tolist(), rows.ordinals[later].tolist(), strict=True)
    ]


def _repeated_places(words: IdArray) -> IndexArray:
    """Return the places of words that occur more than once, ascending."""
    order = np.argsort(words, kind="stable")
    in_order = words[order]
    same = in_order[1:] == in_order[:-1]
    if not same.any():
        return np.empty(0, np.int64)
    touched = np.zeros(len(words), np.bool_)
    touched[1:] = same
    touched[:-1] |= same
    return np.sort(order[touched])


def _in_turn(part: int, places: IndexArray, read: Read) -> _Repeated:
    frame = pl.concat(read(part, ["content_hash", *PROVENANCE]))[places]
    # Everything is compared as text: an id that is missing, or a number, sorts as it is printed.
    texts = frame.select("content_hash", pl.col(PROVENANCE).cast(pl.String).fill_null("None"))
    order = texts.select(
        pl.arg_sort_by("content_hash", *PROVENANCE, maintain_order=True)
    ).to_series().to_numpy().astype(np.int64)  # fmt: skip
    hashes = hash_array(frame["content_hash"].to_list())[order]
    begins = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    counts = np.diff(np.append(begins, len(hashes)))
    ordinals = np.arange(len(hashes)) - np.repeat(begins, counts)
    return _Repeated(places[order], hashes, ordinals)


def _any_equal(ids: Sequence[IdArray]) -> bool:
    every = np.concatenate(ids)
    every.sort()
    return bool((every[1:] == every[:-1]).any())


def _number_one_by_one(ids: list[IdArray], repeated: dict[int, _Repeated]) -> None:
    """Number repeated rows again where an id is taken already, which chance makes very rare."""
    taken: set[int] = set()
    for part, words in enumerate(ids):
        free = np.ones(len(words), np.bool_)
        if part in repeated:
            free[repeated[part].places] = False
        taken.update(words[free].tolist())
    for part in sorted(repeated):
        rows = repeated[part]
        offset = 0
        for place, ordinal in enumerate(rows.ordinals.tolist()):
            offset = 0 if ordinal == 0 else offset
            content_hash = rows.hashes[place : place + 1].tobytes()
            while (row_id := _numbered(content_hash, ordinal + offset)) in taken:
                offset += 1
            taken.add(row_id)
            ids[part][rows.places[place]] = row_id


def _numbered(content_hash: bytes, ordinal: int) -> int:
    if ordinal == 0:
        return int.from_bytes(content_hash[:8], "big")
    source = content_hash + ordinal.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(source, digest_size=8).digest(), "big")
