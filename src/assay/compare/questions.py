"""The questions of a comparison, and how well a model answers them."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.compare.division import Division
from assay.compare.experiment import Experiment
from assay.compare.records import EvaluationSet, SetKind
from assay.components.component import FileSet
from assay.components.references import name_of
from assay.engine.engine import Engine
from assay.engine.row_work import RowWork
from assay.errors import DamagedError, DataError, FeatureError
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_models import model_name
from assay.features.passes import RowFeature
from assay.features.training_tokens import TrainingTokens
from assay.files.checksums import read_json, warn, write_json
from assay.models.recipe import Recipe
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.values import LogProbs, RowValue

HELD_OUT = "held-out rows"
_BATCHES = "token_budgets"


@dataclass(frozen=True)
class QuestionSet:
    """Rows whose answers are scored, and the losses of the base model on them.

    Attributes:
        record: what the comparison keeps of them.
        view: the rows.
        base: shape (q,), mean negative log-likelihood per scored token in nats, finite.
        unscored: rows that no model gives a loss, such as those without an answer.
    """

    record: EvaluationSet
    view: PoolView
    base: FloatArray
    unscored: int

    @property
    def digest(self) -> str:
        """16 hex digits over the texts of the rows."""
        hashes = np.ascontiguousarray(self.view.pool.content_hashes[self.view.positions])
        return hashlib.blake2b(hashes.tobytes(), digest_size=8).hexdigest()


def scoring(model: str, recipe: Recipe) -> ResponseLogProbs:
    """Return what reads a model's losses: rows become tokens as they do in the training."""
    return ResponseLogProbs(model=model, rendering=recipe.rendering, dtype=recipe.dtype)


def as_trained(model: str, recipe: Recipe) -> TrainingTokens:
    """Return what counts the tokens of rows as the training reads them."""
    return TrainingTokens(model=model, rendering=recipe.rendering, dtype=recipe.dtype)


def candidates(
    engine: Engine, division: Division, experiment: Experiment
) -> list[tuple[str, SetKind, PoolView]]:
    """Return name, kind and rows of every set: equal rows once, and no more than are wanted.

    Raises:
        DataError: if a file cannot be read.
    """
    found: list[tuple[str, SetKind, PoolView]] = [
        (HELD_OUT, "held_out", PoolView(division.pool, division.held_out))
    ]
    for file in experiment.others:
        view = engine.view(engine.resolve(FileSet(source=file, role="evaluation")))
        name, count = Path(file).name, 2
        while name in [taken for taken, _, _ in found]:
            name, count = f"{Path(file).name} ({count})", count + 1
        found.append((name, "other_source", view))
    return [(name, kind, _sample(view, experiment.questions)) for name, kind, view in found]


def _sample(view: PoolView, most: int) -> PoolView:
    _, first, _ = view.unique
    numbers = row_uniform(view.ids[first], seed=0, purpose="questions")
    kept = np.sort(first[np.argsort(numbers, kind="stable")[:most]])
    return PoolView(view.pool, view.positions[kept])


def ask_base(
    sets: Sequence[tuple[str, SetKind, PoolView]], experiment: Experiment, engine: Engine
) -> list[QuestionSet]:
    """Return the sets with the base model's losses, rows without one left out.

    Raises:
        DataError: if fewer than two rows of a set have a loss.
    """
    feature = engine.resolve(scoring(experiment.base, experiment.recipe))
    asked = []
    for name, kind, view in sets:
        value = _read(view, feature, engine.runtime)
        kept = np.flatnonzero(value.reason == 0)
        if len(kept) < 2:
            raise DataError(
                f"{name}: {len(kept)} of {len(view)} rows have an answer that can be scored, and a "
                "comparison needs two",
                hint="hold out more rows, or name a file whose rows have answers",
            )
        part = PoolView(view.pool, view.positions[kept])
        record = EvaluationSet(name, kind, part.ids, value.count[kept].astype(np.int64))
        asked.append(QuestionSet(record, part, -value.mean()[kept], len(view) - len(kept)))
    return asked


def losses(
    model: Path, questions: QuestionSet, experiment: Experiment, engine: Engine, *, cache: Path
) -> FloatArray:
    """Return a tuned model's loss on every question. Shape (q,), in nats per scored token.

    Args:
        model: its folder.
        questions: what is asked.
        experiment: how rows become tokens.
        engine: whose base model was tuned.
        cache: where the answers are kept; they are of no use without the model.

    Raises:
        FeatureError: if a question has no finite loss.
    """
    runtime = dataclasses.replace(engine.runtime, cache=cache)
    feature = engine.resolve(scoring(str(model), experiment.recipe))
    base = engine.resolve(scoring(experiment.base, experiment.recipe))
    digests = [_digest(model_name(each.model)) for each in (base, feature)]
    _batch_alike(engine.runtime.cache, cache, *digests)
    value = _read(questions.view, feature, runtime)
    broken = np.count_nonzero(value.reason)
    if broken:
        raise FeatureError(
            f"the tuned model gives {broken:,} of {len(value):,} {questions.record.name} no finite "
            "loss"
        )
    return -value.mean()


def row_values(view: PoolView, feature: RowFeature, runtime: Runtime) -> RowValue:
    """Return the value of rows, which are read where they are not at hand.

    Args:
        view: the rows.
        feature: resolved.
        runtime: with the cache that keeps what is read.
    """
    rows = RowWork(runtime)
    rows.fill(view, [feature])
    return rows.read(view, feature)


def _read(view: PoolView, feature: ResponseLogProbs, runtime: Runtime) -> LogProbs:
    value = row_values(view, feature, runtime)
    assert isinstance(value, LogProbs)  # noqa: S101  narrows what the store returns
    return value


def _batch_alike(cache: Path, own: Path, base: str, tuned: str) -> None:
    """Let a tuned model read in batches of the base model's size, not in some measured anew."""
    for source in sorted((cache / _BATCHES).glob(f"{base}-*.json")):
        target = own / _BATCHES / (tuned + source.name.removeprefix(base))
        if not target.exists():
            try:
                write_json(target, read_json(source))
            except DamagedError as error:
                warn(error)


def _digest(pinned: str) -> str:
    return pinned[len(name_of(pinned)) + 1 :]
