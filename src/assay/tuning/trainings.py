"""Fine-tuning on a project's rows: training, loss before and after, and what it will cost."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from assay.components.component import Chosen, Dataset, Given, Selector
from assay.engine.engine import Engine
from assay.errors import BudgetError, DataError
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_models import first_model
from assay.models.recipe import Recipe, Tuned, training_flops
from assay.models.training import Trainable, Training, TrainingRows
from assay.tuning.rows import training_rows
from assay.tuning.tuned_model import TunedModel
from assay.values import LogProbs

_SAMPLED_ROWS = 64
_TIMED_STEPS = 4


def tuned_model(
    selector: Selector | None,
    *,
    base: str,
    recipe: Recipe | None = None,
    seed: int = 0,
) -> TunedModel:
    """Return the training of a model on what a selector chose; on all rows for None."""
    dataset: Dataset = Given() if selector is None else Chosen(by=selector)
    return TunedModel(base=base, recipe=recipe or Recipe(), seed=seed, dataset=dataset)


def tune(
    engine: Engine,
    selector: Selector | None = None,
    *,
    base: str,
    recipe: Recipe | None = None,
    seed: int = 0,
) -> Tuned:
    """Train a model on rows, or return what came of it if it was done before.

    Args:
        engine: over the rows.
        selector: what chooses them; None for all that are not held out.
        base: causal language model: a folder with safetensors, or org/name.
        recipe: how; None for the defaults.
        seed: of the order of rows, and of LoRA's first weights.

    Raises:
        AssayError: whatever stops the work, each with what to do about it.
    """
    tuned: Tuned = engine.value(tuned_model(selector, base=base, recipe=recipe, seed=seed))
    return tuned


class Losses(NamedTuple):
    """Mean loss per token of the answers that were trained on, in nats: base, trained model."""

    before: float
    after: float


def losses(engine: Engine, feature: TunedModel, tuned: Tuned) -> Losses:
    """Return what the answers trained on cost the base and the trained model to say.

    Args:
        engine: over the rows.
        feature: the training.
        tuned: what came of it.
    """
    before, after = (_loss(engine, feature, model) for model in (tuned.after(0), tuned.last))
    engine.runtime.let_go()  # of many trainings each has another
    return Losses(before, after)


def _loss(engine: Engine, feature: TunedModel, model: Path) -> float:
    recipe = feature.recipe
    asked = ResponseLogProbs(
        model=str(model), rendering=recipe.rendering, dtype=recipe.dtype, dataset=feature.dataset
    )
    alone = Engine(engine.pool, engine.runtime, results=engine.results)
    found: LogProbs = alone.value(asked)
    view = alone.view(alone.resolve(feature).dataset)
    counted = (found.reason == 0) & ~view.pool.held_out[view.positions]
    return float(-found.sum[counted].sum() / found.count[counted].sum())


class Price(NamedTuple):
    """What a training will take: rows and tokens are estimates where nothing is chosen yet."""

    rows: int
    steps: int
    tokens: int
    flops: float
    seconds: float


def price(engine: Engine, feature: TunedModel) -> Price:
    """Return what a training will take, from some steps on rows of the pool; nothing is kept.

    Raises:
        AssayError: whatever would stop the training, too.
    """
    feature = engine.resolve(feature)
    clock = _Clock()
    recipe = feature.recipe
    opened = replace(engine.runtime, progress=clock).trainable(first_model(feature.base), recipe)
    free = np.flatnonzero(~engine.pool.held_out)
    places = free[np.linspace(0, len(free) - 1, min(_SAMPLED_ROWS, len(free))).astype(np.int64)]
    sample = training_rows(
        opened.model, recipe.rendering, [engine.pool.conversations(np.unique(places))]
    )
    if not sample.sequences:
        raise DataError("no row has an answer to learn", hint="train on other rows")
    rows = _rows(engine, feature)
    sequences = max(1, round(rows * len(sample.sequences) / max(len(np.unique(places)), 1)))
    steps = recipe.all_steps(sequences)
    read = recipe.epochs * sequences if recipe.steps is None else steps * recipe.batch_size
    tokens = round(read * float(sample.lengths.mean()))
    flops = training_flops(recipe.weights, opened.parameters, tokens)
    seconds = tokens * _seconds_per_token(opened, feature, sample, clock)
    return Price(rows, steps, tokens, flops, seconds)


def _rows(engine: Engine, feature: TunedModel) -> int:
    """Return the number of rows, or what they are at most before they are chosen."""
    free = int(np.count_nonzero(~engine.pool.held_out))
    if not isinstance(feature.dataset, Chosen):
        return free
    selector = engine.resolve(feature.dataset.by)
    if engine.is_stored(selector):
        return len(engine.view(feature.dataset))
    with contextlib.suppress(BudgetError):
        if selector.budget is not None:
            return selector.budget.count(pool=free, eligible=free) or free
    return free


def _seconds_per_token(
    opened: Trainable, feature: TunedModel, sample: TrainingRows, clock: "_Clock"
) -> float:
    """Return the time of some small steps by their tokens, the first and the last left out."""
    size = feature.recipe.micro_batch
    changed = {"batch_size": size, "steps": _TIMED_STEPS, "checkpoints": "last"}
    training = Training(
        first_model(feature.base),
        feature.recipe.model_copy(update=changed),
        feature.seed,
        sample,
        0,
    )
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        opened.train(training, Path(folder))
    read = [training.order.total(sample.lengths, step) for step in range(1, _TIMED_STEPS)]
    # The last step is followed by writing the weights. Of the others the fastest was disturbed
    # least by what else the machine does.
    return float(np.min(np.diff(clock.times[:-1]) / np.diff(read)))


class _Clock:
    """Progress that notes when each step was done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator["_Clock"]:
        """Open a stretch of work."""
        yield self

    def advance(self, amount: float) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())
