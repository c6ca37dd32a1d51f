"""Windows worked out by hand; the rules for any row are in tests/property/test_token_rows.py."""

import numpy as np

from assay.rendering.token_rows import Answer, Fitting, Part, TokenRow, Window
from assay.samples import Flag, Reason

C = 99  # the context token


def _fitting(limit: int, **settings: bool) -> Fitting:
    return Fitting(limit, (C,), **settings)


def _parts(*lengths: int) -> list[Part]:
    """Return prompt, answer, prompt, answer, ... of some lengths; tokens count up from 0."""
    parts, number = [], 0
    for place, length in enumerate(lengths):
        turn = place // 2 if place % 2 else -1
        parts.append(Part(range(number, number + length), turn))
        number += length
    return parts


def _shape(row: TokenRow) -> list[tuple[list[int], list[tuple[int, ...]]]]:
    return [(w.ids.tolist(), [tuple(answer) for answer in w.answers]) for w in row.windows]


def test_a_row_that_fits_is_one_sequence_after_the_context_token() -> None:
    row = _fitting(8).given_prompt(_parts(3, 4))

    assert _shape(row) == [([C, 0, 1, 2, 3, 4, 5, 6], [(0, 4, 8)])]
    assert (row.reason, row.flags) == (Reason.OK, Flag.NONE)
    assert (row.prompt_tokens, row.response_tokens, row.total_tokens) == (3, 4, 8)


def test_a_long_prompt_loses_its_beginning() -> None:
    row = _fitting(8).given_prompt(_parts(10, 4))

    assert _shape(row) == [([C, 7, 8, 9, 10, 11, 12, 13], [(0, 4, 8)])]
    assert row.flags == Flag.PROMPT_TRUNCATED
    assert (row.prompt_tokens, row.total_tokens) == (10, 8)


def test_an_answer_that_does_not_fit_by_itself_keeps_its_beginning_and_a_quarter_of_prompt() -> (
    None
):
    # The limit of 8 leaves 7 besides the context token: 2 of the prompt, 5 of the answer.
    row = _fitting(8).given_prompt(_parts(3, 9))

    assert _shape(row) == [([C, 1, 2, 3, 4, 5, 6, 7], [(0, 3, 8)])]
    assert row.flags == Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED


def test_an_answer_that_leaves_no_room_for_its_prompt_says_so() -> None:
    barely = _fitting(8).given_prompt(_parts(3, 6))
    full = _fitting(8).given_prompt(_parts(3, 7))
    unasked = _fitting(8).given_prompt([Part(range(7), 0), Part(range(7, 12))])

    assert barely.flags == Flag.PROMPT_TRUNCATED
    assert full.flags == Flag.PROMPT_TRUNCATED | Flag.PROMPT_LOST
    assert not unasked.flags & Flag.PROMPT_LOST


def test_such_an_answer_alone_keeps_the_same_tokens() -> None:
    row = _fitting(8).alone(_parts(3, 9))

    assert _shape(row) == [([C, 3, 4, 5, 6, 7], [(0, 1, 6)])]
    assert row.flags == Flag.RESPONSE_TRUNCATED


def test_such_an_answer_after_a_short_prompt_keeps_no_more_than_alone() -> None:
    row = _fitting(8).given_prompt(_parts(1, 9))

    assert _shape(row) == [([C, 0, 1, 2, 3, 4, 5], [(0, 2, 7)])]
    assert row.flags == Flag.RESPONSE_TRUNCATED


def test_such_an_answer_can_be_left_out_instead() -> None:
    for row in (
        _fitting(8, drop_too_long=True).given_prompt(_parts(3, 9)),
        _fitting(8, drop_too_long=True).alone(_parts(3, 9)),
    ):
        assert row.reason == Reason.TOO_LONG
        assert row.flags & Flag.RESPONSE_TRUNCATED

    assert _fitting(8, drop_too_long=True).given_prompt(_parts(30, 4)).reason == Reason.OK


def test_answers_of_a_long_conversation_are_shared_out_over_windows() -> None:
    # 3 + 2 + 3 + 2 tokens in windows of 8: the second begins with what stood before its answer.
    row = _fitting(8).given_prompt(_parts(3, 2, 3, 2))

    assert _shape(row) == [
        ([C, 0, 1, 2, 3, 4], [(0, 4, 6)]),
        ([C, 3, 4, 5, 6, 7, 8, 9], [(1, 6, 8)]),
    ]
    assert row.flags == Flag.PROMPT_TRUNCATED


def test_answers_that_fit_together_share_a_window() -> None:
    row = _fitting(12).given_prompt(_parts(3, 2, 1, 2, 9, 1))

    assert [answers for _, answers in _shape(row)] == [
        [(0, 4, 6), (1, 7, 9)],
        [(2, 11, 12)],
    ]


def test_alone_every_answer_has_a_sequence_of_its_own() -> None:
    row = _fitting(8).alone(_parts(3, 2, 3, 1))

    assert _shape(row) == [([C, 3, 4], [(0, 1, 3)]), ([C, 8], [(1, 1, 2)])]
    assert (row.prompt_tokens, row.response_tokens) == (0, 3)


def test_without_a_context_token_first_tokens_are_scored_nowhere() -> None:
    fitting = Fitting(8, ())

    assert _shape(fitting.given_prompt(_parts(2, 3))) == [([0, 1, 2, 3, 4], [(0, 3, 5)])]
    assert _shape(fitting.alone(_parts(2, 3))) == [([2, 3, 4], [(0, 1, 3)])]


def test_without_a_context_token_an_answer_of_one_token_has_none_to_score() -> None:
    fitting = Fitting(8, ())

    for row in (fitting.given_prompt(_parts(2, 1)), fitting.alone(_parts(2, 1))):
        assert [window.answers for window in row.windows] == [()]
        assert row.reason == Reason.NO_SCORED_TOKENS
    assert fitting.given_prompt(_parts(2, 1)).windows[0].prompt_stop == 2


def test_first_tokens_that_are_not_scored_are_known_as_the_answers() -> None:
    # Answers at 2 to 4, at 5 alone, at 7 and 8; the one of a single token has nothing scored.
    (window,) = Fitting(20, ()).given_prompt(_parts(2, 3, 0, 1, 1, 2)).windows

    assert window.answers == (Answer(0, 3, 5), Answer(2, 8, 9))
    assert window.left_out == (2, 5, 7)
    assert window.prompt_stop == 7
    assert window.spoken_positions().tolist() == [2, 3, 4, 5, 7, 8]
    assert _fitting(20).given_prompt(_parts(2, 3, 0, 1)).windows[0].left_out == ()


def test_in_a_cut_window_they_are_counted_from_its_beginning() -> None:
    rows = (
        Fitting(8, ()).given_prompt(_parts(3, 2, 3, 2)),
        Fitting(8, ()).given_prompt(_parts(9, 4)),
    )

    assert [[w.left_out for w in row.windows] for row in rows] == [[(3,), (6,)], [(4,)]]
    assert [[w.ids.tolist() for w in row.windows] for row in rows] == [
        [[0, 1, 2, 3, 4], [2, 3, 4, 5, 6, 7, 8, 9]],
        [[5, 6, 7, 8, 9, 10, 11, 12]],
    ]


def test_a_row_without_an_answer_keeps_the_end_of_its_prompt() -> None:
    row = _fitting(8).given_prompt(_parts(10))

    assert _shape(row) == [([C, 3, 4, 5, 6, 7, 8, 9], [])]
    assert row.windows[0].prompt_stop == 8
    assert (row.reason, row.flags) == (Reason.EMPTY_RESPONSE, Flag.PROMPT_TRUNCATED)


def test_a_row_of_nothing_is_the_context_token() -> None:
    row = _fitting(8).given_prompt([])

    assert _shape(row) == [([C], [])]
    assert row.reason == Reason.EMPTY_RESPONSE
    assert _fitting(8).alone([]).windows == ()


def test_what_follows_the_last_answer_is_read_if_it_fits_and_dropped_if_not() -> None:
    assert _shape(_fitting(8).given_prompt(_parts(2, 2, 2))) == [
        ([C, 0, 1, 2, 3, 4, 5], [(0, 3, 5)])
    ]
    assert _shape(_fitting(8).given_prompt(_parts(2, 2, 9))) == [([C, 0, 1, 2, 3], [(0, 3, 5)])]


def test_a_window_knows_its_scored_places() -> None:
    window = Window(np.arange(9, dtype=np.int32), (Answer(0, 2, 4), Answer(1, 7, 9)), 7)

    assert window.answer_positions().tolist() == [2, 3, 7, 8]
    assert Window(window.ids, (), 9).answer_positions().tolist() == []
