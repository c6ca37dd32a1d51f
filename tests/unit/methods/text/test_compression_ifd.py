import zlib
from pathlib import Path

import numpy as np
import pytest

from assay.features.text import CompressedLengths
from assay.methods.combinations.top_score import TopScore
from assay.methods.text.compression_ifd import CompressionIFD
from assay.samples import Conversation, Flag, Message, Reason
from assay.values import Numbers
from tests.unit.methods.planted import chosen, numbers, planted_engine, scores_by_name

_QUESTION = "Name the capital of France and the river that runs through it."
_FRESH = "Paris; the Seine. It rises in Burgundy and reaches the Channel at Le Havre."


def _deflated(text: str) -> int:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return len(packer.compress(text.encode()) + packer.flush())


def _measured(*messages: Message) -> Numbers:
    found = CompressedLengths().compute([Conversation(messages)], None)  # type: ignore[arg-type]
    assert isinstance(found, Numbers)
    return found


def test_the_score_is_what_the_answer_adds_over_what_it_costs_alone(tmp_path: Path) -> None:
    expected = (_deflated(f"{_QUESTION}\n\n{_FRESH}") - _deflated(_QUESTION)) / _deflated(_FRESH)
    engine = planted_engine(tmp_path, [(_QUESTION, _FRESH)])

    (found,) = scores_by_name(engine, CompressionIFD()).values()

    assert found[0] == pytest.approx(expected)
    assert found[1] == Reason.OK


def test_the_ratio_is_given_over_alone() -> None:
    columns = numbers(plain=[60, 60], alone=[50, 40], given_prompt=[25, 44])

    assert CompressionIFD().score(lengths=columns).values.tolist() == [0.5, 1.1]


def test_an_answer_of_too_few_bytes_has_no_number_and_says_why() -> None:
    columns = numbers(plain=[23, 24, 5], alone=[20, 20, 7], given_prompt=[10, 10, 7])

    found = CompressionIFD().score(lengths=columns)
    lower = CompressionIFD(least_bytes=5).score(lengths=columns)

    assert found.reason.tolist() == [Reason.TOO_SHORT, 0, Reason.TOO_SHORT]
    assert np.isnan(found.values[[0, 2]]).all()
    assert lower.values.tolist() == [0.5, 0.5, 1.0]


def test_more_than_enough_counts_for_nothing_and_the_cut_off_still_binds() -> None:
    columns = numbers(plain=[60] * 4, alone=[50, 50, 50, 40], given_prompt=[25, 46, 49, 44])

    found = CompressionIFD(enough=0.9).score(lengths=columns)

    assert found.values.tolist() == [0.5, 0.9, 0.9, 1.1]
    assert CompressionIFD(enough=0.9).default_rule().admits(found.values).tolist() == [
        True, True, True, False
    ]  # fmt: skip


def test_bytes_are_counted_over_all_turns_in_utf_8_and_few_are_flagged() -> None:
    long = "A" * 40
    turns = _measured(
        Message("user", "One?"), Message("assistant", "东京" * 2),
        Message("user", "And?"), Message("assistant", long),
    )  # fmt: skip
    enough = _measured(Message("user", "One?"), Message("assistant", "A" * 64))

    assert turns["plain"].tolist() == [12 + 40]
    assert turns.flags.tolist() == [Flag.FEW_BYTES]
    assert enough.flags.tolist() == [0]


def test_rows_at_one_and_above_are_never_selected_unless_the_rule_is_lifted(
    tmp_path: Path,
) -> None:
    misled = ("Say nothing that is written here: 0123456789", "!?;:+*#'%&/()=<>|^~{}[]@$,.-")
    engine = planted_engine(tmp_path, [misled, (_QUESTION, _FRESH)])
    found = scores_by_name(engine, CompressionIFD())
    assert found[misled[0]][0] >= 1

    assert chosen(engine, TopScore(by=CompressionIFD(), budget=2)) == [_QUESTION]
    assert len(chosen(engine, TopScore(by=CompressionIFD(), budget=2, rule="none"))) == 2


def test_an_answer_that_repeats_its_question_scores_lowest_and_comes_last(tmp_path: Path) -> None:
    copied, answered = f"Copy: {_QUESTION}", f"Answer: {_QUESTION}"
    engine = planted_engine(tmp_path, [(copied, _QUESTION), (answered, _FRESH)])

    found = scores_by_name(engine, CompressionIFD())

    assert found[copied][0] < 0.2
    assert found[answered][0] > 0.5
    assert chosen(engine, TopScore(by=CompressionIFD(), budget=2)) == [answered, copied]


def test_turns_are_summed_and_each_is_given_all_that_was_said_before() -> None:
    found = _measured(
        Message("system", "Be brief."),
        Message("user", "Sum?", context="1 and 2"),
        Message("assistant", "Three."),
        Message("user", "Sure about that?"),
        Message("assistant", "Yes, three."),
    )

    first, second = "Be brief.\nSum?\n1 and 2", "Be brief.\nSum?\n1 and 2\nThree.\nSure about that?"
    given = _deflated(f"{first}\n\nThree.") - _deflated(first)
    given += _deflated(f"{second}\n\nYes, three.") - _deflated(second)
    assert found["given_prompt"].tolist() == [given]
    assert found["alone"].tolist() == [_deflated("Three.") + _deflated("Yes, three.")]


def test_a_turn_without_anything_before_it_is_left_out_of_both_sums() -> None:
    found = _measured(
        Message("assistant", "Hello, how may I help?"),
        Message("user", "Sum of 1 and 2?"),
        Message("assistant", "Three."),
    )

    assert found["alone"].tolist() == [_deflated("Three.")]


@pytest.mark.parametrize(
    ("prompt", "response", "reason"),
    [
        ("q", " ", Reason.EMPTY_RESPONSE),
        (" ", "a", Reason.EMPTY_PROMPT),
        ("", "", Reason.EMPTY_RESPONSE),
    ],
)
def test_a_blank_side_has_no_number_but_its_reason(
    prompt: str, response: str, reason: Reason
) -> None:
    found = _measured(Message("user", prompt), Message("assistant", response))

    assert np.isnan(found["alone"]).all()
    assert np.isnan(found["given_prompt"]).all()
    assert found.reason.tolist() == [reason]
