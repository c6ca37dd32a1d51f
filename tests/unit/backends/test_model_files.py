"""Broken settings of a model are told by the name of their file."""

from pathlib import Path

import pytest

from assay.backends.model_files import reason
from assay.backends.pins import folder_digest
from assay.errors import ModelLoadError

DEEP = b'{"a":' * 200_000
BROKEN = {
    "a list": ("config.json", b"[]", "holds no object"),
    "a word": ("tokenizer_config.json", b'"llama"', "holds no object"),
    "nothing": ("config.json", b"", "is not JSON"),
    "a deep tokenizer": ("tokenizer.json", DEEP, "nested too deeply"),
    "deep settings": ("config.json", DEEP, "nested too deeply"),
    "an index that is a word": ("model.safetensors.index.json", b'"word"', "holds no object"),
    "a map that is a word": ("model.safetensors.index.json", b'{"weight_map": "word"}',
                             "does not say which file"),
    "files that are numbers": ("model.safetensors.index.json", b'{"weight_map": {"w": 1}}',
                               "does not say which file"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_of_a_model_is_named(tmp_path: Path, case: str) -> None:
    name, content, message = BROKEN[case]
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelLoadError, match=message) as caught:
        folder_digest(tmp_path)

    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


def test_no_advice_is_given_that_cannot_be_followed() -> None:
    error = ValueError("custom code.\nPlease pass the argument `trust_remote_code=True`")

    assert reason(error) == "it needs code of its own, which Assay does not run"
    assert reason(ValueError("two\nlines")) == "two lines"
