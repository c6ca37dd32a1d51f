"""What a GGUF file says of itself, and each way in which it is none."""

import struct
from pathlib import Path

import pytest

from assay.backends.gguf.header import read_header
from assay.errors import ModelLoadError
from tests.gguf_files import byte_level, byte_level_file, settings, weights

pytest.importorskip("gguf")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_level_file(tmp_path_factory.mktemp("gguf") / "model.gguf")


def _changed(file: Path, folder: Path, content: bytes) -> Path:
    changed = folder / "changed.gguf"
    changed.write_bytes(content)
    return changed


def test_a_header_holds_the_fields_and_the_heads_of_the_tensors(file: Path) -> None:
    header = read_header(file)

    assert header.architecture == "llama"
    assert header.fields["llama.block_count"] == settings()["block_count"]
    assert header.fields["llama.rope.freq_base"] == 10000.0
    assert header.fields["tokenizer.ggml.tokens"] == byte_level().tokens
    assert header.fields["tokenizer.ggml.merges"] == byte_level().merges
    expected = weights(size=len(byte_level().tokens))
    assert {tensor.name: tensor.shape for tensor in header.tensors} == {
        name: values.shape for name, (values, _) in expected.items()
    }
    assert header.parameters == sum(values.size for values, _ in expected.values())


def test_the_values_of_a_tensor_lie_where_the_header_says(file: Path) -> None:
    header = read_header(file)
    values, _ = weights(size=len(byte_level().tokens))["blk.1.ffn_down.weight"]
    head = next(each for each in header.tensors if each.name == "blk.1.ffn_down.weight")

    begin = header.data_start + head.offset
    assert file.read_bytes()[begin : begin + values.nbytes] == values.tobytes()


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    file = byte_level_file(tmp_path / "model.gguf", "gpt-2")
    assert read_header(file).fields["tokenizer.ggml.pre"] == "gpt-2"

    byte_level_file(file, "qwen2", kind="F16")

    assert read_header(file).fields["tokenizer.ggml.pre"] == "qwen2"


@pytest.mark.parametrize("content", [b"", b"GGU", b"{}\n", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_gguf_file_is_told(tmp_path: Path, file: Path, content: bytes) -> None:
    with pytest.raises(ModelLoadError, match="is no GGUF file"):
        read_header(_changed(file, tmp_path, content))


def test_a_header_may_end_nowhere_too_early(tmp_path: Path, file: Path) -> None:
    content = file.read_bytes()
    end = read_header(file).data_start
    places = [4, 7, 8, 23, 24, 31, *range(40, end - 64, end // 60)]

    for place in places:
        with pytest.raises(ModelLoadError, match=r"is cut off: it ends after [\d,]+ bytes"):
            read_header(_changed(file, tmp_path, content[:place]))


def test_a_big_endian_file_is_told(tmp_path: Path, file: Path) -> None:
    content = b"GGUF" + struct.pack(">I", 3) + file.read_bytes()[8:]

    with pytest.raises(ModelLoadError, match="is a big-endian GGUF file"):
        read_header(_changed(file, tmp_path, content))


@pytest.mark.parametrize("version", [0, 1, 4, 77])
def test_a_version_that_is_not_known_is_told(tmp_path: Path, file: Path, version: int) -> None:
    content = b"GGUF" + struct.pack("<I", version) + file.read_bytes()[8:]

    with pytest.raises(ModelLoadError, match=f"is of version {version} of GGUF; 2 and 3 are read"):
        read_header(_changed(file, tmp_path, content))


@pytest.mark.parametrize("count", [1 << 40, (1 << 64) - 1])
def test_a_length_beyond_the_file_takes_no_memory(tmp_path: Path, file: Path, count: int) -> None:
    begin = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a"
    array = begin + struct.pack("<IIQ", 9, 4, count)
    text = begin + struct.pack("<IQ", 8, count)

    for content in (array, text):
        with pytest.raises(ModelLoadError, match="is cut off"):
            read_header(_changed(file, tmp_path, content + bytes(64)))


def test_a_field_of_an_unknown_kind_is_damage(tmp_path: Path, file: Path) -> None:
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a"

    with pytest.raises(ModelLoadError, match="a field of the unknown kind 99"):
        read_header(_changed(file, tmp_path, content + struct.pack("<I", 99) + bytes(64)))


def test_arrays_within_arrays_have_an_end(tmp_path: Path, file: Path) -> None:
    nested = struct.pack("<IQ", 9, 1) * 100_000
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a"

    with pytest.raises(ModelLoadError, match="nested"):
        read_header(_changed(file, tmp_path, content + struct.pack("<I", 9) + nested))
