"""Trainer layouts: the fields each trainer reads, and what it is told about the rest."""

import gzip
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from assay.errors import DataError
from assay.export.trainers import TRAINER_LAYOUTS, export_layout
from assay.samples import Conversation, MediaRef, Message, Sample, Tool, ToolCall

SCHEMA = '{"type": "object", "properties": {"city": {"type": "string"}}}'
WEATHER = Tool("weather", "Look up the weather", SCHEMA)
WEATHER_SCHEMA = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Look up the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = ToolCall("weather", '{"city": "Köln"}', "c1")


def _sample(*messages: Message, tools: tuple[Tool, ...] = ()) -> Sample:
    return Sample(Conversation(messages, tools))


PAIR = _sample(
    Message("user", "Translate", context="Guten Tag"),
    Message("assistant", "Good day"),
)
WITH_TOOL = _sample(
    Message("system", "Be brief"),
    Message("user", "Weather?"),
    Message("assistant", "", tool_calls=(CALL,)),
    Message("tool", "rain", tool_calls=(ToolCall("weather", "", "c1"),)),
    Message("assistant", "Rain.", reasoning="It said rain"),
    tools=(WEATHER,),
)
WITH_IMAGES = _sample(
    Message("user", "<image>What?", images=(MediaRef("a.png", b"a"), MediaRef("b.png", b"b"))),
    Message("assistant", "A cat"),
)


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_trl_gets_messages_with_context_after_an_empty_line(tmp_path: Path) -> None:
    report = export_layout([PAIR], tmp_path / "out.jsonl", layout="trl")

    assert _rows(tmp_path / "out.jsonl") == [
        {
            "messages": [
                {"role": "user", "content": "Translate\n\nGuten Tag"},
                {"role": "assistant", "content": "Good day"},
            ]
        }
    ]
    assert (report.rows, report.left_out, report.losses, report.notes) == (1, {}, {}, ())


def test_trl_gets_tools_calls_and_reasoning(tmp_path: Path) -> None:
    report = export_layout([WITH_TOOL], tmp_path / "out.jsonl", layout="trl")

    [row] = _rows(tmp_path / "out.jsonl")
    assert row["tools"] == [WEATHER_SCHEMA]
    assert row["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": {"city": "Köln"}},
                }
            ],
        },
        {"role": "tool", "content": "rain", "name": "weather", "tool_call_id": "c1"},
        {"role": "assistant", "content": "Rain.", "reasoning_content": "It said rain"},
    ]
    assert "reasoning_content" in report.notes[0]


def test_trl_prompt_ends_before_the_last_answer(tmp_path: Path) -> None:
    chat = _sample(
        Message("user", "1"),
        Message("assistant", "2"),
        Message("user", "3"),
        Message("assistant", "4"),
    )
    unanswered = _sample(Message("assistant", "hello"))

    report = export_layout([chat, unanswered], tmp_path / "o.jsonl", layout="trl-prompt-completion")

    [row] = _rows(tmp_path / "o.jsonl")
    assert [turn["content"] for turn in row["prompt"]] == ["1", "2", "3"]  # type: ignore[attr-defined]
    assert row["completion"] == [{"role": "assistant", "content": "4"}]
    assert (report.rows, report.left_out) == (1, {"no answer after a prompt": 1})


def test_trl_gets_images_as_a_column_and_is_told_so(tmp_path: Path) -> None:
    report = export_layout([WITH_IMAGES], tmp_path / "out.jsonl", layout="trl")

    assert _rows(tmp_path / "out.jsonl")[0]["images"] == ["a.png", "b.png"]
    assert any("cast the column" in note for note in report.notes)


def test_llama_factory_gets_alpaca_rows_and_an_entry_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text('{"mine": {"file_name": "mine.json"}}')
    with_system = _sample(Message("system", "S"), *PAIR.conversation.messages)

    report = export_layout([PAIR, with_system], tmp_path / "out.json", layout="llama-factory")

    row = {"instruction": "Translate", "input": "Guten Tag", "output": "Good day"}
    assert json.loads((tmp_path / "out.json").read_bytes()) == [
        {**row, "system": ""},
        {**row, "system": "S"},
    ]
    columns = {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}
    assert json.loads((tmp_path / "dataset_info.json").read_bytes()) == {
        "mine": {"file_name": "mine.json"},
        "out": {"file_name": "out.json", "columns": columns},
    }
    assert report.paths == (tmp_path / "out.json", tmp_path / "dataset_info.json")


def test_llama_factory_gets_turns_when_one_sample_is_more_than_a_pair(tmp_path: Path) -> None:
    export_layout([PAIR, WITH_TOOL, WITH_IMAGES], tmp_path / "out.json", layout="llama-factory")

    pair, tool, images = json.loads((tmp_path / "out.json").read_bytes())
    assert pair["conversations"][0] == {"from": "human", "value": "Translate\n\nGuten Tag"}
    assert tool == {
        "conversations": [
            {"from": "human", "value": "Weather?"},
            {
                "from": "function_call",
                "value": '{"name": "weather", "arguments": {"city": "Köln"}}',
            },
            {"from": "observation", "value": "rain"},
            {"from": "gpt", "value": "<think>\nIt said rain\n</think>\n\nRain."},
        ],
        "system": "Be brief",
        "tools": json.dumps([WEATHER_SCHEMA["function"]]),
        "images": [],
    }
    assert images["conversations"][0]["value"] == "<image><image>What?"
    assert images["images"] == ["a.png", "b.png"]
    entry = json.loads((tmp_path / "dataset_info.json").read_bytes())["out"]
    assert entry["formatting"] == "sharegpt"
    assert entry["columns"]["messages"] == "conversations"
    # Its loader looks up every column that is named in every row.
    assert all(set(entry["columns"].values()) == set(row) for row in (pair, tool, images))


def test_llama_factory_is_told_what_its_form_cannot_hold(tmp_path: Path) -> None:
    lossy = _sample(
        Message("user", "Both?"),
        Message("assistant", "Let me see", tool_calls=(CALL, CALL)),
        Message("tool", "one"),
        Message("tool", "two"),
        Message("assistant", "Done"),
        Message("user", "Thanks"),
    )
    twice = _sample(Message("user", "a"), Message("user", "b"), Message("assistant", "c"))
    late_system = _sample(
        Message("user", "a"), Message("system", "b"), Message("assistant", "c", tool_calls=(CALL,))
    )

    report = export_layout(
        [lossy, twice, late_system], tmp_path / "out.json", layout="llama-factory"
    )

    [row] = json.loads((tmp_path / "out.json").read_bytes())
    assert [turn["from"] for turn in row["conversations"]] == [
        "human",
        "function_call",
        "observation",
        "gpt",
    ]
    assert len(json.loads(row["conversations"][1]["value"])) == 2
    assert row["conversations"][2]["value"] == "one\ntwo"
    assert report.rows == 1
    assert report.left_out == {
        "turns that do not alternate between asking and answering": 1,
        "a system turn after the first turn": 1,
    }
    assert report.losses == {
        "text or reasoning beside a tool call": 1,
        "the border between several tool results": 1,
        "the last turn, which has no answer": 1,
    }


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ('{"out": {"file_name": "other.json"}}', "already has other data"),
        ("{", "not valid JSON"),
        ("[]", "no JSON object"),
    ],
)
def test_llama_factory_entry_of_others_is_never_overwritten(
    tmp_path: Path, info: str, message: str
) -> None:
    (tmp_path / "dataset_info.json").write_text(info)

    with pytest.raises(DataError, match=message):
        export_layout([PAIR], tmp_path / "out.json", layout="llama-factory")

    assert (tmp_path / "dataset_info.json").read_text() == info
    assert not (tmp_path / "out.json").exists()


def test_llama_factory_entry_is_replaced_when_the_same_file_is_written_again(
    tmp_path: Path,
) -> None:
    for sample in (WITH_TOOL, PAIR):
        export_layout([sample], tmp_path / "out.json", layout="llama-factory")

    info = json.loads((tmp_path / "dataset_info.json").read_bytes())
    assert list(info) == ["out"]
    assert "formatting" not in info["out"]


def test_axolotl_gets_calls_as_text_and_a_configuration(tmp_path: Path) -> None:
    output = tmp_path / 'a "b": #.jsonl'

    report = export_layout([WITH_TOOL, WITH_IMAGES], output, layout="axolotl")

    [row] = _rows(output)
    assert row["tools"] == [WEATHER_SCHEMA]
    call = row["messages"][2]["tool_calls"][0]  # type: ignore[index]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Köln"}'}
    assert report.left_out == {"images, which the text layout of axolotl cannot hold": 1}
    assert YAML(typ="safe").load(report.paths[1]) == {
        "datasets": [
            {
                "path": str(output),
                "ds_type": "json",
                "type": "chat_template",
                "field_messages": "messages",
                "field_tools": "tools",
                "roles_to_train": ["assistant"],
                "train_on_eos": "turn",
            }
        ]
    }


def test_swift_gets_its_own_roles_and_tools_as_text(tmp_path: Path) -> None:
    report = export_layout([WITH_TOOL, WITH_IMAGES], tmp_path / "out.jsonl", layout="ms-swift")

    tool, images = _rows(tmp_path / "out.jsonl")
    assert tool["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Weather?"},
        {"role": "tool_call", "content": '{"name": "weather", "arguments": {"city": "Köln"}}'},
        {"role": "tool_response", "content": "rain"},
        {"role": "assistant", "content": "<think>\nIt said rain\n</think>\n\nRain."},
    ]
    assert json.loads(str(tool["tools"])) == [WEATHER_SCHEMA]
    assert images["images"] == ["a.png", "b.png"]
    assert images["messages"][0]["content"] == "<image><image>What?"  # type: ignore[index]
    assert (report.rows, report.losses) == (2, {})


def test_swift_keeps_the_text_before_a_call_as_a_turn(tmp_path: Path) -> None:
    sample = _sample(Message("user", "?"), Message("assistant", "Let me see", tool_calls=(CALL,)))

    export_layout([sample], tmp_path / "out.jsonl", layout="ms-swift")

    turns = _rows(tmp_path / "out.jsonl")[0]["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool_call"]  # type: ignore[attr-defined]


def test_arguments_that_are_no_json_are_kept_as_text(tmp_path: Path) -> None:
    call = ToolCall("run", "ls -la")
    sample = _sample(Message("user", "?"), Message("assistant", "", tool_calls=(call,)))

    export_layout([sample], tmp_path / "out.jsonl", layout="trl")

    [turn] = [t for t in _rows(tmp_path / "out.jsonl")[0]["messages"] if "tool_calls" in t]  # type: ignore[attr-defined]
    assert turn["tool_calls"][0]["function"] == {"name": "run", "arguments": "ls -la"}


@pytest.mark.parametrize("layout", TRAINER_LAYOUTS)
def test_rows_and_left_out_add_up_to_the_samples(tmp_path: Path, layout: str) -> None:
    samples = [PAIR, WITH_TOOL, WITH_IMAGES, _sample(Message("assistant", "alone"))]

    report = export_layout(samples, tmp_path / "out.json", layout=layout)

    written = json.loads((tmp_path / "out.json").read_bytes())
    assert len(written) == report.rows
    assert report.rows + sum(report.left_out.values()) == len(samples)


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_no_samples_give_a_valid_empty_file(tmp_path: Path, name: str) -> None:
    report = export_layout([], tmp_path / name)

    assert report.rows == 0
    assert (tmp_path / name).read_text().split() in (["[", "]"], [])


def test_packed_output_has_equal_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        export_layout([PAIR, WITH_TOOL], tmp_path / name)

    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert len(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "layout", "message", "hint"),
    [
        ("out.jsonl", "llama_factory", "no trainer layout", "llama-factory"),
        ("out.jsonl", "zzz", "no trainer layout", "ms-swift"),
        ("out.parquet", "trl", "trainer layouts are JSON", "jsonl"),
        ("out", "trl", "trainer layouts are JSON", "jsonl"),
    ],
)
def test_unknown_layout_or_container_is_refused_with_a_remedy(
    tmp_path: Path, name: str, layout: str, message: str, hint: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        export_layout([PAIR], tmp_path / name, layout=layout)

    assert hint in str(caught.value.hint)
    assert not any(tmp_path.iterdir())
