"""Fine-tuning as data: the recipe of a training run, and what came of it."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assay.components.references import DType, TemplateRef, name_of, short_name
from assay.components.rendering import Rendering
from assay.errors import ConfigError
from assay.files.checksums import damaged
from assay.models.classifier import Input
from assay.samples import Part
from assay.wording import bounds

RECORD = "tuned.json"
"""File of a training run's folder that tells what came of it."""
MOMENTS = "moments.safetensors"
"""File with Adam's moments, in the folder that lies beside the weights they go with."""
_RATES: Mapping[str, float] = {"full": 2e-5, "lora": 2e-4}
_LEAST = {"checkpoints": "last", "kept_steps": (), "moments": False}


class Recipe(BaseModel):
    """How a model is fine-tuned on some rows.

    Defaults are those of Alpaca's own training, which most papers on data selection repeat: three
    epochs, batches of 128, a cosine that warms up over 3 % of the steps, no weight decay. Rows
    are rendered as they are for scoring; only answers are learned, and the token that ends them.

    Source:
        Taori et al. 2023, github.com/tatsu-lab/stanford_alpaca, for these numbers; Hu et al. 2021,
        arXiv 2106.09685, for LoRA. LoRA's rank, its strength and its learning rate are ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    objective: Literal["answers", "number", "class"] = "answers"
    """What is learned: the tokens of answers; a number of each row, by least squares; or which of
    some words a row has, by cross-entropy. For numbers and words the model gets a new output layer,
    and becomes a sequence classifier."""
    weights: Literal["lora", "full"] = "lora"
    """What is trained: small matrices beside the frozen ones, or all weights."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Highest learning rate; by default 2e-5 for all weights and 2e-4 for LoRA."""
    epochs: Annotated[int, Field(ge=1)] = 3
    """How often every row is seen."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """So many optimiser steps in place of `epochs`, so that sets of any size train alike long."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Sequences of one optimiser step; the last step of an epoch takes what is left."""
    device_batch: Annotated[int, Field(ge=1)] = 8
    """Most sequences that are in memory at once; a step adds up the gradients of several."""
    max_length: Annotated[int, Field(ge=8)] = 1024
    """Longest sequence in tokens; the model's own window if that is shorter."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Share of the steps over which the learning rate rises evenly to its highest; none is at 0."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls afterwards: to zero, which it would reach with one more step, or not at all."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay of AdamW, for weights other than biases and norms."""
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients that are longer are scaled down to it."""
    lora_rank: Annotated[int, Field(ge=1)] = 16
    """Rank of LoRA's matrices."""
    lora_alpha: Annotated[float, Field(gt=0)] = 32.0
    """LoRA's strength: its product is scaled by this over the rank."""
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of LoRA's inputs that are left out at random."""
    lora_targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of the layers that get LoRA's matrices; by default all but the output layer."""
    template: TemplateRef = "alpaca"
    """Wording around the turns; see `Rendering`."""
    dtype: DType = "float32"
    """Number format of products and of frozen weights; trained weights are always float32."""
    checkpoints: tuple[int, ...] | Literal["all", "last"] = "last"
    """Epochs whose weights are kept; those after the last step are kept always."""
    kept_steps: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Optimiser steps, counted from 1, after which weights are kept besides."""
    moments: bool = False
    """Keep Adam's two moments of every trained parameter, too, wherever weights are kept."""
    input: Input = "auto"
    """Of a classifier: the form in which it is given a row; see `Classification`."""
    part: Part = "conversation"
    """Of a classifier: which text of the row, where the form is one text."""
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Of a classifier: share of the rows that are not trained on; on them its error is measured
    after every epoch, and the model of the best epoch is the one that comes of the training."""
    patience: Annotated[int, Field(ge=1)] | None = 2
    """Of a classifier: after so many epochs without a smaller error it is trained no more."""

    @field_validator("dtype")
    @classmethod
    def _check_dtype(cls, dtype: DType) -> DType:
        if dtype == "float16":
            raise ValueError("float16 loses small gradients; use bfloat16 or float32")
        return dtype

    @model_validator(mode="after")
    def _check_checkpoints(self) -> Self:
        if isinstance(self.checkpoints, str) or self.steps is not None:
            return self
        outside = [epoch for epoch in self.checkpoints if not 1 <= epoch <= self.epochs]
        if outside:
            raise ValueError(f"there is no epoch {outside[0]} of {self.epochs} to keep")
        return self

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Yield what differs from the defaults."""
        for name, field in type(self).model_fields.items():
            if getattr(self, name) != field.default:
                yield name, getattr(self, name)

    @property
    def is_classifier(self) -> bool:
        """Whether a sequence classifier comes of it."""
        return self.objective != "answers"

    @property
    def rate(self) -> float:
        """Highest learning rate, chosen or by default."""
        return _RATES[self.weights] if self.learning_rate is None else self.learning_rate

    @property
    def micro_batch(self) -> int:
        """Largest divisor of `batch_size` that is at most `device_batch`."""
        most = min(self.batch_size, self.device_batch)
        return next(size for size in range(most, 0, -1) if self.batch_size % size == 0)

    @property
    def rendering(self) -> Rendering:
        """How rows become tokens: as likelihoods are measured, with this template and limit."""
        return Rendering(template=self.template, max_tokens=self.max_length)

    def all_steps(self, sequences: int) -> int:
        """Return the number of optimiser steps for so many training sequences."""
        return self.steps or self.epochs * self.epoch_steps(sequences)

    def epoch_steps(self, sequences: int) -> int:
        """Return the number of optimiser steps of one epoch."""
        return math.ceil(sequences / self.batch_size)

    def height(self, step: int, steps: int) -> float:
        """Return the learning rate of a step as a share of the highest, in (0, 1].

        Args:
            step: counted from 0.
            steps: of the whole training.
        """
        warm = math.ceil(self.warmup * steps)
        if step < warm:
            return (step + 1) / warm
        passed = (step - warm) / max(1, steps - warm)
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * passed))
        return 1 - passed if self.schedule == "linear" else 1.0

    def keeps(self, epoch: int) -> bool:
        """Return whether the weights after an epoch, counted from 1, are to be kept."""
        if isinstance(self.checkpoints, str):
            return self.checkpoints == "all"
        return epoch in self.checkpoints

    def kept_count(self, sequences: int) -> int:
        """Return how often weights are kept, in a training on so many sequences."""
        steps, per_epoch = self.all_steps(sequences), self.epoch_steps(sequences)
        ends = [min(step, steps) for step in range(per_epoch, steps + per_epoch, per_epoch)]
        epochs = {end for place, end in enumerate(ends, 1) if self.keeps(place) or end == steps}
        return len(epochs | {step for step in self.kept_steps if step <= steps})

    def keeping_least(self) -> Self:
        """Return the same training, of which only the end is kept."""
        return self.model_copy(update=_LEAST)

    def keeping(self, other: "Recipe") -> Self:
        """Return the same training, of which is kept what either recipe keeps."""
        either = (self.checkpoints, other.checkpoints)
        epochs = {each for found in either if not isinstance(found, str) for each in found}
        checkpoints = "all" if "all" in either else tuple(sorted(epochs)) or "last"
        steps = tuple(sorted({*self.kept_steps, *other.kept_steps}))
        moments = self.moments or other.moments
        return self.model_copy(
            update={"checkpoints": checkpoints, "kept_steps": steps, "moments": moments}
        )


class HeldOut(BaseModel):
    """What a classifier gave rows that it was not trained on.

    Attributes:
        rows: how many there are.
        losses: after each epoch, the mean over these rows: squared error in units of the variance
            of the labels trained on, or cross-entropy in nats.
        best: epoch of the smallest, counted from 1; its weights are those at the end.
        plain: the same loss of what knows the labels trained on alone: their mean, or how often
            each of the words is among them.
        agreement: at the best epoch, Spearman's correlation with the labels, or the share of rows
            whose word was found; None where all labels, or all numbers, are equal.
        interval: 95 % of the correlation; None for words, and below 30 rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    losses: tuple[float, ...]
    best: int
    plain: float
    agreement: float | None
    interval: tuple[float, float] | None

    def sentence(self) -> str:
        """Return what a person should know of it."""
        share = self.losses[self.best - 1] / self.plain if self.plain else math.nan
        said = "nothing" if self.agreement is None else f"{self.agreement:.2f}"
        if self.interval is not None:
            said += f" {bounds(*self.interval)}"
        return (
            f"agreement {said} and loss {share:.2f} of the labels' own on {self.rows:,} rows held "
            f"out; best after {self.best} of {len(self.losses)} epochs"
        )


class Tuned(BaseModel):
    """What came of a training run.

    Attributes:
        folder: holds a folder ``epoch-<n>`` per epoch kept, with weights as safetensors.
        base: the model that was trained, pinned.
        recipe: how, everything it names pinned.
        seed: of the order of rows, and of LoRA's first weights.
        epochs: epochs whose weights are kept, ascending; the last is the end of the training, which
            early stopping may have brought about.
        kept_steps: optimiser steps after which weights were kept besides, ascending.
        rows: rows that were trained on.
        sequences: what they were read as; a row of several turns that is too long is several.
        left_out: rows that were not trained on, by reason.
        noted: rows or sequences that were trained on in part, by what happened to them.
        steps: optimiser steps.
        losses: of each step, the mean over its learned tokens before the step, in nats; with the
            dropout that the base is trained with, if it has any.
        learning_rates: of each epoch, the mean over its steps.
        tokens: that were read, over all epochs, padding not counted.
        scored_tokens: that were learned, over all epochs.
        parameters: of the base.
        trained_parameters: of those, or beside those, the ones that were trained.
        flops: floating-point operations: 6 per parameter and token for all weights, 4 for LoRA,
            which needs no gradients of the frozen ones. An estimate.
        seconds: of training, interruptions left out.
        producer: versions of libraries and kind of device.
        held_out: of a classifier, what it gave the rows it was not trained on; None if there are
            none, or it is no classifier.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(exclude=True)
    base: str
    recipe: Recipe
    seed: int
    epochs: tuple[int, ...]
    kept_steps: tuple[int, ...] = ()
    rows: int
    sequences: int
    left_out: Mapping[str, int]
    noted: Mapping[str, int]
    steps: int
    losses: tuple[float, ...]
    learning_rates: tuple[float, ...]
    tokens: int
    scored_tokens: int
    parameters: int
    trained_parameters: int
    flops: float
    seconds: float
    producer: Mapping[str, str]
    held_out: HeldOut | None = None

    def __repr__(self) -> str:
        reported = f"{self.rows:,} rows, {self.steps:,} steps, {str(self.folder)!r}"
        return f"{type(self).__name__}({short_name(self.base)!r}, {reported})"

    def after(self, epoch: int | None = None, *, step: int | None = None) -> Path:
        """Return the model at a moment, as a name that every model option takes; 0: the base.

        Args:
            epoch: that has ended, counted from 1.
            step: optimiser step that was taken, counted from 1; one of both is given.

        Raises:
            ConfigError: if the weights of that moment were not kept.
        """
        if (epoch is None) == (step is None):
            raise ConfigError("name an epoch or a step")
        if 0 in (epoch, step):
            return Path(name_of(self.base))
        if epoch is not None and epoch in self.epochs:
            return epoch_folder(self.folder, epoch)
        if step is not None and step in self.kept_steps:
            return step_folder(self.folder, step)
        if step == self.steps:
            return epoch_folder(self.folder, self.epochs[-1])
        kept = self.epochs if step is None else (*self.kept_steps, self.steps)
        unit, wanted = ("epoch", epoch) if step is None else ("step", step)
        raise ConfigError(
            f"the weights after {unit} {wanted} were not kept; those after "
            f"{', '.join(map(str, kept))} were",
            hint=f"checkpoints=[{wanted}]" if step is None else f"kept_steps=[{wanted}]",
        )

    def moments(self, weights: Path) -> Path | None:
        """Return the file of Adam's moments beside weights that are kept; None if there is none.

        Tensors ``<parameter>.exp_avg`` and ``<parameter>.exp_avg_sq``, float32, of the shape of the
        parameter, and ``step``, the number of steps that they hold.
        """
        path = moments_file(weights)
        return path if path.is_file() else None

    def mean_rate(self, epoch: int | None = None, *, step: int | None = None) -> float:
        """Return the mean learning rate over the steps of an epoch up to the moment named.

        Args:
            epoch: that has ended, counted from 1.
            step: optimiser step that was taken, counted from 1; one of both is given.
        """
        per_epoch = self.recipe.epoch_steps(self.sequences)
        if step is None:
            first, stop = per_epoch * ((epoch or 1) - 1), min(per_epoch * (epoch or 1), self.steps)
        else:
            first, stop = per_epoch * ((step - 1) // per_epoch), step
        heights = [self.recipe.height(each, self.steps) for each in range(first, stop)]
        return self.recipe.rate * math.fsum(heights) / len(heights)

    def serves(self, recipe: Recipe) -> bool:
        """Return whether all is kept that a recipe of the same training keeps."""
        last = self.epochs[-1]
        epochs = range(1, last + 1) if recipe.checkpoints == "all" else recipe.checkpoints
        wanted = set() if isinstance(epochs, str) else {each for each in epochs if each <= last}
        steps = {each for each in recipe.kept_steps if each <= self.steps}
        return (
            wanted <= set(self.epochs)
            and steps <= {*self.kept_steps, self.steps}
            and (self.recipe.moments or not recipe.moments)
        )

    @property
    def last(self) -> Path:
        """The model at the end of the training; of a classifier that after its best epoch."""
        return self.after(self.epochs[-1] if self.held_out is None else self.held_out.best)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what came of the run that a folder holds.

        Raises:
            DamagedError: if its record cannot be read; the folder is set aside by then.
        """
        try:
            content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            return cls(folder=folder, **content)
        except (OSError, ValueError, TypeError) as error:
            raise damaged(folder, f"{RECORD}: {error}") from error


def epoch_folder(folder: Path, epoch: int) -> Path:
    """Return where a run keeps the weights after an epoch."""
    return folder / f"epoch-{epoch}"


def step_folder(folder: Path, step: int) -> Path:
    """Return where a run keeps the weights after an optimiser step that ends no epoch."""
    return folder / f"step-{step}"


def moments_file(weights: Path) -> Path:
    """Return where Adam's moments lie that go with the weights in a folder."""
    return weights.with_name(f"{weights.name}.moments") / MOMENTS


def training_flops(weights: str, parameters: int, tokens: int) -> float:
    """Return about how many floating-point operations a training takes.

    A forward takes 2 per parameter and token, gradients of what passes through another 2, those
    of trained weights 2 more. LoRA's own matrices are too small to count.
    """
    return (6.0 if weights == "full" else 4.0) * parameters * tokens
