"""Sentence embeddings: one vector per row, shared by every geometric method."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np

from assay.components.component import NoPaper, Paper
from assay.components.references import EncoderRef, is_embedded_encoder
from assay.features.passes import Pass, Reading, RowFeature
from assay.features.text import TextReading, part_of
from assay.models.encoder import Encoder
from assay.runtime import Runtime
from assay.samples import Conversation, Flag
from assay.values import Matrix, RowValue


class EmbeddingPass(Pass):
    """One run of a sentence encoder over one part of the rows."""

    parallel: ClassVar[bool] = False  # encoders use all cores by themselves

    model: EncoderRef
    part: str

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield a reader that holds the encoder."""
        encoder = runtime.encoder(self.model)

        def read(
            conversations: Sequence[Conversation], features: Sequence[RowFeature]
        ) -> Sequence[RowValue]:
            value = _encoded(encoder, conversations, self.part)
            return [value for _ in features]

        yield read

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"embedding ({self.model.partition('@')[0]})"


class Embeddings(RowFeature):
    """One vector of length 1 per row, kept as float16; zeros, flagged, for a text without words."""

    name: ClassVar[str] = "embeddings"
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
        return _encoded(runtime.encoder(self.model), conversations, self.part)

    def width(self, runtime: Runtime) -> int:
        """Return the length of a vector."""
        return runtime.encoder(runtime.pin("encoder", self.model)).dimension


def _encoded(encoder: Encoder, conversations: Sequence[Conversation], part: str) -> Matrix:
    encoded = encoder.encode_and_flag([part_of(each, part) for each in conversations])
    flags = np.where(encoded.vectors.any(axis=1), 0, Flag.ZERO_VECTOR)
    flags |= np.where(encoded.truncated, Flag.TEXT_TRUNCATED, 0)
    return Matrix(
        np.zeros(len(conversations), np.uint8),
        flags.astype(np.uint16),
        encoded.vectors.astype(np.float16),
    )
