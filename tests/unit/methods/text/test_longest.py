from pathlib import Path

import numpy as np
import pytest

from assay.features.text import Lengths, TokenCounts
from assay.methods.combinations.top_score import TopScore
from assay.methods.text.longest import LongestInstruction, LongestResponse
from assay.samples import Conversation, Message, Reason
from tests.unit.methods.planted import (
    chosen,
    numbers,
    planted_engine,
    scores_by_name,
)


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


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("characters", Reason.OK),
        ("words", Reason.NO_WORDS),
        ("tokens", Reason.OK),
    ],
)
def test_a_text_of_signs_alone_is_not_called_empty(
    tmp_path: Path, unit: str, expected: Reason
) -> None:
    engine = planted_engine(tmp_path, [("a", "?!"), ("!!", "an answer"), ("c", "")])

    answers = scores_by_name(engine, LongestResponse(unit_of_length=unit))
    questions = scores_by_name(engine, LongestInstruction(unit_of_length=unit))

    assert (answers["a"][1], answers["c"][1]) == (expected, Reason.EMPTY_RESPONSE)
    assert questions["!!"][1] == expected
