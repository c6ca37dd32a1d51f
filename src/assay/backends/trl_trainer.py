"""Fine-tuning by TRL and PEFT: the one module that knows either.

The tokens, their order and what is learned of them are Assay's own and are handed over ready made;
TRL adds up gradients, takes the steps and puts its state on disk, so that a killed run goes on.
"""

import contextlib
import copy
import random
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from peft import LoraConfig
from torch.utils.data import Sampler
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from assay.backends.causal_lm import TransformersModel
from assay.backends.models import load_language_model
from assay.backends.moments import write_moments
from assay.backends.pins import split_pin
from assay.backends.training_record import record_of
from assay.backends.training_state import (
    STATE,
    WHOLE,
    newest_state,
    seconds_of,
    sums_of_kept,
)
from assay.backends.weight_changes import Beginning
from assay.backends.weights import write_adapter, write_model
from assay.components.references import DType, short_name
from assay.errors import FeatureError, ModelLoadError, Parameter, Phrase, TuningError
from assay.files import write_text
from assay.files.checksums import folder_sums, write_json
from assay.models.language_model import LanguageModel
from assay.models.recipe import (
    MOMENTS,
    RECORD,
    Recipe,
    epoch_folder,
    moments_file,
    step_folder,
)
from assay.models.training import Training, TrainingOrder, TrainingRows
from assay.models.workplace import Workplace
from assay.progress import Task

SECONDS_BETWEEN_SAVES = 60.0
"""Work that a kill can cost, unless saving takes long."""
_SAVING_SHARE = 0.05


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
    parameters = sum(each.numel() for each in opened.module.parameters())
    with _to_itself(), _memory_errors(training.recipe):
        trainer = _Trainer(opened, training, work, device)
        start = newest_state(work)
        done = 0 if start is None else int(start.name.rpartition("-")[2])
        label = f"training {short_name(training.base)}"
        with runtime.progress.task(label, training.steps - done, unit="steps", reused=done) as task:
            watch = _Watch(trainer, training, work, task, seconds_of(start))
            trainer.add_callback(watch)
            # The base itself, whatever state is gone on with.
            beginning = Beginning(trainer.model, full=training.recipe.weights == "full")
            trainer.train(resume_from_checkpoint=None if start is None else str(start))
        if not beginning.is_left():
            raise TuningError(
                f"a training of {training.steps:,} steps changed no weight of "
                f"{short_name(training.base)}",
                hint=Phrase("{} above {}", Parameter("learning_rate"), f"{training.recipe.rate:g}"),
            )
        trained = sum(each.numel() for each in trainer.model.parameters() if each.requires_grad)
        history = trainer.state.log_history
    record = record_of(
        training,
        history,
        parameters=parameters,
        trained=trained,
        seconds=watch.seconds,
        device=device,
    )
    write_text(work / RECORD, record.model_dump_json(indent=1) + "\n")
    shutil.rmtree(work / STATE, ignore_errors=True)


class _Trainer(SFTTrainer):  # type: ignore[misc]  # has no types
    """TRL's trainer, with our order of the data and our way of writing weights, and silent."""

    def __init__(
        self, opened: TransformersModel, training: Training, work: Path, device: str
    ) -> None:
        self._order = training.order
        self._base = _place(training.base)
        self._config = copy.deepcopy(opened.module.config)
        self._height = lambda step: training.recipe.height(step, training.steps)
        self._full = training.recipe.weights == "full"
        arguments = SFTConfig(
            output_dir=str(work / STATE),
            use_cpu=device == "cpu",
            **_arguments(training),
        )
        _ = arguments.device  # TRL would take the first card, and stop if there are several
        if device.startswith("cuda"):
            arguments.__dict__["_setup_devices"] = torch.device(device)
            arguments._n_gpu = 1
            torch.cuda.set_device(device)
        super().__init__(
            model=opened.module,
            args=arguments,
            # Padding is never attended to, so any token serves.
            data_collator=DataCollatorForLanguageModeling(pad_token_id=0),
            train_dataset=_dataset(training.rows),
            processing_class=opened.tokenizer,
            peft_config=None if self._full else _lora(training, opened.module),
        )
        self.model_accepts_loss_kwargs = True  # a step's loss is the mean over its tokens
        self.remove_callback(transformers.PrinterCallback)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Let the learning rate go as the recipe says: the library's own begin with a 0."""
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer, self._height
        )
        return self.lr_scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return _Sampler(self._order)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        self.write(Path(str(output_dir)))

    def write(self, folder: Path) -> None:
        """Write the weights as they are now."""
        if self._full:
            write_model(self.model, self._config, self.processing_class, folder)
        else:
            write_adapter(self.model, folder, base=self._base)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write none."""

    def _send_telemetry(self) -> None:
        """Send none."""


class _Sampler(Sampler[int]):  # type: ignore[misc]
    """Places of sequences in the order of an epoch."""

    def __init__(self, order: TrainingOrder) -> None:
        self._order = order
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of another epoch, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._order.lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(self._order.epoch(self._epoch).tolist())


class _Watch(transformers.TrainerCallback):  # type: ignore[misc]
    """Keeps weights and state at the right steps, and tells how far the training is."""

    def __init__(
        self, trainer: _Trainer, training: Training, work: Path, task: Task, seconds: float
    ) -> None:
        self._trainer, self._training, self._work, self._task = trainer, training, work, task
        self._begun = time.perf_counter() - seconds
        self._saved = time.perf_counter()
        self._pause = SECONDS_BETWEEN_SAVES

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before an interruption included."""
        return time.perf_counter() - self._begun

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the weights where an epoch ends, before anything says that it has ended."""
        step, training = state.global_step, self._training
        epoch = training.ended_epoch(step)
        if epoch and (training.recipe.keeps(epoch) or step == training.steps):
            self._keep(epoch_folder(self._work, epoch), step)
        if step in training.recipe.kept_steps and step < training.steps:
            self._keep(step_folder(self._work, step), step)
        waited = time.perf_counter() - self._saved
        control.should_save = step < training.steps and waited >= self._pause
        self._started_saving = time.perf_counter()
        self._task.advance(1)

    def _keep(self, folder: Path, step: int) -> None:
        """Keep the weights as they are now, and what the recipe keeps with them."""
        self._trainer.write(folder)
        write_json(sums_of_kept(folder), {"files": folder_sums(folder)})
        if self._training.recipe.moments:
            beside = moments_file(folder).parent
            write_moments(self._trainer.model, self._trainer.optimizer, step, beside / MOMENTS)
            write_json(sums_of_kept(beside), {"files": folder_sums(beside)})

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **kwargs: Any
    ) -> None:
        """Stop where the loss is no number any more."""
        if "loss" in logs and not np.isfinite(logs["loss"]):
            raise FeatureError(
                f"the loss of step {state.global_step} is {logs['loss']}",
                hint=Parameter("learning_rate", f"{self._training.recipe.rate / 10:g}"),
            )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the state on disk as whole."""
        folder = self._work / STATE / f"checkpoint-{state.global_step}"
        content = {"seconds": self.seconds, "files": folder_sums(folder)}
        write_json(folder / WHOLE, content)
        self._saved = time.perf_counter()
        took = self._saved - self._started_saving
        self._pause = max(SECONDS_BETWEEN_SAVES, took / _SAVING_SHARE)


def _arguments(training: Training) -> dict[str, Any]:
    """Return the settings of the trainer that the recipe and the seed decide, and the quiet."""
    recipe = training.recipe
    return {
        "max_steps": training.steps,
        "per_device_train_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": recipe.batch_size // recipe.micro_batch,
        "learning_rate": recipe.rate,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_gradient_norm,
        "optim": "adamw_torch",
        "seed": training.seed % 2**32,
        "bf16": recipe.dtype == "bfloat16",
        "gradient_checkpointing": False,
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
    }


def _lora(training: Training, module: Any) -> LoraConfig:
    recipe = training.recipe
    targets = recipe.lora_targets
    name, digest = _place(training.base)
    return LoraConfig(
        task_type="CAUSAL_LM",
        base_model_name_or_path=name,
        revision=digest,
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        # Weights of GPT-2's kind lie the other way round.
        fan_in_fan_out=any(type(part).__name__ == "Conv1D" for part in module.modules()),
    )


def _place(pinned: str) -> tuple[str, str]:
    """Return name and digest of a model; of a folder, where it is whatever the working folder."""
    name, digest = split_pin(pinned)
    return (str(Path(name).absolute()) if Path(name).exists() else name), digest


def _dataset(rows: TrainingRows) -> Any:
    labels = []
    for ids, learned in zip(rows.sequences, rows.learned, strict=True):
        own = np.full(len(ids), -100, np.int64)
        own[learned] = ids[learned]
        labels.append(own)
    return datasets.Dataset.from_dict({"input_ids": list(rows.sequences), "labels": labels})


@contextlib.contextmanager
def _to_itself() -> Iterator[None]:
    """Give a training random numbers and a tone of its own, and put back those that there were."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  what TRL seeds
    said = transformers.utils.logging.get_verbosity()
    cards = range(torch.cuda.device_count())
    try:
        with torch.random.fork_rng(devices=list(cards)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformers.utils.logging.set_verbosity_error()
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        transformers.utils.logging.set_verbosity(said)


@contextlib.contextmanager
def _memory_errors(recipe: Recipe) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise FeatureError(
            f"the memory of the device is too small to train with {recipe.micro_batch} sequences "
            "at once",
            hint=Phrase(
                "{}, or a smaller {}",
                Parameter("device_batch", f"{max(1, recipe.micro_batch // 2)}"),
                Parameter("max_length"),
            ),
        ) from error
