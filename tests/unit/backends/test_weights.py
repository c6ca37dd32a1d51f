"""Weights that are not those of the model they lie with: refused, for adapters and whole models."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.models import pin_language_model
from assay.backends.pins import folder_digest
from assay.backends.weights import misfit
from assay.errors import ModelLoadError
from assay.models.language_model import LanguageModel, Questions
from assay.runtime import Runtime
from tests.causal_rows import PlainLoop
from tests.tiny_models import llama_config, llama_tokenizer, tiny_llama, transformers, write_model

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
peft = pytest.importorskip("peft")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Setting .save_embedding_layers:UserWarning"),
]
"""What PEFT says where tests call it themselves."""

_Weights = dict[str, Any]
_QUERY = "model.layers.0.self_attn.q_proj"
_LORA = f"base_model.model.{_QUERY}.lora_A.weight"


def _renamed(weights: _Weights) -> None:
    for name in list(weights):
        weights[name.replace("q_proj", "query")] = weights.pop(name)


def _under(prefix: str) -> Callable[[_Weights], None]:
    def change(weights: _Weights) -> None:
        for name in list(weights):
            weights[prefix + name] = weights.pop(name)

    return change


def _without(name: str) -> Callable[[_Weights], None]:
    return lambda weights: weights.pop(name)


def _with(name: str, like: str) -> Callable[[_Weights], None]:
    return lambda weights: weights.update({name: weights[like].clone()})


def _adapter(base: Path, folder: Path, **settings: Any) -> Path:
    """Write an adapter that changes what its base says."""
    model = transformers().AutoModelForCausalLM.from_pretrained(base)
    chosen = {"target_modules": "all-linear", "r": 4} | settings
    torch.manual_seed(0)
    made = peft.get_peft_model(
        model, peft.LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **chosen)
    )
    made.save_pretrained(str(folder))
    return folder


def _change(folder: Path, change: Callable[[_Weights], None]) -> None:
    (file,) = folder.glob("*.safetensors")
    weights = safetensors_torch.load_file(file)
    change(weights)
    safetensors_torch.save_file(weights, file, {"format": "pt"})


def _set(file: Path, **changes: Any) -> None:
    settings = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(settings | changes), encoding="utf-8")


def _open(folder: Path, cache: Path) -> LanguageModel:
    runtime = Runtime(cache=cache, workers=1, device="cpu", offline=True)
    return runtime.language_model(runtime.pin("language_model", str(folder)), "float32")


def _says(model: LanguageModel) -> Any:
    ids = np.arange(3, 40, dtype=np.int32)
    asked = Questions([ids], [np.arange(1, len(ids))])
    return model.read(asked, lambda count: None).log_probs


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (dict.clear, "no weights for .*lora_A.* and 25 more"),
        (_renamed, r"no weights for .*q_proj\.lora_A.*, and it has weights .*query\.lora_A"),
        (_under("model."), "no weights for .* and it has weights that nothing takes"),
        (_without(_LORA), r"layers\.0\.self_attn\.q_proj\.lora_A"),
        (_with(_LORA.replace("layers.0", "layers.7"), _LORA), r"takes, .*layers\.7"),
        (lambda weights: weights.update({_LORA: torch.zeros(4, 3)}), "size mismatch for .*q_proj"),
    ],
)
def test_an_adapter_whose_tensors_are_not_its_own_is_refused(
    llama_folder: Path, tmp_path: Path, change: Callable[[_Weights], None], named: str
) -> None:
    folder = _adapter(llama_folder, tmp_path / "adapter")
    whole = _says(_open(folder, tmp_path))
    _change(folder, change)

    with pytest.raises(ModelLoadError, match=f"adapter in {folder} does not fit .*{named}") as told:
        _open(folder, tmp_path)

    assert "\n" not in told.value.message
    assert "save the adapter again" in str(told.value.hint)
    # What it says as a whole is not what its base says, so that a loss of it would show.
    assert np.abs(whole - _says(_open(llama_folder, tmp_path))).max() > 0.1


@pytest.mark.parametrize(
    "changes", [{"hidden_size": 32, "head_dim": 8}, {"num_hidden_layers": 1},
                {"num_hidden_layers": 3}],
)  # fmt: skip
def test_an_adapter_of_a_base_of_another_shape_is_refused(
    llama_folder: Path, tmp_path: Path, changes: dict[str, int]
) -> None:
    folder = _adapter(llama_folder, tmp_path / "adapter", target_modules=["q_proj", "up_proj"])
    other = write_model(tmp_path / "other", llama_config(**changes), llama_tokenizer())
    _set(folder / "adapter_config.json", base_model_name_or_path=str(other))

    with pytest.raises(ModelLoadError, match="does not fit its base"):
        _open(folder, tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {"use_dora": True},
        {"use_rslora": True, "target_modules": ["q_proj", "v_proj"]},
        {"modules_to_save": ["lm_head"]},
        {"target_modules": ["embed_tokens", "q_proj"]},
        {"layers_to_transform": [1], "target_modules": ["q_proj"]},
    ],
)
def test_every_kind_of_adapter_that_fits_is_taken(
    llama_folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = _adapter(llama_folder, tmp_path / "adapter", **settings)
    loop = PlainLoop.open(llama_folder)
    loop.model = peft.PeftModel.from_pretrained(loop.model, str(folder)).eval()

    found = _says(_open(folder, tmp_path))

    assert found == pytest.approx(loop.log_probs(range(3, 40)), abs=2e-4)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (dict.clear, "no weights for lm_head.weight, .* and 18 more"),
        (_renamed, r"no weights for .*q_proj.* takes, .*query"),
        (_without(f"{_QUERY}.weight"), r"no weights for model\.layers\.0\.self_attn\.q_proj"),
        (_with("model.layers.2.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"),
         r"takes, model\.layers\.2\.mlp"),
        (_with(f"{_QUERY}.bias", "model.norm.weight"), r"takes, .*q_proj\.bias"),
    ],
)  # fmt: skip
def test_a_model_whose_tensors_are_not_its_own_is_refused(
    llama_folder: Path, tmp_path: Path, change: Callable[[_Weights], None], named: str
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    _change(folder, change)

    with pytest.raises(ModelLoadError, match=f"{folder} is no causal .*{named}") as told:
        _open(folder, tmp_path)
    assert "config.json" in str(told.value.hint)


def test_a_model_with_more_layers_than_its_settings_say_is_refused(
    llama_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    _set(folder / "config.json", num_hidden_layers=1)

    with pytest.raises(ModelLoadError, match=r"model\.layers\.1\..* and 6 more"):
        _open(folder, tmp_path)


@pytest.mark.parametrize("absent", ["lm_head.weight", "model.embed_tokens.weight"])
def test_one_of_two_tied_tensors_is_enough(tmp_path: Path, absent: str) -> None:
    config = llama_config(tie_word_embeddings=True)
    folder = write_model(tmp_path / "model", config, llama_tokenizer())
    expected = _says(_open(folder, tmp_path))

    def change(weights: _Weights) -> None:
        (table,) = (weights.pop(name) for name in list(weights) if "layers" not in name
                    and "norm" not in name)  # fmt: skip
        kept = {"lm_head.weight", "model.embed_tokens.weight"} - {absent}
        weights[kept.pop()] = table

    _change(folder, change)

    assert np.array_equal(_says(_open(folder, tmp_path)), expected)


@pytest.mark.parametrize(
    ("fixture", "masks"),
    [
        ("gpt2_folder", ["transformer.h.0.attn.bias", "transformer.h.1.attn.masked_bias"]),
        ("llama_folder", ["model.layers.0.self_attn.rotary_emb.inv_freq"]),
    ],
)
def test_masks_and_tables_of_old_files_that_are_made_anew_are_no_fault(
    request: pytest.FixtureRequest, tmp_path: Path, fixture: str, masks: list[str]
) -> None:
    source = request.getfixturevalue(fixture)
    folder = shutil.copytree(source, tmp_path / "model")
    _change(folder, lambda weights: weights.update({name: torch.ones(4) for name in masks}))

    assert np.array_equal(_says(_open(folder, tmp_path)), _says(_open(source, tmp_path)))


def test_an_adapter_cannot_be_trained_on_if_it_does_not_fit(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from tests.trainings import rows_to_train_on, training  # noqa: PLC0415

    folder = _adapter(tiny_llama(tmp_path / "model"), tmp_path / "adapter")
    _change(folder, dict.clear)

    with pytest.raises(ModelLoadError, match="does not fit its base"):
        training(folder, tmp_path / "cache", rows_to_train_on(4))


def test_nothing_kept_of_adapters_that_nobody_checked_is_taken_again(
    llama_folder: Path, tmp_path: Path
) -> None:
    folder = _adapter(llama_folder, tmp_path / "adapter")

    pinned = pin_language_model(str(folder), offline=True)

    before = f"{folder_digest(folder)} {folder_digest(llama_folder)}".encode()
    assert pinned != f"{folder}@{hashlib.blake2b(before, digest_size=6).hexdigest()}"


def test_what_does_not_fit_is_said_in_words() -> None:
    assert misfit([], ["h.0.attn.bias", "h.0.attention.masked_bias"]) == ""
    assert misfit(["b", "a"], []) == "it has no weights for a, b"
    assert misfit([], ["a", "b", "c", "d"]) == (
        "it has weights that nothing takes, a, b, c and 1 more"
    )
    assert misfit(["a"], ["b"]) == (
        "it has no weights for a, and it has weights that nothing takes, b"
    )
