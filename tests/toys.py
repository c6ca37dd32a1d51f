"""Toy components that count what the engine does with them."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Scorer
from assay.features.passes import Pass, PoolFeature, Reading, RowFeature
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, FloatArray, Reason, Scores
from assay.values import Matrix, Numbers, RowValue

READ: list[str] = []
"""Prompts in the order in which the toy pass read them."""
COMPUTED: list[str] = []
"""Names of pool features that were computed."""

OFFSET = 0.0
"""Added to every length: another value than 0 plays a library that changed."""

_NOTHING = NoPaper(reason="a toy for tests")


class ToyPass(Pass):
    rows_per_shard: ClassVar[int] = 8
    parallel: ClassVar[bool] = False

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        def read(
            conversations: Sequence[Conversation], features: Sequence[RowFeature]
        ) -> Sequence[RowValue]:
            READ.extend(conversation.prompt for conversation in conversations)
            return [feature.compute(conversations, runtime) for feature in features]

        yield read


class ToyLength(RowFeature):
    """Characters of the response; "broken" fails, "later" is unfinished, "" is empty."""

    name = "toy_length"
    paper: ClassVar[Paper | NoPaper] = _NOTHING
    value: ClassVar[type[RowValue]] = Numbers

    factor: float = 1.0
    """What the length is multiplied by."""

    def reading(self) -> Pass:
        return ToyPass()

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        answers = [conversation.response for conversation in conversations]
        codes = {
            "": Reason.EMPTY_RESPONSE,
            "broken": Reason.PARSE_FAILED,
            "later": Reason.TRANSIENT,
        }
        reason = np.array([codes.get(answer, Reason.OK) for answer in answers], np.uint8)
        values = np.array([len(answer) * self.factor + OFFSET for answer in answers])
        values[reason != 0] = np.nan
        flags = np.array([Flag.ONE_TOKEN * (len(answer) == 1) for answer in answers], np.uint16)
        return Numbers(reason, flags, {"length": values})


class ToyVectors(RowFeature):
    """Two numbers per row."""

    name = "toy_vectors"
    paper: ClassVar[Paper | NoPaper] = _NOTHING
    value: ClassVar[type[RowValue]] = Matrix

    def reading(self) -> Pass:
        return ToyPass()

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        rows = [[len(c.prompt), len(c.response)] for c in conversations]
        count = len(rows)
        return Matrix(
            np.zeros(count, np.uint8),
            np.zeros(count, np.uint16),
            np.array(rows, np.float16).reshape(count, 2),
        )


class ToyMean(PoolFeature):
    """The mean of the vectors."""

    name = "toy_mean"
    paper: ClassVar[Paper | NoPaper] = _NOTHING

    vectors: ToyVectors = ToyVectors()
    """Vectors."""

    def compute(self, view: PoolView, runtime: Runtime, *, vectors: Matrix) -> FloatArray:
        COMPUTED.append(self.name)
        mean: FloatArray = vectors.rows(slice(None)).mean(axis=0).astype(np.float64)
        return mean

    def pack(self, value: Any) -> Mapping[str, NDArray[Any]]:
        return {"mean": value}

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> FloatArray:
        return arrays["mean"]


class ToyScore(Scorer):
    """The length itself."""

    name = "toy_score"
    paper: ClassVar[Paper | NoPaper] = _NOTHING

    factor: float = 1.0
    """What the length is multiplied by."""

    def requires(self) -> dict[str, Component]:
        return {"lengths": ToyLength(factor=self.factor)}

    def score(self, *, lengths: Numbers) -> FloatArray:
        length: FloatArray = lengths["length"]
        return length


class ToyOdd(Scorer):
    """The length where it is odd; even rows are out of range."""

    name = "toy_odd"
    paper: ClassVar[Paper | NoPaper] = _NOTHING

    def requires(self) -> dict[str, Component]:
        return {"lengths": ToyLength()}

    def score(self, *, lengths: Numbers) -> Scores:
        length = lengths["length"]
        return Scores(length, np.where(length % 2 == 0, Reason.OUT_OF_RANGE, 0).astype(np.uint8))
