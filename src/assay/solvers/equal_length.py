"""What a candidate would win if its answers were as long as those of the reference."""

import numpy as np

from assay.samples import FloatArray

_RIDGE = 1e-3
"""Half of it times the squares: what won always is strong, and not infinitely so."""
_STEPS = 50
_FLAT = 1e-12
_LARGEST_STEP = 2.0
_BLOCK_CELLS = 2_000_000


def length_term(own: FloatArray, other: FloatArray) -> FloatArray:
    """Return how much longer the candidate's answers are, in (-1, 1).

    Args:
        own: characters of the candidate's answers. Shape (n,), no NaN.
        other: of the reference's. Shape (n,).

    Returns:
        Shape (n,), the hyperbolic tangent of the difference by its standard deviation; 0 where all
        differences are alike.

    Source:
        Dubois et al. 2024, arXiv 2404.04475, the length term, with its sign so that a positive
        weight is a liking for length.
    """
    ahead = own - other
    spread = float(ahead.std())
    return np.tanh(ahead / spread) if spread > 0 else np.zeros(len(ahead))


def at_equal_length(
    term: FloatArray, won: FloatArray, weights: FloatArray | None = None
) -> FloatArray:
    """Return the share that is won where the length term is 0.

    Fitted is logit P(won) = a * term + b, by likelihood, and given is 1 / (1 + exp(-b)). It is the
    smallest form of the length-controlled win rate: nothing is known of how hard a question is, and
    no answers made long or short on purpose stand beside the others.

    Args:
        term: see `length_term`. Shape (n,).
        won: in [0, 1]; a tie is one half. Shape (n,).
        weights: how often each row counts, in each of b fits. Shape (b, n); None for one fit.

    Returns:
        Shape (b,), in (0, 1); NaN for a fit without rows.
    """
    if weights is None:
        weights = np.ones((1, len(term)))
    block = max(1, _BLOCK_CELLS // max(1, len(term)))
    parts = [_fitted(term, won, weights[at : at + block]) for at in range(0, len(weights), block)]
    return np.concatenate(parts)


def _fitted(term: FloatArray, won: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the fits of a block of weights, all by Newton's steps at once."""
    slope, level = np.zeros(len(weights)), np.zeros(len(weights))
    for _ in range(_STEPS):
        share = 0.5 * (1 + np.tanh((slope[:, None] * term + level[:, None]) / 2))
        excess = weights * (share - won)
        curve = weights * share * (1 - share)
        first = excess @ term + _RIDGE * slope
        second = excess.sum(axis=1) + _RIDGE * level
        of_slope = curve @ (term * term) + _RIDGE
        of_level = curve.sum(axis=1) + _RIDGE
        mixed = curve @ term
        determinant = of_slope * of_level - mixed * mixed
        # Far out the curve is flat and a full step would leave the scale.
        steps = np.clip(
            np.stack([of_level * first - mixed * second, of_slope * second - mixed * first])
            / determinant,
            -_LARGEST_STEP,
            _LARGEST_STEP,
        )
        slope, level = slope - steps[0], level - steps[1]
        if np.abs(steps).max(initial=0.0) < _FLAT:
            break
    found = 0.5 * (1 + np.tanh(level / 2))
    return np.where(weights.sum(axis=1) > 0, found, np.nan)
