"""Answers under templates of the shapes that published models have, against texts by hand.

Each text is what the template gives of a conversation, its answers in brackets of their own.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from assay.components.rendering import Rendering
from assay.rendering.chat_spans import ChatSpans, NotFound, chat_spans
from assay.rendering.tokenization import token_rows
from assay.samples import Conversation, Flag, Message, Reason, Tool, ToolCall
from tests import chat_templates as shapes
from tests.causal_rows import turns
from tests.letters_model import Letters


def _called(words: str, arguments: str = '{"city": "Oslo", "day": 2}') -> Conversation:
    call = ToolCall("warmth", arguments, "call_77")
    return Conversation(
        (
            Message("user", "How warm?"),
            Message("assistant", words, tool_calls=(call,)),
            Message("tool", "4", tool_calls=(ToolCall("warmth", "", "call_77"),)),
            Message("assistant", "\nFour.\n"),
        )
    )


WITH_WORDS = _called("I look.\n")
CALL_ALONE = _called("")
THOUGHTS = turns("Q1", "<think>\nhm\n</think>\n\nA1", "Q2", "<think>\nso\n</think>\n\nA2")
BLANKS = turns("Q1", "\n A1 \n", "Q2", "", "Q3", "A3")


class Case(NamedTuple):
    """A template, a conversation, and what is made of it; `left_out` words and calls are not."""

    template: str
    asked: Conversation
    expected: str
    left_out: int = 0


CASES = {
    "chatml, words and a call": Case(
        shapes.CHATML, WITH_WORDS,
        "<|im_start|>user\nHow warm?<|im_end|>\n<|im_start|>assistant\n⟦I look.\n⟧\n<tool_call>\n"
        '{"name": "warmth", "arguments": {"city": "Oslo", "day": 2}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n4\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n⟦\nFour.\n⟧<|im_end|>\n",
    ),
    "chatml, a call alone": Case(
        shapes.CHATML, CALL_ALONE,
        "<|im_start|>user\nHow warm?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n"
        '{"name": "warmth", "arguments": {"city": "Oslo", "day": 2}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n4\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n⟦\nFour.\n⟧<|im_end|>\n",
    ),
    "chatml, thinking as words": Case(
        shapes.CHATML, turns("Q", "<think>hm</think>A"),
        "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n⟦<think>hm</think>A⟧<|im_end|>\n",
    ),
    "thinking, of earlier turns left out": Case(
        shapes.THINKING, THOUGHTS,
        "<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n⟦A1⟧<|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n"
        "<|im_start|>assistant\n⟦<think>\nso\n</think>\n\nA2⟧<|im_end|>\n",
        left_out=1,
    ),
    "thinking, none": Case(
        shapes.THINKING, BLANKS,
        "<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n⟦\n A1 \n⟧<|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n"
        "<|im_start|>user\nQ3<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n⟦A3⟧<|im_end|>\n",
    ),
    "thinking, empty": Case(
        shapes.THINKING, turns("Q", "<think>\n\n</think>\n\nA"),
        "<|im_start|>user\nQ<|im_end|>\n"
        "<|im_start|>assistant\n⟦<think>\n\n</think>\n\nA⟧<|im_end|>\n",
    ),
    "thinking, nothing said after it": Case(
        shapes.THINKING, turns("Q1", "<think>hm</think>", "Q2", "<think>so</think>"),
        "<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n"
        "<|im_start|>assistant\n⟦<think>\nso\n</think>⟧\n\n<|im_end|>\n",
        left_out=1,
    ),
    "thinking, words and a call": Case(
        shapes.THINKING, WITH_WORDS,
        "<|im_start|>user\nHow warm?<|im_end|>\n<|im_start|>assistant\n⟦I look.\n⟧\n<tool_call>\n"
        '{"name": "warmth", "arguments": {"city": "Oslo", "day": 2}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n4\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n⟦Four.\n⟧<|im_end|>\n",
    ),
    "headers, words beside a call left out": Case(
        shapes.HEADERS, WITH_WORDS,
        "<s><|start_header_id|>user<|end_header_id|>\n\nHow warm?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
        '{"name": "warmth", "parameters": {"city": "Oslo", "day": 2}}<|eot_id|>'
        "<|start_header_id|>ipython<|end_header_id|>\n\n4<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Four.⟧<|eot_id|>",
        left_out=1,
    ),
    "headers, blanks": Case(
        shapes.HEADERS, BLANKS,
        "<s><|start_header_id|>user<|end_header_id|>\n\nQ1<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦A1⟧<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nQ2<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nQ3<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦A3⟧<|eot_id|>",
    ),
    "argument keys, words and a call": Case(
        shapes.ARG_KEYS, WITH_WORDS,
        "[gMASK]<sop><|user|>\nHow warm?<|assistant|>\n<think></think>\n⟦I look.⟧\n"
        "<tool_call>warmth\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n"
        "<arg_key>day</arg_key>\n<arg_value>2</arg_value>\n</tool_call>"
        "<|observation|>\n<tool_response>\n4\n</tool_response>"
        "<|assistant|>\n<think></think>\n⟦Four.⟧",
    ),
    "argument keys, a call alone": Case(
        shapes.ARG_KEYS, CALL_ALONE,
        "[gMASK]<sop><|user|>\nHow warm?<|assistant|>\n<think></think>\n"
        "<tool_call>warmth\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n"
        "<arg_key>day</arg_key>\n<arg_value>2</arg_value>\n</tool_call>"
        "<|observation|>\n<tool_response>\n4\n</tool_response>"
        "<|assistant|>\n<think></think>\n⟦Four.⟧",
    ),
    "argument keys, no thinking is shown": Case(
        shapes.ARG_KEYS, THOUGHTS,
        "[gMASK]<sop><|user|>\nQ1<|assistant|>\n<think></think>\n⟦A1⟧"
        "<|user|>\nQ2<|assistant|>\n<think></think>\n⟦A2⟧",
        left_out=2,
    ),
    "channels, words beside a call left out": Case(
        shapes.CHANNELS, WITH_WORDS,
        "<|start|>user<|message|>How warm?<|end|><|start|>assistant to=functions.warmth"
        '<|channel|>commentary json<|message|>{"city": "Oslo", "day": 2}<|call|>'
        '<|start|>functions.warmth to=assistant<|channel|>commentary<|message|>"4"<|end|>'
        "<|start|>assistant<|channel|>final<|message|>⟦\nFour.\n⟧<|return|>",
        left_out=1,
    ),
    "channels, words beside the last call": Case(
        shapes.CHANNELS, Conversation(WITH_WORDS.messages[:2]),
        "<|start|>user<|message|>How warm?<|end|>"
        "<|start|>assistant<|channel|>analysis<|message|>⟦I look.\n⟧<|end|>"
        "<|start|>assistant to=functions.warmth"
        '<|channel|>commentary json<|message|>{"city": "Oslo", "day": 2}<|call|>',
    ),
    "calls in a list": Case(
        shapes.TOOLCALL, WITH_WORDS,
        "<SPECIAL_11>User\nHow warm?\n<SPECIAL_11>Assistant\n⟦I look.⟧\n\n"
        '<TOOLCALL>[{"name": "warmth", "arguments": {"city": "Oslo", "day": 2}}]</TOOLCALL>'
        "\n<SPECIAL_12>\n<SPECIAL_11>User\n<TOOL_RESPONSE>[4]</TOOL_RESPONSE>\n"
        "<SPECIAL_11>Assistant\n⟦Four.⟧\n<SPECIAL_12>\n",
    ),
    "a call alone in a list": Case(
        shapes.TOOLCALL, CALL_ALONE,
        "<SPECIAL_11>User\nHow warm?\n<SPECIAL_11>Assistant\n"
        '<TOOLCALL>[{"name": "warmth", "arguments": {"city": "Oslo", "day": 2}}]</TOOLCALL>'
        "\n<SPECIAL_12>\n<SPECIAL_11>User\n<TOOL_RESPONSE>[4]</TOOL_RESPONSE>\n"
        "<SPECIAL_11>Assistant\n⟦Four.⟧\n<SPECIAL_12>\n",
    ),
    "arguments as text": Case(
        shapes.FENCED, CALL_ALONE,
        "<s><|User|>How warm?<|Assistant|><|call|>function<|sep|>warmth\n```json\n"
        '{"city": "Oslo", "day": 2}\n```<|call_end|><|end|><|output|>4<|output_end|>'
        "<|Assistant|>⟦\nFour.\n⟧<|end|>",
    ),
    "words after thinking as they stand": Case(
        shapes.FENCED, THOUGHTS,
        "<s><|User|>Q1<|Assistant|>⟦\n\nA1⟧<|end|><|User|>Q2<|Assistant|>⟦\n\nA2⟧<|end|>",
        left_out=2,
    ),
    "ids of nine letters": Case(
        shapes.NINE_LETTERS, CALL_ALONE,
        '<s>[INST] How warm?[/INST][TOOL_CALLS] [{"name": "warmth", "arguments": '
        '{"city": "Oslo", "day": 2}, "id": "call00000"}]</s>'
        '[TOOL_RESULTS] {"content": 4, "call_id": "call00000"}[/TOOL_RESULTS] ⟦Four.⟧</s>',
    ),
    "contents in parts": Case(
        shapes.PARTS, turns("Q1", " A1\n", "Q2", "A2"),
        "User: Q1<end_of_utterance>\nAssistant: ⟦ A1\n⟧<end_of_utterance>\n"
        "User: Q2<end_of_utterance>\nAssistant: ⟦A2⟧<end_of_utterance>\n",
    ),
    "another name of the role": Case(
        shapes.MODEL_TURNS, BLANKS,
        "<s><start_of_turn>user\nQ1<end_of_turn>\n<start_of_turn>model\n⟦A1⟧<end_of_turn>\n"
        "<start_of_turn>user\nQ2<end_of_turn>\n<start_of_turn>model\n<end_of_turn>\n"
        "<start_of_turn>user\nQ3<end_of_turn>\n<start_of_turn>model\n⟦A3⟧<end_of_turn>\n",
    ),
    "marks of what is generated": Case(
        shapes.GENERATION, turns("Q1", "A1\n", "Q2", "A2"),
        "<|u|>Q1<|e|><|a|>⟦A1\n⟧<|e|><|u|>Q2<|e|><|a|>⟦A2⟧<|e|>",
    ),
    "calls that a template does not know": Case(
        shapes.GENERATION, CALL_ALONE,
        "<|u|>How warm?<|e|><|a|><|e|><|u|>4<|e|><|a|>⟦\nFour.\n⟧<|e|>",
        left_out=1,
    ),
    "arguments printed": Case(
        shapes.PRINTED, _called("I look.\n", '{"city":"Oslo","day":2.50}'),
        '[user]How warm?[/][assistant]⟦I look.\n⟧<call>warmth {"city":"Oslo","day":2.50}[/]'
        "[tool]4[/][assistant]⟦\nFour.\n⟧[/]",
    ),
}  # fmt: skip


def _shown(found: ChatSpans) -> str:
    """Return the text of spans, each answer in brackets."""
    text = ""
    for turn, part in _joined(found):
        text += f"⟦{part}⟧" if turn >= 0 else part
    return text


def _joined(found: ChatSpans) -> Sequence[tuple[int, str]]:
    joined: list[tuple[int, str]] = []
    for span in found.spans:
        if joined and joined[-1][0] == span.turn:
            joined[-1] = (span.turn, joined[-1][1] + span.text)
        else:
            joined.append((span.turn, span.text))
    return joined


@pytest.mark.parametrize("name", CASES)
def test_answers_are_found_where_they_are_by_hand(name: str) -> None:
    case = CASES[name]

    found = chat_spans(shapes.speaking(case.template), case.asked)

    assert isinstance(found, ChatSpans), found
    assert _shown(found) == case.expected
    assert found.left_out == case.left_out


@pytest.mark.parametrize("name", CASES)
def test_the_tokens_that_are_scored_are_those_of_the_answers(name: str) -> None:
    case = CASES[name]
    model = shapes.speaking(case.template)
    model.bos = model.eos = None

    (row,) = token_rows(model, Rendering(template="chat"), "prompt", [case.asked])

    assert row.reason == Reason.OK
    (window,) = row.windows
    shown = {place for answer in window.answers for place in range(answer.start, answer.stop)}
    shown |= set(window.left_out)
    marked: set[int] = set()
    inside = False
    place = 0
    text = ""
    for letter in case.expected.replace("<s>", "\x01").replace("</s>", "\x02"):
        if letter in "⟦⟧":
            inside = letter == "⟦"
            continue
        if inside:
            marked.add(place)
        text += letter
        place += 1
    names = {1: "\x01", 2: "\x02"}
    assert "".join(names.get(token) or chr(token) for token in window.ids.tolist()) == text
    assert shown == marked
    assert bool(row.flags & Flag.PARTLY_RENDERED) == bool(case.left_out)


# What cannot be rendered


def _why(template: object, asked: Conversation) -> tuple[Reason, str]:
    found = chat_spans(shapes.speaking(template), asked)
    assert isinstance(found, NotFound), _shown(found)
    return found.reason, found.why


def test_a_refusal_of_a_template_is_told() -> None:
    two = (ToolCall("f", "{}"), ToolCall("g", "{}"))
    asked = Conversation((Message("user", "Q"), Message("assistant", "", tool_calls=two)))

    assert _why(shapes.HEADERS, asked) == (
        Reason.FORMAT_REFUSED, "the chat template of a model: one call at a time",
    )  # fmt: skip
    assert _why(shapes.MODEL_TURNS, Conversation((Message("system", "S"),))) == (
        Reason.FORMAT_REFUSED, "the chat template of a model: no system role",
    )  # fmt: skip


def test_arguments_that_are_no_object_are_told_where_a_template_needs_one() -> None:
    reason, why = _why(shapes.ARG_KEYS, _called("", "{broken"))

    assert reason == Reason.FORMAT_REFUSED
    assert why.endswith("(the arguments of 'warmth' are no JSON object)")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for m in messages %}{{ m.content | upper }}{% endfor %}", "leaves out"),
        ("{% for m in messages %}{{ m.content | tojson }}{% endfor %}", "changes"),
        ("{% for m in messages %}{{ m.content | replace('A', 'B') }}{% endfor %}", "changes"),
        ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "repeats"),
        ("{% for m in messages | reverse %}{{ m.content }}{% endfor %}", "moves"),
        ("{% for m in messages[-2:] %}{{ m.content }}{% endfor %}", "leaves out"),
        ("{{ messages[0].content }}", "leaves out"),
    ],
)
def test_what_a_template_does_to_the_words_is_told(template: str, why: str) -> None:
    reason, told = _why(template, turns("Q1", 'A "1"', "Q2", 'A "2"'))

    assert reason == Reason.ANSWER_NOT_FOUND
    assert told.startswith(f"the chat template {why}")
    assert told.endswith(("the words of answer 1", "the words of answer 2"))


def test_a_template_that_changes_the_names_of_calls_is_followed() -> None:
    loud = shapes.PRINTED.replace("call.function.name", "call.function.name | upper")

    for asked in (WITH_WORDS, Conversation(CALL_ALONE.messages[:3])):
        found = chat_spans(shapes.speaking(loud), asked)
        assert isinstance(found, ChatSpans)
        assert "<call>WARMTH" in _shown(found)
        assert found.left_out == 1  # as far as can be told


def test_a_template_that_says_something_else_each_time_is_told() -> None:
    counted = iter(range(100))
    model = Letters(format=lambda messages, tools: f"{next(counted)}")

    found = chat_spans(model, turns("Q", ""))

    assert isinstance(found, NotFound)
    assert found.why == "the chat template gives another text each time"


def test_thinking_is_followed_though_words_look_like_special_tokens() -> None:
    model = Letters(
        format=shapes.by_transformers(shapes.THINKING),
        special_texts=("<|im_end|>", "<think>", "</think>"),
    )

    found = chat_spans(model, turns("What is <|im_end|>?", "<think>hm</think>An <|im_end|>."))

    assert isinstance(found, ChatSpans)
    assert found.suspect
    assert _shown(found) == (
        "<|im_start|>user\nWhat is <|im_end|>?<|im_end|>\n"
        "<|im_start|>assistant\n⟦<think>\nhm\n</think>\n\nAn <|im_end|>.⟧<|im_end|>\n"
    )
    assert [s.special for s in found.spans if "An" in s.text or "What" in s.text] == [False, False]


def test_tools_are_written_with_their_schemas() -> None:
    tool = Tool("warmth", "of a city", '{"type": "object"}')
    found = chat_spans(shapes.speaking(shapes.CHATML), Conversation(WITH_WORDS.messages, (tool,)))

    assert isinstance(found, ChatSpans)
    line = _shown(found).splitlines()[2].removesuffix("<|im_end|>")
    assert json.loads(line)["function"]["parameters"] == {"type": "object"}
