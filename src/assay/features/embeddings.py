"""Sentence embeddings: one vector per row, shared by every geometric method."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from assay.components.base import NoPaper, Paper
from assay.components.references import EncoderRef, is_embedded_encoder
from assay.features.passes import Pass, Reading, RowFeature, StagedReading
from assay.features.text import TextReading, part_of
from assay.models.encoder import EncodedTexts, Encoder
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Float32Array
from assay.values import Matrix, RowValue

_TEXTS_AT_ONCE = 256


class EmbeddingPass(Pass):
    """One run of a sentence encoder over one part of the rows."""

    parallel: ClassVar[bool] = False  # encoders use all cores by themselves

    model: EncoderRef
    part: str

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield a reader that holds the encoder."""
        yield EmbeddingReading(runtime.encoder(self.model), self.part)

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"embedding ({self.model.partition('@')[0]})"


class EmbeddingReading(StagedReading):
    """Reads a part of rows with an encoder, some texts at a time, the longest first.

    Encoders run texts of like length together, so these are the batches of all texts at once; and
    a stopped run goes on behind those that are kept.

    Args:
        encoder: what reads.
        part: which text of a row.
    """

    def __init__(self, encoder: Encoder, part: str) -> None:
        self._encoder = encoder
        self._part = part

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> list[str]:
        """Return the texts."""
        return [part_of(each, self._part) for each in conversations]

    def finish(
        self,
        prepared: list[str],
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        """Return the vectors, equal for each feature."""
        order = sorted(range(len(prepared)), key=lambda place: -len(prepared[place]))
        parts = []
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            texts = [prepared[place] for place in order[start : start + _TEXTS_AT_ONCE]]
            parts.append(self._encoded(texts, kept))
            advance(len(texts))
        if not parts:
            return [_matrix(self._encoder.encode_and_flag([])) for _ in features]
        back = np.argsort(np.array(order, np.int64))
        vectors, truncated = (np.concatenate(column)[back] for column in zip(*parts, strict=True))
        value = _matrix(EncodedTexts(vectors, truncated))
        return [value for _ in features]

    def _encoded(self, texts: Sequence[str], kept: Kept) -> tuple[Float32Array, NDArray[np.bool_]]:
        state = hashlib.blake2b(digest_size=16)
        for text in texts:
            content = text.encode()
            state.update(len(content).to_bytes(8, "little") + content)
        answer = kept.find(state.digest())
        if answer is not None:
            return answer["vectors"], answer["truncated"]
        encoded = self._encoder.encode_and_flag(texts)
        kept.keep(state.digest(), {"vectors": encoded.vectors, "truncated": encoded.truncated})
        return encoded.vectors, encoded.truncated


class Embeddings(RowFeature):
    """One vector of length 1 per row, kept as float16; zeros, flagged, for a text without words."""

    name = "embeddings"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks",
        authors="Reimers and Gurevych",
        year=2019,
        arxiv="1908.10084",
    )
    value: ClassVar[type[RowValue]] = Matrix
    model: EncoderRef = "assay:encoder"
    """Sentence encoder: the embedded one, a sentence-transformers folder, or org/name."""
    part: Literal["instruction", "prompt", "response", "conversation"] = "conversation"
    """Text that is embedded."""

    @property
    def tolerance(self) -> float:
        """One float16 step at 1, and a little."""
        return 2e-3

    def reading(self) -> Pass:
        """Return the encoder's run, or the common reading of the text where that is no model's.

        The embedded encoders look words up: they are done beside the other measures of a text, in
        as many processes.
        """
        if is_embedded_encoder(self.model):
            return TextReading()
        return EmbeddingPass(model=self.model, part=self.part)

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the vector of each conversation."""
        texts = [part_of(each, self.part) for each in conversations]
        return _matrix(runtime.encoder(self.model).encode_and_flag(texts))

    def width(self, runtime: Runtime) -> int:
        """Return the length of a vector."""
        return runtime.encoder_width(runtime.pin("encoder", self.model))


def _matrix(encoded: EncodedTexts) -> Matrix:
    flags = np.where(encoded.vectors.any(axis=1), 0, Flag.ZERO_VECTOR)
    flags |= np.where(encoded.truncated, Flag.TEXT_TRUNCATED, 0)
    return Matrix(
        np.zeros(len(encoded.vectors), np.uint8),
        flags.astype(np.uint16),
        encoded.vectors.astype(np.float16),
    )
