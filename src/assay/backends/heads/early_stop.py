"""When to stop learning: where rows that are not learned from get no better."""

from collections.abc import Callable
from typing import TypeVar

State = TypeVar("State")

MOST_EPOCHS = 200
"""Readings of the rows at most."""
PATIENCE = 10
"""Readings without a better one after which no more are tried."""
UNWATCHED_EPOCHS = 30
"""Readings where no row tells when to stop."""


def best_epoch(
    read: Callable[[], None], loss: Callable[[], float] | None, state: Callable[[], State]
) -> tuple[State, int]:
    """Read the rows until they teach nothing more; return the best state, and after which reading.

    Args:
        read: reads all rows once.
        loss: of the rows that are set aside; None if there are none.
        state: returns a copy of what was learned by then.
    """
    if loss is None:
        for _ in range(UNWATCHED_EPOCHS):
            read()
        return state(), UNWATCHED_EPOCHS
    best, kept, least = 0, state(), loss()
    for epoch in range(1, MOST_EPOCHS + 1):
        read()
        now = loss()
        if now < least:
            best, kept, least = epoch, state(), now
        elif epoch - best >= PATIENCE:
            break
    return kept, best
