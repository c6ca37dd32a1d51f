"""Windows over rows of any shape: what is scored, how often, and after what."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.rendering.token_rows import Fitting, Part, TokenRow
from assay.samples import Flag, Reason

CONTEXT = 9_999


class Shape(NamedTuple):
    """A row by the lengths of its spans; every token is its own number, from 0 on."""

    fitting: Fitting
    parts: list[Part]

    @property
    def answers(self) -> dict[int, list[int]]:
        return {part.turn: list(part.ids) for part in self.parts if part.turn >= 0}


@st.composite
def shapes(draw: st.DrawFn, *, context: bool = True, most_turns: int = 5) -> Shape:
    limit = draw(st.integers(8, 60))
    lengths = st.integers(0, 2 * limit)
    parts: list[Part] = []
    number = 0
    for turn in range(draw(st.integers(0, most_turns))):
        for own_turn in (-1, turn):
            length = draw(lengths)
            parts.append(Part(range(number, number + length), own_turn))
            number += length
    if draw(st.booleans()):
        parts.append(Part(range(number, number + draw(st.integers(1, limit)))))
    return Shape(Fitting(limit, (CONTEXT,) if context else ()), parts)


def _scored(row: TokenRow) -> list[tuple[int, int]]:
    """Return turn and token of every scored place, in order."""
    found = []
    for window in row.windows:
        for turn, start, stop in window.answers:
            found += [(turn, int(token)) for token in window.ids[start:stop]]
    return found


def _kept(shape: Shape, answer: Sequence[int]) -> list[int]:
    """Return the tokens of an answer that are scored, by the rule for those that do not fit."""
    fitting = shape.fitting
    room = fitting.limit - len(fitting.context)
    skipped = 0 if fitting.context else 1
    kept = list(answer) if len(answer) <= room else list(answer)[: room - fitting.limit // 4]
    return kept[skipped:]


def _check_scored(shape: Shape, row: TokenRow) -> None:
    expected = [
        (turn, token) for turn, answer in shape.answers.items() for token in _kept(shape, answer)
    ]
    assert _scored(row) == expected


@given(shapes())
def test_every_token_of_every_answer_is_scored_once_in_order(shape: Shape) -> None:
    _check_scored(shape, shape.fitting.given_prompt(shape.parts))
    _check_scored(shape, shape.fitting.alone(shape.parts))


@given(shapes(context=False))
def test_without_a_context_token_the_first_of_every_answer_is_left_out(shape: Shape) -> None:
    _check_scored(shape, shape.fitting.given_prompt(shape.parts))
    _check_scored(shape, shape.fitting.alone(shape.parts))


@given(st.one_of(shapes(), shapes(context=False)))
def test_both_ways_score_the_same_tokens_and_agree_on_the_reason(shape: Shape) -> None:
    conditioned = shape.fitting.given_prompt(shape.parts)
    alone = shape.fitting.alone(shape.parts)

    assert _scored(conditioned) == _scored(alone)
    assert conditioned.reason == alone.reason
    assert conditioned.response_tokens == alone.response_tokens
    cut = Flag.RESPONSE_TRUNCATED
    assert conditioned.flags & cut == alone.flags & cut


@given(st.one_of(shapes(), shapes(context=False)))
def test_windows_keep_the_limit_and_begin_with_the_context_token(shape: Shape) -> None:
    for row in (shape.fitting.given_prompt(shape.parts), shape.fitting.alone(shape.parts)):
        for window in row.windows:
            assert len(window.ids) <= shape.fitting.limit
            before = len(shape.fitting.context)
            assert tuple(window.ids[:before]) == shape.fitting.context
            # What follows is a stretch of the row, nothing left out of it and nothing twice.
            assert CONTEXT not in window.ids[before:]
            if row.windows and shape.parts:
                assert (np.diff(window.ids[before:]) == 1).all()


@given(st.one_of(shapes(), shapes(context=False)))
def test_scored_places_have_a_predictor_and_a_window_knows_where_its_prompt_ends(
    shape: Shape,
) -> None:
    for row in (shape.fitting.given_prompt(shape.parts), shape.fitting.alone(shape.parts)):
        for window in row.windows:
            places = window.answer_positions()
            assert (places >= 1).all()
            assert (np.diff(places) > 0).all()
            assert places.max(initial=0) < max(len(window.ids), 1)
            if window.answers and all(len(answer) > 1 for answer in shape.answers.values()):
                skipped = 0 if shape.fitting.context else 1
                assert window.prompt_stop == window.answers[-1].start - skipped


@settings(max_examples=300)
@given(shapes())
def test_what_was_said_right_before_an_answer_stays_before_it(shape: Shape) -> None:
    row = shape.fitting.given_prompt(shape.parts)

    body = [token for part in shape.parts for token in part.ids]
    before = len(shape.fitting.context)
    room = shape.fitting.limit - before
    for window in row.windows:
        for _, start, stop in window.answers:
            first = int(window.ids[start])
            place = body.index(first)
            seen = [int(token) for token in window.ids[before:start]]
            assert seen == body[place - len(seen) : place]
            # All of what stands before, or as much of it as there is room for; never less than a
            # quarter of the window, unless the answer takes more than the rest of it.
            spare = room - (stop - start)
            assert len(seen) >= min(place, spare, shape.fitting.limit // 4)


@given(shapes())
def test_a_row_that_fits_is_one_window_and_one_that_does_not_is_flagged(shape: Shape) -> None:
    row = shape.fitting.given_prompt(shape.parts)

    body = [token for part in shape.parts for token in part.ids]
    if len(body) + 1 <= shape.fitting.limit:
        (window,) = row.windows
        assert window.ids.tolist() == [CONTEXT, *body]
        assert row.flags == Flag.NONE
    elif shape.parts[-1].turn >= 0:  # what follows the last answer may be left out silently
        assert row.flags & (Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED)


@given(shapes())
def test_tokens_are_counted_before_anything_is_cut(shape: Shape) -> None:
    row = shape.fitting.given_prompt(shape.parts)

    tokens = Counter(part.turn >= 0 for part in shape.parts for _ in part.ids)
    assert (row.prompt_tokens, row.response_tokens) == (tokens[False], tokens[True])
    assert row.total_tokens == sum(len(window.ids) for window in row.windows)


@given(shapes())
def test_a_row_has_a_reason_exactly_if_nothing_is_scored(shape: Shape) -> None:
    row = shape.fitting.given_prompt(shape.parts)

    assert (row.reason == Reason.OK) == bool(_scored(row))
    if not shape.answers:
        assert row.reason == Reason.EMPTY_RESPONSE


@given(shapes(most_turns=1))
def test_a_row_that_is_left_out_when_cut_is_told_so_both_ways(shape: Shape) -> None:
    strict = Fitting(shape.fitting.limit, shape.fitting.context, drop_too_long=True)

    too_long = any(len(answer) > strict.limit - 1 for answer in shape.answers.values())
    for row in (strict.given_prompt(shape.parts), strict.alone(shape.parts)):
        assert (row.reason == Reason.TOO_LONG) == too_long
