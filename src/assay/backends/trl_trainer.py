"""Fine-tuning on answers by TRL and PEFT.

The tokens, their order and what is learned of them are Assay's own and are handed over ready made;
TRL adds up gradients, takes the steps and puts its state on disk, so that a killed run goes on.
"""

import copy
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from assay.backends.causal_lm import TransformersModel
from assay.backends.models import load_language_model
from assay.backends.training_run import OurTrainer, arguments, keep_to, lora, place_of, run
from assay.backends.weights import write_adapter, write_model
from assay.components.references import DType, short_name
from assay.errors import ModelLoadError
from assay.models.language_model import LanguageModel
from assay.models.recipe import Recipe
from assay.models.training import Training, TrainingRows
from assay.models.workplace import Workplace


class Base:
    """A model that is opened to be trained, once.

    Args:
        opened: its tokenizer, and weights that nobody else holds.
        runtime: device, and where progress is reported.
    """

    def __init__(self, opened: TransformersModel, runtime: Workplace) -> None:
        self._opened, self._runtime = opened, runtime
        self.parameters: int = sum(each.numel() for each in opened.module.parameters())

    @property
    def model(self) -> LanguageModel:
        """What reads its tokens."""
        return self._opened

    def train(self, training: Training, work: Path) -> None:
        """Train it, and fill a folder with its weights and a record; see `train`."""
        train(self._opened, training, work, self._runtime)


def open_base(pinned: str, recipe: Recipe, runtime: Workplace) -> Base:
    """Return a model for a training of its own.

    Raises:
        ModelLoadError: if it cannot be opened, or is none that can be trained here.
    """
    dtype: DType = "float32" if recipe.weights == "full" else recipe.dtype
    opened = load_language_model(pinned, dtype, runtime, runs=False)
    if not isinstance(opened, TransformersModel):
        raise ModelLoadError(
            f"{short_name(pinned)} cannot be trained: its weights are not here",
            hint="name a folder with safetensors, or org/name",
        )
    return Base(opened, runtime)


def train(opened: TransformersModel, training: Training, work: Path, runtime: Workplace) -> None:
    """Train a model, and fill a folder with its weights and a record of the run.

    What an earlier call that was killed left in the folder is gone on with.

    Args:
        opened: the base; its weights are changed.
        training: what is trained, and how.
        work: folder to fill.
        runtime: device, and where progress is reported.

    Raises:
        TuningError: if the training changes no weight.
        FeatureError: if the training leaves the finite numbers, or memory runs out.
    """
    device = runtime.devices()[0]
    run(
        lambda: _Trainer(opened, training, work, device),
        training,
        work,
        runtime,
        parameters=sum(each.numel() for each in opened.module.parameters()),
    )


class _Trainer(OurTrainer, SFTTrainer):  # type: ignore[misc]  # has no types
    """TRL's trainer, with our order of the data and our way of writing weights, and silent."""

    def __init__(
        self, opened: TransformersModel, training: Training, work: Path, device: str
    ) -> None:
        self.training = training
        self._config = copy.deepcopy(opened.module.config)
        self._full = training.recipe.weights == "full"
        settings = SFTConfig(
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            **arguments(training, work, device),
        )
        keep_to(device, settings)
        super().__init__(
            model=opened.module,
            args=settings,
            # Padding is never attended to, so any token serves.
            data_collator=DataCollatorForLanguageModeling(pad_token_id=0),
            train_dataset=_dataset(training.rows),
            processing_class=opened.tokenizer,
            peft_config=None
            if self._full
            else lora(training, opened.module, task_type="CAUSAL_LM"),
        )
        self.model_accepts_loss_kwargs = True  # a step's loss is the mean over its tokens
        self.remove_callback(PrinterCallback)

    def write(self, folder: Path) -> None:
        """Write the weights as they are now."""
        if self._full:
            write_model(self.model, self._config, self.processing_class, folder)
        else:
            write_adapter(self.model, folder, base=place_of(self.training.base))


def _dataset(rows: TrainingRows) -> Any:
    labels = []
    for ids, learned in zip(rows.sequences, rows.learned, strict=True):
        own = np.full(len(ids), -100, np.int64)
        own[learned] = ids[learned]
        labels.append(own)
    return datasets.Dataset.from_dict({"input_ids": list(rows.sequences), "labels": labels})
