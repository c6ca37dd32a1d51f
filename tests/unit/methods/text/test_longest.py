from pathlib import Path

import numpy as np
import pytest

from assay.features.text import Lengths, TokenCounts
from assay.methods.filters.cuts import TopScore
from assay.methods.text.longest import (
    LongestInstruction,
    LongestResponse,
    RandomNumber,
    RandomSample,
)
from assay.samples import Conversation, Message, Reason
from tests.unit.methods.planted import (
    allowance,
    chosen,
    given,
    numbers,
    planted_engine,
    scores_by_name,
    stream,
)

_ROWS = [(f"question {place:02d}", f"answer {place}") for place in range(40)]


def test_the_rows_of_smallest_number_are_the_sample_and_have_no_gain() -> None:
    selection = RandomSample(budget=2).select(
        allowance(4, 2), stream(), number=given(0.4, 0.1, 0.9, 0.2)
    )

    assert selection.indices.tolist() == [1, 3]
    assert np.isnan(selection.gains).all()
    assert (selection.nested, selection.stop) == (True, "budget")


def test_a_larger_random_sample_begins_with_the_smaller(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    small, large = (chosen(engine, RandomSample(budget=size)) for size in (6, 25))

    assert large[:6] == small


def test_a_random_sample_does_not_depend_on_row_order_or_on_rows_beside_it(tmp_path: Path) -> None:
    forward = planted_engine(tmp_path / "a", _ROWS)
    backward = planted_engine(tmp_path / "b", _ROWS[::-1])
    half = planted_engine(tmp_path / "c", _ROWS[:20])

    sample = chosen(forward, RandomSample(budget=40))

    assert chosen(backward, RandomSample(budget=40)) == sample
    kept = {question for question, _ in _ROWS[:20]}
    assert chosen(half, RandomSample(budget=20)) == [name for name in sample if name in kept]


def test_every_row_is_sampled_about_equally_often_over_seeds(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    count = dict.fromkeys((question for question, _ in _ROWS), 0)

    for seed in range(100):
        for name in chosen(engine, RandomSample(budget="25%", seed=seed)):
            count[name] += 1

    # 25 of 100 with a standard deviation of 4.3; five of them leave a fair sample alone.
    assert all(abs(times - 25) < 22 for times in count.values())
    assert len(set(count.values())) > 5


def test_the_number_of_a_row_changes_with_the_seed(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    first, second = (scores_by_name(engine, RandomNumber(seed=seed)) for seed in (0, 1))

    assert all(0 <= value < 1 for value, _ in first.values())
    assert all(first[name] != second[name] for name in first)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("characters", {"a b": 11.0, "c": 2.0, "d": float("nan")}),
        ("words", {"a b": 2.0, "c": 2.0, "d": float("nan")}),
        ("tokens", {"a b": 4.0, "c": 2.0, "d": float("nan")}),
    ],
)
def test_response_lengths_are_those_counted_by_hand(
    tmp_path: Path, unit: str, expected: dict[str, float]
) -> None:
    # Two Han characters: two words and, in six bytes of UTF-8, two estimated tokens.
    engine = planted_engine(tmp_path, [("a b", " hello world "), ("c", "你好"), ("d", " ")])
    if unit == "tokens":
        engine = planted_engine(tmp_path, [("a b", "hello world, ok"), ("c", "你好"), ("d", "")])

    found = scores_by_name(engine, LongestResponse(unit_of_length=unit))

    assert {name: value for name, (value, _) in found.items()} == pytest.approx(
        expected, nan_ok=True
    )
    assert found["d"][1] == Reason.EMPTY_RESPONSE
    assert found["c"][1] == Reason.OK


def test_all_assistant_turns_count_as_the_response() -> None:
    conversation = Conversation(
        (
            Message("system", "Be brief."),
            Message("user", "Sum?", context="1 and 2"),
            Message("assistant", "Three."),
            Message("user", "Sure?"),
            Message("assistant", "Yes, three."),
        )
    )

    found = Lengths().compute([conversation], None)  # type: ignore[arg-type]

    assert found.frame().row(0, named=True) == {
        "instruction_characters": 4,
        "prompt_characters": len("Be brief.\nSum?\n1 and 2\nThree.\nSure?"),
        "response_characters": len("Three.\nYes, three."),
        "instruction_words": 1,
        "prompt_words": 8,
        "response_words": 3,
    }


def test_the_instruction_is_the_first_user_turn_without_its_input() -> None:
    columns = numbers(instruction_characters=[4, 0], response_characters=[9, 9])

    scores = LongestInstruction().score(lengths=columns)

    assert scores.values[0] == 4
    assert np.isnan(scores.values[1])
    assert scores.reason.tolist() == [Reason.OK, Reason.EMPTY_PROMPT]


def test_only_tokens_ask_for_a_tokenizer() -> None:
    plain = LongestResponse(unit_of_length="words", tokenizer="some/model")
    counted = LongestResponse(unit_of_length="tokens", tokenizer="some/model")

    assert plain.requires()["lengths"] == Lengths()
    assert counted.requires()["lengths"] == TokenCounts(tokenizer="some/model")


def test_the_longest_response_comes_first(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("short", "x"), ("long", "x" * 9), ("middle", "x" * 5)])

    assert chosen(engine, TopScore(by=LongestResponse(), budget=2)) == ["long", "middle"]
