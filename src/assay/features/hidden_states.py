"""Embeddings from a language model's own hidden states."""

from typing import ClassVar, Literal

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.features.causal_pass import CausalFeature
from assay.features.made_models import first_model
from assay.features.read_rows import ReadRows
from assay.rendering.token_rows import Window
from assay.runtime import Runtime
from assay.samples import Flag, Float32Array, Reason
from assay.values import Matrix, RowValue

Pooling = Literal["first", "mean", "last", "position_weighted_mean"]
Over = Literal["prompt", "response", "conversation"]


class HiddenStates(CausalFeature):
    """A vector per row: hidden states of a language model, pooled over tokens.

    The states are those of the forward in which the answer is scored given its prompt, by default
    those after the model's final normalisation; padding has no part in it. The context token counts
    as one of the prompt. A row longer than the window is represented by its end, and flagged.
    """

    name = "hidden_states"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="what LESS, DEITA, DiverseEvol, RDS+ and IFD's first phase embed with"
    )
    value: ClassVar[type[RowValue]] = Matrix

    pooling: Pooling = "mean"
    """The first token, the mean of all, the last, or the mean weighted by position from 1 on."""
    over: Over = "conversation"
    """Tokens that are pooled: before the last answer, of the answers, or all."""
    raw: bool = False
    """Vectors as they come, in float32; by default at length 1, in float16."""
    layer: int = -1
    """Layer whose states are pooled, as transformers counts them: 0 the embeddings, 1 what the
    first layer makes of them, and so on; -2 before the last layer, -1 after the normalisation
    that follows it."""

    @property
    def tolerance(self) -> float:
        """One float16 step at 1, or a little of a vector's own size, and what the format allows."""
        if not self.raw:
            return 2e-3 + super().tolerance
        # Before the final normalisation some coordinates are far larger than the others.
        return (1e-2 + 10 * super().tolerance) * (1 if self.layer == -1 else 10)

    def width(self, runtime: Runtime) -> int:
        """Return the length of a vector."""
        return runtime.hidden_width(
            runtime.pin("language_model", first_model(self.model)), self.dtype, layer=self.layer
        )

    def weighed_layer(self) -> int:
        """Return the layer whose states are pooled."""
        return self.layer

    def weights(self, window: Window) -> Float32Array | None:
        """Return the share of each position in the pooled vector."""
        weights = np.zeros(len(window.ids), np.float32)
        if self.over == "prompt":
            positions = np.arange(window.prompt_stop)
        elif self.over == "response":
            positions = window.spoken_positions()
        else:
            positions = np.arange(len(window.ids))
        if not len(positions):
            return None
        if self.pooling == "first":
            weights[positions[0]] = 1.0
        elif self.pooling == "last":
            weights[positions[-1]] = 1.0
        elif self.pooling == "mean":
            weights[positions] = 1.0 / len(positions)
        else:
            place = np.arange(1, len(positions) + 1, dtype=np.float64)
            weights[positions] = (place / place.sum()).astype(np.float32)
        return weights

    def collect(self, rows: ReadRows) -> Matrix:
        """Return the pooled vectors, at length 1 unless they are wanted raw."""
        index, states = rows.pooled(self)
        vectors = np.zeros((len(rows), states.shape[1]), np.float32)
        vectors[index] = states
        reasons = rows.reasons()
        flags = rows.flags(np.full(len(rows), np.inf))
        known = np.zeros(len(rows), np.bool_)
        known[index] = True
        cut = [len(r.windows) > 1 or bool(r.flags & Flag.PROMPT_TRUNCATED) for r in rows.rows]
        flags[known & np.array(cut, np.bool_)] |= np.uint16(Flag.TEXT_TRUNCATED)
        reasons[known] = 0
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        broken = ~np.isfinite(lengths[:, 0])
        reasons[broken] = Reason.NON_FINITE
        vectors[broken] = 0
        flags[known & ~broken & (lengths[:, 0] == 0)] |= np.uint16(Flag.ZERO_VECTOR)
        if self.raw:
            return Matrix(reasons, flags, vectors)
        unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        return Matrix(reasons, flags, unit.astype(np.float16))
