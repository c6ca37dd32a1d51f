import importlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from assay.backends.encoders import load_encoder, load_token_counter, pin
from assay.errors import MissingExtraError, ModelLoadError

_HAS_MODELS = importlib.util.find_spec("sentence_transformers") is not None
_WORDS = ["[UNK]", "bread", "loaf", "stock", "market", "recipe"]


def _word_tokenizer(folder: Path) -> Path:
    vocabulary = {word: number for number, word in enumerate(_WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.skipif(not _HAS_MODELS, reason="needs the extra 'models'")
@pytest.mark.filterwarnings("ignore")
def test_a_sentence_transformers_folder_encodes_with_its_own_vectors(tmp_path: Path) -> None:
    package = importlib.import_module("sentence_transformers")
    parts = importlib.import_module("sentence_transformers.models")

    tokenizer = Tokenizer.from_file(str(_word_tokenizer(tmp_path / "words") / "tokenizer.json"))
    weights = np.eye(6, 4, dtype=np.float32)
    weights[2] = weights[1]
    static = parts.StaticEmbedding(tokenizer, embedding_weights=weights)
    package.SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "model"))

    encoder = load_encoder(pin("encoder", str(tmp_path / "model"), offline=True), offline=True)
    encoded = encoder.encode_and_flag(["bread bread", "loaf", "stock"])

    assert encoder.dimension == 4
    assert np.linalg.norm(encoded.vectors, axis=1) == pytest.approx([1, 1, 1])
    assert encoded.vectors @ encoded.vectors.T == pytest.approx(
        np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), abs=1e-6
    )
    assert not encoded.truncated.any()


@pytest.mark.skipif(not _HAS_MODELS, reason="needs the extra 'models'")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pooler", [True, False])
def test_an_encoder_whose_weights_are_not_all_there_is_refused(
    tmp_path: Path, pooler: bool
) -> None:
    folder = _transformer(tmp_path, pooler=pooler)
    words = ["bread loaf", "stock market recipe"]

    first, second = (
        load_encoder(pin("encoder", str(folder), offline=True), offline=True).encode_and_flag(words)
        for _ in range(2)
    )

    assert np.array_equal(first.vectors, second.vectors)
    store = importlib.import_module("safetensors.numpy")
    weights = store.load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    store.save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"no weights for encoder\.layer\.1\.output\.dense"):
        load_encoder(pin("encoder", str(folder), offline=True), offline=True)


@pytest.mark.skipif(not _HAS_MODELS, reason="needs the extra 'models'")
@pytest.mark.filterwarnings("ignore")
def test_an_encoder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    folder = _transformer(tmp_path, pooler=True)
    weights, settings = folder / "model.safetensors", folder / "config.json"
    whole, usual = weights.read_bytes(), settings.read_text(encoding="utf-8")

    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelLoadError, match="cannot be opened"):
        load_encoder(pin("encoder", str(folder), offline=True), offline=True)
    weights.write_bytes(whole)
    settings.write_text(json.dumps(json.loads(usual) | {"hidden_size": "many"}), encoding="utf-8")
    with pytest.raises(ModelLoadError, match="cannot be opened"):
        load_encoder(pin("encoder", str(folder), offline=True), offline=True)


def _transformer(folder: Path, *, pooler: bool) -> Path:
    """Write a sentence encoder of two layers, its pooler in the file or not."""
    library = importlib.import_module("transformers")
    package = importlib.import_module("sentence_transformers")
    parts = importlib.import_module("sentence_transformers.models")
    config = library.BertConfig(
        vocab_size=len(_WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    library.BertModel(config, add_pooling_layer=pooler).save_pretrained(folder / "bert")
    words = Tokenizer.from_file(str(_word_tokenizer(folder / "words") / "tokenizer.json"))
    library.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[UNK]"
    ).save_pretrained(folder / "bert")
    reader = parts.Transformer(str(folder / "bert"))
    made = package.SentenceTransformer(modules=[reader, parts.Pooling(16)], device="cpu")
    made.save(str(folder / "encoder"))
    if not pooler:
        store = importlib.import_module("safetensors.numpy")
        file = folder / "encoder" / "model.safetensors"
        weights = store.load_file(file)
        kept = {name: value for name, value in weights.items() if "pooler" not in name}
        store.save_file(kept, file, {"format": "pt"})
    return folder / "encoder"


@pytest.mark.skipif(_HAS_MODELS, reason="the extra 'models' is installed")
def test_without_the_extra_the_error_is_the_line_that_installs_it(tmp_path: Path) -> None:
    folder = _word_tokenizer(tmp_path / "model")

    with pytest.raises(MissingExtraError) as error:
        load_encoder(pin("encoder", str(folder), offline=True), offline=True)

    assert error.value.hint == "pip install 'assay[models]'"


def test_a_folder_that_changed_is_refused(tmp_path: Path) -> None:
    folder = _word_tokenizer(tmp_path / "model")
    pinned = pin("encoder", str(folder), offline=True)
    (folder / "config.json").write_text("{}")

    with pytest.raises(ModelLoadError, match="has changed"):
        load_encoder(pinned, offline=True)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()

    with pytest.raises(ModelLoadError, match="holds no model"):
        pin("encoder", str(tmp_path / "model"), offline=True)


@pytest.mark.parametrize("name", ["assay:other", "no-such-folder"])
def test_a_name_that_means_nothing_is_refused_with_what_may_be_named(name: str) -> None:
    with pytest.raises(ModelLoadError) as error:
        pin("encoder", name, offline=True)

    assert error.value.hint


def test_a_named_tokenizer_counts_its_own_tokens(tmp_path: Path) -> None:
    folder = _word_tokenizer(tmp_path / "words")

    counter = load_token_counter(pin("tokenizer", str(folder), offline=True), offline=True)

    assert counter.count(["bread recipe", "", "what a loaf!"]).tolist() == [2, 0, 4]


def test_the_estimate_is_a_token_for_every_four_bytes_begun() -> None:
    counter = load_token_counter(pin("tokenizer", "assay:estimate", offline=True), offline=True)

    assert counter.count(["", "abcd", "abcde", "面包"]).tolist() == [0, 1, 2, 2]
