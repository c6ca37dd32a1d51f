"""The minimum of a smooth function of a few numbers or many, by L-BFGS, in NumPy alone."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from assay.samples import FloatArray

Objective = Callable[[FloatArray], tuple[float, FloatArray]]
"""Returns the value at a point, and the gradient of the point's shape."""

_REMEMBERED = 10
_SUFFICIENT = 1e-4
_HALVINGS = 60
_LEAST_CURVATURE = 1e-12
_SMALLEST = 1e-300


class Minimum(NamedTuple):
    """Where a search ended.

    Attributes:
        point: shape (d,), the lowest point met.
        value: of the function there.
        steepness: largest absolute entry of the gradient there.
        steps: that were taken.
        converged: whether the gradient is as small as was asked for, or no step goes down further.
    """

    point: FloatArray
    value: float
    steepness: float
    steps: int
    converged: bool


def minimise(
    objective: Objective,
    start: FloatArray,
    *,
    tolerance: float = 1e-9,
    most_steps: int = 2000,
    longest: float = np.inf,
) -> Minimum:
    """Return the minimum that going down from a start leads to.

    Every step goes down, by a line search that halves until the descent is sufficient. The same
    input gives the same numbers: nothing is drawn.

    Args:
        objective: value and gradient of a point.
        start: shape (d,).
        tolerance: largest absolute entry of the gradient that counts as none.
        most_steps: after which the search ends where it is.
        longest: most that one entry changes in a step. Of a function with several minima a short
            one keeps the search in the valley where it starts.

    Source:
        Nocedal and Wright, Numerical Optimization, algorithm 7.4 with the scaling of 7.20.
    """
    point = np.array(start, np.float64)
    value, slope = objective(point)
    pairs: list[tuple[FloatArray, FloatArray]] = []
    for step in range(most_steps):
        if np.abs(slope).max(initial=0.0) <= tolerance:
            return _ended(point, value, slope, step, converged=True)
        found = _downhill(objective, point, value, _cut(_direction(slope, pairs), longest), slope)
        if found is None and pairs:  # what was remembered misleads: once more along the gradient
            pairs = []
            found = _downhill(objective, point, value, _cut(-slope, longest), slope)
        if found is None:
            return _ended(point, value, slope, step, converged=True)
        after, value, new_slope = found
        _remember(pairs, after - point, new_slope - slope)
        point, slope = after, new_slope
    return _ended(point, value, slope, most_steps, converged=False)


def _ended(
    point: FloatArray, value: float, slope: FloatArray, steps: int, *, converged: bool
) -> Minimum:
    return Minimum(point, value, float(np.abs(slope).max(initial=0.0)), steps, converged)


def _remember(
    pairs: list[tuple[FloatArray, FloatArray]], moved: FloatArray, turned: FloatArray
) -> None:
    """Keep how the gradient turned along a step, unless it tells nothing of the curvature."""
    if float(moved @ turned) > _LEAST_CURVATURE * float(turned @ turned):
        pairs.append((moved, turned))
        del pairs[:-_REMEMBERED]


def _direction(slope: FloatArray, pairs: list[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Return minus the inverse Hessian, as the remembered steps tell it, times the gradient."""
    if not pairs:
        return -slope / max(1.0, float(np.sqrt(slope @ slope)))
    direction = -slope
    shares = []
    for moved, turned in reversed(pairs):
        share = float(moved @ direction) / float(moved @ turned)
        direction = direction - share * turned
        shares.append(share)
    moved, turned = pairs[-1]
    direction = direction * (float(moved @ turned) / float(turned @ turned))
    for (moved, turned), share in zip(pairs, reversed(shares), strict=True):
        direction += moved * (share - float(turned @ direction) / float(moved @ turned))
    return direction


def _cut(direction: FloatArray, longest: float) -> FloatArray:
    """Return the direction, shortened until no entry is longer than allowed."""
    return direction * min(1.0, longest / max(float(np.abs(direction).max()), _SMALLEST))


def _downhill(
    objective: Objective, point: FloatArray, value: float, direction: FloatArray, slope: FloatArray
) -> tuple[FloatArray, float, FloatArray] | None:
    """Return the next point with its value and gradient; None if no step goes down."""
    descent = float(slope @ direction)
    if descent >= 0:
        return None
    length = 1.0
    for _ in range(_HALVINGS):
        after = point + length * direction
        new_value, new_slope = objective(after)
        # Strictly below: where rounding hides the descent, the search has arrived.
        if new_value < value and new_value <= value + _SUFFICIENT * length * descent:
            return after, new_value, new_slope
        length /= 2
    return None
