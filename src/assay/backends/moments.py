"""Adam's moments on disk: what methods that follow an optimiser need of a training."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file


def write_moments(model: Any, optimizer: Any, step: int, path: Path) -> None:
    """Write Adam's moments by parameter name; equal moments give equal bytes.

    Args:
        model: whose trained parameters they are of.
        optimizer: Adam, or what wraps it.
        step: optimiser steps that were taken.
        path: of the file; its folder is made if missing.
    """
    found = {"step": torch.tensor(step, dtype=torch.int64)}
    for name, parameter in model.named_parameters():
        state = optimizer.state.get(parameter)
        if state:  # one that got no gradient has none
            for moment in ("exp_avg", "exp_avg_sq"):
                found[f"{name}.{moment}"] = state[moment].detach().to("cpu", torch.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(found, path)
