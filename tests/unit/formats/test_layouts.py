"""Each layout, with a row as its dataset publishes it."""

import json
from collections.abc import Mapping

import pytest

from assay.errors import FormatError
from assay.formats.detection import LAYOUTS, QUESTIONS, choose_layout, layout_named
from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.labels import Provenance
from assay.samples import Message, Sample, Tool, ToolCall


def samples_of(record: Mapping[str, object], *, questions: bool = False) -> list[Sample]:
    layout = choose_layout([record] * 3, file="data.jsonl", questions=questions)
    made = layout.bind(tuple(record), Provenance("here", "train"), questions=questions)(record)
    return [made] if isinstance(made, Sample) else [sample for sample in made if sample]


def turns_of(record: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in samples_of(record)[0].conversation.messages]


def detected(record: Mapping[str, object]) -> str:
    return choose_layout([record], file="data.jsonl").name


ALPACA = {"instruction": "Übersetze.", "input": "雪", "output": "Schnee"}
SHAREGPT = {
    "id": "jyrQzjG",
    "conversations": [{"from": "human", "value": "你好"}, {"from": "gpt", "value": "您好。"}],
    "lang": "zh",
}
MESSAGES = {
    "prompt": "Hi",
    "prompt_id": "ae80",
    "messages": [{"content": "Hi", "role": "user"}, {"content": "Hello", "role": "assistant"}],
}
PLAIN = [("user", "Q"), ("assistant", "A")]

PAIRS = [
    ("alpaca", {"instruction": "Q", "output": "A"}),
    ("alpaca", {"instruction": "Q", "input": "", "response": "A", "output": "A"}),
    ("dolly", {"instruction": "Q", "context": "", "response": "A", "category": "open_qa"}),
    ("instruction_response", {"instruction": "Q", "response": "A"}),
    ("p3", {"template": "imdb", "prompt": "Q", "completion": "A"}),
    ("prompt_completion", {"prompt": "Q", "completion": "A"}),
    ("prompt_response", {"prompt": "Q", "response": "A"}),
    ("question_answer", {"question": "Q", "answer": "A"}),
    ("question_response", {"id": "flan.1", "system_prompt": "", "question": "Q", "response": "A"}),
    ("query_response", {"query": "Q", "response": "A", "type": "MATH", "original_question": "q"}),
    ("problem_solution", {"problem": "Q", "solution": "A"}),
    ("user_assistant", {"user": "Q", "assistant": "A"}),
    ("input_output", {"input": "Q", "output": "A"}),
    ("question_response", {"Question": "Q", "Response": "A", "Complex_CoT": "hm"}),
    ("t0", {"inputs": "Q", "targets": "A", "answer_choices": ["A", "B"]}),
    ("t0", {"inputs": [1], "inputs_pretokenized": "Q", "targets": [2], "targets_pretokenized": "A",
            "answer_choices": None}),
    ("t0", {"inputs": "Q", "targets": ["A", "B"]}),
    ("lima", {"conversations": ["Q", "A"], "source": "wikihow"}),
    ("messages", {"messages": [{"role": "user", "content": "Q"},
                               {"role": "assistant", "content": "A"}]}),
    ("messages", {"conversations": [{"role": "user", "content": "Q"},
                                    {"role": "assistant", "content": "A"}]}),
    ("messages", {"dialogs": [{"role": "user", "content": "Q"},
                              {"role": "assistant", "content": "A"}], "source": ["flan"]}),
    ("messages", {"problem": "Q", "solution": "A",
                  "messages": json.dumps([{"role": "user", "content": "Q"},
                                          {"role": "assistant", "content": "A"}])}),
    ("sharegpt", {"conversations": [{"from": "user", "value": "Q"},
                                    {"from": "chatgpt", "value": "A"}], "score": 4.5}),
    ("exchanges", {"source": "Airoboros", "conversation": [{"input": "Q", "output": "A"}]}),
    ("prompt_completion_messages", {"prompt": [{"role": "user", "content": "Q"}],
                                    "completion": [{"role": "assistant", "content": "A"}]}),
    ("preference", {"prompt": "Q", "chosen": "A", "rejected": "B"}),
    ("preference", {"question": "Q", "system": "", "chosen": "A", "rejected": "B"}),
    ("preference", {"chosen": "\n\nHuman: Q\n\nAssistant: A",
                    "rejected": "\n\nHuman: Q\n\nAssistant: B"}),
    ("preference", {"prompt": "\n\nHuman: Q\n\nAssistant:", "chosen": "A", "rejected": "B"}),
    ("preference", {"prompt": "Q", "rejected": [],
                    "chosen": [{"role": "user", "content": "Q"},
                               {"role": "assistant", "content": "A"}]}),
    ("preference", {"prompt": [{"role": "user", "content": "Q"}],
                    "chosen": [{"role": "assistant", "content": "A"}], "rejected": []}),
    ("preference", {"conversations": [{"from": "human", "value": "Q"}],
                    "chosen": {"from": "gpt", "value": "A"},
                    "rejected": {"from": "gpt", "value": "B"}}),
    ("self_instruct", {"id": "seed_task_1", "instruction": "Q",
                       "instances": [{"input": "", "output": "A"}]}),
    ("exchanges", {"conversation": [{"human": "Q", "assistant": "A"}], "category": "x"}),
    ("exchanges", {"conversations": [{"question": "Q", "answer": "A"}]}),
    ("transcript", {"chat": "USER: Q\n\n\nASSISTANT: A <|endoftext|>\n\n\n"}),
    ("transcript", {"text": "### Human: Q### Assistant: A"}),
    ("transcript", {"dialogue": "Human: Q\n\nAssistant: A"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "record"), PAIRS)
def test_a_published_row_is_recognised_and_gives_question_and_answer(
    name: str, record: Mapping[str, object]
) -> None:
    assert detected(record) == name
    assert turns_of(record) == PLAIN


def test_every_layout_has_a_published_row_among_these_tests() -> None:
    assert {layout.name for layout in LAYOUTS} == {name for name, _ in PAIRS}


def test_the_input_of_alpaca_is_the_context_of_the_user() -> None:
    assert samples_of(ALPACA)[0].conversation.messages == (
        Message("user", "Übersetze.", context="雪"),
        Message("assistant", "Schnee"),
    )


def test_history_and_system_prompt_stand_before_the_instruction() -> None:
    record = {**ALPACA, "system": "Be brief.", "history": [["Hallo", "Hi"]]}

    assert turns_of(record) == [
        ("system", "Be brief."),
        ("user", "Hallo"),
        ("assistant", "Hi"),
        ("user", "Übersetze."),
        ("assistant", "Schnee"),
    ]


def test_labels_of_a_record_go_where_quotas_look_for_them() -> None:
    sample = samples_of({**SHAREGPT, "source": "x", "category": "chat", "split": "dev", "n": 3})[0]

    assert (sample.source, sample.split, sample.task) == ("here", "dev", "chat")
    assert (sample.language, sample.external_id) == ("zh", "jyrQzjG")
    assert sample.meta == {"source": "x", "n": 3}


@pytest.mark.parametrize(
    ("record", "task"),
    [
        ({"instruction": "Q", "context": "", "response": "A", "category": "open_qa"}, "open_qa"),
        ({"template": "imdb", "prompt": "Q", "completion": "A"}, "imdb"),
        ({"conversations": ["Q", "A"], "source": "wikihow"}, "wikihow"),
        ({"inputs": "Q", "targets": "A", "task_name": "rte"}, "rte"),
    ],
)
def test_the_task_of_a_record_is_kept(record: Mapping[str, object], task: str) -> None:
    assert samples_of(record)[0].task == task


def test_a_programming_language_is_not_a_language() -> None:
    sample = samples_of({"problem": "Q", "solution": "A", "lang": "cpp"})[0]

    assert (sample.language, sample.meta) == ("", {"lang": "cpp"})


def test_rejected_answers_are_kept_beside_the_chosen_one() -> None:
    sample = samples_of({"prompt": "Q", "chosen": "A", "rejected": "B"})[0]

    assert sample.meta == {"rejected": "B"}


def test_each_instance_of_self_instruct_is_a_sample() -> None:
    instances = [{"input": "1", "output": "a"}, {"input": "2", "output": "b"}]
    samples = samples_of({"instruction": "Q", "instances": instances})

    assert [s.conversation.messages[0].context for s in samples] == ["1", "2"]
    assert [s.conversation.response for s in samples] == ["a", "b"]


def test_a_bad_instance_leaves_its_place_empty() -> None:
    record = {"instruction": "Q", "instances": [{"input": "1"}, {"input": "2", "output": "b"}]}
    made = layout_named("self_instruct").bind(tuple(record), Provenance())(record)

    assert isinstance(made, list)
    assert [part is None for part in made] == [True, False]


def test_a_record_without_a_usable_instance_is_refused_with_the_first_reason() -> None:
    record = {"instruction": "Q", "instances": [{"input": "1"}, {"output": 3}]}

    with pytest.raises(UnusableRecordError) as caught:
        layout_named("self_instruct").bind(tuple(record), Provenance())(record)

    assert caught.value.fault is Fault.MISSING_FIELD


def test_openai_tool_calls_tools_and_answers_of_tools_are_kept() -> None:
    weather = {"name": "weather", "description": "Now", "parameters": {"type": "object"}}
    call = {"id": "c1", "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "東京"}'}}  # fmt: skip
    record = {
        "messages": [
            {"role": "developer", "content": "Use tools."},
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "18°"},
            {"role": "assistant", "content": "18 degrees."},
        ],
        "tools": [{"type": "function", "function": weather}],
    }

    conversation = samples_of(record)[0].conversation

    assert conversation.tools == (Tool("weather", "Now", '{"type": "object"}'),)
    assert conversation.messages == (
        Message("system", "Use tools."),
        Message("user", "Weather?"),
        Message("assistant", "", tool_calls=(ToolCall("weather", '{"city": "東京"}', "c1"),)),
        Message("tool", "18°", tool_calls=(ToolCall("", "", "c1"),)),
        Message("assistant", "18 degrees."),
    )


CALL = {"name": "weather", "arguments": {"city": "Köln"}}


@pytest.mark.parametrize("key", ["tool_calls", "function_call"])
@pytest.mark.parametrize("written", [CALL, [CALL], json.dumps(CALL), json.dumps([CALL])])
def test_a_call_alone_or_as_text_is_a_call(key: str, written: object) -> None:
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", key: written}]

    (sample,) = samples_of({"messages": turns})

    assert sample.conversation.messages[1].tool_calls == (ToolCall("weather", '{"city": "Köln"}'),)


@pytest.mark.parametrize("written", ["weather()", 7, '{"name": "a", "name": "b"}'])
def test_calls_that_cannot_be_read_set_the_record_aside(written: object) -> None:
    turns = [{"role": "user", "content": "Q"},
             {"role": "assistant", "content": "A", "tool_calls": written}]  # fmt: skip

    with pytest.raises(UnusableRecordError, match="not calls"):
        samples_of({"messages": turns})


@pytest.mark.parametrize("empty", ["", " ", "null", "[]", None, [], {}])
def test_an_empty_field_of_calls_holds_none(empty: object) -> None:
    turns = [{"role": "user", "content": "Q"},
             {"role": "assistant", "content": "A", "tool_calls": empty}]  # fmt: skip

    assert samples_of({"messages": turns})[0].conversation.messages[1].tool_calls == ()


def test_sharegpt_function_turns_become_calls_and_tool_answers() -> None:
    record = {
        "conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": '{"name": "w", "arguments": {"city": "Köln"}}'},
            {"from": "observation", "value": "18"},
            {"from": "gpt", "value": "18 degrees."},
        ],
        "system": "Be brief.",
        "tools": '[{"name": "w", "description": "", "parameters": {}}]',
    }

    conversation = samples_of(record)[0].conversation

    assert [m.role for m in conversation.messages] == [
        "system", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert conversation.messages[2].tool_calls == (ToolCall("w", '{"city": "Köln"}'),)
    assert conversation.messages[2].content == ""
    assert conversation.tools == (Tool("w", "", "{}"),)


def test_a_function_turn_that_is_not_json_stays_text() -> None:
    turns = [{"from": "human", "value": "?"}, {"from": "function_call", "value": "weather()"}]

    assert turns_of({"conversations": turns})[1] == ("assistant", "weather()")


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": "4", "reasoning_content": "2+2"},
        {"role": "assistant", "content": "4", "thinking": "2+2"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "2+2"},
                                          {"type": "text", "text": "4"}]},
    ],
)  # fmt: skip
def test_reasoning_is_kept_apart_from_the_answer(turn: Mapping[str, object]) -> None:
    record = {"messages": [{"role": "user", "content": "2+2?"}, turn]}

    answer = samples_of(record)[0].conversation.messages[1]

    assert (answer.content, answer.reasoning) == ("4", "2+2")


def test_images_are_referred_to_by_the_message_that_shows_them() -> None:
    parts = [{"type": "text", "text": "What?"},
             {"type": "image_url", "image_url": {"url": "cat.png"}}]  # fmt: skip
    turns = [{"role": "user", "content": parts}, {"role": "assistant", "content": "A cat."}]

    messages = samples_of({"messages": turns})[0].conversation.messages

    assert [[image.path for image in m.images] for m in messages] == [["cat.png"], []]


def test_images_of_a_record_go_where_they_are_marked() -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "<image> What?"},
        {"role": "assistant", "content": "A cat."},
    ]
    record = {"messages": turns, "images": ["cat.png", "dog.png"]}

    messages = samples_of(record)[0].conversation.messages

    assert [[image.path for image in m.images] for m in messages] == [
        ["dog.png"], [], ["cat.png"], [],
    ]  # fmt: skip


@pytest.mark.parametrize("role", ["Human", "prompter", " USER "])
def test_names_of_roles_are_read_in_any_case(role: str) -> None:
    turns = [{"from": role, "value": "Q"}, {"from": "bing", "value": "A"}]

    assert turns_of({"conversations": turns}) == PLAIN


def test_null_fields_of_a_columnar_turn_count_as_absent() -> None:
    turns = [
        {"role": "user", "content": "Q", "tool_calls": None, "name": None},
        {"role": "assistant", "content": "A", "tool_calls": None, "name": None},
    ]

    assert turns_of({"messages": turns}) == PLAIN


def test_a_turn_whose_content_is_null_is_refused() -> None:
    turns = [{"role": "user", "content": None}, {"role": "assistant", "content": "A"}]

    with pytest.raises(UnusableRecordError) as caught:
        samples_of({"messages": turns})

    assert caught.value.fault is Fault.NULL_FIELD


@pytest.mark.parametrize(
    "record",
    [
        {"question_id": 1, "text": "Why?", "category": "generic"},
        {"id": "koala_0", "prompt": "Why?"},
        {"idx": 1, "Skill": "Math", "Instruction": "Why?"},
        {"conversations": "Why?"},
        {"conversations": ["Why?"], "source": ""},
    ],
)
def test_questions_are_read_where_they_are_asked_for_only(record: Mapping[str, object]) -> None:
    asked = samples_of(record, questions=True)[0].conversation
    with pytest.raises(FormatError, match="no answers"):
        samples_of(record)

    assert [(m.role, m.content) for m in asked.messages] == [("user", "Why?")]


def test_questions_with_answers_keep_their_answers() -> None:
    record = {"question": "Q", "answer": "A"}

    assert samples_of(record, questions=True)[0].conversation.response == "A"


def test_two_per_cent_of_another_layout_do_not_stop_a_file() -> None:
    other = {"question": "Q", "answer": "A"}

    assert choose_layout([ALPACA] * 98 + [other] * 2, file="f").name == "alpaca"
    with pytest.raises(FormatError, match="mix several layouts"):
        choose_layout([ALPACA] * 97 + [other] * 3, file="f")


def test_records_that_fit_no_layout_do_not_hide_the_others() -> None:
    assert choose_layout([ALPACA] * 6 + [{"instruction": "Q"}] * 4, file="f").name == "alpaca"


def test_an_unknown_layout_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(FormatError) as caught:
        layout_named("alpacca")

    assert caught.value.hint == "did you mean 'alpaca'?"


def test_a_label_is_offered_as_the_answer_of_a_classification_set() -> None:
    records = [{"text": f"film {n} was fine", "label": n % 2} for n in range(9)]

    with pytest.raises(FormatError) as caught:
        choose_layout(records, file="f")

    assert 'mapping={"instruction": "{text}", "response": "{label}"}' in (caught.value.hint or "")


def test_a_table_of_numbers_is_not_taken_for_text() -> None:
    records = [{"row": str(n), "original_index": str(7 * n)} for n in range(9)]

    with pytest.raises(FormatError) as caught:
        choose_layout(records, file="f")

    assert "is this the right file?" in (caught.value.hint or "")


def test_the_questions_layout_is_never_chosen_for_training_data() -> None:
    assert QUESTIONS not in LAYOUTS
