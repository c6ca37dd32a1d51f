"""What a score costs: how much random data it is worth, and what nobody gets for less."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray


def data_efficiency(
    loss: float, size: float, random_sizes: Sequence[float], random_losses: Sequence[float]
) -> float | None:
    """Return how many times its own budget random rows need to reach a loss.

    Between the budgets that were run, the loss of random rows is taken as linear in the logarithm
    of the budget; if its curve turns back, the first budget that reaches the loss counts.

    Args:
        loss: of the arm.
        size: budget of the arm, on the axis of the comparison.
        random_sizes: shape (k,), ascending, positive.
        random_losses: shape (k,).

    Returns:
        Above 1 if the arm needs less data than random; None if random rows reach the loss below
        the smallest budget that was run, or never.
    """
    logs, losses = np.log(np.asarray(random_sizes, np.float64)), np.asarray(random_losses)
    if len(losses) == 0 or losses[0] < loss or losses.min() > loss:
        return None
    after = int(np.argmax(losses <= loss))
    if after == 0:
        reached = float(logs[0])
    else:
        share = (losses[after - 1] - loss) / (losses[after - 1] - losses[after])
        reached = float(logs[after - 1] + share * (logs[after] - logs[after - 1]))
    return float(np.exp(reached - np.log(size)))


def pareto_front(costs: Sequence[float] | FloatArray, losses: FloatArray) -> NDArray[np.bool_]:
    """Return which points nobody beats: no other costs as little and has as low a loss.

    Of equal points all are on the front; a point with an unknown cost is not on it.

    Args:
        costs: shape (n,), NaN if unknown.
        losses: shape (n,), lower is better.
    """
    cost, loss = np.asarray(costs, np.float64), np.asarray(losses, np.float64)
    known = np.isfinite(cost) & np.isfinite(loss)
    no_worse = (cost[:, None] <= cost) & (loss[:, None] <= loss)
    better = (cost[:, None] < cost) | (loss[:, None] < loss)
    return known & ~(no_worse & better & known[:, None]).any(axis=0)
