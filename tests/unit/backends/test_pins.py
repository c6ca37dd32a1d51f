"""Names of models are tied to their content."""

import shutil
from pathlib import Path

import pytest

from assay.backends.models import pin_language_model
from assay.backends.pins import folder_digest, is_pinned, pin_model, split_pin
from assay.components.recipes import identity
from assay.engine.engine import Engine
from assay.errors import ModelLoadError
from assay.methods.likelihood.perplexity import Perplexity
from assay.runtime import Runtime
from assay.testing import pool as pool_of
from tests.causal_rows import open_runtime

FILES = {
    "config.json": "{}",
    "model.safetensors": "weights",
    "tokenizer.json": "{}",
    "chat_template.jinja": "{{ messages }}",
    "merges.txt": "a b",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    for name, content in FILES.items():
        (made / name).write_text(content, encoding="utf-8")
    return made


def _pin(text: str | Path) -> str:
    return pin_language_model(str(text), offline=True)


def test_a_folder_is_pinned_to_its_content(folder: Path) -> None:
    pinned = _pin(folder)

    assert is_pinned(pinned)
    assert split_pin(pinned) == (str(folder), folder_digest(folder))
    assert _pin(pinned) == pinned


@pytest.mark.parametrize("name", list(FILES))
def test_whatever_decides_on_numbers_changes_the_pin(folder: Path, name: str) -> None:
    before = _pin(folder)

    (folder / name).write_text(FILES[name] + " ", encoding="utf-8")

    assert _pin(folder) != before


def test_a_file_that_was_renamed_changes_the_pin(folder: Path) -> None:
    before = _pin(folder)

    (folder / "merges.txt").rename(folder / "mergez.txt")  # the order of files stays

    assert _pin(folder) != before


def test_what_decides_on_nothing_leaves_the_pin_alone(folder: Path) -> None:
    before = _pin(folder)

    (folder / "README.md").write_text("About this model.", encoding="utf-8")
    (folder / "pytorch_model.bin").write_bytes(b"never opened")

    assert _pin(folder) == before


def test_a_copy_elsewhere_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")

    assert split_pin(_pin(copy))[1] == split_pin(_pin(folder))[1]
    one, other = (Perplexity(model=_pin(each)) for each in (folder, copy))
    assert identity(one) == identity(other)
    assert one.key == other.key


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="holds no model"):
        _pin(tmp_path)


def test_a_name_that_nothing_has_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="no language model is found at 'a/b/c/d'"):
        _pin("a/b/c/d")
    with pytest.raises(ModelLoadError, match="no language model is called 'assay:ml'"):
        _pin("assay:ml")
    with pytest.raises(ModelLoadError, match="cannot be fetched"):
        _pin("nobody-has/a-model-of-this-name")


@pytest.mark.parametrize("bare", ["no-model-has-this-name"])
def test_the_oldest_models_of_the_hub_have_no_owner(bare: str) -> None:
    with pytest.raises(ModelLoadError, match="cannot be fetched"):
        pin_model("language model", bare, offline=True)
    with pytest.raises(ModelLoadError, match="no encoder is found"):
        pin_model("encoder", bare, offline=True)


def test_no_name_is_refused_with_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="none is named") as caught:
        _pin("")
    assert 'model="gpt2"' in (caught.value.hint or "")

    engine = Engine(pool_of([("Q", "A")]), Runtime(cache=tmp_path))
    with pytest.raises(ModelLoadError, match="none is named"):
        engine.resolve(Perplexity(model=""))


def test_a_name_without_a_pin_is_not_opened() -> None:
    with pytest.raises(ModelLoadError, match="not pinned"):
        split_pin("gpt2")


def test_a_folder_that_changed_since_it_was_pinned_is_refused(
    llama_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(llama_folder, tmp_path / "model")
    pinned = _pin(folder)
    with (folder / "config.json").open("a", encoding="utf-8") as file:
        file.write("\n")

    with pytest.raises(ModelLoadError, match="has changed"):
        open_runtime(tmp_path).language_model(pinned, "float32")
