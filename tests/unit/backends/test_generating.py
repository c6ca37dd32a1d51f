"""Batches of replies: who is read together, when each ends, and what is kept of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.backends.generating import Batch, NoRoomError, generate_batches
from assay.components.decoding import Decoding
from assay.errors import FeatureError
from assay.models.generation import Finish, Prompts, Replies
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.rendering.encoding import TokenIds
from assay.samples import FloatArray, IndexArray, Reason

END, NAUGHT = 0, -1


class _Counting(Batch):
    """Rows that go on from their last token downwards, an END after 1."""

    def __init__(self, prompts: Sequence[TokenIds], uniforms: list[list[float]]) -> None:
        self._last = np.array([ids[-1] for ids in prompts], np.int64)
        self._uniforms = uniforms

    def choose(self, decoding: Decoding, uniforms: FloatArray | None) -> IndexArray:
        self._uniforms.append([] if uniforms is None else uniforms.tolist())
        return np.where(self._last == 13, NAUGHT, self._last - 1)

    def go_on(self, tokens: IndexArray, staying: NDArray[np.bool_]) -> None:
        assert len(tokens) == staying.sum()
        self._last = tokens

    def state(self) -> dict[str, NDArray[Any]]:
        return {"last": self._last}

    def take_up(self, last: NDArray[Any]) -> Batch:
        self._last = last
        return self


class _Counter:
    """Writes letters backwards: token 3 is c."""

    eos = END
    ends = (END,)

    def __init__(self, *, rows: int = 3, room: int = 100) -> None:
        self._rows, self._room = rows, room
        self.begun: list[list[list[int]]] = []
        self.uniforms: list[list[float]] = []
        self.together_of: list[int] = []
        self.resumed = 0

    def together(self, tokens: int) -> int:
        self.together_of.append(tokens)
        return self._rows

    def begin(self, prompts: Sequence[TokenIds]) -> Batch:
        if len(prompts) > self._room:
            raise NoRoomError("full")
        self.begun.append([ids.tolist() for ids in prompts])
        return _Counting(prompts, self.uniforms)

    def resume(self, state: Mapping[str, NDArray[Any]]) -> Batch:
        self.resumed += 1
        return _Counting([], self.uniforms).take_up(state["last"])

    def shown(self, ids: Sequence[Sequence[int]]) -> list[str]:
        return ["".join(chr(96 + token) for token in each) for each in ids]


class _Kept:
    """Holds all states, the last one first; a run that `stops` after so many is broken off."""

    def __init__(self, *, stops: int = -1) -> None:
        self.answers: dict[bytes, Mapping[str, NDArray[Any]]] = {}
        self.states: dict[bytes, Mapping[str, NDArray[Any]]] = {}
        self._left = stops

    def find(self, key: bytes) -> Mapping[str, NDArray[Any]] | None:
        return self.answers.get(key)

    def keep(self, key: bytes, answer: Mapping[str, NDArray[Any]]) -> None:
        self.answers[key] = answer

    def hold(self, key: bytes, state: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        self.states[key] = {name: array.copy() for name, array in state().items()}
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt

    def held(self, key: bytes) -> Mapping[str, NDArray[Any]] | None:
        return self.states.get(key)

    def forget(self) -> None:
        self.answers = {}


def _prompts(*sequences: Sequence[int], most: int = 20, ends: tuple[int, ...] = ()) -> Prompts:
    return Prompts(
        [np.array(ids, np.int32) for ids in sequences],
        np.full(len(sequences), most),
        np.arange(len(sequences), dtype=np.uint64),
        ends,
    )


def _replies(
    model: _Counter,
    prompts: Prompts,
    decoding: Decoding | None = None,
    kept: Kept = NOTHING_KEPT,
) -> Replies:
    return generate_batches(model, prompts, decoding or Decoding(), lambda count: None, kept)


def test_a_reply_ends_at_the_token_for_it_or_at_its_limit_and_may_be_empty() -> None:
    found = _replies(_Counter(), _prompts([4], [9], [1], most=4))

    assert found.texts == ["cba", "hgfe", ""]
    assert found.tokens.tolist() == [3, 4, 0]
    assert found.finish.tolist() == [Finish.STOP, Finish.LENGTH, Finish.EMPTY]
    assert not found.reason.any()


def test_a_token_of_the_rendering_ends_a_reply_too() -> None:
    assert _replies(_Counter(), _prompts([6], ends=(3,))).texts == ["ed"]


def test_a_stop_text_ends_a_reply_and_is_no_part_of_it() -> None:
    found = _replies(_Counter(), _prompts([9], [3]), Decoding(stop=("ed", "xyz")))

    assert found.texts == ["hgf", "ba"]
    assert found.tokens.tolist() == [5, 2]
    assert found.finish.tolist() == [Finish.STOP, Finish.STOP]


def test_rows_of_falling_length_are_read_together_and_equal_ones_once() -> None:
    model = _Counter(rows=2)
    told: list[int] = []

    found = generate_batches(
        model, _prompts([3], [1, 3], [1, 1, 5], [3], [4]), Decoding(), told.append, NOTHING_KEPT
    )

    assert model.begun == [[[1, 1, 5], [1, 3]], [[3], [4]]]
    assert found.texts == ["ba", "ba", "dcba", "ba", "cba"]
    assert told == [2, 3]
    assert model.together_of == [23, 21]  # tokens of the longest, all it may write included


def test_a_row_keeps_its_random_numbers_whatever_stands_beside_it() -> None:
    drawing = Decoding(temperature=1, seed=5)
    beside, alone = _Counter(rows=3), _Counter(rows=1)

    _replies(beside, _prompts([1, 3], [3], [3]), drawing)
    _replies(alone, _prompts([1, 3], [3], [3]), drawing)

    steps = np.array(beside.uniforms)
    assert steps.shape == (3, 3)
    assert np.array(alone.uniforms).reshape(3, 3).T.tolist() == steps.tolist()
    assert len(np.unique(steps)) == 9  # equal prompts of other rows have their own


def test_another_seed_draws_other_numbers() -> None:
    one, other = _Counter(), _Counter()

    _replies(one, _prompts([3]), Decoding(temperature=1, seed=5))
    _replies(other, _prompts([3]), Decoding(temperature=1, seed=6))

    assert one.uniforms != other.uniforms


def test_batches_that_were_kept_are_not_written_again() -> None:
    kept = _Kept()
    rows = _prompts([4], [9], [13], [2, 5])
    before = _replies(_Counter(rows=2), rows, kept=kept)
    again = _Counter(rows=2)

    found = _replies(again, rows, kept=kept)

    assert not again.begun
    assert found.texts == before.texts
    np.testing.assert_array_equal(found.tokens, before.tokens)
    assert found.reason.tolist() == before.reason.tolist() == [0, 0, Reason.NON_FINITE, 0]


@pytest.mark.parametrize(
    ("rows", "decoding"),
    [
        (_prompts([4], most=19), Decoding()),
        (_prompts([5]), Decoding()),
        (_prompts([4], ends=(1,)), Decoding()),
        (_prompts([4]), Decoding(stop=("a",))),
        (_prompts([4]), Decoding(temperature=1)),
    ],
)
def test_what_was_kept_answers_for_nothing_else(rows: Prompts, decoding: Decoding) -> None:
    kept = _Kept()
    _replies(_Counter(), _prompts([4]), kept=kept)
    again = _Counter()

    _replies(again, rows, decoding, kept=kept)

    assert again.begun


def test_a_row_without_numbers_has_a_reason_and_leaves_the_others_alone() -> None:
    found = _replies(_Counter(), _prompts([13], [3]))

    assert found.texts == ["", "ba"]
    assert found.reason.tolist() == [Reason.NON_FINITE, 0]
    assert np.isnan(found.tokens[0])


def test_what_does_not_fit_into_memory_is_read_in_halves() -> None:
    model = _Counter(rows=5, room=2)

    found = _replies(model, _prompts([1, 1, 3], [2, 3], [3], [4], [5]))

    assert [len(batch) for batch in model.begun] == [2, 1, 2]
    assert found.texts == ["ba", "ba", "ba", "cba", "dcba"]


def test_a_row_that_does_not_fit_by_itself_ends_the_work() -> None:
    with pytest.raises(FeatureError, match="does not fit into memory"):
        _replies(_Counter(room=0), _prompts([3]))


def test_nothing_is_written_where_nothing_is_asked() -> None:
    found = _replies(_Counter(), _prompts())

    assert found.texts == []
    assert len(found.tokens) == len(found.finish) == len(found.reason) == 0


@pytest.mark.parametrize("stops", range(1, 7))
@pytest.mark.parametrize("decoding", [Decoding(), Decoding(temperature=1)])
def test_a_batch_that_was_broken_off_goes_on_where_it_was(stops: int, decoding: Decoding) -> None:
    rows = _prompts([9], [3], [13], [6])
    whole, stopped, again = _Counter(rows=4), _Counter(rows=4), _Counter(rows=4)
    expected = _replies(whole, rows, decoding)
    kept = _Kept(stops=stops)
    with pytest.raises(KeyboardInterrupt):
        _replies(stopped, rows, decoding, kept=kept)

    found = _replies(again, rows, decoding, kept=kept)

    assert (again.resumed, again.begun) == (1, [])
    assert found.texts == expected.texts
    assert found.finish.tolist() == expected.finish.tolist()
    assert stopped.uniforms + again.uniforms == whole.uniforms
