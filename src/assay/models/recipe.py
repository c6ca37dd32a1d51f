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

RECORD = "tuned.json"
"""File of a training run's folder that tells what came of it."""
_RATES: Mapping[str, float] = {"full": 2e-5, "lora": 2e-4}


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


class Tuned(BaseModel):
    """What came of a training run.

    Attributes:
        folder: holds a folder ``epoch-<n>`` per epoch kept, with weights as safetensors.
        base: the model that was trained, pinned.
        recipe: how, everything it names pinned.
        seed: of the order of rows, and of LoRA's first weights.
        epochs: epochs whose weights are kept, ascending; the last is the end of the training.
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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(exclude=True)
    base: str
    recipe: Recipe
    seed: int
    epochs: tuple[int, ...]
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

    def __repr__(self) -> str:
        reported = f"{self.rows:,} rows, {self.steps:,} steps, {str(self.folder)!r}"
        return f"{type(self).__name__}({short_name(self.base)!r}, {reported})"

    def after(self, epoch: int) -> Path:
        """Return the model after an epoch, as a name that every model option takes; 0: the base.

        Raises:
            ConfigError: if the weights after that epoch were not kept.
        """
        if epoch == 0:
            return Path(name_of(self.base))
        if epoch not in self.epochs:
            kept = ", ".join(map(str, self.epochs))
            raise ConfigError(
                f"the weights after epoch {epoch} were not kept; those after {kept} were",
                hint=f"checkpoints=[{epoch}]",
            )
        return epoch_folder(self.folder, epoch)

    @property
    def last(self) -> Path:
        """The model at the end of the training."""
        return self.after(self.epochs[-1])

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


def training_flops(weights: str, parameters: int, tokens: int) -> float:
    """Return about how many floating-point operations a training takes.

    A forward takes 2 per parameter and token, gradients of what passes through another 2, those
    of trained weights 2 more. LoRA's own matrices are too small to count.
    """
    return (6.0 if weights == "full" else 4.0) * parameters * tokens
