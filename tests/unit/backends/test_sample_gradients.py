"""Gradients of single samples against autograd, a row at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.rendering import Rendering
from assay.errors import ConfigError, ModelLoadError
from assay.models.gradients import GradientModel, Losses
from assay.models.language_model import NOTHING_KEPT
from assay.rendering.tokenization import token_rows
from tests.causal_rows import EDGE_ROWS, exchange, open_runtime, ordinary_rows
from tests.tiny_models import transformers

torch = pytest.importorskip("torch")

from assay.backends import sample_gradients  # noqa: E402  imports torch

LINEAR = ("*.q_proj.weight", "*.down_proj.weight")


@dataclass
class Whole:
    """Keeps all of a gradient, its parameters one after the other, and their names."""

    width: int
    key: bytes = b"whole"
    seen: list[Mapping[str, tuple[int, ...]]] = field(default_factory=list)

    def __call__(self, gradient: Mapping[str, Any]) -> Any:
        self.seen.append({name: tuple(own.shape) for name, own in gradient.items()})
        return torch.cat([own.reshape(-1) for own in gradient.values()])


def _whole(model: GradientModel) -> Whole:
    return Whole(sum(int(np.prod(shape)) for shape in model.shapes.values()))


def _open(folder: Path, cache: Path, *parameters: str) -> GradientModel:
    runtime = open_runtime(cache)
    pinned = runtime.pin("language_model", str(folder))
    return runtime.gradients(pinned, "float32", parameters=parameters)


def _losses(model: GradientModel, count: int = 8) -> Losses:
    """Return rows as passes read them: the mean loss of the answer given its prompt."""
    rows = [exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(count)]]
    found = token_rows(model.encoding, Rendering(max_tokens=128), "prompt", rows)
    windows = [row.windows[-1] for row in found if row.reason == 0]
    return Losses([w.ids for w in windows], [w.answer_positions() for w in windows])


def _by_autograd(module: Any, names: list[str], losses: Losses) -> tuple[Any, Any]:
    """Return each row's loss, and its gradient as one vector."""
    module.eval()
    parameters = dict(module.named_parameters())
    asked = [parameters[name].requires_grad_(True) for name in names]
    values, rows = [], []
    for ids, targets in zip(losses.sequences, losses.targets, strict=True):
        tokens = torch.tensor([ids.tolist()])
        table = torch.log_softmax(module(input_ids=tokens).logits[0, :-1], -1)
        own = table.gather(1, tokens[0, 1:, None])[targets - 1, 0]
        loss = -own.mean()
        found = torch.autograd.grad(loss, asked)
        values.append(float(loss.detach()))
        rows.append(torch.cat([each.reshape(-1) for each in found]).numpy())
    return np.array(values), np.array(rows)


def _plain(folder: Path) -> Any:
    return transformers().AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _check(found: Any, expected: tuple[Any, Any]) -> None:
    losses, gradients = expected
    assert found.losses == pytest.approx(losses, rel=1e-5)
    lengths = np.linalg.norm(gradients.astype(np.float64), axis=1)
    assert found.norms == pytest.approx(lengths, rel=1e-4)
    assert (lengths > 0).all()
    assert np.abs(found.reduced - gradients).max(axis=1) == pytest.approx(
        0, abs=1e-5 * lengths.max()
    )
    worst = np.linalg.norm(found.reduced - gradients, axis=1) / lengths
    assert worst.max() < 1e-5


@pytest.mark.parametrize(
    ("model", "parameters", "count"),
    [
        ("llama_folder", LINEAR, 4),
        ("llama_folder", ("lm_head.weight",), 1),
        ("llama_folder", ("*",), 21),
        ("gpt2_folder", ("*.c_attn.*", "*.mlp.c_proj.weight"), 6),
        ("gpt2_folder", ("*.wte.weight", "*.ln_f.*"), 3),
    ],
)
def test_they_are_those_of_autograd_a_row_at_a_time(
    request: pytest.FixtureRequest, tmp_path: Path, model: str, parameters: Any, count: int
) -> None:
    folder = request.getfixturevalue(model)
    opened = _open(folder, tmp_path, *parameters)
    losses = _losses(opened)
    keep = _whole(opened)

    told: list[int] = []
    found = opened.gradients(losses, keep, told.append)

    assert len(opened.shapes) == count
    assert all(each == opened.shapes for each in keep.seen)
    assert list(keep.seen[0]) == list(opened.shapes)
    assert sum(told) == len(losses.sequences) > 10
    _check(found, _by_autograd(_plain(folder), list(opened.shapes), losses))


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
def test_those_of_an_adapter_are_those_of_autograd(llama_folder: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    made = peft.get_peft_model(
        _plain(llama_folder),
        peft.LoraConfig(
            task_type="CAUSAL_LM", target_modules="all-linear", r=4, lora_dropout=0.5,
            init_lora_weights=False,
        ),
    )  # fmt: skip
    made.save_pretrained(str(tmp_path / "adapter"))
    opened = _open(tmp_path / "adapter", tmp_path / "cache", "*lora_*")
    losses = _losses(opened)

    found = opened.gradients(losses, _whole(opened), lambda count: None)

    assert len(opened.shapes) == 28
    assert "peft" in type(opened._module).__module__  # type: ignore[attr-defined]
    _check(found, _by_autograd(made, list(opened.shapes), losses))


def test_they_do_not_depend_on_what_is_beside_them_in_a_batch(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = _open(llama_folder, tmp_path, *LINEAR)
    losses = _losses(opened)
    wide = opened.gradients(losses, _whole(opened), lambda count: None)

    monkeypatch.setitem(sample_gradients._TOKENS, "cpu", 1)
    turned = Losses(losses.sequences[::-1], losses.targets[::-1])
    narrow = opened.gradients(turned, _whole(opened), lambda count: None)

    worst = np.abs(wide.reduced - narrow.reduced[::-1]).max(axis=1) / wide.norms
    assert worst.max() < 1e-5
    assert wide.losses == pytest.approx(narrow.losses[::-1], rel=1e-5)


def test_what_is_kept_is_not_computed_again(llama_folder: Path, tmp_path: Path) -> None:
    opened = _open(llama_folder, tmp_path, *LINEAR)
    losses = _losses(opened, 2)
    stored: dict[bytes, Any] = {}

    class Kept:
        def find(self, key: bytes) -> Any:
            return stored.get(key)

        def keep(self, key: bytes, answer: Any) -> None:
            stored[key] = answer

        hold, held = NOTHING_KEPT.hold, NOTHING_KEPT.held
        forget = NOTHING_KEPT.forget

    first, again = _whole(opened), _whole(opened)
    one = opened.gradients(losses, first, lambda count: None, Kept())
    other = opened.gradients(losses, again, lambda count: None, Kept())

    assert first.seen and not again.seen
    assert (one.reduced == other.reduced).all()
    again.key = b"another"
    opened.gradients(losses, again, lambda count: None, Kept())
    assert again.seen


def test_a_pattern_that_fits_no_parameter_is_refused_with_names_that_there_are(
    llama_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"no parameter '\*lora_\*'; it has model\.embed"):
        _open(llama_folder, tmp_path, "*lora_*")


def test_the_embedded_model_is_refused(tmp_path: Path) -> None:
    runtime = open_runtime(tmp_path)

    with pytest.raises(ModelLoadError, match="is for scoring"):
        runtime.gradients(runtime.pin("language_model", "assay:lm"), "float32")
