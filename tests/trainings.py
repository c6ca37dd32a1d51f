"""Small trainings, and a plain loop that says what is right of them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.components.component import Dataset, Given
from assay.engine.engine import Engine
from assay.models.recipe import Recipe, Tuned
from assay.models.training import TrainingOrder
from assay.pool.pool import Pool
from assay.progress import Progress, Silent
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.testing import pool as pool_of
from assay.tuning.tuned_model import TunedModel
from tests.causal_rows import PlainLoop, Scored, exchange, given_prompt, ordinary_rows

SMALL = Recipe(
    epochs=2, batch_size=6, device_batch=2, max_length=256, learning_rate=1e-3, lora_rank=4,
    lora_alpha=8,
)  # fmt: skip
"""A training of some seconds: of 14 rows, three steps an epoch, the last one short."""


def rows_to_train_on(count: int = 14) -> Pool:
    """Return a pool of rows that fit into 256 tokens."""
    return pool_of([exchange(row) for row in ordinary_rows(count)])


def training(
    folder: Path,
    cache: Path,
    rows: Pool | Sequence[Conversation],
    *,
    recipe: Recipe = SMALL,
    seed: int = 0,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Return what comes of training the model in a folder on some rows."""
    pool = rows if isinstance(rows, Pool) else pool_of(list(rows))
    runtime = Runtime(cache=cache, workers=1, device="cpu", progress=progress or Silent())
    feature = TunedModel(base=str(folder), recipe=recipe, seed=seed, dataset=dataset or Given())
    tuned: Tuned = Engine(pool, runtime).value(feature)
    return tuned


def weights_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a model by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def closed_sequences(loop: PlainLoop, rows: Pool) -> list[Scored]:
    """Return a pool's rows in the order of their texts' hashes, each closed by EOS."""
    import numpy as np  # noqa: PLC0415

    conversations = rows.conversations(np.arange(len(rows)))
    found = []
    for conversation in sorted(conversations, key=lambda each: each.content_hash):
        ids, places = given_prompt(loop, conversation, 1 << 20)
        found.append(Scored([*ids, loop.tokenizer.eos_token_id], [*places, len(ids)]))
    return found


def plain_losses(model: Any, sequences: Sequence[Scored], recipe: Recipe, seed: int) -> list[float]:
    """Train a model by AdamW one sequence at a time, and return the loss of every step.

    Nothing of TRL or of Assay takes part but the order of the sequences.
    """
    torch = pytest.importorskip("torch")
    import numpy as np  # noqa: PLC0415

    trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
    decayed = [each for name, each in trained.items() if each.dim() > 1]
    plain = [each for name, each in trained.items() if each.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=recipe.rate, betas=(0.9, 0.999), eps=1e-8, foreach=False,
    )  # fmt: skip
    lengths = np.array([len(ids) for ids, _ in sequences], np.int64)
    order = TrainingOrder(lengths, recipe.batch_size, seed)
    total = recipe.epochs * math.ceil(len(sequences) / recipe.batch_size)
    warm = math.ceil(recipe.warmup * total)
    losses: list[float] = []
    model.train()
    for epoch in range(recipe.epochs):
        places = order.epoch(epoch)
        for start in range(0, len(places), recipe.batch_size):
            batch = [sequences[place] for place in places[start : start + recipe.batch_size]]
            count = sum(len(learned) for _, learned in batch)
            optimiser.zero_grad()
            loss = 0.0
            for ids, learned in batch:
                table = torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), -1)
                rows = torch.tensor(learned)
                part = -table[rows - 1, torch.tensor(ids)[rows]].sum() / count
                part.backward()
                loss += float(part.detach())
            losses.append(loss)
            torch.nn.utils.clip_grad_norm_(list(trained.values()), recipe.max_gradient_norm)
            step = len(losses) - 1
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate * _height(step, warm, total)
            optimiser.step()
    return losses


def _height(step: int, warm: int, total: int) -> float:
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
