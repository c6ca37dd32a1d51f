"""Each GGUF file that is no whole language model, or has a part that is not known, is told."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.gguf.checks import check_file
from assay.backends.gguf.header import read_header
from assay.backends.gguf.tokenizer import build_tokenizer, special_tokens
from assay.backends.models import pin_language_model
from assay.errors import ModelLoadError
from tests.gguf_files import (
    Vocabulary,
    byte_level,
    byte_level_file,
    sentence_piece_file,
    settings,
    weights,
    write_gguf,
)

gguf = pytest.importorskip("gguf")


def _refused(file: Path, words: str) -> str:
    with pytest.raises(ModelLoadError, match=words) as caught:
        pin_language_model(str(file), offline=True)
    assert "\n" not in caught.value.message
    assert str(file) in caught.value.message
    return str(caught.value.hint)


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_a_whole_model_is_as_it_should_be(tmp_path: Path, kind: str) -> None:
    check_file(read_header(byte_level_file(tmp_path / "model.gguf", kind=kind)))


@pytest.mark.parametrize(
    ("more", "words", "hint"),
    [
        ({".split.count": 3, ".split.no": 0}, "is one of 3 parts of a model", "--merge"),
        ({".general.type": "mmproj"}, r"sees pictures \(mmproj\)", "beside it"),
        ({".general.type": "adapter"}, "is an adapter", "whole"),
    ],
)
def test_a_part_of_a_model_is_told(
    tmp_path: Path, more: Mapping[str, Any], words: str, hint: str
) -> None:
    file = byte_level_file(tmp_path / "model.gguf", more=more)

    assert hint in _refused(file, words)


def test_an_unknown_pre_tokenizer_is_told_by_its_name(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf", "of-tomorrow")

    assert "safetensors" in _refused(file, "the pre-tokenizer 'of-tomorrow', which is not known")


@pytest.mark.parametrize("model", ["bert", "t5", "rwkv", "of-tomorrow"])
def test_an_unknown_tokenizer_is_told_by_its_name(tmp_path: Path, model: str) -> None:
    file = byte_level_file(tmp_path / "model.gguf", changes={"ggml.model": model})

    _refused(file, f"a tokenizer of the kind '{model}'; gpt2 and llama are known")


def test_a_file_without_a_tokenizer_is_told(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("token_embd.weight", np.zeros((4, 64), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    _refused(tmp_path / "model.gguf", "holds no tokenizer")


def test_a_file_without_weights_is_told(tmp_path: Path) -> None:
    file = write_gguf(
        tmp_path / "model.gguf", byte_level(), tokenizer={"ggml.model": "gpt2"},
        settings=settings(), tensors={},
    )  # fmt: skip

    _refused(file, "holds no weights")


def test_a_tokenizer_that_lacks_a_part_is_told(tmp_path: Path) -> None:
    whole = byte_level()
    file = write_gguf(
        tmp_path / "model.gguf", Vocabulary(whole.tokens, whole.types, [], []),
        tokenizer={"ggml.model": "gpt2", "ggml.pre": "gpt-2"}, settings=settings(),
        tensors=weights(size=len(whole.tokens)),
    )  # fmt: skip

    _refused(file, "has a tokenizer without merges")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ggml.bos_token_id", "<s>"), ("ggml.eos_token_id", [1, 2]), ("chat_template", [5, 6])],
)
def test_a_field_of_a_tokenizer_that_holds_another_kind_is_told(
    tmp_path: Path, name: str, value: Any
) -> None:
    file = byte_level_file(tmp_path / "model.gguf", changes={name: value})

    assert "fetch the file again" in _refused(file, f"tokenizer.{name} is of the wrong kind")


def test_a_list_of_a_tokenizer_that_holds_another_kind_is_told(tmp_path: Path) -> None:
    whole, numbers = byte_level(), [1] * 9
    file = write_gguf(
        tmp_path / "model.gguf", whole._replace(merges=numbers),  # type: ignore[arg-type]
        tokenizer={"ggml.model": "gpt2", "ggml.pre": "gpt-2"}, settings=settings(),
        tensors=weights(size=len(whole.tokens)),
    )  # fmt: skip

    _refused(file, "tokenizer.ggml.merges is of the wrong kind")


@pytest.mark.parametrize(("number", "words"), [(99, "the unknown type 99"), (16, "")])
def test_a_type_of_numbers_that_is_not_known_is_told(
    tmp_path: Path, number: int, words: str
) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    content = file.read_bytes()
    name = b"blk.0.ffn_up.weight"
    at = content.index(name) + len(name) + 4 + 16
    file.write_bytes(content[:at] + number.to_bytes(4, "little") + content[at + 4 :])

    if words:
        hint = _refused(file, f"holds blk.0.ffn_up.weight in {words}")
        assert "another quantisation" in hint
    else:  # it is known, and its blocks do not fit
        _refused(file, "is damaged: blk.0.ffn_up.weight is of no whole blocks")


def test_a_type_that_nothing_dequantises_is_told(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    content = file.read_bytes()
    name = b"blk.0.ffn_up.weight"
    at = content.index(name) + len(name) + 4 + 16
    kind = gguf.GGMLQuantizationType.I32
    file.write_bytes(content[:at] + int(kind).to_bytes(4, "little") + content[at + 4 :])

    _refused(file, "in the type I32, which is not read")


def test_weights_that_are_cut_off_are_told(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf")
    content = file.read_bytes()
    file.write_bytes(content[:-4096])

    _refused(file, re.escape(f"is cut off: it ends after {len(content) - 4096:,} bytes"))


def test_special_tokens_come_from_the_file_or_are_the_usual_ones(tmp_path: Path) -> None:
    pieces = read_header(sentence_piece_file(tmp_path / "pieces.gguf"))
    letters = read_header(
        byte_level_file(tmp_path / "bytes.gguf", changes={"ggml.padding_token_id": 1})
    )

    assert special_tokens(pieces) == {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}
    assert special_tokens(letters) == {
        "bos": "<|endoftext|>", "eos": "<|im_end|>", "pad": byte_level().tokens[1],
    }  # fmt: skip


def test_a_text_that_spells_a_control_token_does_not_become_one(tmp_path: Path) -> None:
    for write, words in ((byte_level_file, "<|im_end|>"), (sentence_piece_file, "</s>")):
        tokenizer = build_tokenizer(read_header(write(tmp_path / f"{write.__name__}.gguf")))
        number = tokenizer.token_to_id(words)

        assert number in tokenizer.encode(f"a {words} b").ids
        tokenizer.encode_special_tokens = True
        assert number not in tokenizer.encode(f"a {words} b", add_special_tokens=False).ids


def test_a_decoded_text_is_the_text(tmp_path: Path) -> None:
    text = "Hello  wörld\n\n\t你好 🙂 1234"
    for write in (byte_level_file, sentence_piece_file):
        tokenizer = build_tokenizer(read_header(write(tmp_path / f"{write.__name__}.gguf")))

        assert tokenizer.decode(tokenizer.encode(text).ids) == text
