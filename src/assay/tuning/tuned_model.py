"""A fine-tuned model as a feature: trained once for its rows, its recipe and its seed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Feature, Given, Scorer
from assay.components.extras import is_installed
from assay.components.references import UNTRAINED, short_name
from assay.components.row_values import AnyRowValue
from assay.errors import DamagedError, DataError
from assay.features.made_models import MadeModel, ModelRef, first_model, model_name
from assay.features.passes import Sampled
from assay.models.recipe import Recipe, Tuned, training_flops
from assay.models.training import ClassifierTraining, Training, TrainingRows
from assay.pool.pool import HashArray, leading_words
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Conversation, IndexArray
from assay.stores.cache import FolderStore
from assay.stores.pace import Paced
from assay.tuning.labelled import divided, labelled_rows, labelled_share, targets_of
from assay.tuning.rows import training_rows
from assay.tuning.timing import SAMPLED_ROWS, timing
from assay.wording import number_of

_BLOCK_ROWS = 4096
_USUAL_TOKENS = 256
_BYTES_PER_WEIGHT = {"full": 16.0, "lora": 4.0}


_Prepared = tuple[TrainingRows, Callable[[Path], None]]
"""Rows as they are trained on, and what fills a folder with the trained model."""


class TunedModel(MadeModel):
    """A language model after training on the answers of some rows.

    It stands wherever a language model is named, and is the model at the end of the training;
    `after` names the model at another moment. Its value is a folder: an adapter or a whole model
    for every moment that is kept, and a record of what it cost. Rows that are held out are
    never trained on. The value is kept by the rows' texts, so rows added to the pool train nothing
    anew while the same ones are chosen; neither the order of the rows nor how often a run was
    killed changes a byte of it on a processor.
    """

    name = "tuned_model"
    version: ClassVar[int] = 2
    tells: ClassVar[bool] = True
    extra: ClassVar[str] = "tune"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="supervised fine-tuning; see `Recipe`")

    base: ModelRef = ""
    """Causal language model that is trained: a folder with safetensors, org/name, or one that is
    tuned itself. A classifier may be made of an encoder, or of another classifier, too."""
    labels: AnyRowValue | None = None
    """What a classifier learns: a score of the project's own rows, or a feature that gives a number
    or a word, such as `record_field`. Rows that have none are not trained on."""
    recipe: Recipe = Recipe()
    """How it is trained."""
    seed: int = 0
    """Seed of the order of rows, and of LoRA's first weights."""

    @model_validator(mode="after")
    def _check_objective(self) -> Self:
        if self.recipe.is_classifier and self.labels is None:
            raise ValueError(f"a recipe for a {self.recipe.objective} needs labels")
        if self.labels is not None and not self.recipe.is_classifier:
            raise ValueError("labels are learned where recipe.objective is number or class")
        if isinstance(self.labels, Scorer) and not isinstance(self.dataset.root, Given):
            raise ValueError("scores are of the project's own rows; labels of others are a feature")
        return self

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return the labels, of the rows that are trained on."""
        needs = dict(super().requires())
        if isinstance(self.labels, Feature):
            needs["labels"] = self.labels.at(self.dataset)
        return needs

    @property
    def _labels(self) -> Component:
        assert self.labels is not None  # noqa: S101  narrows what a classifier has
        return self.labels

    @property
    def makes(self) -> Literal["language_model", "classifier"]:
        """What it is, by the objective of its recipe."""
        return "classifier" if self.recipe.is_classifier else "language_model"

    def stand_in(self) -> str:
        """Return the base; of a classifier, with an output layer that is not trained."""
        before = UNTRAINED if self.recipe.is_classifier else ""
        return before + first_model(self.base)

    @cached_property
    def run_key(self) -> str:
        """Key of the training, whatever is kept of it."""
        return self._least.key

    @property
    def _least(self) -> Self:
        return self.model_copy(update={"recipe": self.recipe.keeping_least()})

    def together(self, others: Sequence[Self]) -> Self:
        """Return the training of which everything is kept that it or others keep."""
        recipe = self.recipe
        for other in others:
            recipe = recipe.keeping(other.recipe)
        return self.model_copy(update={"recipe": recipe})

    def named(self, value: Tuned) -> str:
        """Return the folder of the weights at the end."""
        return str(value.last)

    def before(self) -> ModelRef:
        """Return the base."""
        return self.base

    def after(
        self, epoch: int | None = None, *, step: int | None = None, moments: bool = False
    ) -> ModelRef:
        """Return the model at a moment of the training; at 0 that is the base.

        Args:
            epoch: that has ended, counted from 1.
            step: optimiser step that was taken, counted from 1; one of both is given.
            moments: keep Adam's moments of that time, too.
        """
        if 0 in (epoch, step):
            return self.base
        return Checkpoint(run=self, epoch=epoch, step=step, moments=moments)

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products of the training, for rows of common length."""
        sequences = self.recipe.all_steps(rows) * self.recipe.batch_size
        if self.recipe.steps is None:
            sequences = self.recipe.epochs * rows
        tokens = sequences * min(_USUAL_TOKENS, self.recipe.max_length)
        return training_flops(
            self.recipe.weights, runtime.parameter_count(first_model(self.base)), tokens
        )

    sampled_rows: ClassVar[int] = SAMPLED_ROWS
    sampled_without: ClassVar[frozenset[str]] = frozenset({"labels"})

    def sample(self, view: PoolView, runtime: Runtime, *, labels: Any = None) -> Sampled:
        """Return how long some small steps on the rows in view take, for each row of a training.

        Args:
            view: some rows.
            runtime: how work is done.
            labels: of all rows, if they are at hand; those that have none are not trained on.
        """
        rows = view.conversations(np.arange(len(view)))
        found = timing(first_model(self.base), self.recipe, self.seed, rows, runtime)
        if self.recipe.steps is not None:  # then it takes as long whatever the rows
            return Sampled(seconds=found.tokens(self.recipe, 1) * found.seconds_per_token)
        tokens = found.tokens(self.recipe, len(rows)) / len(rows)
        labelled = 1.0 if labels is None else labelled_share(self._labels, labels, self.recipe)
        return Sampled(seconds_per_row=tokens * found.seconds_per_token * labelled)

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return nothing: steps are timed, which tells more than their products."""
        return 0.0

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of weights, gradients and moments; none here if a card holds them."""
        if is_installed("models") and runtime.devices()[0] != "cpu":
            return 0.0
        return _BYTES_PER_WEIGHT[self.recipe.weights] * runtime.parameter_count(
            first_model(self.base)
        )

    def disk(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of what is kept of all weights; matrices of LoRA are small."""
        if self.recipe.weights != "full":
            return 0.0
        sequences = rows  # a row is seldom several
        kept = self.recipe.kept_count(sequences)
        copies = 3.0 if self.recipe.moments else 1.0
        return 4.0 * copies * kept * runtime.parameter_count(first_model(self.base))

    def store(self, cache: Path, view: PoolView) -> FolderStore:
        """Return where the model trained on the rows in view is kept: by their texts, in order."""
        state = hashlib.blake2b(_hashes(view, _places(view)).tobytes(), digest_size=8)
        if self.labels is not None:  # which may depend on all that a selection may read
            state.update(view.pool.context.encode())
        digest = state.hexdigest()
        folder = cache / self.name / self._least.row_key
        own = FolderStore(folder, digest + self._kept_besides())
        others = (FolderStore(folder, path.name) for path in sorted(folder.glob(f"{digest}*")))
        return own if own.exists() else next((each for each in others if self._fits(each)), own)

    def _kept_besides(self) -> str:
        """Return what tells apart the folders of one run of which different things are kept."""
        if self.recipe == self.recipe.keeping_least():
            return ""
        kept = (self.recipe.checkpoints, self.recipe.kept_steps, self.recipe.moments)
        return f"-{hashlib.blake2b(repr(kept).encode(), digest_size=4).hexdigest()}"

    def _fits(self, store: FolderStore) -> bool:
        """Return whether a run is stored of which all is kept that is wanted."""
        try:
            return Tuned.read(store.path).serves(self.recipe)
        except DamagedError:
            return False

    def compute(self, view: PoolView, runtime: Runtime, *, labels: Any = None) -> Tuned:
        """Return the model trained on the rows in view.

        Raises:
            MissingExtraError: if what trains is not installed.
            DataError: if no row has an answer to learn, labels are lacking, or the disk is full.
            TuningError: if the training changes no weight.
            FeatureError: if the training leaves the finite numbers, or memory runs out.
        """
        base = model_name(self.base)
        paced = Paced(
            runtime.progress,
            runtime.cache,
            f"training {base.rpartition('@')[2]} {self.recipe.weights} {self.recipe.dtype} "
            f"{runtime.device}",
            threads=runtime.threads,
        )
        here = replace(runtime, progress=paced)
        if labels is None:
            rows, train = self._of_answers(base, view, here)
        else:
            rows, train = self._of_labels(base, view, here, labels)
        paced.units = float(rows.lengths.mean()) * self.recipe.batch_size  # tokens in a step
        store = self.store(runtime.cache, view)
        with store.filling() as work:
            train(work)
        return self.unpack(store.path)

    def _of_answers(self, base: str, view: PoolView, runtime: Runtime) -> _Prepared:
        opened = runtime.trainable(base, self.recipe)
        rows = training_rows(opened.model, self.recipe.rendering, _blocks(view, _places(view)))
        if not rows.sequences:
            reasons = ", ".join(f"{name}: {count:,}" for name, count in rows.left_out.items())
            raise DataError(
                f"there is no row to train {short_name(base)} on"
                + (f" ({reasons})" if reasons else "")
                + (f"; of the first, {rows.why}" if rows.why else ""),
                hint="choose more rows",
            )
        training = Training(base, self.recipe, self.seed, rows, _held_out(view))
        return rows, partial(opened.train, training)

    def _of_labels(self, base: str, view: PoolView, runtime: Runtime, labels: Any) -> _Prepared:
        targets = targets_of(self._labels, labels, view, _places(view), self.recipe)
        opened = runtime.trainable_classifier(base, self.recipe, targets.words)
        blocks = _blocks(view, targets.places)
        rows, places = labelled_rows(opened.model, self.recipe, blocks, targets)
        ids = leading_words(_hashes(view, targets.places[places]))
        trained, validation = divided(rows, ids, self.recipe, self.seed, base)
        training = ClassifierTraining(
            base, self.recipe, self.seed, trained, _held_out(view), validation, targets.words
        )
        return trained, partial(opened.train, training)

    def told(self, value: Tuned) -> str:
        """Return how well a classifier tells rows that it was not tuned on; else nothing."""
        if value.held_out is None:
            return ""
        return f"tuned on {number_of(value.rows, 'labelled row')}; {value.held_out.sentence()}"

    def pack(self, value: Tuned) -> Path:
        """Return the folder."""
        return value.folder

    def unpack(self, folder: Path) -> Tuned:
        """Return what the folder tells; the base goes by the name that it has now."""
        return Tuned.read(folder).model_copy(update={"base": model_name(self.base)})


class Weights(NamedTuple):
    """A model at a moment of its training.

    Attributes:
        folder: what opens it.
        learning_rate: mean over the steps of that epoch up to this moment.
        moments: file of Adam's moments at that time; None if they were not asked for.
    """

    folder: Path
    learning_rate: float
    moments: Path | None


class Checkpoint(MadeModel):
    """A language model at a moment of its training, which need not be the end.

    After the first of three epochs is not after a training of one epoch: the learning rate falls
    over all three. Everything that is wanted of one run is made by it at once.
    """

    name = "checkpoint"
    stored: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="names a moment of a training")

    run: TunedModel
    """The training."""
    epoch: Annotated[int, Field(ge=1)] | None = None
    """Epoch that has ended; this or `step` is given."""
    step: Annotated[int, Field(ge=1)] | None = None
    """Optimiser step that was taken."""
    moments: bool = False
    """Also keep Adam's moments of that time."""

    @model_validator(mode="after")
    def _check_moment(self) -> Self:
        if (self.epoch is None) == (self.step is None):
            raise ValueError("name an epoch or a step")
        epochs = self.run.recipe.epochs
        if self.run.recipe.steps is None and (self.epoch or 0) > epochs:
            raise ValueError(f"there is no epoch {self.epoch} of {epochs}")
        return self

    def requires(self) -> Mapping[str, Component]:
        """Return the training, of which this moment is kept."""
        return {"run": self._keeping()}

    def _keeping(self) -> TunedModel:
        recipe = self.run.recipe.keeping_least()
        kept: dict[str, Any] = {"moments": self.moments}
        if self.epoch is not None:
            kept["checkpoints"] = (self.epoch,)
        if self.step is not None:
            kept["kept_steps"] = (self.step,)
        return self.run.model_copy(
            update={"recipe": self.run.recipe.keeping(recipe.model_copy(update=kept))}
        )

    def named(self, value: Weights) -> str:
        """Return the folder of its weights."""
        return str(value.folder)

    @property
    def makes(self) -> Literal["language_model", "classifier"]:
        """What the training makes."""
        return self.run.makes

    def stand_in(self) -> str:
        """Return what stands for the end of the training."""
        return self.run.stand_in()

    def before(self) -> ModelRef:
        """Return the base of the training."""
        return self.run.base

    def compute(self, view: PoolView, runtime: Runtime, *, run: Tuned) -> Weights:
        """Return where the weights lie.

        Raises:
            ConfigError: if the training has ended before that moment.
        """
        folder = run.after(self.epoch, step=self.step)
        rate = run.mean_rate(self.epoch, step=self.step)
        return Weights(folder, rate, run.moments(folder) if self.moments else None)


def _places(view: PoolView) -> IndexArray:
    """Return the rows in view that may be trained on, in the order of their texts' hashes."""
    positions = view.positions
    free = np.flatnonzero(~view.pool.held_out[positions])
    return free[np.argsort(view.pool.content_hashes[positions][free], kind="stable")]


def _hashes(view: PoolView, places: IndexArray) -> HashArray:
    return np.ascontiguousarray(view.pool.content_hashes[view.positions[places]])


def _held_out(view: PoolView) -> int:
    hidden = 0 if view.index is not None else view.pool.hidden
    return hidden + int(np.count_nonzero(view.pool.held_out[view.positions]))


def _blocks(view: PoolView, places: IndexArray) -> Iterator[Sequence[Conversation]]:
    for start in range(0, len(places), _BLOCK_ROWS):
        yield view.conversations(places[start : start + _BLOCK_ROWS])
