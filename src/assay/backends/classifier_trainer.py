"""Fine-tuning of sequence classifiers: a model with a new output layer, on numbers or words.

Rows are framed as `SequenceClassifier` reads them, the library's trainer takes the steps, and after
every epoch the rows that are not trained on are read: the best epoch is what comes of the training.
"""

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from peft import get_peft_model

from assay.backends.models import open_with_head
from assay.backends.sequence_classifier import OURS, SequenceClassifier
from assay.backends.training_run import OurTrainer, arguments, keep_to, lora, place_of, run
from assay.backends.training_state import sums_of_kept
from assay.backends.weights import write_adapter, write_model
from assay.components.references import DType
from assay.models.classifier import Classifier, Framed, TrainedOn
from assay.models.recipe import HeldOut, Recipe, epoch_folder, moments_file
from assay.models.training import ClassifierTraining, LabelledRows
from assay.models.workplace import Workplace
from assay.random_numbers import generator
from assay.samples import FloatArray
from assay.solvers.rank_interval import spearman_interval
from assay.solvers.ranks import spearman

_LOGGED = "held_out_loss"
_AGREEMENT = "held_out_agreement"
_INTERVAL = "held_out_interval"
_USUAL_SPREAD = 0.02


class ClassifierBase:
    """A model with a new output layer that is opened to be trained, once.

    Args:
        opened: its tokenizer, and weights that nobody else holds.
        new: names of the weights that the model did not bring along.
        runtime: device, and where progress is reported.
    """

    def __init__(self, opened: SequenceClassifier, new: Sequence[str], runtime: Workplace) -> None:
        self._opened, self._new, self._runtime = opened, new, runtime
        self.parameters: int = sum(each.numel() for each in opened.module.parameters())

    @property
    def model(self) -> Classifier:
        """What frames its sequences."""
        return self._opened

    def train(self, training: ClassifierTraining, work: Path) -> None:
        """Train it, and fill a folder with its weights and a record.

        Raises:
            FeatureError: if the training leaves the finite numbers, or memory runs out.
        """
        device = self._runtime.devices()[0]
        _draw(self._opened.module, self._new, training.seed)
        run(
            lambda: _Trainer(self._opened, self._new, training, work, device),
            training,
            work,
            self._runtime,
            parameters=self.parameters,
        )


def open_classifier_base(
    pinned: str, recipe: Recipe, words: Sequence[str], runtime: Workplace
) -> ClassifierBase:
    """Return a model with a new output layer, for a training of its own.

    Args:
        pinned: a language model or an encoder; a classifier of as many words keeps its layer.
        recipe: how it is trained.
        words: that are told apart; none for one that gives a number.
        runtime: device, and whether the network may be asked.

    Raises:
        ModelLoadError: if it cannot be opened, or takes no output layer.
    """
    dtype: DType = "float32" if recipe.weights == "full" else recipe.dtype
    opened, new = open_with_head(pinned, words, dtype, runtime)
    return ClassifierBase(opened, new, runtime)


def _draw(module: Any, new: Sequence[str], seed: int) -> None:
    """Draw weights that a model did not bring along: by the seed, whatever was drawn before."""
    spread = getattr(module.config, "initializer_range", None) or _USUAL_SPREAD
    parameters = dict(module.named_parameters())
    for name in sorted(set(new) & set(parameters)):
        weight = parameters[name]
        if weight.ndim > 1:
            drawn = generator(seed=seed, purpose=name).normal(0.0, spread, tuple(weight.shape))
            own = torch.from_numpy(drawn)
        else:
            own = torch.full(weight.shape, float(name.endswith("weight")))
        with torch.no_grad():
            weight.copy_(own)


class _Trainer(OurTrainer, transformers.Trainer):  # type: ignore[misc]  # has no types
    """The library's trainer, with our order of the data, our loss and our way of writing weights.

    Numbers are learned in units of the deviation of those that are trained on, from their mean.
    """

    def __init__(
        self,
        opened: SequenceClassifier,
        new: Sequence[str],
        training: ClassifierTraining,
        work: Path,
        device: str,
    ) -> None:
        self.training: ClassifierTraining = training
        self._words = len(training.words)
        self._opened, self._work = opened, work
        self._full = training.recipe.weights == "full"
        self._targets = training.rows.targets
        self._mean, self._deviation = 0.0, 1.0
        if not self._words:
            self._mean = float(self._targets.mean())
            self._deviation = float(self._targets.std())
        self._config = _config(opened, training, self._mean, self._deviation)
        settings = transformers.TrainingArguments(
            remove_unused_columns=False, **arguments(training, work, device)
        )
        keep_to(device, settings)
        module = opened.module
        if not self._full:
            transformers.set_seed(settings.seed)  # of the first weights of the adapter
            heads = sorted({name.rpartition(".")[0] for name in new})
            adapter = lora(training, module, task_type="SEQ_CLS", modules_to_save=heads or None)
            module = get_peft_model(module, adapter)
        super().__init__(
            model=module,
            args=settings,
            data_collator=lambda rows: {"places": torch.tensor(rows)},
            train_dataset=range(len(self._targets)),
        )
        self.model_accepts_loss_kwargs = True  # a step's loss is the mean over its rows
        self.remove_callback(transformers.PrinterCallback)

    # What is learned

    def get_batch_samples(self, iterator: Any, count: int, device: Any) -> tuple[list[Any], Any]:
        """Return the parts of a step, and how many rows they have."""
        parts, _ = super().get_batch_samples(iterator, count, device)
        return parts, torch.tensor(sum(len(part["places"]) for part in parts))

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the share that some rows have in the mean loss of a step."""
        places = inputs["places"].tolist()
        members = [self.training.rows.framed[place] for place in places]
        losses = self._losses(self._logits(model, members), self._targets[places])
        return losses.sum() / num_items_in_batch

    def _logits(self, model: Any, members: Sequence[Framed]) -> Any:
        with self._opened.given(members) as given:
            return model(**given).logits.float()

    def _losses(self, logits: Any, targets: FloatArray) -> Any:
        """Return the loss of each row: squared error in deviations, or cross-entropy in nats."""
        if self._words:
            wanted = torch.from_numpy(targets.astype(np.int64)).to(logits.device)
            return torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
        scaled = ((targets - self._mean) / self._deviation).astype(np.float32)
        return (logits[:, 0] - torch.from_numpy(scaled).to(logits.device)) ** 2

    # What is kept

    def write(self, folder: Path) -> None:
        """Write the weights as they are now, and how rows are read by them."""
        if self._full:
            write_model(self.model, self._config, self._opened.tokenizer, folder)
        else:
            write_adapter(self.model, folder, base=place_of(self.training.base))
            self._config.save_pretrained(folder)

    def end_epoch(self, epoch: int, folder: Path) -> bool:
        """Read the rows that are not trained on; return whether errors have stopped falling."""
        training = self.training
        if not training.measures_epochs:
            return False
        loss, agreement, interval = self._measured(training.validation)
        # Logging it as the library does would let it forget the loss of this step.
        self.state.log_history.append(
            {_LOGGED: loss, _AGREEMENT: agreement, _INTERVAL: interval, "epoch": epoch}
        )
        losses = self._held_out_losses()
        since = len(losses) - 1 - int(np.argmin(losses))
        return training.recipe.patience is not None and since >= training.recipe.patience

    def _held_out_losses(self) -> list[float]:
        return [entry[_LOGGED] for entry in self.state.log_history if _LOGGED in entry]

    def _measured(
        self, rows: LabelledRows
    ) -> tuple[float, float | None, tuple[float, float] | None]:
        """Return the mean loss of rows, how they agree with their labels, and the interval."""
        order = np.argsort([-len(each.ids) for each in rows.framed], kind="stable")
        at_once = self.training.recipe.micro_batch
        losses = np.empty(len(order))
        found = np.empty(len(order))
        self.model.eval()
        with torch.no_grad():
            for start in range(0, len(order), at_once):
                places = order[start : start + at_once]
                logits = self._logits(self.model, [rows.framed[place] for place in places.tolist()])
                losses[places] = self._losses(logits, rows.targets[places]).cpu().numpy()
                best = logits.argmax(dim=1) if self._words else logits[:, 0]
                found[places] = best.cpu().numpy()
        self.model.train()
        if self._words:
            return float(losses.mean()), float(np.mean(found == rows.targets)), None
        rank = spearman(found, rows.targets)
        rng = generator(seed=0, purpose="interval of a classifier's correlation")
        low, high = spearman_interval(found, rows.targets, rng)
        known = None if np.isnan(rank) else rank
        return float(losses.mean()), known, None if np.isnan(low) else (low, high)

    def held_out(self) -> HeldOut | None:
        """Return what it gave rows that it was not trained on; None if there are none."""
        losses = self._held_out_losses()
        if not losses:
            return None
        best = int(np.argmin(losses))
        found = [entry for entry in self.state.log_history if _LOGGED in entry][best]
        return HeldOut(
            rows=self.training.validation.rows,
            losses=tuple(losses),
            best=best + 1,
            plain=self._plain(self.training.validation.targets),
            agreement=found[_AGREEMENT],
            interval=found[_INTERVAL],
        )

    def _plain(self, targets: FloatArray) -> float:
        """Return the mean loss of what knows the labels that are trained on alone."""
        if not self._words:
            return float(np.mean(((targets - self._mean) / self._deviation) ** 2))
        counts = np.bincount(self._targets.astype(np.int64), minlength=self._words)
        # One more of each, as a word that is never trained on is not impossible.
        shares = (counts + 1) / (counts.sum() + self._words)
        return float(-np.log(shares[targets.astype(np.int64)]).mean())

    def forget(self) -> None:
        """Remove the weights of epochs that are neither the best, nor the last, nor wanted."""
        losses = self._held_out_losses()
        kept = {int(np.argmin(losses)) + 1, len(losses)} if losses else set()
        for epoch in set(range(1, len(losses))) - kept:
            if not self.training.recipe.keeps(epoch):
                weights = epoch_folder(self._work, epoch)
                for folder in (weights, moments_file(weights).parent):
                    shutil.rmtree(folder, ignore_errors=True)
                    sums_of_kept(folder).unlink(missing_ok=True)


def _config(
    opened: SequenceClassifier, training: ClassifierTraining, mean: float, deviation: float
) -> Any:
    """Return the settings that are written: the model's, and how its rows were read."""
    config = copy.deepcopy(opened.module.config)
    config.architectures = [type(opened.module).__name__]
    recipe = training.recipe
    read = TrainedOn(recipe.input, recipe.part, min(recipe.max_length, opened.window))
    setattr(config, OURS, {**read._asdict(), "mean": mean, "deviation": deviation})
    return config
