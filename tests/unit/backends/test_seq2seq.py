"""Text-to-text models against transformers, a sequence at a time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.seq2seq import TextToTextModel
from assay.errors import ModelLoadError
from assay.models.text_to_text import TextToText
from tests.causal_rows import open_runtime, set_budget
from tests.tiny_models import (
    llama_tokenizer,
    small_settings,
    tiny_gpt2,
    tiny_t5,
    transformers,
    write_model,
)

torch = pytest.importorskip("torch")

_TOKENS = np.array([5, 900, 3])


def _bart(folder: Path) -> Path:
    config = transformers().BartConfig(
        vocab_size=small_settings()["vocab_size"], d_model=64, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=128,
        decoder_ffn_dim=128, max_position_embeddings=256, init_std=0.3, dropout=0.0,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=2,
        forced_eos_token_id=None,
    )  # fmt: skip
    return write_model(folder, config, llama_tokenizer(), opens="AutoModelForSeq2SeqLM")


def _open(folder: Path, cache: Path, tokens: int = 2048) -> TextToText:
    runtime = open_runtime(cache)
    set_budget(runtime, folder, tokens)
    return runtime.text_to_text(runtime.pin("text_to_text", str(folder)), "float32")


def _sequences() -> list[Any]:
    generator = np.random.Generator(np.random.Philox(4))
    lengths = [1, 3, 40, 17, 9, 60, 2, 17]
    found = [generator.integers(3, 1700, length).astype(np.int32) for length in lengths]
    return [*found, found[2].copy()]


def _plain(folder: Path, ids: Any) -> Any:
    model = transformers().AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    start = model.config.decoder_start_token_id
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor([ids.tolist()]), decoder_input_ids=torch.tensor([[start]])
        ).logits[0, 0]
    return np.asarray(torch.log_softmax(logits.double(), -1))


@pytest.mark.parametrize("write", [tiny_t5, _bart])
def test_first_tokens_have_the_probabilities_of_transformers(write: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    sequences = _sequences()
    expected = np.array([_plain(folder, ids)[_TOKENS] for ids in sequences])

    for tokens in (1, 100, 4096):
        told: list[int] = []
        model = _open(folder, tmp_path / str(tokens), tokens)
        found = model.first_tokens(sequences, _TOKENS, told.append)

        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
        assert sum(told) == len(sequences)
    assert model.window == (256 if write is _bart else 1 << 20)


def test_a_causal_model_is_refused(tmp_path: Path) -> None:
    folder = tiny_gpt2(tmp_path / "gpt2")

    with pytest.raises(ModelLoadError, match="cannot be opened as a text-to-text model"):
        _open(folder, tmp_path / "cache")


def test_a_model_that_lacks_weights_is_refused_with_their_names(tmp_path: Path) -> None:
    folder = tiny_t5(tmp_path / "model")
    tensors = pytest.importorskip("safetensors.torch")
    weights = tensors.load_file(folder / "model.safetensors")
    name = "decoder.block.1.layer.1.EncDecAttention.q.weight"
    del weights[name]
    tensors.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelLoadError, match=name.replace(".", r"\.")):
        _open(folder, tmp_path / "cache")


def test_a_decoder_that_begins_with_nothing_is_refused(tmp_path: Path) -> None:
    folder = tiny_t5(tmp_path / "model")
    for name in ("config.json", "generation_config.json"):
        settings = json.loads((folder / name).read_text())
        settings.pop("decoder_start_token_id", None)
        (folder / name).write_text(json.dumps(settings))
    model = _open(folder, tmp_path / "cache")
    assert isinstance(model, TextToTextModel)

    with pytest.raises(ModelLoadError, match="which token its decoder begins with"):
        model.first_tokens(_sequences(), _TOKENS, lambda count: None)


def test_nothing_that_is_large_stays_open_beside_another(tmp_path: Path) -> None:
    folder = tiny_t5(tmp_path / "model")
    runtime = open_runtime(tmp_path / "cache")
    set_budget(runtime, folder, 100)
    pinned = runtime.pin("text_to_text", str(folder))
    first = runtime.text_to_text(pinned, "float32")

    assert runtime.text_to_text(pinned, "float32") is first
    runtime.let_go()
    assert runtime.text_to_text(pinned, "float32") is not first
