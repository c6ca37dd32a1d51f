"""One run of a trainer of transformers in Assay's ways: its order, its schedule, what it keeps.

What is trained and what is learned of it, the trainers of `trl_trainer` and `classifier_trainer`
say. A killed run goes on from the newest sound state that it left on disk.
"""

import contextlib
import random
import shutil
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from peft import LoraConfig
from torch.utils.data import Sampler

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
from assay.components.references import short_name
from assay.errors import FeatureError, Parameter, Phrase, TuningError
from assay.files import write_text
from assay.files.checksums import folder_sums, write_json
from assay.models.recipe import (
    MOMENTS,
    RECORD,
    HeldOut,
    Recipe,
    epoch_folder,
    moments_file,
    step_folder,
)
from assay.models.training import Training, TrainingOrder
from assay.models.workplace import Workplace
from assay.progress import Task

SECONDS_BETWEEN_SAVES = 60.0
"""Work that a kill can cost, unless saving takes long."""
SAVING_SHARE = 0.05
"""Most of the time that saving may take."""


class OurTrainer:
    """What a trainer of transformers does our way; it stands before the library's class."""

    training: Any
    model: Any
    optimizer: Any
    state: Any

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write the weights as they are now."""

    def end_epoch(self, epoch: int, folder: Path) -> bool:
        """Look at the model after an epoch, and return whether to stop; by default it goes on.

        Args:
            epoch: that has ended, counted from 1.
            folder: for its weights, if they are to be kept.
        """
        return False

    def held_out(self) -> HeldOut | None:
        """Return what it gave rows that it was not trained on; None if there are none."""
        return None

    def forget(self) -> None:
        """Remove what is not to be kept after all; called when the state is on disk."""

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Let the learning rate go as the recipe says: the library's own begin with a 0."""
        training = self.training
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer,
            lambda step: training.recipe.height(step, training.steps),
        )
        return self.lr_scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return _Sampler(self.training.order)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        self.write(Path(str(output_dir)))

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write none."""

    def _send_telemetry(self) -> None:
        """Send none."""


def run(
    make: Callable[[], Any],
    training: Training,
    work: Path,
    runtime: Workplace,
    *,
    parameters: int,
) -> None:
    """Train, and fill a folder with the weights and a record of the run.

    What an earlier call that was killed left in the folder is gone on with.

    Args:
        make: makes the trainer, an `OurTrainer`, with random numbers of its own.
        training: what is trained, and how.
        work: folder to fill.
        runtime: device, and where progress is reported.
        parameters: of the base.

    Raises:
        TuningError: if the training changes no weight.
        FeatureError: if the training leaves the finite numbers, or memory runs out.
    """
    with _to_itself(), _memory_errors(training.recipe):
        trainer = make()
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
    trainer.forget()
    record = record_of(
        training,
        trainer.state.log_history,
        steps=trainer.state.global_step,
        held_out=trainer.held_out(),
        parameters=parameters,
        trained=trained,
        seconds=watch.seconds,
        device=runtime.devices()[0],
    )
    write_text(work / RECORD, record.model_dump_json(indent=1) + "\n")
    shutil.rmtree(work / STATE, ignore_errors=True)


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
        self, trainer: OurTrainer, training: Training, work: Path, task: Task, seconds: float
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
        if epoch:
            folder = epoch_folder(self._work, epoch)
            if training.recipe.keeps(epoch) or step == training.steps or training.measures_epochs:
                self._keep(folder, step)
            if self._trainer.end_epoch(epoch, folder):
                control.should_training_stop = True
        if step in training.recipe.kept_steps and step < training.steps:
            self._keep(step_folder(self._work, step), step)
        waited = time.perf_counter() - self._saved
        goes_on = step < training.steps and not control.should_training_stop
        control.should_save = goes_on and (
            waited >= self._pause or bool(epoch and training.measures_epochs)
        )
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
        self._trainer.forget()
        self._saved = time.perf_counter()
        took = self._saved - self._started_saving
        self._pause = max(SECONDS_BETWEEN_SAVES, took / SAVING_SHARE)


def arguments(training: Training, work: Path, device: str) -> dict[str, Any]:
    """Return the settings of a trainer that the recipe and the seed decide, and the quiet."""
    recipe = training.recipe
    return {
        "output_dir": str(work / STATE),
        "use_cpu": device == "cpu",
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
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "save_total_limit": 2,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
    }


def keep_to(device: str, settings: Any) -> None:
    """Let a trainer run on one device: it would take the first card, and stop at several."""
    _ = settings.device  # sets up what is overwritten here
    if device.startswith("cuda"):
        settings.__dict__["_setup_devices"] = torch.device(device)
        settings._n_gpu = 1
        torch.cuda.set_device(device)


def lora(training: Training, module: Any, **settings: Any) -> LoraConfig:
    """Return the adapter that a recipe trains.

    Args:
        training: with the recipe.
        module: that it is put beside.
        settings: what else PEFT is told.
    """
    recipe = training.recipe
    targets = recipe.lora_targets
    name, digest = place_of(training.base)
    return LoraConfig(
        base_model_name_or_path=name,
        revision=digest,
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        # Weights of GPT-2's kind lie the other way round.
        fan_in_fan_out=any(type(part).__name__ == "Conv1D" for part in module.modules()),
        **settings,
    )


def place_of(pinned: str) -> tuple[str, str]:
    """Return name and digest of a model; of a folder, where it is whatever the working folder."""
    name, digest = split_pin(pinned)
    return (str(Path(name).absolute()) if Path(name).exists() else name), digest


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
