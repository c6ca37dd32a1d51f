"""What came of a training run, told from what the trainer noted of its steps."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from assay.models.recipe import HeldOut, Tuned, training_flops
from assay.models.training import Training

_PACKAGES = ("torch", "transformers", "trl", "peft")


def record_of(
    training: Training,
    history: Sequence[Mapping[str, Any]],
    *,
    steps: int,
    held_out: HeldOut | None,
    parameters: int,
    trained: int,
    seconds: float,
    device: str,
) -> Tuned:
    """Return what came of a training, but for its folder.

    Args:
        training: what was trained, and how.
        history: what the trainer noted of each step.
        steps: that were taken, which may be fewer than were planned.
        held_out: what a classifier gave rows that it was not trained on.
        parameters: of the base.
        trained: of those, or beside those, the ones that were trained.
        seconds: of training, interruptions left out.
        device: where it ran.
    """
    rows, recipe = training.rows, training.recipe
    best = 0 if held_out is None else held_out.best
    entries = [entry for entry in history if "loss" in entry]
    rates = [float(entry["learning_rate"]) for entry in entries]
    ends = [step for step in range(1, steps + 1) if training.ended_epoch(step) or step == steps]
    starts = [0, *ends[:-1]]
    kept = [
        epoch
        for epoch in range(1, len(ends) + 1)
        if recipe.keeps(epoch) or epoch in (best, len(ends))
    ]  # fmt: skip
    tokens = training.order.total(rows.lengths, steps)
    hidden = {"HELD_OUT": training.held_out} if training.held_out else {}
    return Tuned(
        folder=Path(),
        base=training.base,
        recipe=recipe,
        seed=training.seed,
        epochs=tuple(kept),
        kept_steps=tuple(sorted({step for step in recipe.kept_steps if step < steps})),
        rows=rows.rows,
        sequences=len(rows.sequences),
        left_out=dict(rows.left_out) | hidden,
        noted=rows.noted,
        steps=steps,
        losses=tuple(float(entry["loss"]) for entry in entries),
        learning_rates=tuple(
            float(np.mean(rates[start:stop])) for start, stop in zip(starts, ends, strict=True)
        ),
        tokens=tokens,
        scored_tokens=training.order.total(rows.learned_counts, steps),
        parameters=parameters,
        trained_parameters=trained,
        flops=training_flops(recipe.weights, parameters, tokens),
        seconds=round(seconds, 3),
        producer={name: version(name) for name in _PACKAGES} | {"device": device.partition(":")[0]},
        held_out=held_out,
    )
