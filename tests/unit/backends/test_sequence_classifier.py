"""Classifiers of many kinds against transformers, a row at a time."""

import builtins
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.sequence_classifier import SequenceClassifier
from assay.errors import MissingExtraError, ModelLoadError
from assay.models.classifier import Framed
from assay.models.language_model import NOTHING_KEPT
from assay.samples import Flag
from tests.causal_rows import EDGE_ROWS, open_runtime, ordinary_rows
from tests.classifiers import PlainClassifier, open_classifier
from tests.tiny_models import (
    CLASSIFIER,
    llama_config,
    llama_tokenizer,
    pair_tokenizer,
    tiny_bert,
    tiny_gpt2,
    tiny_reward,
    transformers,
    write_model,
)

torch = pytest.importorskip("torch")

_PAIRS = [
    (f"{question} {given}", answer)
    for question, given, answer in [
        *(row for name, row in EDGE_ROWS.items() if "limit" not in name),
        *ordinary_rows(20),
    ]
    if answer  # transformers takes an empty second text for none
]
_SIZES = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "max_position_embeddings": 256, "initializer_range": 0.3, "num_labels": 2,
}  # fmt: skip


def _encoder(name: str, **changes: Any) -> Callable[[], tuple[Any, Any]]:
    def make() -> tuple[Any, Any]:
        tokenizer = pair_tokenizer()
        settings = _SIZES | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
        return getattr(transformers(), name)(**settings | changes), tokenizer

    return make


KINDS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "bert": _encoder("BertConfig"),
    "roberta, positions behind the padding token's": _encoder(
        "RobertaConfig", pad_token_id=1, max_position_embeddings=258
    ),
    "deberta, positions by distance": _encoder(
        "DebertaV2Config", type_vocab_size=2, relative_attention=True,
        pos_att_type=["p2c", "c2p"], position_biased_input=False, pooler_hidden_size=64,
    ),
    "distilbert, no types": lambda: (
        transformers().DistilBertConfig(
            vocab_size=len(pair_tokenizer()), dim=64, n_layers=2, n_heads=4, hidden_dim=128,
            max_position_embeddings=256, initializer_range=0.3, num_labels=2,
        ),
        _without_types(),
    ),
    "llama, no padding token": lambda: (llama_config(num_labels=1), llama_tokenizer()),
    "llama, the end is the padding": lambda: (
        llama_config(num_labels=1, pad_token_id=2), llama_tokenizer()
    ),
    "gpt2, no padding token": lambda: (
        transformers().GPT2Config(
            vocab_size=len(llama_tokenizer()), n_positions=256, n_embd=64, n_layer=2, n_head=4,
            initializer_range=0.3, num_labels=3,
        ),
        llama_tokenizer(),
    ),
}  # fmt: skip


def _without_types() -> Any:
    tokenizer = pair_tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config, tokenizer = KINDS[request.param]()
    if "llama" in request.param or "gpt2" in request.param:
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    folder = tmp_path_factory.mktemp("classifier")
    return write_model(folder, config, tokenizer, opens=CLASSIFIER)


def test_every_kind_of_model_gives_the_numbers_of_transformers(kind: Path, tmp_path: Path) -> None:
    plain = PlainClassifier.open(kind)

    for tokens in (1, 300, 4096):
        model = open_classifier(kind, tmp_path / str(tokens), tokens=tokens)
        texts = model.classify([model.framed(a, 256) for _, a in _PAIRS], lambda count: None)
        pairs = model.classify([model.framed_pair(*each, 256) for each in _PAIRS], lambda n: None)

        expected = np.array([plain.of(answer) for _, answer in _PAIRS])
        assert np.abs(texts - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())
        expected = np.array([plain.of(*each) for each in _PAIRS])
        assert np.abs(pairs - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())
        assert model.window == 256


@pytest.mark.parametrize("padding", [None, 2])
def test_a_text_that_ends_in_the_padding_token_is_read_as_transformers_reads_it(
    tmp_path: Path, padding: int | None
) -> None:
    folder = tiny_reward(tmp_path / "model", padding=padding)
    plain = PlainClassifier.open(folder)
    model = open_classifier(folder, tmp_path / "cache")
    sequences = [(1, 40, 50, 2), (1, 40, 50), (1, 40, 50, 60, 70, 80, 2), (1, 2, 2)]

    tokens = [np.array(ids, np.int32) for ids in sequences]
    found = model.classify([Framed(ids, ids * 0) for ids in tokens], lambda count: None)

    expected = np.array([plain.of_ids(*ids) for ids in sequences])
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    alike = np.abs(found[0] - found[1]).max() < 1e-5 * np.abs(expected).max()
    assert alike == (padding == 2)
    assert model.labels == ("reward",)


def test_equal_sequences_are_run_once_and_all_are_told_of(tmp_path: Path) -> None:
    model = open_classifier(tiny_bert(tmp_path / "model"), tmp_path / "cache")
    assert isinstance(model, SequenceClassifier)
    framed = [model.framed(text, 64) for text in ("one", "two two", "one", "one")]
    run: list[int] = []
    plain = model._run
    model.__dict__["_token_budget"] = 64
    model._run = lambda members: run.append(len(members)) or plain(members)  # type: ignore[method-assign, func-returns-value]

    told: list[int] = []
    found = model.classify(framed, told.append)

    assert sum(run) == 2
    assert sum(told) == 4
    assert (found[0] == found[2]).all()
    assert model.labels == ("low", "middle", "high")
    assert model.classify([], told.append).shape == (0, 3)


def test_memory_that_does_not_suffice_for_all_does_for_halves(tmp_path: Path) -> None:
    model = open_classifier(tiny_bert(tmp_path / "model"), tmp_path / "cache")
    assert isinstance(model, SequenceClassifier)
    framed = [model.framed("word " * count, 64) for count in range(1, 8)]
    whole = model.classify(framed, lambda count: None)
    plain = model._run

    def narrow(members: Any) -> Any:
        if len(members) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(members)

    model._run = narrow  # type: ignore[method-assign]
    assert np.abs(model.classify(framed, lambda count: None) - whole).max() < 1e-5


def test_a_stopped_run_goes_on_behind_the_batches_that_are_kept(tmp_path: Path) -> None:
    model = open_classifier(tiny_bert(tmp_path / "model"), tmp_path / "cache", tokens=20)
    framed = [model.framed("word " * count, 64) for count in range(1, 8)]
    kept: dict[bytes, Any] = {}

    class Kept:
        def find(self, key: bytes) -> Any:
            return kept.get(key)

        def keep(self, key: bytes, answer: Any) -> None:
            kept[key] = answer

        hold, held = NOTHING_KEPT.hold, NOTHING_KEPT.held
        forget = NOTHING_KEPT.forget

    found = model.classify(framed, lambda count: None, Kept())
    assert len(kept) > 2
    model._run = lambda members: pytest.fail("it was kept")  # type: ignore[attr-defined]
    assert (model.classify(framed, lambda count: None, Kept()) == found).all()


# What is cut


def test_a_text_too_long_loses_its_end(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    model, plain = open_classifier(folder, tmp_path / "cache"), PlainClassifier.open(folder)
    text = "The river is warm. " * 40

    framed = model.framed(text, 32)

    assert framed.ids.tolist() == plain.tokenizer(text, truncation=True, max_length=32).input_ids
    assert framed.flags == Flag.TEXT_TRUNCATED
    assert model.framed("short", 32).flags == Flag.NONE


def test_a_pair_too_long_loses_the_beginning_of_the_first_and_then_the_end_of_the_second(
    tmp_path: Path,
) -> None:
    folder = tiny_bert(tmp_path / "model")
    model, plain = open_classifier(folder, tmp_path / "cache"), PlainClassifier.open(folder)
    long, short = "The river is warm. " * 40, "A city grows."
    many, few = (
        plain.tokenizer(text, add_special_tokens=False).input_ids for text in (long, short)
    )

    question, answer, both = (
        model.framed_pair(*each, 43) for each in ((long, short), (short, long), (long, long))
    )

    cls, sep = plain.tokenizer.cls_token_id, plain.tokenizer.sep_token_id
    rest = 40 - len(few)
    assert question.ids.tolist() == [cls, *many[-rest:], sep, *few, sep]
    assert question.types.tolist() == [0] * (rest + 2) + [1] * (len(few) + 1)
    assert question.flags == Flag.PROMPT_TRUNCATED
    assert answer.ids.tolist() == [cls, *few, sep, *many[:rest], sep]
    assert answer.flags == Flag.RESPONSE_TRUNCATED
    assert both.ids.tolist() == [cls, *many[-10:], sep, *many[:30], sep]
    assert both.flags == Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED


def test_words_that_look_like_special_tokens_are_words(tmp_path: Path) -> None:
    model = open_classifier(tiny_bert(tmp_path / "model"), tmp_path / "cache")

    framed = model.framed_pair("[SEP] a [CLS]", "[PAD][SEP]", 64)

    specials = model.encode(["[CLS][SEP][PAD]"], special=True)[0]
    assert np.isin(framed.ids, specials).sum() == 3


# Models that do not fit


def test_a_model_that_is_no_classifier_is_refused_with_the_weights_it_lacks(
    tmp_path: Path,
) -> None:
    folder = tiny_gpt2(tmp_path / "gpt2")

    with pytest.raises(ModelLoadError, match=r"no sequence classifier .* no weights for score"):
        open_classifier(folder, tmp_path / "cache")


def test_a_classifier_without_its_head_is_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    tensors = pytest.importorskip("safetensors.torch")
    weights = tensors.load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    tensors.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelLoadError, match=r"no weights for classifier\.weight"):
        open_classifier(folder, tmp_path / "cache")


def test_weights_that_are_pickled_are_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")

    with pytest.raises(ModelLoadError, match="cannot be opened as a sequence classifier"):
        open_classifier(folder, tmp_path / "cache")


def test_a_model_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    text = (folder / "config.json").read_text()
    code = '{"auto_map": {"AutoConfig": "mine.C", "AutoModelForSequenceClassification": "mine.M"},'
    changed = text.replace('"bert"', '"mine"').replace("{", code, 1)
    (folder / "config.json").write_text(changed)

    with pytest.raises(ModelLoadError, match="code of its own"):
        open_classifier(folder, tmp_path / "cache")


def test_a_folder_that_changed_or_holds_an_adapter_is_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    runtime = open_runtime(tmp_path / "cache")
    pinned = runtime.pin("classifier", str(folder))
    shutil.copy(folder / "config.json", folder / "more.json")

    with pytest.raises(ModelLoadError, match="has changed"):
        runtime.classifier(pinned, "float32")

    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="names no base"):
        runtime.pin("classifier", str(folder))
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}')
    (folder / "config.json").unlink()
    with pytest.raises(ModelLoadError, match="elsewhere cannot be fetched"):
        runtime.pin("classifier", str(folder))
    with pytest.raises(ModelLoadError, match="no classifier is found"):
        runtime.pin("classifier", "assay:lm")


def test_without_transformers_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_bert(tmp_path / "model")
    plain = builtins.__import__

    def lacking(name: str, *others: Any, **rest: Any) -> Any:
        if name == "transformers":
            raise ImportError(name)
        return plain(name, *others, **rest)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(MissingExtraError, match=r"assay\[models\]"):
        open_classifier(folder, tmp_path / "cache")
