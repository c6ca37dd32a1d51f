"""Fine-tuning on a project's rows: training, loss before and after, and what it will cost."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from assay.components.component import Chosen, Dataset, Given, Selector
from assay.engine.engine import Engine
from assay.engine.row_steps import rows_of
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_models import first_model
from assay.models.recipe import Recipe, Tuned, training_flops
from assay.tuning.timing import SAMPLED_ROWS, timing
from assay.tuning.tuned_model import TunedModel
from assay.values import LogProbs


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
    recipe = feature.recipe
    shown = engine.shown
    places = np.linspace(0, len(shown) - 1, min(SAMPLED_ROWS, len(shown))).astype(np.int64)
    sample = shown.conversations(np.unique(places))
    base = first_model(feature.base)
    found = timing(base, recipe, feature.seed, sample, engine.runtime)
    rows = rows_of(engine, feature.dataset)
    steps = recipe.all_steps(found.sequences(rows))
    tokens = found.tokens(recipe, rows)
    flops = training_flops(recipe.weights, found.parameters, tokens)
    return Price(rows, steps, tokens, flops, tokens * found.seconds_per_token)
