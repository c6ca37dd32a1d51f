"""Trainer layouts: the fields each trainer reads, and what it is told about the rest."""

import gzip
import json
from pathlib import Path
from typing import cast

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


# Media, marks of what is learned, and what would be taken for something else


def _media(*paths: str, apart: bool = False) -> tuple[MediaRef, ...]:
    return tuple(MediaRef(path, path.encode(), apart) for path in paths)


WITH_ALL_MEDIA = _sample(
    Message("user", "<video>Same as <audio>?", images=_media("a.png", apart=True),
            videos=_media("v.mp4"), audios=_media("s.wav")),
    Message("assistant", "Yes"),
)  # fmt: skip
SLIP = _sample(
    Message("user", "2 + 2"),
    Message("assistant", "5", weight=0.0),
    Message("user", "No"),
    Message("assistant", "4"),
)


def test_llama_factory_gets_a_column_for_every_kind_of_media_in_the_file(tmp_path: Path) -> None:
    export_layout([WITH_ALL_MEDIA, WITH_IMAGES], tmp_path / "o.json", layout="llama-factory")

    both, images = json.loads((tmp_path / "o.json").read_bytes())
    assert both["conversations"][0]["value"] == "<image><video>Same as <audio>?"
    assert [both[name] for name in ("images", "videos", "audios")] == [
        ["a.png"], ["v.mp4"], ["s.wav"]
    ]  # fmt: skip
    assert (images["videos"], images["audios"]) == ([], [])
    columns = json.loads((tmp_path / "dataset_info.json").read_bytes())["o"]["columns"]
    assert (columns["videos"], columns["audios"]) == ("videos", "audios")


def test_ms_swift_gets_only_the_media_that_a_row_has(tmp_path: Path) -> None:
    export_layout([WITH_ALL_MEDIA, WITH_IMAGES], tmp_path / "o.jsonl", layout="ms-swift")

    both, images = _rows(tmp_path / "o.jsonl")
    assert [both[name] for name in ("images", "videos", "audios")] == [
        ["a.png"], ["v.mp4"], ["s.wav"]
    ]  # fmt: skip
    assert images.keys() == {"messages", "images"}


@pytest.mark.parametrize("layout", ["trl", "trl-prompt-completion"])
def test_trl_gets_parts_in_all_rows_of_a_file_with_images(tmp_path: Path, layout: str) -> None:
    between = _sample(
        Message("user", "Is <image> <this> it?", images=_media("a.png")), Message("assistant", "A")
    )

    export_layout([between, WITH_IMAGES, PAIR], tmp_path / "o.jsonl", layout=layout)

    first, second, plain = (
        cast("list[dict[str, object]]", row.get("messages") or row["prompt"])
        for row in _rows(tmp_path / "o.jsonl")
    )
    image, text = {"type": "image"}, {"type": "text"}
    assert first[0]["content"] == [text | {"text": "Is "}, image, text | {"text": " <this> it?"}]
    assert second[0]["content"] == [image, image, text | {"text": "What?"}]
    assert plain[0]["content"] == [text | {"text": "Translate\n\nGuten Tag"}]


def test_a_word_like_a_mark_beside_a_picture_that_stands_apart_is_no_place(tmp_path: Path) -> None:
    apart = _sample(
        Message("user", "Does <image> show it?", images=_media("a.png", apart=True)),
        Message("assistant", "Yes"),
    )

    report = export_layout([apart, WITH_IMAGES], tmp_path / "o.jsonl", layout="ms-swift")
    export_layout([apart], tmp_path / "t.jsonl", layout="trl")

    assert list(report.left_out.values()) == [1]
    assert "no place of media" in next(iter(report.left_out))
    [row] = _rows(tmp_path / "t.jsonl")
    assert row["messages"][0]["content"] == [  # type: ignore[index]
        {"type": "image"}, {"type": "text", "text": "Does <image> show it?"}
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["llama-factory", "ms-swift"])
@pytest.mark.parametrize(
    "place",
    [
        {"reasoning": "An <image> tag"},
        {"tool_calls": (ToolCall("html", '{"tag": "<audio>"}'),)},
        {"context": "the <video> tag"},
    ],
)
def test_words_like_marks_are_found_wherever_they_are_written(
    tmp_path: Path, layout: str, place: dict[str, object]
) -> None:
    answer = Message("assistant", "A", **place)  # type: ignore[arg-type]
    sample = _sample(Message("user", "Q"), answer, Message("tool", "r"), Message("assistant", "B"))

    report = export_layout([sample, WITH_IMAGES], tmp_path / "o.jsonl", layout=layout)

    assert sum(report.left_out.values()) == 1


@pytest.mark.parametrize("layout", TRAINER_LAYOUTS)
def test_bytes_in_the_data_are_left_out_of_every_layout(tmp_path: Path, layout: str) -> None:
    held = _sample(Message("user", "Q", images=(MediaRef("", b"d"),)), Message("assistant", "A"))

    report = export_layout([held, PAIR], tmp_path / "o.jsonl", layout=layout)

    assert (report.rows, sum(report.left_out.values())) == (1, 1)


@pytest.mark.parametrize("layout", TRAINER_LAYOUTS)
def test_boxes_in_images_are_left_out_of_every_layout(tmp_path: Path, layout: str) -> None:
    boxes = {"ref": ["cat"], "bbox": [[1, 2, 3, 4]]}
    boxed = Sample(PAIR.conversation, meta={"objects": boxes})
    as_text = Sample(PAIR.conversation, meta={"objects": json.dumps(boxes)})
    other = Sample(PAIR.conversation, meta={"objects": ["cat"]})
    # As a table has it, in which other rows have boxes.
    none = Sample(PAIR.conversation, meta={"objects": {"ref": None, "bbox": None}})

    report = export_layout([boxed, as_text, other, none], tmp_path / "o.jsonl", layout=layout)

    assert report.rows == 2
    assert report.left_out == {"boxes in images (`objects`)": 2}


def test_axolotl_is_told_of_every_turn_whether_it_is_learned(tmp_path: Path) -> None:
    asks = _sample(Message("user", "Q", weight=1.0), Message("assistant", "A"))

    report = export_layout([SLIP, asks, PAIR], tmp_path / "o.jsonl", layout="axolotl")

    slip, asking, plain = (row["messages"] for row in _rows(tmp_path / "o.jsonl"))
    assert [turn["train"] for turn in slip] == [False, False, False, True]  # type: ignore[attr-defined]
    assert [turn["train"] for turn in asking] == [True, True]  # type: ignore[attr-defined]
    assert all("train" not in turn for turn in plain)  # type: ignore[attr-defined]
    config = YAML(typ="safe").load(report.paths[1])
    assert config["datasets"][0]["message_field_training"] == "train"


def test_ms_swift_is_told_of_every_answer_whether_it_is_learned(tmp_path: Path) -> None:
    asks = _sample(Message("user", "Q", weight=1.0), Message("assistant", "A"))

    report = export_layout([SLIP, asks, PAIR], tmp_path / "o.jsonl", layout="ms-swift")

    slip, plain = (row["messages"] for row in _rows(tmp_path / "o.jsonl"))
    assert [turn.get("loss") for turn in slip] == [None, False, None, True]  # type: ignore[attr-defined]
    assert all("loss" not in turn for turn in plain)  # type: ignore[attr-defined]
    assert report.left_out == {"turns to be learned that are no answers": 1}


def test_the_completion_is_the_last_answer_that_is_learned(tmp_path: Path) -> None:
    trailing = _sample(*SLIP.conversation.messages, Message("assistant", "6", weight=0.0))

    report = export_layout([SLIP, trailing], tmp_path / "o.jsonl", layout="trl-prompt-completion")

    rows = _rows(tmp_path / "o.jsonl")
    assert [row["completion"] for row in rows] == [[{"role": "assistant", "content": "4"}]] * 2
    assert report.losses == {"the turns after the last answer": 1}


@pytest.mark.parametrize("layout", TRAINER_LAYOUTS)
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_what_no_layout_can_say_is_left_out_and_counted(
    tmp_path: Path, layout: str, weight: float
) -> None:
    sample = _sample(Message("user", "Q"), Message("assistant", "A", weight=weight))

    report = export_layout([sample, PAIR], tmp_path / "o.jsonl", layout=layout)

    assert (report.rows, sum(report.left_out.values())) == (1, 1)
