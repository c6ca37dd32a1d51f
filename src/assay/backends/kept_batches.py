"""What a batch was answered, as arrays that can be kept, under a key of all that was asked."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.backends.batching import Batch
from assay.backends.work import Readout, Work
from assay.samples import Float32Array

_FORM = b"2"
"""How answers are put together: what was kept in another form is found no more."""
Vectors = list[list[Float32Array | None]]
"""Of each sequence what is asked of it besides its targets; None for nothing."""


def batch_key(batch: Batch, work: Work, *, statistics: bool) -> bytes:
    """Return what tells a batch from every other: its members in order, and what is asked of them.

    Args:
        batch: which sequences.
        work: all of them.
        statistics: whether the predicting distributions are described.
    """

    def arrays() -> Iterator[NDArray[Any] | None]:
        yield batch.prefix
        yield np.array(work.layers, np.int64)
        for choice in work.choices:
            yield choice.tokens
            yield choice.places[batch.members]
        for place in batch.members.tolist():
            yield work.sequences[place]
            yield work.targets[place]
            yield work.labels[place]
            for pool in work.pools:
                yield pool[place]

    return arrays_key(_FORM + bytes([statistics]), arrays())


def arrays_key(asked: bytes, arrays: Iterable[NDArray[Any] | None]) -> bytes:
    """Return a digest of some arrays in order, None among them, and of what is asked of them."""
    state = hashlib.blake2b(asked, digest_size=16)
    for array in arrays:
        content = b"" if array is None else np.ascontiguousarray(array).tobytes()
        state.update((-1 if array is None else len(content)).to_bytes(8, "little", signed=True))
        state.update(content)
    return state.digest()


def packed(readouts: Sequence[Readout], vectors: Vectors) -> Mapping[str, NDArray[Any]]:
    """Return a batch's answer as arrays."""
    found: dict[str, NDArray[Any]] = {
        name: np.concatenate([getattr(readout, name) for readout in readouts])
        for name in Readout._fields
    }
    for number in range(len(vectors[0]) if vectors else 0):
        given = [vector for own in vectors if (vector := own[number]) is not None]
        if given:
            found[f"vectors {number}"] = np.stack(given)
    return found


def unpacked(
    answer: Mapping[str, NDArray[Any]], batch: Batch, work: Work
) -> tuple[list[Readout], Vectors]:
    """Return what `packed` put together."""
    places = batch.members.tolist()
    borders = np.cumsum([len(work.targets[place]) for place in places])[:-1]
    parts = [
        # What was not asked for is empty.
        np.split(answer[name], borders) if len(answer[name]) else [answer[name]] * len(places)
        for name in Readout._fields
    ]
    count = len(work.pools) + len(work.choices)
    given = [iter(answer.get(f"vectors {number}", ())) for number in range(count)]
    vectors: Vectors = [
        [
            next(own) if wanted else None
            for wanted, own in zip(work.vectors_of(place), given, strict=True)
        ]
        for place in places
    ]
    return [Readout(*own) for own in zip(*parts, strict=True)], vectors
