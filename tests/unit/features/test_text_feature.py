import json
from pathlib import Path

import numpy as np
import pytest

from assay.features.text import (
    DetectedLanguage,
    LexicalDiversity,
    RowAttribute,
    Script,
    TokenCounts,
    assistant_turns,
    part_of,
)
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Message, Origin, Reason, Sample
from assay.values import Labels, Numbers
from tests.rows import conversation
from tests.unit.methods.planted import engine_over

_TALK = Conversation(
    (
        Message("system", "Be kind."),
        Message("user", "Hello", context="quietly"),
        Message("assistant", "Hi!", reasoning="a greeting"),
        Message("user", "Bye"),
        Message("assistant", "See you."),
    )
)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("instruction", "Hello"),
        ("prompt", "Be kind.\nHello\nquietly\nHi!\nBye"),
        ("response", "Hi!\nSee you."),
        ("conversation", "Be kind.\nHello\nquietly\nHi!\na greeting\nBye\nSee you."),
    ],
)
def test_parts_of_a_conversation(part: str, text: str) -> None:
    assert part_of(_TALK, part) == text


def test_each_turn_comes_with_all_that_was_said_before_it() -> None:
    assert list(assistant_turns(_TALK)) == [
        ("Be kind.\nHello\nquietly", "Hi!"),
        ("Be kind.\nHello\nquietly\nHi!\nBye", "See you."),
    ]


def test_blank_turns_are_passed_over_and_not_quoted_later() -> None:
    talk = Conversation(
        (
            Message("user", "a"),
            Message("assistant", " \n"),
            Message("user", "b"),
            Message("assistant", "c"),
        )
    )

    assert list(assistant_turns(talk)) == [("a\nb", "c")]


def test_tokens_are_estimated_as_a_quarter_of_the_bytes_rounded_up(tmp_path: Path) -> None:
    rows = [conversation("abc", "defgh"), conversation("", ""), conversation("猫", "é")]

    found = TokenCounts().compute(rows, Runtime(cache=tmp_path))

    assert isinstance(found, Numbers)
    # "abc\ndefgh" has nine bytes, "猫\né" has six.
    assert found["total"].tolist() == [3, 0, 2]
    assert found["instruction"].tolist() == [1, 0, 1]
    assert found["response"].tolist() == [2, 0, 1]


def test_tokens_of_a_named_tokenizer_are_its_own(tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    words = {"type": "WordLevel", "vocab": {"a": 0, "?": 1}, "unk_token": "?"}
    tokenizer.write_text(
        json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "added_tokens": [],
                "normalizer": None,
                "pre_tokenizer": {"type": "Whitespace"},
                "post_processor": None,
                "decoder": None,
                "model": words,
            }
        )
    )
    runtime = Runtime(cache=tmp_path)
    feature = TokenCounts(tokenizer=runtime.pin("tokenizer", str(tokenizer)))

    found = feature.compute([conversation("a b", "c d e")], runtime)

    assert isinstance(found, Numbers)
    assert [found[name].tolist() for name in ("total", "instruction", "response")] == [
        [5], [2], [3],
    ]  # fmt: skip


def test_diversity_is_of_the_part_asked_for() -> None:
    rows = [conversation("one two two", "same same same same")]

    found = [
        LexicalDiversity(part=part).compute(rows, Runtime()) for part in ("prompt", "response")
    ]

    assert [value.frame()["ttr"][0] for value in found] == [pytest.approx(2 / 3), 0.25]
    assert found[0].flags.tolist() == [Flag.FEW_WORDS]


def test_a_part_without_words_has_nan_everywhere_and_a_reason() -> None:
    found = LexicalDiversity().compute([conversation("words", "?!")], Runtime())

    assert np.isnan(found.frame().to_numpy()).all()
    assert found.reason.tolist() == [Reason.NO_WORDS]


def test_language_and_script_are_words_of_each_row() -> None:
    rows = [
        conversation("Where is the nearest library, please?", "It is round the corner."),
        conversation("最近的图书馆在哪里?", "就在拐角处。"),
    ]

    languages = DetectedLanguage().compute(rows, Runtime())
    scripts = Script().compute(rows, Runtime())

    assert isinstance(languages, Labels)
    assert isinstance(scripts, Labels)
    assert languages.values.to_list() == ["en", "zh"]
    assert scripts.values.to_list() == ["Latin", "Han"]


def test_the_language_that_the_data_states_comes_before_the_one_detected(tmp_path: Path) -> None:
    english = "Where is the nearest library, and when does it open?"
    samples = [
        Sample(conversation(english, "Round the corner."), language="xx"),
        Sample(conversation(f"{english} Please.", "Round the corner.")),
    ]
    pool = build_pool([Block(samples, [Origin(0, 0), Origin(0, 1)])], tmp_path)

    labels = engine_over(tmp_path, pool).value(RowAttribute(attribute="language"))

    expected = {english: "xx", f"{english} Please.": "en"}
    prompts = [c.prompt for c in pool.conversations(np.arange(2))]
    assert labels.values.to_list() == [expected[prompt] for prompt in prompts]
