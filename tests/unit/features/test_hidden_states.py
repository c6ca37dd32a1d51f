"""Pooled hidden states, against those of a single sequence without padding."""

from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.components.rendering import Rendering
from assay.errors import ConfigError
from assay.features.hidden_states import HiddenStates, Over, Pooling
from assay.samples import Conversation, Flag, Reason
from assay.testing import pool as pool_of
from assay.testing import value_of
from assay.values import Matrix
from tests.causal_rows import (
    EDGE_ROWS,
    TALKS,
    PlainLoop,
    Scored,
    exchange,
    given_prompt,
    open_runtime,
    ordinary_rows,
    set_budget,
    turns,
)
from tests.letters_model import BOS, Letters, state, use
from tests.rows import conversation

# A coordinate of a unit vector has float16 steps of 5e-4 near 1.
_TOLERANCE = 2e-3
_ROWS = [*(exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(12)]), *TALKS]


class Case(NamedTuple):
    """States of every token by transformers, and the sequences they belong to."""

    folder: Path
    cache: Path
    conversations: list[Conversation]
    sequences: list[Scored]
    states: list[NDArray[np.float64]]

    def value(self, tokens: int = 2048, **parameters: Any) -> Matrix:
        runtime = open_runtime(self.cache / str(tokens))
        set_budget(runtime, self.folder, tokens)
        feature = HiddenStates(
            model=str(self.folder), rendering=Rendering(max_tokens=256), **parameters
        )
        found: Matrix = value_of(feature, pool_of(self.conversations), runtime=runtime)
        return found


@pytest.fixture(scope="module", params=["gpt2_folder", "llama_folder"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = request.getfixturevalue(request.param)
    loop = PlainLoop.open(folder)
    rows = pool_of(_ROWS)
    found = rows.conversations(np.arange(len(rows)))
    sequences = [given_prompt(loop, conversation, 256) for conversation in found]
    states = [loop.states(sequence.ids) for sequence in sequences]
    return Case(folder, tmp_path_factory.mktemp("cache"), found, sequences, states)


def _positions(sequence: Scored, over: str, turns_scored: int) -> list[int]:
    """Return what is pooled; the prompt is all before the last answer."""
    everything = list(range(len(sequence.ids)))
    if over == "conversation":
        return everything
    if over == "response":
        return sequence.places
    # The last stretch of scored places is the last answer.
    breaks = [p for p in sequence.places if p - 1 not in sequence.places]
    return everything[: breaks[-1]] if breaks else everything


def _pooled(states: NDArray[np.float64], positions: list[int], pooling: str) -> Any:
    chosen = states[positions]
    if pooling == "first":
        return chosen[0]
    if pooling == "last":
        return chosen[-1]
    if pooling == "mean":
        return chosen.mean(axis=0)
    weights = np.arange(1, len(chosen) + 1)
    return (chosen * weights[:, None]).sum(axis=0) / weights.sum()


@pytest.mark.parametrize("over", get_args(Over))
@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_every_pooling_is_that_of_the_single_sequences(case: Case, over: str, pooling: str) -> None:
    value = case.value(over=over, pooling=pooling)

    assert value.array.dtype == np.float16
    assert value.dimension == 64
    for place, (sequence, states) in enumerate(zip(case.sequences, case.states, strict=True)):
        positions = _positions(sequence, over, place)
        if not positions:
            assert value.reason[place] == Reason.EMPTY_RESPONSE
            assert not value.array[place].any()
            continue
        vector = _pooled(states, positions, pooling)
        unit = vector / np.linalg.norm(vector)
        assert value.reason[place] == 0
        assert np.abs(value.rows(np.array([place]))[0] - unit).max() < _TOLERANCE


@pytest.mark.parametrize("layer", [0, 1, -2])
def test_states_of_any_layer_are_those_of_the_single_sequences(case: Case, layer: int) -> None:
    value = case.value(layer=layer, raw=True)

    loop = PlainLoop.open(case.folder)
    assert value.array.dtype == np.float32
    for place, sequence in enumerate(case.sequences):
        expected = loop.states(sequence.ids, layer).mean(axis=0)
        found = value.rows(np.array([place]))[0]
        assert np.abs(found - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())


def test_layers_share_the_forward() -> None:
    features = [HiddenStates(model="x", layer=layer) for layer in (-1, 0, 1)]

    assert len({repr(feature.reading()) for feature in features}) == 1
    assert len({feature.key for feature in features}) == 3
    assert HiddenStates(model="x").key == HiddenStates(model="x", layer=-1).key


def test_a_layer_that_there_is_not_is_told_before_anything_is_run(case: Case) -> None:
    with pytest.raises(ConfigError, match="has no layer 7"):
        case.value(layer=7)


def test_the_embedded_model_gives_its_last_states_alone() -> None:
    with pytest.raises(ConfigError, match="gives its last hidden states alone"):
        value_of(HiddenStates(layer=1), pool_of([conversation("Q", "A")]))


def test_vectors_do_not_depend_on_what_is_beside_them_in_a_batch(case: Case) -> None:
    wide, narrow = (case.value(tokens=tokens, over="conversation") for tokens in (8192, 1))

    assert wide.reason.tolist() == narrow.reason.tolist()
    assert wide.difference(narrow) <= 1e-3


def test_a_row_whose_prompt_was_cut_is_flagged(case: Case) -> None:
    value = case.value()

    cut = case.conversations.index(exchange(EDGE_ROWS["prompt over the limit"]))
    assert (value.flags & Flag.TEXT_TRUNCATED != 0).nonzero()[0].tolist() == [cut]


# By hand


def _unit(vector: Any) -> Any:
    return np.asarray(vector) / np.linalg.norm(vector)


def _letters(monkeypatch: pytest.MonkeyPatch, asked: Conversation, **parameters: Any) -> Matrix:
    use(monkeypatch, Letters())
    rendering = Rendering(
        template="plain",
        max_tokens=parameters.pop("max_tokens", 64),
        context_token=parameters.pop("context_token", "auto"),
    )
    found: Matrix = value_of(
        HiddenStates(model="x", rendering=rendering, **parameters), pool_of([asked])
    )
    return found


@pytest.mark.parametrize(
    ("over", "pooling", "weights"),
    [
        # The sequence is BOS, Q, line break, A, B.
        ("prompt", "first", [1, 0, 0, 0, 0]),
        ("prompt", "last", [0, 0, 1, 0, 0]),
        ("prompt", "mean", [1, 1, 1, 0, 0]),
        ("prompt", "position_weighted_mean", [1, 2, 3, 0, 0]),
        ("response", "first", [0, 0, 0, 1, 0]),
        ("response", "last", [0, 0, 0, 0, 1]),
        ("response", "mean", [0, 0, 0, 1, 1]),
        ("response", "position_weighted_mean", [0, 0, 0, 1, 2]),
        ("conversation", "first", [1, 0, 0, 0, 0]),
        ("conversation", "last", [0, 0, 0, 0, 1]),
        ("conversation", "mean", [1, 1, 1, 1, 1]),
        ("conversation", "position_weighted_mean", [1, 2, 3, 4, 5]),
    ],
)
def test_five_tokens_by_hand(
    monkeypatch: pytest.MonkeyPatch, over: str, pooling: str, weights: list[int]
) -> None:
    ids = [BOS, *map(ord, "Q\nAB")]
    states = np.array([state(ids, place) for place in range(5)])

    value = _letters(monkeypatch, conversation("Q", "AB"), over=over, pooling=pooling)

    expected = _unit(np.array(weights) @ states)
    assert np.abs(value.rows(slice(None))[0] - expected).max() < 1e-3


def test_a_row_of_several_windows_is_represented_by_its_end_and_flagged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    talk = turns("Q1", "A" * 10, "Q2", "B" * 10)

    value = _letters(monkeypatch, talk, over="response", pooling="mean", max_tokens=16)

    ids = [BOS, *map(ord, "\nQ2\n" + "B" * 10)]
    before = len(ids) - 10
    # One more letter of the first answer fits: 16 tokens are BOS, 5 of the prompt and 10 B.
    ids.insert(1, ord("A"))
    expected = _unit(np.mean([state(ids, p) for p in range(before + 1, len(ids))], axis=0))
    assert len(ids) == 16
    assert np.abs(value.rows(slice(None))[0] - expected).max() < 1e-3
    assert value.flags[0] & Flag.TEXT_TRUNCATED


@pytest.mark.parametrize(
    ("pooling", "weights"),
    [
        # The sequence is Q, line break, A, B, line break, R, line break, C.
        ("first", [0, 0, 1, 0, 0, 0, 0, 0]),
        ("last", [0, 0, 0, 0, 0, 0, 0, 1]),
        ("mean", [0, 0, 1, 1, 0, 0, 0, 1]),
        ("position_weighted_mean", [0, 0, 1, 2, 0, 0, 0, 3]),
    ],
)
def test_without_a_context_token_an_answer_has_the_states_of_all_its_tokens(
    monkeypatch: pytest.MonkeyPatch, pooling: str, weights: list[int]
) -> None:
    asked = turns("Q", "AB", "R", "C")

    value = _letters(monkeypatch, asked, over="response", pooling=pooling, context_token="none")

    ids = list(map(ord, "Q\nAB\nR\nC"))
    states = np.array([state(ids, place) for place in range(len(ids))])
    expected = _unit((np.array(weights)[:, None] * states).sum(axis=0))
    assert np.abs(value.rows(slice(None))[0] - expected).max() < 1e-3


def test_a_row_without_an_answer_has_a_vector_of_its_prompt_and_none_of_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for over, reason in (
        ("prompt", 0), ("conversation", 0), ("response", Reason.EMPTY_RESPONSE),
    ):  # fmt: skip
        value = _letters(monkeypatch, conversation("Q", ""), over=over)
        assert value.reason.tolist() == [reason]
        assert bool(value.array.any()) == (reason == 0)


def test_states_that_are_no_numbers_have_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Letters):
        def _pool(self, ids: Any, weights: Any) -> Any:
            return np.full(self.width, np.nan, np.float32)

    use(monkeypatch, Broken())
    value = value_of(HiddenStates(model="x"), pool_of([conversation("Q", "A")]))

    assert value.reason.tolist() == [Reason.NON_FINITE]
    assert not value.array.any()


def test_states_that_are_nothing_are_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Letters):
        def _pool(self, ids: Any, weights: Any) -> Any:
            return np.zeros(self.width, np.float32)

    use(monkeypatch, Silent())
    value = value_of(HiddenStates(model="x"), pool_of([conversation("Q", "A")]))

    assert value.reason.tolist() == [0]
    assert value.flags[0] & Flag.ZERO_VECTOR


def test_the_width_is_the_models(llama_folder: Path, tmp_path: Path) -> None:
    assert HiddenStates(model=str(llama_folder)).width(open_runtime(tmp_path)) == 64
