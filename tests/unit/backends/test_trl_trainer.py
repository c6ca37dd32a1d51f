"""Training against a plain loop: losses, bytes, kills, adapters and what cannot be trained."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.pins import folder_digest
from assay.errors import DataError, FeatureError, ModelLoadError, TuningError
from assay.models.language_model import Questions
from assay.models.recipe import Recipe
from assay.runtime import Runtime
from assay.samples import Flag
from tests.causal_rows import PlainLoop, exchange, ordinary_rows
from tests.fork_server import start
from tests.tiny_models import tiny_llama
from tests.trainings import (
    SMALL,
    closed_sequences,
    plain_losses,
    rows_to_train_on,
    training,
    weights_of,
)
from tests.watching import forwards

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
pytest.importorskip("trl")
peft = pytest.importorskip("peft")

peft_alone = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
"""For tests that call PEFT themselves, which asks transformers by an old name."""
_FULL = SMALL.model_copy(update={"weights": "full", "weight_decay": 0.1, "learning_rate": 5e-4})


# Numbers


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
def test_all_weights_are_trained_as_by_a_plain_loop(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    folder, rows = request.getfixturevalue(name), rows_to_train_on()
    loop = PlainLoop.open(folder)

    found = training(folder, tmp_path, rows, recipe=_FULL, seed=3)

    expected = plain_losses(loop.model, closed_sequences(loop, rows), _FULL, 3)
    assert found.losses == pytest.approx(expected, abs=1e-4, rel=1e-5)
    assert found.steps == len(expected) == 6
    trained = PlainLoop.open(found.last).model.state_dict()
    for key, value in loop.model.state_dict().items():
        # The gradient of a key's bias is zero but for rounding, which Adam makes large.
        if value.dim() > 1:
            assert (trained[key] - value).abs().mean() < 1e-6, key


@peft_alone
@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
def test_adapters_are_trained_as_by_a_plain_loop(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    folder, rows = request.getfixturevalue(name), rows_to_train_on()
    recipe = SMALL.model_copy(update={"learning_rate": 1e-2})
    loop = PlainLoop.open(folder)
    torch.manual_seed(5)
    settings = peft.LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear",
        fan_in_fan_out=name == "gpt2_folder",
    )  # fmt: skip
    model = peft.get_peft_model(loop.model, settings)

    found = training(folder, tmp_path, rows, recipe=recipe, seed=5)

    expected = plain_losses(model, closed_sequences(loop, rows), recipe, 5)
    assert found.losses == pytest.approx(expected, abs=1e-4, rel=1e-5)
    assert found.losses[-1] < found.losses[0] - 0.5
    assert found.trained_parameters == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_the_first_loss_is_what_likelihoods_measure(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model")
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["eos_token"] = None  # so that nothing but the answers is learned
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    rows = rows_to_train_on()
    recipe = SMALL.model_copy(update={"batch_size": 20, "device_batch": 3, "epochs": 1})

    found = training(folder, tmp_path / "cache", rows, recipe=recipe)

    measured = _log_probs(folder, tmp_path / "cache", rows, recipe)
    assert found.scored_tokens == measured.count.sum()
    assert found.losses[0] == pytest.approx(-measured.sum.sum() / measured.count.sum(), rel=1e-6)


def test_tokens_steps_rates_and_operations_are_counted(llama_folder: Path, tmp_path: Path) -> None:
    rows, loop = rows_to_train_on(), PlainLoop.open(llama_folder)
    sequences = closed_sequences(loop, rows)
    recipe = SMALL.model_copy(update={"checkpoints": "all", "schedule": "linear", "warmup": 0.5})

    found = training(llama_folder, tmp_path, rows, recipe=recipe)

    assert found.tokens == 2 * sum(len(ids) for ids, _ in sequences)
    assert found.scored_tokens == 2 * sum(len(places) for _, places in sequences)
    assert found.parameters == sum(each.numel() for each in loop.model.parameters())
    assert found.flops == 4 * found.parameters * found.tokens
    # Half of six steps upwards, half downwards, and none at zero.
    assert found.learning_rates == pytest.approx([1e-3 * (1 + 2 + 3) / 9, 1e-3 * (3 + 2 + 1) / 9])
    assert (found.rows, found.sequences, found.epochs) == (14, 14, (1, 2))
    assert found.seconds > 0


def test_so_many_steps_are_taken_whatever_the_number_of_rows(
    llama_folder: Path, tmp_path: Path
) -> None:
    recipe = SMALL.model_copy(update={"steps": 5, "checkpoints": "all"})

    few = training(llama_folder, tmp_path, rows_to_train_on(4), recipe=recipe)
    many = training(llama_folder, tmp_path, rows_to_train_on(14), recipe=recipe)

    assert (few.steps, len(few.losses), few.epochs) == (5, 5, (1, 2, 3, 4, 5))
    assert (many.steps, len(many.losses), many.epochs) == (5, 5, (1, 2))


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_half_precision_trains_alike_and_keeps_weights_in_float32(
    llama_folder: Path, tmp_path: Path, weights: Any
) -> None:
    exact = SMALL.model_copy(update={"weights": weights})
    rounded = exact.model_copy(update={"dtype": "bfloat16"})

    expected = training(llama_folder, tmp_path, rows_to_train_on(), recipe=exact)
    found = training(llama_folder, tmp_path, rows_to_train_on(), recipe=rounded)

    assert found.losses == pytest.approx(expected.losses, rel=0.01)
    assert found.losses != expected.losses
    (file,) = found.last.glob("*.safetensors")
    assert {value.dtype for value in safetensors_torch.load_file(file).values()} == {torch.float32}


# Bytes


def test_a_seed_fixes_every_byte_and_another_gives_others(
    llama_folder: Path, tmp_path: Path
) -> None:
    rows = [exchange(row) for row in ordinary_rows(10)]
    before = folder_digest(llama_folder)

    first = training(llama_folder, tmp_path / "a", rows)
    again = training(llama_folder, tmp_path / "b", rows[::-1])
    other = training(llama_folder, tmp_path / "c", rows, seed=1)

    assert first.losses == again.losses
    assert weights_of(first.last) == weights_of(again.last)
    assert weights_of(first.last) != weights_of(other.last)
    assert folder_digest(llama_folder) == before


def test_random_numbers_and_words_of_the_caller_are_left_alone(
    llama_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    capfd.readouterr()

    training(llama_folder, tmp_path, rows_to_train_on(4))

    assert torch.equal(torch.rand(3), expected)
    assert capfd.readouterr() == ("", "")


class _KilledError(BaseException):
    """Stands for a kill."""


class _Killing:
    """Progress that ends everything after some steps, and remembers what was reused."""

    def __init__(self, after: int = -1) -> None:
        self._left, self.reused = after, 0.0

    @contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator["_Killing"]:
        """Open a stretch of work."""
        self.reused = max(self.reused, reused)
        yield self

    def advance(self, amount: float) -> None:
        """Count a step."""
        self._left -= 1
        if self._left == 0:
            raise _KilledError


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_a_training_that_is_killed_again_and_again_ends_in_the_same_bytes(
    llama_folder: Path, tmp_path: Path, weights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_to_train_on()
    changed = {"weights": weights, "lora_dropout": 0.2, "checkpoints": "all"}
    recipe = SMALL.model_copy(update=changed)
    whole = training(llama_folder, tmp_path / "whole", rows, recipe=recipe)
    monkeypatch.setattr("assay.backends.training_run.SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr("assay.backends.training_run.SAVING_SHARE", 1e9)

    reused = []
    for steps in (2, 3, 2):  # in the first epoch, at its end, in the second
        killing = _Killing(steps)
        with pytest.raises(_KilledError):
            training(llama_folder, tmp_path / "cut", rows, recipe=recipe, progress=killing)
        reused.append(killing.reused)
    last = _Killing()
    found = training(llama_folder, tmp_path / "cut", rows, recipe=recipe, progress=last)

    assert [*reused, last.reused] == [0, 1, 3, 4]
    assert found.losses == whole.losses
    assert found.learning_rates == whole.learning_rates
    assert weights_of(found.after(1)) == weights_of(whole.after(1))
    assert weights_of(found.after(2)) == weights_of(whole.after(2))
    kept = {path.name for path in found.folder.parent.iterdir()}
    assert kept == {found.folder.name}
    names = {path.name for path in found.folder.iterdir()}
    assert names == {"epoch-1", "epoch-2", "tuned.json", "checksums.json"}


@pytest.mark.parametrize(
    ("damaged", "reused"),
    [("state/checkpoint-4/optimizer.pt", 3), ("epoch-1/adapter_model.safetensors", 0)],
)
def test_a_training_does_not_go_on_from_what_was_damaged_meanwhile(
    llama_folder: Path,
    tmp_path: Path,
    damaged: str,
    reused: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = rows_to_train_on()
    recipe = SMALL.model_copy(update={"checkpoints": "all"})
    whole = training(llama_folder, tmp_path / "whole", rows, recipe=recipe)
    monkeypatch.setattr("assay.backends.training_run.SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr("assay.backends.training_run.SAVING_SHARE", 1e9)
    with pytest.raises(_KilledError):
        training(llama_folder, tmp_path / "cut", rows, recipe=recipe, progress=_Killing(5))
    (path,) = (tmp_path / "cut").glob(f"tuned_model/*/*/{damaged}")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    last = _Killing()
    found = training(llama_folder, tmp_path / "cut", rows, recipe=recipe, progress=last)

    assert last.reused == reused
    assert damaged.rpartition("/")[2] in caplog.text
    assert weights_of(found.after(1)) == weights_of(whole.after(1))
    assert weights_of(found.after(2)) == weights_of(whole.after(2))


_KILL_ITSELF = """
import os, signal, sys
from pathlib import Path
import assay.backends.training_run as trainer
from tests.trainings import rows_to_train_on, training
from tests.unit.backends.test_trl_trainer import _Killing

class Progress(_Killing):
    def advance(self, amount):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

trainer.SECONDS_BETWEEN_SAVES = 0.0
trainer.SAVING_SHARE = 1e9
training(Path(sys.argv[1]), Path(sys.argv[2]), rows_to_train_on(), progress=Progress(3))
"""


@pytest.mark.slow
def test_a_process_that_is_killed_ends_in_the_same_bytes(
    llama_folder: Path, tmp_path: Path
) -> None:
    rows = rows_to_train_on()
    whole = training(llama_folder, tmp_path / "whole", rows)

    process = start(_KILL_ITSELF, [llama_folder, tmp_path / "cut"], imported="assay and torch")

    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    progress = _Killing()
    found = training(llama_folder, tmp_path / "cut", rows, progress=progress)
    assert progress.reused == 2
    assert weights_of(found.last) == weights_of(whole.last)


# Adapters


@peft_alone
def test_a_merged_adapter_is_the_adapter_beside_its_base(gpt2_folder: Path, tmp_path: Path) -> None:
    recipe = SMALL.model_copy(update={"learning_rate": 1e-2})
    found = training(gpt2_folder, tmp_path, rows_to_train_on(), recipe=recipe)
    loop = PlainLoop.open(gpt2_folder)
    loop.model = peft.PeftModel.from_pretrained(loop.model, str(found.last)).eval()
    ids = loop.plain("Why is the sky blue, and what of the sea? It is said that it is so.")

    runtime = Runtime(cache=tmp_path, workers=1, device="cpu")
    pinned = runtime.pin("language_model", str(found.last))
    model = runtime.language_model(pinned, "float32")
    asked = Questions([np.array(ids, np.int32)], [np.arange(1, len(ids))])
    answers = model.read(asked, lambda count: None)

    assert answers.log_probs == pytest.approx(loop.log_probs(ids), abs=2e-4)
    plain = PlainLoop.open(gpt2_folder).log_probs(ids)
    assert np.abs(answers.log_probs - plain).max() > 0.1


def test_an_adapter_names_its_base_and_notices_another(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model")
    found = training(folder, tmp_path / "cache", rows_to_train_on(4))
    settings = json.loads((found.last / "adapter_config.json").read_text(encoding="utf-8"))
    runtime = Runtime(cache=tmp_path / "cache", workers=1, device="cpu")
    pinned = runtime.pin("language_model", str(found.last))

    assert settings["base_model_name_or_path"] == str(folder)
    assert settings["revision"] == folder_digest(folder)
    assert not [name for name in weights_of(found.last) if name.endswith((".bin", ".pt", ".md"))]
    with (folder / "config.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(ModelLoadError, match="has changed"):
        runtime.pin("language_model", str(found.last))
    with pytest.raises(ModelLoadError, match="has changed"):
        runtime.language_model(pinned, "float32")


def test_an_adapter_in_other_files_is_another_model(llama_folder: Path, tmp_path: Path) -> None:
    found = training(llama_folder, tmp_path, rows_to_train_on(4))
    runtime = Runtime(cache=tmp_path, workers=1, device="cpu")
    pinned = runtime.pin("language_model", str(found.last))
    settings = found.last / "adapter_config.json"
    settings.write_text(settings.read_text().replace('"lora_alpha": 8', '"lora_alpha": 9'))

    assert runtime.pin("language_model", str(found.last)) != pinned
    with pytest.raises(ModelLoadError, match="has changed"):
        runtime.language_model(pinned, "float32")


def test_an_adapter_can_be_trained_on(llama_folder: Path, tmp_path: Path) -> None:
    rows = rows_to_train_on()
    first = training(llama_folder, tmp_path, rows)

    second = training(first.last, tmp_path, rows, seed=1)

    assert second.losses[0] < first.losses[0]
    measured = [_log_probs(folder, tmp_path, rows, SMALL) for folder in (first.last, second.last)]
    assert measured[1].sum.sum() > measured[0].sum.sum()


# What goes wrong


def test_memory_that_is_too_small_names_the_option(llama_folder: Path, tmp_path: Path) -> None:
    vocabulary = PlainLoop.open(llama_folder).model.config.vocab_size

    with (
        forwards(vocabulary, most_rows=1),
        pytest.raises(FeatureError, match="memory of the device") as raised,
    ):
        training(llama_folder, tmp_path, rows_to_train_on())

    assert "Recipe(device_batch=1)" in str(raised.value.hint)


def test_a_loss_that_is_no_number_stops_the_training(llama_folder: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        weights="full", learning_rate=1e30, max_gradient_norm=1e30, warmup=0, batch_size=2,
        epochs=3, max_length=256,
    )  # fmt: skip

    with pytest.raises(FeatureError, match=r"the loss of step . is nan"):
        training(llama_folder, tmp_path, rows_to_train_on(6), recipe=recipe)


@pytest.mark.parametrize("weights", ["lora", "full"])
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_a_training_of_one_step_changes_weights(
    llama_folder: Path, tmp_path: Path, weights: Any, schedule: Any
) -> None:
    recipe = Recipe(weights=weights, epochs=1, max_length=256, schedule=schedule)
    rows = rows_to_train_on(6)

    found = training(llama_folder, tmp_path, rows, recipe=recipe)

    assert (found.steps, found.learning_rates) == (1, (recipe.rate,))
    before, after = (_log_probs(folder, tmp_path, rows, recipe).sum.sum()
                     for folder in (llama_folder, found.last))  # fmt: skip
    assert after > before + 0.01


@pytest.mark.parametrize("weights", ["full", "lora"])
def test_a_training_that_changes_no_weight_is_an_error_and_is_not_kept(
    llama_folder: Path, tmp_path: Path, weights: Any
) -> None:
    recipe = SMALL.model_copy(update={"weights": weights, "learning_rate": 1e-30})

    for _ in range(2):
        with pytest.raises(TuningError, match=r"a training of 2 steps changed no weight of llama"):
            training(llama_folder, tmp_path, rows_to_train_on(4), recipe=recipe)


def test_a_disk_that_fills_up_is_said_and_the_next_run_goes_on(
    llama_folder: Path, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    rows = rows_to_train_on(4)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    try:
        with pytest.raises(DataError, match="the disk is full"):
            training(llama_folder, tmp_path, rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)

    assert training(llama_folder, tmp_path, rows).steps == 2


def test_two_processes_do_not_train_the_same_model(llama_folder: Path, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    found = training(llama_folder, tmp_path / "a", rows_to_train_on(4))
    place = tmp_path / "b" / found.folder.relative_to(tmp_path / "a")
    with pytest.raises(_KilledError):
        training(llama_folder, tmp_path / "b", rows_to_train_on(4), progress=_Killing(1))
    (work,) = place.parent.iterdir()

    with (work / ".claim").open("a") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is at work"):
            training(llama_folder, tmp_path / "b", rows_to_train_on(4))


def _log_probs(folder: Path, cache: Path, rows: Any, recipe: Recipe) -> Any:
    from assay.engine.engine import Engine  # noqa: PLC0415
    from assay.features.log_probs import ResponseLogProbs  # noqa: PLC0415

    runtime = Runtime(cache=cache, workers=1, device="cpu")
    asked = ResponseLogProbs(model=str(folder), rendering=recipe.rendering)
    measured = Engine(rows, runtime).value(asked)
    assert not (measured.flags & Flag.RESPONSE_TRUNCATED).any()
    return measured
