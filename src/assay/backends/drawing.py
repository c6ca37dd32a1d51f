"""The next token of each row from its logits and a random number of the row's own, in numpy.

`causal_generation` has the same in torch, for logits that lie on another device.
"""

import numpy as np
from numpy.typing import NDArray

from assay.components.decoding import Decoding
from assay.samples import Float32Array, FloatArray, IndexArray

NO_TOKEN = -1
"""In place of a token where the logits are no numbers."""


def next_tokens(
    logits: Float32Array, decoding: Decoding, uniforms: FloatArray | None
) -> IndexArray:
    """Return the next token of each row, -1 where a logit is not finite. Shape (b,).

    A token is found where the sum of the probabilities up to it, by token id, passes the row's
    random number, so that rounding moves a choice only beside a border.

    Args:
        logits: up to a constant per row. Shape (b, vocabulary).
        decoding: how a token is chosen.
        uniforms: random numbers in [0, 1), unless the most probable token is taken. Shape (b,).
    """
    largest = logits.max(axis=-1)
    if uniforms is None:
        chosen = logits.argmax(axis=-1)
    else:
        scaled = (logits - largest[:, None]).astype(np.float64) / decoding.temperature
        chosen = _drawn(np.exp(scaled), decoding, uniforms)
    return np.where(np.isfinite(largest), chosen, NO_TOKEN)


def _drawn(weights: NDArray[np.float64], decoding: Decoding, uniforms: FloatArray) -> IndexArray:
    if decoding.top_k or decoding.top_p < 1:
        order = np.argsort(-weights, axis=-1, kind="stable")
        ranked = np.take_along_axis(weights, order, axis=-1)
        if decoding.top_k:
            ranked[:, decoding.top_k :] = 0
        sums = ranked.cumsum(axis=-1)
        ranked[sums - ranked >= decoding.top_p * sums[:, -1:]] = 0
        np.put_along_axis(weights, order, ranked, axis=-1)
    sums = weights.cumsum(axis=-1)
    passed = sums > uniforms[:, None] * sums[:, -1:]
    return passed.argmax(axis=-1)
