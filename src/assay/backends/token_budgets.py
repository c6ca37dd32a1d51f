"""How many tokens go through a model together: measured once on a kind of device, and kept."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.components.references import DType
from assay.errors import DamagedError, FeatureError
from assay.files.checksums import read_json, warn, write_json

_BUDGETS: Mapping[str, Sequence[int]] = {"cpu": (1024, 4096), "cuda": (8192, 32768, 131072)}
_GAIN = 0.85  # a larger budget has to be clearly faster, so that noise does not choose
_PATIENCE_SECONDS = 0.5
_TRIED_LENGTH = 128
_TRIES = 3


def budget_file(folder: Path, identity: str, dtype: DType, device: str) -> Path:
    """Return the file that keeps the budget of a model.

    Args:
        folder: of all of them.
        identity: what names the model among them.
        dtype: number format of the model.
        device: where it runs, such as "cuda:0"; only the kind counts.
    """
    return folder / f"{identity}-{dtype}-{device.partition(':')[0]}.json"


def tuned_budget(file: Path, device: str, seconds_per_token: Callable[[int], float]) -> int:
    """Return the tokens of a batch: measured if no file says, then kept there.

    Args:
        file: where it is kept.
        device: where the model runs.
        seconds_per_token: runs a batch of so many tokens and tells what one of them takes.
    """
    if file.exists():
        try:
            return int(read_json(file)["tokens"])
        except DamagedError as error:
            warn(error, "measured anew")
    tried = _BUDGETS.get(device.partition(":")[0], _BUDGETS["cpu"])
    chosen, rates = _fastest(seconds_per_token, tried)
    write_json(file, {"tokens": chosen, "microseconds_per_token": rates})
    return chosen


def tried_tokens(tokens: int, window: int, vocabulary: int) -> NDArray[np.int32]:
    """Return sequences of about so many tokens in all, to measure with. Shape (count, length)."""
    length = min(_TRIED_LENGTH, window)
    count = max(1, tokens // length)
    ids = (np.arange(count * length, dtype=np.int64) * 7919 + 13) % vocabulary
    return ids.astype(np.int32).reshape(count, length)


def least_seconds(run: Callable[[], Any]) -> float:
    """Return how long the fastest of some runs takes."""
    times = []
    for _ in range(_TRIES):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def _fastest(
    seconds_per_token: Callable[[int], float], budgets: Sequence[int]
) -> tuple[int, dict[str, float]]:
    """Return the smallest budget that no larger one beats clearly, and what was measured."""
    chosen = budgets[0]
    best = np.inf
    rates: dict[str, float] = {}
    for budget in budgets:
        try:
            seconds = seconds_per_token(budget)
        except FeatureError:
            break
        rates[str(budget)] = round(seconds * 1e6, 1)
        if seconds < _GAIN * best:
            chosen, best = budget, seconds
        if seconds * budget > _PATIENCE_SECONDS:
            break
    return chosen, rates
