"""What is kept of the tokens, by a model whose numbers can be worked out by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.features.log_probs import (
    PromptLogProbs,
    ResponseLogProbs,
    TokenMargins,
    TokenStatistics,
)
from assay.models.language_model import Answers
from assay.samples import Conversation, Flag, Reason
from assay.testing import pool as pool_of
from assay.values import LogProbs, Numbers
from tests.causal_rows import (
    open_runtime,
    turns,
    value_in_order,
)
from tests.letters_model import BOS, EOS, Letters, log_prob, use
from tests.rows import conversation

PLAIN = Rendering(template="plain")


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    model = Letters()
    use(monkeypatch, model)
    return model


def _log_probs(before: str, answer: str, first: Sequence[int] = (BOS,)) -> list[float]:
    """Return the numbers of an answer's letters after some text."""
    ids = [*first, *map(ord, before), *map(ord, answer)]
    start = len(ids) - len(answer)
    return [log_prob(ids, place) for place in range(start, len(ids))]


def test_sums_and_counts_are_those_of_the_answers_letters(letters: Letters) -> None:
    rows = [conversation("Q", "Answer"), conversation("Why?", "So it is.", "I")]

    value = value_in_order(ResponseLogProbs(model="x", rendering=PLAIN), rows)

    expected = [_log_probs("Q\n", "Answer"), _log_probs("Why?\nI\n", "So it is.")]
    assert value.sum == pytest.approx([sum(row) for row in expected], abs=1e-5)
    assert value.count.tolist() == [6, 9]
    assert value.mean() == pytest.approx([np.mean(row) for row in expected], abs=1e-6)
    assert value.prompt_tokens.tolist() == [2, 7]
    assert value.response_tokens.tolist() == [6, 9]
    assert value.total_tokens.tolist() == [9, 17]
    assert (value.tokens, value.turn_sums, value.turn_counts) == (None, None, None)


def test_alone_nothing_but_the_context_token_stands_before(letters: Letters) -> None:
    rows = [conversation("Q", "Answer"), turns("Q1", "One", "Q2", "Two")]

    value = value_in_order(ResponseLogProbs(model="x", rendering=PLAIN, given="nothing"), rows)

    expected = [_log_probs("", "Answer"), [*_log_probs("", "One"), *_log_probs("", "Two")]]
    assert value.sum == pytest.approx([sum(row) for row in expected], abs=1e-5)
    assert value.count.tolist() == [6, 6]


def test_a_text_stands_before_the_prompt(letters: Letters) -> None:
    given: Any = {"text": "Once upon a time. "}

    value = value_in_order(
        ResponseLogProbs(model="x", rendering=PLAIN, given=given), [conversation("Q", "Answer")]
    )

    assert value.sum == pytest.approx([sum(_log_probs("Once upon a time. Q\n", "Answer"))])


def test_numbers_of_tokens_come_on_request_and_add_up(letters: Letters) -> None:
    rows = [conversation("Q", "Answer"), conversation("Q", ""), turns("Q1", "One", "Q2", "Two")]

    value = value_in_order(ResponseLogProbs(model="x", rendering=PLAIN, tokens=True), rows)

    lists = value.tokens.to_list()
    assert lists[0] == pytest.approx(_log_probs("Q\n", "Answer"))
    assert lists[1] == []
    assert lists[2] == pytest.approx(
        [*_log_probs("Q1\n", "One"), *_log_probs("Q1\nOne\nQ2\n", "Two")]
    )
    sums = [sum(each) for each in lists]
    assert np.nan_to_num(value.sum) == pytest.approx(sums, abs=1e-5)
    assert [len(each) for each in lists] == value.count.tolist()


def test_turns_can_be_kept_apart_and_count_the_same(letters: Letters) -> None:
    rows = [turns("Q1", "One", "Q2", "Seven", "Q3", ""), conversation("Q", "")]

    value = value_in_order(
        ResponseLogProbs(model="x", rendering=Rendering(template="plain", turns="each")), rows
    )

    first, second = _log_probs("Q1\n", "One"), _log_probs("Q1\nOne\nQ2\n", "Seven")
    assert value.turn_counts.to_list() == [[3, 5], []]
    assert value.turn_sums.to_list()[0] == pytest.approx([sum(first), sum(second)])
    assert value.mean()[0] == pytest.approx((np.mean(first) + np.mean(second)) / 2)
    assert np.isnan(value.mean()[1])
    assert value.count.tolist() == [8, 0]


def test_together_the_tokens_of_all_turns_count_the_same(letters: Letters) -> None:
    value = value_in_order(
        ResponseLogProbs(model="x", rendering=PLAIN), [turns("Q1", "One", "Q2", "Seven")]
    )

    numbers = [*_log_probs("Q1\n", "One"), *_log_probs("Q1\nOne\nQ2\n", "Seven")]
    assert value.mean() == pytest.approx([np.mean(numbers)])


def test_few_tokens_are_flagged_and_none_have_a_reason(letters: Letters) -> None:
    rows = [conversation("Q", answer) for answer in ("", " ", "A", "AB", "ABC")]

    value = value_in_order(ResponseLogProbs(model="x", rendering=PLAIN), rows)

    few, one = Flag.FEW_TOKENS, Flag.FEW_TOKENS | Flag.ONE_TOKEN
    assert value.reason.tolist() == [Reason.EMPTY_RESPONSE, Reason.EMPTY_RESPONSE, 0, 0, 0]
    assert value.flags.tolist() == [0, 0, one, few, 0]
    assert np.isnan(value.sum).tolist() == [True, True, False, False, False]


def test_without_a_context_token_a_single_letter_is_no_token_to_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, Letters(bos=None, eos=None))
    rows = [conversation("Q", "A"), conversation("Q", "AB")]

    for given in ("prompt", "nothing"):
        value = value_in_order(ResponseLogProbs(model="x", rendering=PLAIN, given=given), rows)
        assert value.reason.tolist() == [Reason.NO_SCORED_TOKENS, 0]
        assert value.count.tolist() == [0, 1]


def test_what_is_too_long_can_be_left_out(letters: Letters) -> None:
    rendering = Rendering(template="plain", max_tokens=16, on_truncate="drop", turns="each")
    rows = [conversation("Q", "A" * 40), conversation("Q" * 40, "A" * 4)]

    value = value_in_order(ResponseLogProbs(model="x", rendering=rendering), rows)

    assert value.reason.tolist() == [Reason.TOO_LONG, 0]
    assert np.isnan(value.sum).tolist() == [True, False]
    assert np.isnan(value.mean()).tolist() == [True, False]


def test_numbers_that_are_none_have_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Letters):
        def read(self, questions: Any, advance: Any, kept: Any = None) -> Any:
            numbers = super().read(questions, advance)
            broken = numbers.log_probs < -9
            first, second, third, fourth = (np.where(broken, np.nan, n) for n in numbers[:4])
            return Answers(first, second, third, fourth, numbers.pools)

    use(monkeypatch, Broken())
    rows = [conversation("Q", "0"), conversation("Q", "hmmmmmmmmmmmmmmmmmmmmmmm")]
    assert min(_log_probs("Q\n", "0")) > -9 > min(_log_probs("Q\n", rows[1].response))

    value = value_in_order(ResponseLogProbs(model="x", rendering=PLAIN), rows)
    statistics = value_in_order(TokenStatistics(model="x", rendering=PLAIN), rows)

    assert value.reason.tolist() == [0, Reason.NON_FINITE]
    assert np.isnan(value.mean()).tolist() == [False, True]
    assert statistics.reason.tolist() == [0, Reason.NON_FINITE]


# Prompts


def test_a_prompts_likelihood_is_that_of_all_its_letters(letters: Letters) -> None:
    value = value_in_order(
        PromptLogProbs(model="x", rendering=PLAIN), [conversation("Why?", "So.", "I")]
    )

    assert value.sum == pytest.approx([sum(_log_probs("", "Why?\nI\n"))])
    assert value.count.tolist() == [7]


def test_a_prompts_likelihood_does_not_depend_on_what_follows(letters: Letters) -> None:
    asked = turns("Q1", "One", "Q2")
    rows = [
        Conversation((*asked.messages, *conversation("", answer).messages[1:]))
        for answer in ("A", "Another one")
    ]
    rows.append(Conversation((*rows[1].messages, *asked.messages[:1])))  # one more question

    value = value_in_order(PromptLogProbs(model="x", rendering=PLAIN), rows)

    ids = [BOS, *map(ord, "Q1\nOne\nQ2\n")]
    expected = sum(log_prob(ids, place) for place in (1, 2, 3, 7, 8, 9, 10))
    assert value.sum == pytest.approx([expected] * 3)
    assert value.reason.tolist() == [0] * 3


def test_in_a_chat_the_end_of_the_answers_turn_is_not_the_prompts(letters: Letters) -> None:
    value = value_in_order(
        PromptLogProbs(model="x", rendering=Rendering(template="chat")),
        [conversation("Q", "A"), conversation("Q", "Something else")],
    )

    ids = [BOS, 3, *map(ord, "user:Q"), EOS, 3, *map(ord, "assistant:")]
    expected = sum(log_prob(ids, place) for place in range(1, len(ids)))
    assert value.sum == pytest.approx([expected] * 2)


def test_a_prompt_without_a_token_to_score_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Letters(bos=None, eos=None))
    rows = [conversation("", "A"), conversation("Q", "A"), conversation("Q", "Ask")]

    value = value_in_order(PromptLogProbs(model="x", rendering=PLAIN), rows)

    # Without a context token the first letter has no predictor; the answer's is not the prompt's.
    assert value.reason.tolist() == [Reason.NO_SCORED_TOKENS, 0, 0]
    assert value.count.tolist() == [0, 1, 1]
    assert value.sum[1:] == pytest.approx([log_prob([ord("Q"), ord("\n")], 1)] * 2)


@pytest.mark.parametrize("context", ["none", "auto"])
@pytest.mark.parametrize("choice", ["all", "each", "first", "last"])
def test_without_a_context_token_no_token_of_an_answer_counts_as_prompt(
    monkeypatch: pytest.MonkeyPatch, choice: Any, context: Any
) -> None:
    use(monkeypatch, Letters(bos=None, eos=None) if context == "auto" else Letters())
    rendering = Rendering(template="plain", turns=choice, context_token=context)
    talk = turns("Q1", "One", "Q2", "B", "Q3", "Two", "Q4")

    value = value_in_order(PromptLogProbs(model="x", rendering=rendering), [talk])

    # Of "Q1", "One", "Q2", "B", "Q3", "Two", each with what parts it from the next, the answers
    # stand at 3 to 5, at 10 and at 15 to 17. Earlier ones are part of what the last is asked.
    ids = list(map(ord, "Q1\nOne\nQ2\nB\nQ3\nTwo"))
    places = {
        "first": [1, 2],
        "last": list(range(1, 15)),
    }.get(choice, [1, 2, 6, 7, 8, 9, 11, 12, 13, 14])
    assert [chr(ids[place]) for place in (3, 10, 15)] == ["O", "B", "T"]
    assert value.sum == pytest.approx([sum(log_prob(ids, place) for place in places)], abs=1e-5)
    assert value.count.tolist() == [len(places)]


def test_without_a_context_token_the_first_window_alone_counts_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, Letters())
    rendering = Rendering(template="plain", max_tokens=24, context_token="none")
    talk = turns("Q" * 4, "A" * 4, "R" * 4, "B" * 4, "S" * 9, "C" * 9)

    value = value_in_order(PromptLogProbs(model="x", rendering=rendering), [talk])

    # The first window holds QQQQ, line break, AAAA, line break, RRRR, line break, BBBB.
    ids = list(map(ord, "QQQQ\nAAAA\nRRRR\nBBBB"))
    places = [1, 2, 3, 4, 9, 10, 11, 12, 13, 14]
    assert value.sum == pytest.approx([sum(log_prob(ids, place) for place in places)], abs=1e-5)


def test_a_prompt_over_the_window_is_scored_where_it_is_kept_and_flagged(letters: Letters) -> None:
    rendering = Rendering(template="plain", max_tokens=16)

    value = value_in_order(
        PromptLogProbs(model="x", rendering=rendering), [conversation("Q" * 40, "A")]
    )

    assert value.count.tolist() == [14]
    assert value.flags[0] & Flag.PROMPT_TRUNCATED


def test_of_a_prompt_in_several_windows_the_first_counts(letters: Letters) -> None:
    rendering = Rendering(template="plain", max_tokens=24)
    talk = turns("Q" * 10, "A" * 8, "R" * 10, "B" * 8)

    value = value_in_order(PromptLogProbs(model="x", rendering=rendering), [talk])

    assert value.sum == pytest.approx([sum(_log_probs("", "Q" * 10 + "\n"))])
    assert value.count.tolist() == [11]


# Statistics


def test_statistics_are_means_over_the_answers_letters(letters: Letters) -> None:
    rows = [conversation("Q", "Answer"), conversation("Q", "")]

    value: Numbers = value_in_order(TokenStatistics(model="x", rendering=PLAIN), rows)

    # `Letters` answers -p for entropy, exp(p) for the top and 1 - 8 p for the rank.
    numbers = np.array(_log_probs("Q\n", "Answer"))
    expected = {
        "entropy": -numbers,
        "top_probability": np.exp(numbers),
        "rank": 1 - 8 * numbers,
        "accuracy": 1 - 8 * numbers == 1,
    }
    assert list(value.columns) == list(expected)
    for name, column in expected.items():
        assert value[name][0] == pytest.approx(column.mean(), abs=1e-5), name
        assert np.isnan(value[name][1])
    assert value.reason.tolist() == [0, Reason.EMPTY_RESPONSE]


# What is kept


def _kept(lists: bool = True) -> LogProbs:
    frame = pl.DataFrame(
        {
            "sum": [-3.0, np.nan, -2.0],
            "count": [2.0, 0.0, 1.0],
            "prompt_tokens": [5.0, 6.0, 7.0],
            "response_tokens": [2.0, 0.0, 1.0],
            "total_tokens": [8.0, 7.0, 9.0],
        }
    )
    if lists:
        frame = frame.with_columns(
            turn_sums=pl.Series([[-1.0, -2.0], [], [-2.0]], dtype=pl.List(pl.Float64)),
            turn_counts=pl.Series([[1.0, 1.0], [], [1.0]], dtype=pl.List(pl.Float64)),
            tokens=pl.Series([[-1.0, -2.0], [], [-2.0]], dtype=pl.List(pl.Float32)),
        )
    reason = np.array([0, Reason.EMPTY_RESPONSE, 0], np.uint8)
    return LogProbs.from_frame(frame, reason, np.array([0, 0, Flag.ONE_TOKEN], np.uint16))


@pytest.mark.parametrize("lists", [True, False])
def test_it_survives_storing(lists: bool, tmp_path: Path) -> None:
    value = _kept(lists)
    value.frame().write_parquet(tmp_path / "kept.parquet")

    frame = pl.read_parquet(tmp_path / "kept.parquet")
    back = LogProbs.from_frame(frame, value.reason, value.flags)

    assert back.frame().equals(value.frame())
    assert (back.tokens is None) == (not lists)
    assert back.difference(value) == 0
    assert np.array_equal(back.mean(), value.mean(), equal_nan=True)


@pytest.mark.parametrize("lists", [True, False])
def test_rows_can_be_taken_and_spread(lists: bool) -> None:
    value = _kept(lists)

    taken = value.take(np.array([2, 0]))
    wide = taken.spread(np.array([3, 1]), 4, Reason.NOT_ASKED)

    assert taken.sum.tolist() == [-2.0, -3.0]
    assert wide.reason.tolist() == [Reason.NOT_ASKED, 0, Reason.NOT_ASKED, 0]
    assert wide.flags.tolist() == [0, 0, 0, Flag.ONE_TOKEN]
    assert np.isnan(wide.mean()).tolist() == [True, False, True, False]
    assert wide.mean()[[3, 1]].tolist() == taken.mean().tolist()
    if lists:
        assert wide.tokens is not None
        assert [own or [] for own in wide.tokens.to_list()] == [[], [-1.0, -2.0], [], [-2.0]]


def test_a_blank_row_has_the_columns_of_the_others() -> None:
    value = _kept()

    blank = value.blank(2)

    assert blank.schema == value.frame().schema
    assert np.isnan(blank["sum"].to_numpy()).all()


def test_the_mean_is_that_of_the_turns_where_they_are_apart() -> None:
    assert _kept(True).mean()[0] == _kept(False).mean()[0] == -1.5
    counts = pl.Series([[1.0, 4.0], [], [1.0]], dtype=pl.List(pl.Float64))
    apart = _kept(True).frame().with_columns(turn_counts=counts)
    value = LogProbs.from_frame(apart, _kept().reason, _kept().flags)
    assert value.mean()[0] == pytest.approx((-1.0 - 0.5) / 2)


def test_a_difference_is_the_largest_of_the_means() -> None:
    value = _kept(False)
    moved = value.frame().with_columns(sum=pl.Series([-3.5, np.nan, -2.0]))
    gone = value.frame().with_columns(sum=pl.Series([-3.0, -1.0, -2.0]), count=pl.lit(1.0))

    assert value.difference(LogProbs.from_frame(moved, value.reason, value.flags)) == 0.25
    assert value.difference(LogProbs.from_frame(gone, value.reason, value.flags)) == np.inf


def test_the_lists_come_back_from_the_cache(letters: Letters, tmp_path: Path) -> None:
    rows = pool_of([conversation("Q", "A" * n) for n in (0, 1, 5)])
    feature = ResponseLogProbs(
        model="x", rendering=Rendering(template="plain", turns="each"), tokens=True
    )
    fresh: LogProbs = Engine(rows, open_runtime(tmp_path)).value(feature)
    read = len(letters.seen)

    again: LogProbs = Engine(rows, open_runtime(tmp_path)).value(feature)

    assert len(letters.seen) == read > 0
    assert again.frame().equals(fresh.frame())


def test_values_with_and_without_tokens_are_kept_apart() -> None:
    assert ResponseLogProbs(tokens=True).row_key != ResponseLogProbs().row_key
    assert ResponseLogProbs(tokens=True).reading() == ResponseLogProbs().reading()


def test_margins_are_means_over_the_answers_letters(letters: Letters) -> None:
    rows = [conversation("Q", "Answer"), conversation("Q", "")]

    value: Numbers = value_in_order(TokenMargins(model="x", rendering=PLAIN), rows)

    # `Letters` answers exp(p) for the top, and -p / 2 for its lead.
    numbers = np.array(_log_probs("Q\n", "Answer"))
    runner_up = np.exp(1.5 * numbers)
    expected = {
        "runner_up": runner_up,
        "margin": np.exp(numbers) - runner_up,
        "log_margin": -numbers / 2,
    }
    assert list(value.columns) == list(expected)
    for name, each in expected.items():
        assert value[name] == pytest.approx([each.mean(), np.nan], abs=1e-6, nan_ok=True)
    assert value.reason.tolist() == [0, Reason.EMPTY_RESPONSE]
