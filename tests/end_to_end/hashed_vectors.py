"""A plugin file: vectors of letter counts, in small shards, so that a small pool has many."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.features.passes import Pass, Reading, RowFeature
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.values import Matrix, RowValue

_WIDTH = 16


class LetterPass(Pass):
    """Reads the rows a few at a time."""

    rows_per_shard: ClassVar[int] = 64

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield a reader that counts letters."""

        def read(
            conversations: Sequence[Conversation], features: Sequence[RowFeature]
        ) -> Sequence[RowValue]:
            table = np.zeros((len(conversations), _WIDTH), np.float16)
            for row, conversation in enumerate(conversations):
                letters = np.frombuffer(conversation.text.encode(), np.uint8) % _WIDTH
                table[row] = np.bincount(letters, minlength=_WIDTH)
            empty = np.zeros(len(table), np.uint8)
            return [Matrix(empty, empty.astype(np.uint16), table) for _ in features]

        yield read


class HashedVectors(RowFeature):
    """How often each group of letters occurs."""

    name = "hashed_vectors"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="vectors for tests, without a model")
    value: ClassVar[type[RowValue]] = Matrix

    def reading(self) -> Pass:
        """Return the small-sharded pass."""
        return LetterPass()
