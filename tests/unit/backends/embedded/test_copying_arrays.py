"""The copying network against its formulas, one number at a time, by numpy and by torch."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assay.backends.embedded.embedded_lm import EmbeddedModel
from assay.models.language_model import Answers, Choice, Questions
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array
from tests.copying_oracle import VOCABULARY, WORDS, describe, random_weights, write_network

_HAS_TORCH = importlib.util.find_spec("torch") is not None
_BOTH = [
    "numpy",
    pytest.param("torch", marks=pytest.mark.skipif(not _HAS_TORCH, reason="needs torch")),
]
_WEIGHTS = random_weights()


@pytest.fixture(params=_BOTH)
def by(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("copying") / "network", _WEIGHTS)


def _sequences() -> list[TokenIds]:
    """Return sequences with repeated runs, also in other spellings, of many lengths."""
    generator = np.random.Generator(np.random.Philox(8))
    found = [generator.integers(0, VOCABULARY, length) for length in (2, 3, 5, 9, 14)]
    run = generator.integers(0, 6, 6)
    found.append(np.concatenate([run, [30], run, [31], run + 22]))
    found.append(np.array([7, 7, 7, 7, 7, 7, 7, 29, 29, 7]))
    found.append(np.array([0, 34, 22, 1, 35, 23, 2, 0, 34]))
    return [each.astype(np.int32) for each in found]


def _read(
    model: EmbeddedModel,
    sequences: Sequence[TokenIds],
    *,
    pool: Sequence[Float32Array | None] = (),
    last: bool = False,
) -> Answers:
    """Return what the model says of all tokens of some sequences, or of the last ones."""
    targets = [np.arange(len(ids) - 1 if last else 1, len(ids)) for ids in sequences]
    pools = {"pool": list(pool)} if pool else {}
    return model.read(Questions(list(sequences), targets, True, pools), lambda count: None)


def _split(values: Float32Array, sequences: Sequence[TokenIds]) -> list[Float32Array]:
    return np.split(values, np.cumsum([len(ids) - 1 for ids in sequences])[:-1])


def test_log_probabilities_are_those_of_the_formulas(folder: Path, by: str) -> None:
    sequences = _sequences()

    found = _split(_read(EmbeddedModel(by=by, folder=folder), sequences).log_probs, sequences)

    for ids, log_probs in zip(sequences, found, strict=True):
        mixture = describe(_WEIGHTS, ids.tolist()).mixture
        expected = np.log(mixture[np.arange(len(ids) - 1), ids[1:]])
        assert np.abs(log_probs - expected).max() < 2e-5


def test_what_describes_a_distribution_is_that_of_the_formulas(folder: Path, by: str) -> None:
    sequences = _sequences()

    found = _read(EmbeddedModel(by=by, folder=folder), sequences)

    mixture = np.concatenate([describe(_WEIGHTS, ids.tolist()).mixture[:-1] for ids in sequences])
    own = mixture[np.arange(len(mixture)), np.concatenate([ids[1:] for ids in sequences])]
    assert np.abs(found.entropy + (mixture * np.log(mixture)).sum(-1)).max() < 2e-5
    assert np.abs(found.top - mixture.max(-1)).max() < 1e-5
    assert np.abs(found.runner_up - np.sort(mixture, axis=-1)[:, -2]).max() < 1e-5
    assert found.rank.tolist() == (1 + (mixture > own[:, None]).sum(-1)).tolist()


def test_chosen_tokens_have_the_probabilities_of_the_formulas(folder: Path, by: str) -> None:
    sequences = _sequences()
    tokens = np.array([3, 30, 7])
    places = np.array([min(len(ids) - 1, 1 + 2 * n) for n, ids in enumerate(sequences)])
    places[1] = 0
    targets = [np.arange(1, min(3, len(ids))) for ids in sequences]
    asked = Questions(sequences, targets, choices={"some": Choice(tokens, places)})

    found = EmbeddedModel(by=by, folder=folder).read(asked, lambda count: None)

    chosen = (found.choices or {})["some"]
    assert np.isnan(chosen[1]).all()
    assert len(found.log_probs) == sum(map(len, targets))
    for numbers, ids, place in zip(chosen, sequences, places.tolist(), strict=True):
        if place:
            expected = np.log(describe(_WEIGHTS, ids.tolist()).mixture[place - 1][tokens])
            assert np.abs(numbers - expected).max() < 2e-5


def test_pooled_states_are_those_of_the_formulas(folder: Path, by: str) -> None:
    sequences = _sequences()
    generator = np.random.Generator(np.random.Philox(1))
    pool = [generator.random(len(ids)).astype(np.float32) for ids in sequences]

    found = _read(EmbeddedModel(by=by, folder=folder), sequences, pool=[*pool[:-1], None])

    vectors = found.pools["pool"]
    assert not vectors[-1].any()
    for ids, weights, vector in zip(sequences[:-1], pool, vectors, strict=False):
        expected = weights @ describe(_WEIGHTS, ids.tolist()).states
        assert np.abs(vector - expected).max() < 2e-5


def test_the_parts_of_the_formulas_all_count() -> None:
    """Without this the tests above could pass though a part is missing."""
    ids = _sequences()[5].tolist()
    mixture = describe(_WEIGHTS, ids).mixture

    for name in ("respell", "gate__bias", "match", "key__weight", "query__weight", "bias"):
        other = describe(random_weights(**{name: 0.1}), ids).mixture
        assert np.abs(np.log(other) - np.log(mixture)).max() > 1e-2, name


def test_the_probabilities_of_all_tokens_sum_to_one(folder: Path, by: str) -> None:
    context = _sequences()[5][:15]
    every = [np.append(context, token).astype(np.int32) for token in range(VOCABULARY)]

    found = _read(EmbeddedModel(by=by, folder=folder), every, last=True)

    chances = np.exp(found.log_probs.astype(np.float64))
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    assert found.top == pytest.approx(np.full(VOCABULARY, chances.max()), abs=1e-6)
    entropy = -(chances * found.log_probs).sum()
    assert found.entropy == pytest.approx(np.full(VOCABULARY, entropy), abs=1e-5)
    assert found.rank.tolist() == (1 + (chances[:, None] < chances).sum(-1)).tolist()


def test_nothing_is_copied_at_the_first_position(tmp_path: Path, by: str) -> None:
    copies = write_network(tmp_path / "copies", random_weights(gate__bias=40.0))
    never = write_network(tmp_path / "never", random_weights(gate__bias=-40.0))
    sequences = [ids for ids in _sequences() if len(ids) > 4]

    found, generated = (
        _split(_read(EmbeddedModel(by=by, folder=each), sequences).log_probs, sequences)
        for each in (copies, never)
    )

    for one, other in zip(found, generated, strict=True):
        assert one[0] == pytest.approx(other[0], abs=1e-5)
        assert np.abs(one[1:] - other[1:]).max() > 0.1


def test_a_word_that_was_never_read_is_copied_from_nowhere(tmp_path: Path, by: str) -> None:
    copies = write_network(tmp_path / "copies", random_weights(gate__bias=40.0))
    context = [1, 2, 3, 4]
    model = EmbeddedModel(by=by, folder=copies)

    found = [
        _read(model, [np.array([*context, token], np.int32)], last=True).log_probs[0]
        for token in range(VOCABULARY)
    ]

    read = np.isin(WORDS, WORDS[context[1:]])
    assert max(np.array(found)[~read]) < np.log(1e-6)
    assert min(np.array(found)[read]) > np.log(1e-3)


def test_a_shared_beginning_changes_nothing(folder: Path, by: str) -> None:
    generator = np.random.Generator(np.random.Philox(2))
    beginning = generator.integers(0, 12, 20)
    sequences = [
        np.concatenate([beginning, generator.integers(0, VOCABULARY, length)]).astype(np.int32)
        for length in range(1, 15)
    ]
    pool = [np.full(len(ids), 1 / len(ids), np.float32) for ids in sequences]
    model = EmbeddedModel(by=by, folder=folder)

    together = _read(model, sequences, pool=pool)
    apart = [_read(model, [ids], pool=[weights])
             for ids, weights in zip(sequences, pool, strict=True)]  # fmt: skip

    for part in range(3):
        expected = np.concatenate([each[part] for each in apart])
        assert np.abs(together[part] - expected).max() < 1e-5
    vectors = np.concatenate([each.pools["pool"] for each in apart])
    assert np.abs(together.pools["pool"] - vectors).max() < 1e-5


def test_beginnings_are_not_mistaken_for_one_another(folder: Path, by: str) -> None:
    generator = np.random.Generator(np.random.Philox(4))
    beginnings = [generator.integers(0, VOCABULARY, 18 + number) for number in range(11)]
    model = EmbeddedModel(by=by, folder=folder)
    sequences = [
        np.append(beginning, [token, 5]).astype(np.int32)
        for beginning in beginnings
        for token in range(8)
    ]

    twice = [_read(model, sequences).log_probs for _ in range(2)]

    apart = np.concatenate([_read(model, [ids]).log_probs for ids in sequences])
    assert np.abs(twice[0] - apart).max() < 1e-5
    assert np.abs(twice[1] - apart).max() < 1e-5


def test_company_and_order_change_nothing(folder: Path, by: str) -> None:
    sequences = _sequences() * 2
    order = np.random.Generator(np.random.Philox(6)).permutation(len(sequences))
    model = EmbeddedModel(by=by, folder=folder)

    found = _split(_read(model, sequences).log_probs, sequences)
    mixed = [sequences[place] for place in order]
    other = _split(_read(model, mixed).log_probs, mixed)
    for place, log_probs in zip(order, other, strict=True):
        alone = _read(model, [sequences[place]]).log_probs
        assert np.abs(log_probs - found[place]).max() < 1e-5
        assert np.abs(log_probs - alone).max() < 1e-5


def test_later_tokens_change_nothing_before_them(folder: Path, by: str) -> None:
    one = _sequences()[5]
    other = one.copy()
    other[9:] = 11
    model = EmbeddedModel(by=by, folder=folder)

    first, second = (_read(model, [ids]).log_probs for ids in (one, other))

    assert np.abs(first[:8] - second[:8]).max() < 1e-5
    assert np.abs(first[8:] - second[8:]).max() > 1e-2


def test_a_sequence_as_long_as_the_window_is_read(folder: Path, by: str) -> None:
    model = EmbeddedModel(by=by, folder=folder)
    ids = (np.arange(model.window) * 7 % VOCABULARY).astype(np.int32)

    found = _read(model, [ids]).log_probs

    mixture = describe(_WEIGHTS, ids.tolist()).mixture
    expected = np.log(mixture[np.arange(len(ids) - 1), ids[1:]])
    assert np.abs(found - expected).max() < 5e-5


def test_sequences_without_targets_give_nothing_but_states(folder: Path, by: str) -> None:
    ids = np.array([3, 4, 5], np.int32)
    model = EmbeddedModel(by=by, folder=folder)
    nothing = np.empty(0, np.int64)
    last = np.array([0, 0, 1], np.float32)

    found = model.read(Questions([ids], [nothing], False, {"pool": [last]}), lambda count: None)

    assert found.log_probs.shape == (0,)
    expected = describe(_WEIGHTS, [3, 4, 5]).states[-1]
    assert np.abs(found.pools["pool"][0] - expected).max() < 1e-5
