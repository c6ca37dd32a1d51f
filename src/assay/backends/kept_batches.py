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
Pooled = list[list[Float32Array | None]]


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


def packed(readouts: Sequence[Readout], pooled: Pooled) -> Mapping[str, NDArray[Any]]:
    """Return a batch's answer as arrays."""
    found: dict[str, NDArray[Any]] = {
        name: np.concatenate([getattr(readout, name) for readout in readouts])
        for name in Readout._fields
    }
    for number in range(len(pooled[0]) if pooled else 0):
        vectors = [vector for own in pooled if (vector := own[number]) is not None]
        if vectors:
            found[f"pool {number}"] = np.stack(vectors)
    return found


def unpacked(
    answer: Mapping[str, NDArray[Any]], batch: Batch, work: Work
) -> tuple[list[Readout], Pooled]:
    """Return what `packed` put together."""
    places = batch.members.tolist()
    borders = np.cumsum([len(work.targets[place]) for place in places])[:-1]
    parts = [
        # What was not asked for is empty.
        np.split(answer[name], borders) if len(answer[name]) else [answer[name]] * len(places)
        for name in Readout._fields
    ]
    vectors = [iter(answer.get(f"pool {number}", ())) for number in range(len(work.pools))]
    pooled: Pooled = [
        [
            None if pool[place] is None else next(own)
            for pool, own in zip(work.pools, vectors, strict=True)
        ]
        for place in places
    ]
    return [Readout(*own) for own in zip(*parts, strict=True)], pooled
