"""Opening causal models, their tokenizers, and the size of their batches."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import AssayError, ConfigError, FeatureError, MissingExtraError, ModelLoadError
from assay.models.language_model import Questions
from assay.runtime import Runtime
from tests.causal_rows import EDGE_ROWS, PlainLoop, open_model, open_runtime, ordinary_rows
from tests.tiny_models import (
    END,
    POSITIONS,
    llama_config,
    llama_tokenizer,
    small_settings,
    tiny_chat,
    transformers,
)
from tests.watching import forwards

torch = pytest.importorskip("torch")

TEXTS = [
    *(text for row in [*EDGE_ROWS.values(), *ordinary_rows(8)] for text in row),
    "<s> </s> <unk> <|endoftext|> <|im_start|>user", " ", "\n\n", "e\u0301", "\u202e abc",
]  # fmt: skip


def _open(folder: Path, cache: Path, **settings: Any) -> Any:
    runtime = open_runtime(cache)
    return runtime.language_model(runtime.pin("language_model", str(folder)), **settings)


# Tokens


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder", "chat_folder"])
def test_texts_are_encoded_as_transformers_does_without_special_tokens(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    folder = request.getfixturevalue(name)
    model, loop = open_model(folder, tmp_path), PlainLoop.open(folder)

    assert model.encode(TEXTS) == [loop.plain(text) for text in TEXTS]
    special = {int(token) for token in loop.tokenizer.all_special_ids}
    assert not special & {token for ids in model.encode(TEXTS) for token in ids}


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder", "chat_folder"])
def test_texts_are_encoded_with_special_tokens_on_request(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    folder = request.getfixturevalue(name)
    model, loop = open_model(folder, tmp_path), PlainLoop.open(folder)

    assert model.encode(TEXTS, special=True) == [
        loop.tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS
    ]
    assert model.encode_as_usual(TEXTS) == [loop.usual(text) for text in TEXTS]


def test_a_tokenizer_knows_its_special_tokens(
    gpt2_folder: Path, llama_folder: Path, chat_folder: Path, tmp_path: Path
) -> None:
    gpt2, llama, chat = (
        open_model(folder, tmp_path) for folder in (gpt2_folder, llama_folder, chat_folder)
    )

    assert (gpt2.bos, gpt2.eos, gpt2.special_texts) == (0, 0, [END])
    assert (llama.bos, llama.eos) == (1, 2)
    assert sorted(llama.special_texts) == ["</s>", "<s>", "<unk>"]
    assert {"<|im_start|>", "<|im_end|>", "<s>"} <= set(chat.special_texts)


def test_settings_of_a_tokenizer_file_that_cut_or_pad_play_no_part(
    llama_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["truncation"] = {
        "max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right",
    }  # fmt: skip
    content["padding"] = {
        "strategy": {"Fixed": 30}, "direction": "Left", "pad_id": 2, "pad_type_id": 0,
        "pad_token": "</s>", "pad_to_multiple_of": None,
    }  # fmt: skip
    file.write_text(json.dumps(content), encoding="utf-8")

    cut, plain = (open_model(each, tmp_path / "cache") for each in (folder, llama_folder))

    assert cut.encode(TEXTS) == plain.encode(TEXTS)
    assert cut.encode_as_usual(TEXTS) == plain.encode_as_usual(TEXTS)


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
@pytest.mark.parametrize(
    "text", ["Say it 🙂🙂 with emoji 👩‍👩‍👧", "你好,世界。ok", "  two  blanks\n\n", "é"]
)
def test_pieces_of_tokens_are_together_the_text(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, text: str
) -> None:
    folder = request.getfixturevalue(name)
    model, loop = open_model(folder, tmp_path), PlainLoop.open(folder)
    (ids,) = model.encode([text])

    pieces = model.pieces(ids)

    assert len(pieces) == len(ids)
    whole = loop.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    assert "".join(pieces) == whole
    assert "\ufffd" not in "".join(pieces)


def test_pieces_of_a_broken_letter_are_still_pieces(gpt2_folder: Path, tmp_path: Path) -> None:
    model = open_model(gpt2_folder, tmp_path)
    (ids,) = model.encode(["🙂"])

    pieces = model.pieces(ids[:-1])

    assert len(pieces) == len(ids) - 1
    assert model.pieces([]) == []


# Chat formats


def _messages(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(texts)
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]


def test_a_chat_is_worded_by_the_tokenizers_own_format(chat_folder: Path, tmp_path: Path) -> None:
    text = open_model(chat_folder, tmp_path).chat(_messages("Hi", "Yo"), [])

    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n"


def test_a_model_without_a_chat_format_says_so(llama_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no chat template") as caught:
        open_model(llama_folder, tmp_path).chat(_messages("Hi", "Yo"), [])
    assert "template" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('roles must alternate') }}",
        "{{ messages[7].content }}",
        "{{ messages[0].content + 1 }}",
        "{% for message in messages %}{{ message['content']['text'] + 'x' }}{% endfor %}",
    ],
)
def test_a_format_that_refuses_a_conversation_is_no_crash(template: str, tmp_path: Path) -> None:
    model = open_model(tiny_chat(tmp_path / "model", template), tmp_path)

    with pytest.raises(FeatureError, match="chat template"):
        model.chat(_messages("Hi", "Yo"), [])


# What is no causal model


def _save(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder)
    llama_tokenizer().save_pretrained(folder)
    return folder


def _bert_settings() -> dict[str, Any]:
    return {
        "vocab_size": small_settings()["vocab_size"], "hidden_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 32,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("BertModel", "no weights for"),
        ("BertForMaskedLM", "depends on those that follow"),
        ("RobertaForMaskedLM", "depends on those that follow"),
    ],
)
def test_a_model_that_reads_both_ways_is_refused(tmp_path: Path, kind: str, complaint: str) -> None:
    library = transformers()
    config = library.RobertaConfig if kind.startswith("Rob") else library.BertConfig
    folder = _save(tmp_path / "model", getattr(library, kind)(config(**_bert_settings())))

    with pytest.raises(ModelLoadError, match=complaint):
        _open(folder, tmp_path, dtype="float32")


@pytest.mark.parametrize("kind", ["LlamaModel", "LlamaForSequenceClassification"])
def test_a_model_without_an_output_layer_is_refused(tmp_path: Path, kind: str) -> None:
    folder = _save(tmp_path / "model", getattr(transformers(), kind)(llama_config()))

    with pytest.raises(ModelLoadError, match=r"no weights for lm_head\.weight") as caught:
        _open(folder, tmp_path, dtype="float32")
    assert "gpt2" in (caught.value.hint or "")


def test_a_model_with_an_encoder_is_refused(tmp_path: Path) -> None:
    library = transformers()
    config = library.T5Config(
        vocab_size=100, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2
    )
    folder = _save(tmp_path / "model", library.T5ForConditionalGeneration(config))

    with pytest.raises(ModelLoadError, match="causal language model"):
        _open(folder, tmp_path, dtype="float32")


def test_pickled_weights_are_never_opened(llama_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    model = transformers().AutoModelForCausalLM.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(ModelLoadError, match="cannot be opened"):
        _open(folder, tmp_path, dtype="float32")


@pytest.mark.parametrize("missing", ["tokenizer.json", "config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_part_is_refused(
    llama_folder: Path, tmp_path: Path, missing: str
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    (folder / missing).unlink()

    with pytest.raises(AssayError):
        _open(folder, tmp_path, dtype="float32")


def test_broken_weights_are_refused(llama_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])

    with pytest.raises(ModelLoadError):
        _open(folder, tmp_path, dtype="float32")


def test_weights_of_another_shape_than_the_settings_say_are_refused(
    llama_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    file = folder / "config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(settings | {"intermediate_size": 64}), encoding="utf-8")

    with pytest.raises(ModelLoadError):
        _open(folder, tmp_path, dtype="float32")


@pytest.mark.parametrize(
    "changed",
    [{"max_position_embeddings": "many"}, {"hidden_size": None}, {"num_attention_heads": 0}],
)
def test_settings_of_the_wrong_kind_are_refused(
    llama_folder: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    file = folder / "config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(settings | changed), encoding="utf-8")

    with pytest.raises(ModelLoadError, match="cannot be opened") as caught:
        _open(folder, tmp_path, dtype="float32")

    assert "\n" not in caught.value.message


def test_without_the_libraries_the_extra_is_named(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)

    with pytest.raises(MissingExtraError, match="models"):
        open_model(llama_folder, tmp_path)


def test_code_that_comes_with_a_model_is_not_run(llama_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoModelForCausalLM": "own.Model",
                                                 "AutoConfig": "own.Config"}}  # fmt: skip
    file.write_text(json.dumps(config), encoding="utf-8")
    ran = tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w')", encoding="utf-8")

    with pytest.raises(ModelLoadError):
        _open(folder, tmp_path, dtype="float32")
    assert not ran.exists()


# Number formats, windows, batches


def test_the_number_format_is_the_one_asked_for_whatever_was_saved(
    llama_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    library = transformers()
    library.AutoModelForCausalLM.from_pretrained(folder).to(torch.bfloat16).save_pretrained(folder)
    ids = [np.arange(5, 25, dtype=np.int32)]
    questions = Questions(ids, [np.arange(1, 20)])
    loop = PlainLoop.open(folder)

    found = open_model(folder, tmp_path).read(questions, lambda count: None)

    # In float32 the numbers are those of the saved weights to the last digits.
    assert np.abs(found.log_probs - loop.log_probs(ids[0].tolist())).max() < 1e-4


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
def test_window_and_width_are_the_models(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    model = open_model(request.getfixturevalue(name), tmp_path)

    assert (model.window, model.width) == (POSITIONS, 64)


def test_versions_and_device_are_told(llama_folder: Path, tmp_path: Path) -> None:
    made_by = open_model(llama_folder, tmp_path).producer()

    assert made_by == {
        "torch": torch.__version__,
        "transformers": transformers().__version__,
        "device": "cpu",
    }


def _questions(lengths: Sequence[int]) -> Questions:
    generator = np.random.Generator(np.random.Philox(1))
    vocabulary = small_settings()["vocab_size"]
    ids = [generator.integers(3, vocabulary, length).astype(np.int32) for length in lengths]
    return Questions(ids, [np.arange(1, len(own)) for own in ids])


@pytest.mark.parametrize("tokens", [64, 500])
def test_batches_keep_the_budget_on_file(llama_folder: Path, tmp_path: Path, tokens: int) -> None:
    model = open_model(llama_folder, tmp_path, tokens=tokens)

    with forwards(small_settings()["vocab_size"]) as seen:
        model.read(_questions([60, 10, 33, 200, 12, 12, 7, 90]), lambda count: None)

    assert all(rows * length <= tokens or rows == 1 for rows, length in seen)
    assert max(rows for rows, _ in seen) > 1


def test_the_budget_is_measured_once_and_kept(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _open(llama_folder, tmp_path, dtype="float32")
    first.read(_questions([10]), lambda count: None)
    (file,) = (tmp_path / "token_budgets").iterdir()
    content = file.read_bytes()
    second = _open(llama_folder, tmp_path, dtype="float32")

    with forwards(small_settings()["vocab_size"]) as seen:
        second.read(_questions([10]), lambda count: None)

    assert json.loads(content)["tokens"] > 0
    assert file.read_bytes() == content
    assert seen == [(1, 9)]  # the last token predicts nothing that was asked for


def test_number_formats_have_budgets_of_their_own(llama_folder: Path, tmp_path: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        _open(llama_folder, tmp_path, dtype=dtype).read(_questions([10]), lambda count: None)

    assert len(list((tmp_path / "token_budgets").iterdir())) == 2


def test_a_runtime_holds_a_model_once(llama_folder: Path, tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path, device="cpu", offline=True)
    pinned = runtime.pin("language_model", str(llama_folder))

    one, other = (runtime.language_model(pinned, "float32") for _ in range(2))

    assert one is other
    assert runtime.language_model(pinned, "bfloat16") is not one
