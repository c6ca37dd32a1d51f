"""Forwards of many kinds of models against transformers, a sequence at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.backends.causal_lm import TransformersModel
from assay.components.references import DType
from assay.errors import ConfigError, FeatureError
from assay.models.language_model import Answers, Choice, LanguageModel, Questions
from tests.causal_rows import PlainLoop, open_model
from tests.tiny_models import llama_tokenizer, small_settings, transformers, write_model
from tests.watching import forwards

torch = pytest.importorskip("torch")

_CORE = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "max_position_embeddings", "initializer_range", "bos_token_id", "eos_token_id",
)  # fmt: skip


def _settings(**changes: Any) -> dict[str, Any]:
    return small_settings() | changes


def _core() -> dict[str, Any]:
    return {name: small_settings()[name] for name in _CORE}


KINDS: dict[str, Callable[[], Any]] = {
    "llama": lambda: transformers().LlamaConfig(**_settings()),
    "gpt2, absolute positions": lambda: transformers().GPT2Config(
        vocab_size=small_settings()["vocab_size"], n_positions=256, n_embd=64, n_layer=2, n_head=4,
        initializer_range=0.5, bos_token_id=1, eos_token_id=2,
    ),
    "phi, a head with bias": lambda: transformers().PhiConfig(**_core()),
    "gemma 2, capped logits, sliding windows": lambda: transformers().Gemma2Config(
        **_settings(final_logit_softcapping=5.0, attn_logit_softcapping=20.0, sliding_window=8,
                    query_pre_attn_scalar=16)
    ),
    "granite, scaled logits": lambda: transformers().GraniteConfig(
        **_settings(logits_scaling=3.0, embedding_multiplier=2.0, residual_multiplier=0.5,
                    attention_multiplier=0.3)
    ),
    "mistral, sliding windows": lambda: transformers().MistralConfig(**_settings(sliding_window=8)),
    "bloom, positions by distance": lambda: transformers().BloomConfig(
        vocab_size=small_settings()["vocab_size"], hidden_size=64, n_layer=2, n_head=4,
        initializer_range=0.5, bos_token_id=1, eos_token_id=2,
    ),
    "opt, a head narrower than the states": lambda: transformers().OPTConfig(
        vocab_size=small_settings()["vocab_size"], hidden_size=64, num_hidden_layers=2, ffn_dim=128,
        num_attention_heads=4, max_position_embeddings=256, word_embed_proj_dim=32, init_std=0.4,
        bos_token_id=1, eos_token_id=2,
    ),
}  # fmt: skip

SHARING = ("llama", "gpt2, absolute positions", "phi, a head with bias", "granite, scaled logits")


class Asked(NamedTuple):
    """Sequences of which many begin alike, places to read, and weights to pool with."""

    sequences: list[Any]
    targets: list[Any]
    weights: list[Any]

    def questions(self, *, statistics: bool = True) -> Questions:
        return Questions(self.sequences, self.targets, statistics, {"pool": self.weights})


def _asked(seed: int = 5) -> Asked:
    generator = np.random.Generator(np.random.Philox(seed))
    vocabulary = small_settings()["vocab_size"]

    def tokens(count: int) -> Any:
        return generator.integers(3, vocabulary, count).astype(np.int32)

    common = tokens(40)
    lengths = generator.integers(1, 30, 14).tolist()
    sequences = [np.concatenate([common, tokens(length)]) for length in lengths]
    sequences += [tokens(int(length)) for length in generator.integers(2, 60, 6)]
    sequences += [sequences[0].copy(), common[:1]]
    targets = []
    for ids in sequences:
        count = min(len(ids) - 1, 12)  # some lie in the common beginning
        chosen = generator.permutation(np.arange(1, len(ids)))[:count]
        targets.append(np.sort(chosen).astype(np.int64))
    weights: list[Any] = [generator.random(len(ids)).astype(np.float32) for ids in sequences]
    weights[3] = None
    return Asked(sequences, targets, weights)


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kind") / "model"
    return write_model(folder, KINDS[request.param](), llama_tokenizer())


def _folder(name: str, folder: Path) -> Path:
    return write_model(folder, KINDS[name](), llama_tokenizer())


def _read(model: LanguageModel, asked: Asked, *, statistics: bool = True) -> Answers:
    return model.read(asked.questions(statistics=statistics), lambda count: None)


def test_every_kind_of_model_gives_the_numbers_of_transformers(kind: Path, tmp_path: Path) -> None:
    asked = _asked()
    loop = PlainLoop.open(kind)
    expected = [
        loop.log_probs(ids.tolist())[places - 1]
        for ids, places in zip(asked.sequences, asked.targets, strict=True)
    ]

    for tokens in (100, 4096):
        found = _read(open_model(kind, tmp_path / str(tokens), tokens=tokens), asked)

        assert np.abs(found.log_probs - np.concatenate(expected)).max() < 1e-4
        means = [part.mean() for part in np.split(found.log_probs, _borders(asked))[:-1]]
        assert np.abs(np.array(means) - [part.mean() for part in expected[:-1]]).max() < 1e-5


def _borders(asked: Asked) -> Any:
    return np.cumsum([len(places) for places in asked.targets])[:-1]


def test_every_kind_of_model_gives_the_states_of_transformers(kind: Path, tmp_path: Path) -> None:
    asked = _asked()
    loop = PlainLoop.open(kind)

    found = _read(open_model(kind, tmp_path, tokens=500), asked).pools["pool"]

    assert not found[3].any()
    for vector, ids, weights in zip(found, asked.sequences, asked.weights, strict=True):
        if weights is not None:
            expected = weights @ loop.states(ids.tolist())
            assert np.abs(vector - expected).max() < 1e-5 * np.abs(expected).max()


def test_every_kind_of_model_gives_the_states_of_any_layer(kind: Path, tmp_path: Path) -> None:
    asked = _asked()
    loop = PlainLoop.open(kind)
    layers = {"last": -1, "embeddings": 0, "first": 1, "inner": -2}
    pools = dict.fromkeys(layers, asked.weights)

    for tokens in (100, 4096):
        model = open_model(kind, tmp_path / str(tokens), tokens=tokens)
        questions = Questions(asked.sequences, asked.targets, pools=pools, layers=layers)
        found = model.read(questions, lambda count: None).pools

        for name, layer in layers.items():
            assert found[name].shape[1] == model.width_at(layer)
            for vector, ids, weights in zip(
                found[name], asked.sequences, asked.weights, strict=True
            ):
                if weights is not None:
                    expected = weights @ loop.states(ids.tolist(), layer)
                    assert np.abs(vector - expected).max() < 1e-5 * np.abs(expected).max()


def test_every_kind_of_model_chooses_among_tokens_as_transformers_does(
    kind: Path, tmp_path: Path
) -> None:
    asked = _asked()
    loop = PlainLoop.open(kind)
    tokens = np.array([5, 900, 3, 77])
    # Some lie in the common beginning, one behind the end, one sequence is skipped.
    places = np.array([min(len(ids), 1 + 7 * n) for n, ids in enumerate(asked.sequences)])
    places[2] = 0
    choices = {"some": Choice(tokens, places), "end": Choice(tokens[:1], places * 0 + 1)}

    for size in (100, 4096):
        model = open_model(kind, tmp_path / str(size), tokens=size)
        questions = Questions(asked.sequences, asked.targets, choices=choices)
        answers = model.read(questions, lambda count: None)

        found = (answers.choices or {})["some"]
        assert np.isnan(found[2]).all()
        assert (answers.choices or {})["end"].shape == (len(places), 1)
        for numbers, ids, place in zip(found, asked.sequences, places.tolist(), strict=True):
            if place:
                logits = loop.logits(ids[:place].tolist())[-1]
                expected = torch.log_softmax(logits.double(), -1)[tokens]
                assert np.abs(numbers - np.asarray(expected)).max() < 1e-4


def test_a_layer_that_there_is_not_is_refused_by_its_number(
    llama_folder: Path, tmp_path: Path
) -> None:
    model = open_model(llama_folder, tmp_path)

    assert [model.width_at(layer) for layer in (-3, 2)] == [64, 64]
    for layer in (-4, 3):
        with pytest.raises(ConfigError, match=f"has no layer {layer}: .* 2 its last"):
            model.width_at(layer)


def test_what_describes_a_distribution_follows_from_all_logits(kind: Path, tmp_path: Path) -> None:
    asked = _asked()
    loop = PlainLoop.open(kind)

    found = _read(open_model(kind, tmp_path, tokens=500), asked)

    logits = np.concatenate(
        [
            np.asarray(loop.logits(ids.tolist()).double())[places - 1]
            for ids, places in zip(asked.sequences, asked.targets, strict=True)
        ]
    )
    labels = np.concatenate(
        [ids[places] for ids, places in zip(asked.sequences, asked.targets, strict=True)]
    )
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = shifted / shifted.sum(axis=1, keepdims=True)
    surprise = np.log(np.where(shares > 0, shares, 1.0))
    true = logits[np.arange(len(labels)), labels][:, None]
    assert np.abs(found.entropy + (shares * surprise).sum(axis=1)).max() < 1e-4
    assert np.abs(found.top - shares.max(axis=1)).max() < 1e-5
    second, first = np.sort(logits, axis=1)[:, -2:].T
    assert np.abs(found.lead - (first - second)).max() < 1e-4
    assert np.abs(found.runner_up - np.sort(shares, axis=1)[:, -2]).max() < 1e-5
    assert (found.rank >= 1 + (logits > true + 1e-4).sum(axis=1)).all()
    assert (found.rank <= (logits > true - 1e-4).sum(axis=1)).all()


@pytest.mark.parametrize("name", SHARING)
def test_a_common_beginning_is_run_once_and_changes_nothing(name: str, tmp_path: Path) -> None:
    folder = _folder(name, tmp_path / "model")
    asked = _asked()
    vocabulary = small_settings()["vocab_size"]
    model = open_model(folder, tmp_path / "cache", tokens=500)
    assert isinstance(model, TransformersModel)
    with forwards(vocabulary) as shared:
        with_sharing = _read(model, asked)
    model._forward.shares_prefixes = False

    with forwards(vocabulary) as whole:
        without = _read(model, asked)

    assert np.abs(with_sharing.log_probs - without.log_probs).max() < 1e-4
    assert np.abs(with_sharing.pools["pool"] - without.pools["pool"]).max() < 1e-4
    tokens, tokens_whole = (sum(r * t for r, t in seen) for seen in (shared, whole))
    assert tokens < 0.6 * tokens_whole


def test_a_second_reading_with_the_same_beginning_is_right_too(
    llama_folder: Path, tmp_path: Path
) -> None:
    model = open_model(llama_folder, tmp_path, tokens=500)
    first, second = _asked(5), _asked(6)
    fresh = _read(open_model(llama_folder, tmp_path / "other", tokens=500), second)

    _read(model, first)
    found = _read(model, second)
    again = _read(model, first)

    assert np.array_equal(found.log_probs, fresh.log_probs)
    assert np.abs(again.log_probs - _read(model, first).log_probs).max() == 0


@pytest.mark.parametrize("place", [0, 20])
def test_equal_sequences_run_once(llama_folder: Path, tmp_path: Path, place: int) -> None:
    asked = _asked()
    ids, targets = asked.sequences[place], asked.targets[place]
    model = open_model(llama_folder, tmp_path, tokens=4096)
    told: list[int] = []

    with forwards(small_settings()["vocab_size"]) as seen:
        found = model.read(Questions([ids] * 5, [targets] * 5), told.append)

    assert [rows for rows, _ in seen] == [1]
    assert sum(told) == 5 * len(ids)
    assert (found.log_probs.reshape(5, -1) == found.log_probs[: len(targets)]).all()


def test_equal_sequences_of_which_other_tokens_are_wanted_are_told_apart(
    llama_folder: Path, tmp_path: Path
) -> None:
    loop = PlainLoop.open(llama_folder)
    ids = _asked().sequences[0]
    model = open_model(llama_folder, tmp_path)

    found = model.read(Questions([ids, ids], [np.array([5, 9]), np.array([2])]), lambda count: None)

    assert found.log_probs == pytest.approx(loop.log_probs(ids.tolist())[[4, 8, 1]], abs=1e-4)


def test_nothing_asked_is_nothing_answered(llama_folder: Path, tmp_path: Path) -> None:
    found = open_model(llama_folder, tmp_path).read(Questions([], []), lambda count: None)

    assert [len(part) for part in found[:4]] == [0, 0, 0, 0]


@pytest.mark.parametrize("constant", [3.0, -7.0])
def test_a_constant_on_all_logits_changes_nothing(tmp_path: Path, constant: float) -> None:
    library = transformers()
    folder = _folder("phi, a head with bias", tmp_path / "model")
    before = _read(open_model(folder, tmp_path / "before"), _asked())
    model = library.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.bias += constant
    model.save_pretrained(tmp_path / "moved")
    llama_tokenizer().save_pretrained(tmp_path / "moved")

    after = _read(open_model(tmp_path / "moved", tmp_path / "after"), _asked())

    assert np.abs(after.log_probs - before.log_probs).max() < 1e-5
    assert np.abs(after.entropy - before.entropy).max() < 1e-4


# Too little memory


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
def test_too_large_batches_are_halved_until_they_fit(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, most: int
) -> None:
    folder = request.getfixturevalue(name)
    asked = _asked()
    model = open_model(folder, tmp_path, tokens=4096)
    vocabulary = PlainLoop.open(folder).model.config.vocab_size
    asked = Asked([ids % vocabulary for ids in asked.sequences], asked.targets, asked.weights)
    expected = _read(model, asked)

    with forwards(vocabulary, most_rows=most) as seen:
        found = _read(model, asked)

    assert max(rows for rows, _ in seen) <= most
    assert np.abs(found.log_probs - expected.log_probs).max() < 1e-4
    assert np.abs(found.pools["pool"] - expected.pools["pool"]).max() < 1e-4
    assert found.rank.shape == expected.rank.shape


def test_a_sequence_that_does_not_fit_by_itself_is_an_error(
    llama_folder: Path, tmp_path: Path
) -> None:
    model = open_model(llama_folder, tmp_path)

    with (
        forwards(small_settings()["vocab_size"], most_rows=0),
        pytest.raises(FeatureError, match="do not fit into memory"),
    ):
        _read(model, _asked())


def test_another_error_is_not_taken_for_too_little_memory(
    llama_folder: Path, tmp_path: Path
) -> None:
    model = open_model(llama_folder, tmp_path)
    beyond = np.array([10**6, 1], np.int32)

    with pytest.raises(IndexError):
        model.read(Questions([beyond, beyond], [np.array([1]), np.array([1])]), lambda c: None)


# Other number formats


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 5e-2), ("float16", 1e-2)])
@pytest.mark.parametrize("name", ["llama", "phi, a head with bias", "granite, scaled logits"])
def test_a_lower_number_format_stays_near_and_ranks_alike(
    tmp_path: Path, name: str, dtype: DType, tolerance: float
) -> None:
    # Weights of a usual size: with those of the other tests rounding errors grow beyond measure.
    config = KINDS[name]()
    config.initializer_range = 0.1
    folder = write_model(tmp_path / "model", config, llama_tokenizer())
    asked = _asked()

    exact, rough = (
        _read(open_model(folder, tmp_path, dtype=each), asked) for each in ("float32", dtype)
    )

    means = [
        np.array([part.mean() for part in np.split(found.log_probs, _borders(asked))[:-1]])
        for found in (exact, rough)
    ]
    assert np.abs(means[0] - means[1]).max() < tolerance
    ranks = [np.argsort(np.argsort(each)) for each in means]
    assert np.corrcoef(ranks[0], ranks[1])[0, 1] > 0.99
