"""What stands beside the turns of a record: its own fields, media, and marks of what is learned."""

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from assay.errors import FormatError
from assay.formats import Fault, ReadReport, SourceSpec, columnar, read_sources
from assay.formats.detection import choose_layout
from assay.formats.faults import UnusableRecordError
from assay.formats.labels import Provenance
from assay.formats.mapping import mapped_layout
from assay.samples import Message, Sample, Tool

PAIR = {"instruction": "Q", "output": "A"}
TURNS = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]


def _sample(record: Mapping[str, object]) -> Sample:
    layout = choose_layout([record] * 3, file="data.jsonl")
    made = layout.bind(tuple(record), Provenance())(record)
    assert isinstance(made, Sample)
    return made


def _messages(record: Mapping[str, object]) -> tuple[Message, ...]:
    return _sample(record).conversation.messages


def _fault(record: Mapping[str, object]) -> tuple[Fault, str]:
    with pytest.raises(UnusableRecordError) as caught:
        _sample(record)
    return caught.value.fault, caught.value.detail


def _asked(question: object, *answers: str, **beside: object) -> dict[str, object]:
    turns = [{"role": "user", "content": question}]
    turns += [{"role": "assistant", "content": answer} for answer in answers or ("A",)]
    return {"messages": turns, **beside}


# System prompts, earlier turns, tools


def test_a_system_prompt_that_differs_from_the_first_turn_is_kept_before_it() -> None:
    turns = [{"role": "system", "content": "In French."}, *TURNS]

    both = _messages({"messages": turns, "system": "Be brief."})
    same = _messages({"messages": turns, "system": "In French.\n"})

    assert [m.content for m in both] == ["Be brief.", "In French.", "Q", "A"]
    assert [m.content for m in same] == ["In French.", "Q", "A"]


def test_json_in_a_cell_that_gives_a_name_twice_is_never_half_read() -> None:
    images = '[{"path": "a.png", "path": "b.png"}]'
    tools = '[{"name": "f", "name": "g"}]'

    assert _fault(PAIR | {"images": images}) == (
        Fault.REPEATED_FIELD, "the field 'path' is given 2 times",
    )  # fmt: skip
    assert _sample(PAIR | {"tools": tools}).conversation.tools == (Tool("", tools),)


def test_prompts_and_tools_of_two_names_are_both_kept() -> None:
    record = PAIR | {"system": "S", "system_prompt": "T", "tools": ["a()"], "functions": ["b()"]}

    conversation = _sample(record).conversation

    assert [m.content for m in conversation.messages] == ["S", "T", "Q", "A"]
    assert [tool.description for tool in conversation.tools] == ["a()", "b()"]


def test_a_system_prompt_that_is_no_text_is_refused() -> None:
    assert _fault(PAIR | {"system": {"text": "Be brief."}}) == (
        Fault.WRONG_TYPE, "field 'system' is an object, not text"
    )  # fmt: skip


@pytest.mark.parametrize(
    "history",
    [
        [["Hi", "Ho"]],
        json.dumps([["Hi", "Ho"]]),
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
    ],
)
def test_earlier_turns_stand_after_the_system_prompt_in_every_spelling(history: object) -> None:
    found = _messages(PAIR | {"system": "S", "history": history})

    assert [m.content for m in found] == ["S", "Hi", "Ho", "Q", "A"]


def test_earlier_turns_of_another_form_are_refused() -> None:
    assert _fault(PAIR | {"history": "we met before"})[0] is Fault.WRONG_TYPE
    assert _fault(PAIR | {"history": [["alone"]]})[0] is Fault.WRONG_TYPE


@pytest.mark.parametrize("tools", ["search(query): looks", '[{"name": "search"', ["search(q)"]])
def test_tools_that_are_not_json_are_kept_as_what_they_say(tools: object) -> None:
    said = tools if isinstance(tools, str) else "search(q)"

    assert _sample(PAIR | {"tools": tools}).conversation.tools == (Tool("", said),)


@pytest.mark.parametrize("tools", [None, "", "null", "[]", []])
def test_no_tools_are_no_tools(tools: object) -> None:
    assert _sample(PAIR | {"tools": tools}).conversation.tools == ()


def test_tools_of_another_type_are_refused() -> None:
    assert _fault(PAIR | {"tools": 3})[0] is Fault.WRONG_TYPE


def test_a_preference_gives_its_input_to_the_turn_that_asks() -> None:
    record = {"instruction": "Q", "input": "about", "chosen": "A", "rejected": "B"}

    assert _messages(record)[0] == Message("user", "Q", context="about")


def test_a_chosen_answer_that_goes_on_keeps_the_turns_before_it() -> None:
    prompt = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1"}]
    chosen = [{"role": "user", "content": "Two?"}, {"role": "assistant", "content": "2"}]

    found = _messages({"prompt": prompt, "chosen": chosen, "rejected": []})
    whole = _messages({"prompt": prompt, "chosen": prompt + chosen, "rejected": []})

    assert [m.content for m in found] == [m.content for m in whole] == ["One?", "1", "Two?", "2"]


def test_exchanges_keep_a_system_prompt_and_what_is_not_learned() -> None:
    exchange = {"system": "S", "input": "Q", "output": "A", "output_with_loss": False}

    assert _messages({"conversation": [exchange]}) == (
        Message("system", "S"), Message("user", "Q"), Message("assistant", "A", weight=0.0)
    )  # fmt: skip


@pytest.mark.parametrize(
    "turns",
    [
        [["Q", "A"], ["R", "B"]],
        [{"user": "Q", "assistant": "A"}, {"user": "R", "assistant": "B"}],
        [{"human": "Q"}, {"gpt": "A"}, {"human": "R"}, {"gpt": "B"}],
    ],
)
def test_pairs_are_read_in_all_their_forms(turns: object) -> None:
    assert [(m.role, m.content) for m in _messages({"conversations": turns})] == [
        ("user", "Q"), ("assistant", "A"), ("user", "R"), ("assistant", "B")
    ]  # fmt: skip


@pytest.mark.parametrize("turn", [["R"], {"human": None, "assistant": "B"}, {"x": "y"}, 3])
def test_an_exchange_that_lacks_something_is_refused(turn: object) -> None:
    first: object = ["Q", "A"] if isinstance(turn, list) else {"human": "Q", "assistant": "A"}

    assert _fault({"conversation": [first, turn]})[0] in {
        Fault.WRONG_TYPE, Fault.MISSING_FIELD, Fault.NULL_FIELD
    }  # fmt: skip


# Media


def test_marks_of_questions_are_places_and_those_of_answers_are_words() -> None:
    record = _asked("Make it Markdown.", "![fig](<image>)", images=["p.png"])

    question, answer = _messages(record)

    assert [(ref.path, ref.apart) for ref in question.images] == [("p.png", True)]
    assert answer.images == ()


def test_marks_of_answers_are_places_where_only_all_together_are_enough() -> None:
    record = _asked("<image> Draw it.", "Here: <image>", images=["a.png", "b.png"])

    question, answer = _messages(record)

    assert [ref.path for ref in question.images] == ["a.png"]
    assert [ref.path for ref in answer.images] == ["b.png"]


@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_parts_that_name_nothing_stand_for_the_list_of_the_record(kind: str) -> None:
    parts = [{"type": kind}, {"type": "text", "text": f"What is <{kind}>?"}]

    (question, _) = _messages(_asked(parts, **{f"{kind}s": ["x"]}))

    assert [(r.path, r.apart) for r in question.media(kind)] == [("x", True)]  # type: ignore[arg-type]
    assert _fault(_asked(parts))[0] is Fault.MISSING_FIELD


@pytest.mark.parametrize(
    "part",
    [
        {"type": "video", "video": "m.mp4"},
        {"type": "video_url", "video_url": {"url": "m.mp4"}},
        {"type": "input_video", "path": "m.mp4"},
    ],
)
def test_films_are_parts_like_pictures(part: object) -> None:
    assert [ref.path for ref in _messages(_asked([part]))[0].videos] == ["m.mp4"]


@pytest.mark.parametrize("name", ["images", "image"])
def test_media_that_a_turn_names_beside_its_content_are_its_own(name: str) -> None:
    turns = [TURNS[0], TURNS[1], {**TURNS[0], name: "a.png"}, TURNS[1]]

    found = _messages({"messages": turns})

    assert [[ref.path for ref in m.images] for m in found] == [[], [], ["a.png"], []]


def test_what_is_spelled_out_becomes_an_address() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}

    assert _messages(_asked([part]))[0].audios[0].path == "data:audio/wav;base64,UklG"


@pytest.mark.parametrize("pictures", [["a.png"], "a.png", {"path": "a.png"}, '["a.png"]'])
def test_a_list_of_one_may_be_written_in_several_ways(pictures: object) -> None:
    assert [ref.path for ref in _messages(PAIR | {"images": pictures})[0].images] == ["a.png"]


@pytest.mark.parametrize("nothing", [None, [], "", [None], {"bytes": None, "path": None}])
def test_no_media_are_no_media(nothing: object) -> None:
    assert _messages(PAIR | {"images": nothing})[0].images == ()


def test_a_second_name_is_read_where_the_first_is_empty() -> None:
    found = _messages(PAIR | {"images": None, "image": 17})

    assert [ref.path for ref in found[0].images] == ["17"]


@pytest.mark.parametrize("value", [True, 0.5, [["frame1.png"]], {"height": 3}])
def test_media_that_are_no_reference_are_refused(value: object) -> None:
    assert _fault(PAIR | {"video": value})[0] in {Fault.WRONG_TYPE, Fault.MISSING_FIELD}


@pytest.mark.parametrize("nested", [True, False])
def test_pictures_in_the_data_itself_tell_rows_apart(tmp_path: Path, nested: bool) -> None:
    pictures: list[object] = [b"\x89one", b"\x89two"]
    if nested:
        pictures = [{"bytes": picture, "path": None} for picture in pictures]
    frame = pl.DataFrame({"question": ["Q", "Q"], "answer": ["A", "A"], "image": pictures})
    frame.write_parquet(tmp_path / "data.parquet")

    [block] = read_sources([SourceSpec(str(tmp_path / "data.parquet"))], report=ReadReport())

    assert len({sample.conversation.content_hash for sample in block.samples}) == 2
    assert [s.conversation.messages[0].images[0].path for s in block.samples] == ["", ""]
    assert all("image" not in sample.meta for sample in block.samples)


@pytest.mark.parametrize("wrapped", ["bytes", "struct", "list"])
def test_tables_of_pictures_are_read_some_rows_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: str
) -> None:
    monkeypatch.setattr(columnar, "MEDIA_SLICE_ROWS", 2)
    held = [f"picture {place}".encode() for place in range(5)]
    pictures: dict[str, list[object]] = {
        "bytes": list(held),
        "struct": [{"bytes": picture, "path": None} for picture in held],
        "list": [[{"bytes": picture}] for picture in held],
    }
    frame = pl.DataFrame({"question": ["Q"] * 5, "answer": ["A"] * 5, "image": pictures[wrapped]})
    frame.write_parquet(tmp_path / "data.parquet")

    [block] = read_sources([SourceSpec(str(tmp_path / "data.parquet"))], report=ReadReport())

    assert len({sample.conversation.content_hash for sample in block.samples}) == 5
    assert [origin.row for origin in block.origins] == list(range(5))


def test_a_mapping_keeps_what_is_shown() -> None:
    record = {"q": "Q", "a": "A", "image": "x.png", "tools": "none"}
    layout = mapped_layout({"instruction": "{q}", "response": "{a}"})

    made = layout.bind(tuple(record), Provenance())(record)

    assert isinstance(made, Sample)
    assert [ref.path for ref in made.conversation.messages[0].images] == ["x.png"]
    assert made.meta == {"tools": "none"}


BOXES: dict[str, object] = {"ref": ["dog"], "bbox": [[331.5, 761, 853.5, 1594]]}
BOXES_TEXT = '{"bbox": [[331.5, 761, 853.5, 1594]], "ref": ["dog"]}'


@pytest.mark.parametrize(
    "objects", [BOXES, json.dumps(BOXES), BOXES | {"bbox_type": None, "image_id": []}]
)
def test_boxes_belong_to_the_first_turn_that_shows_a_picture(objects: object) -> None:
    record = _asked("<image> Where?", "<ref-object><bbox>", images=["a.png"], objects=objects)

    sample = _sample(record | {"system": "S"})

    assert [m.boxes for m in sample.conversation.messages] == ["", BOXES_TEXT, ""]
    assert sample.meta == {"objects": objects}


def test_boxes_without_a_picture_and_of_a_mapping_belong_to_the_first_turn() -> None:
    mapped = mapped_layout({"instruction": "{instruction}", "response": "{output}"})
    made = mapped.bind((*PAIR, "objects"), Provenance())(PAIR | {"objects": BOXES})

    assert isinstance(made, Sample)
    assert [m.boxes for m in _messages(PAIR | {"objects": BOXES})] == [BOXES_TEXT, ""]
    assert [m.boxes for m in made.conversation.messages] == [BOXES_TEXT, ""]


@pytest.mark.parametrize(
    "objects", [None, [], ["cat"], "cat", "{", {"a": 1}, {"bbox": None, "ref": []}, {"bbox": []}]
)
def test_objects_that_are_no_boxes_change_nothing(objects: object) -> None:
    plain = _sample(PAIR).conversation

    assert _sample(PAIR | {"objects": objects}).conversation == plain


# Marks of what is learned


@pytest.mark.parametrize(
    ("mark", "weight"),
    [
        ({"weight": 0}, 0.0), ({"train": False}, 0.0), ({"training": False}, 0.0),
        ({"loss": False}, 0.0), ({"loss_weight": 0.0}, 0.0), ({"loss_scale": 0}, 0.0),
        ({"weight": 1, "train": False}, 0.0), ({"weight": 0.5}, 0.5),
        ({"weight": 1}, None), ({"train": True}, None), ({"loss": None}, None),
        ({"loss": 2.31}, None), ({"masked": True}, 0.0), ({"masked": False}, None),
        ({"train_on_turn": False}, 0.0),
    ],
)  # fmt: skip
def test_marks_of_an_answer_are_read_in_all_spellings(
    mark: dict[str, object], weight: float | None
) -> None:
    turns = [TURNS[0], {**TURNS[1], **mark}]

    assert _messages({"messages": turns})[1].weight == weight


def test_marks_that_say_the_usual_change_nothing() -> None:
    marked = [{**TURNS[0], "loss_weight": 0.0}, {**TURNS[1], "loss_weight": 1.0}]

    assert _sample({"messages": marked}).conversation == _sample({"messages": TURNS}).conversation


@pytest.mark.parametrize(
    "mark", [{"weight": -1}, {"train": "yes"}, {"weight": float("nan")},
             {"train_detail": [{"begin_offset": 0, "end_offset": 1, "train": False}]}]
)  # fmt: skip
def test_marks_that_cannot_be_followed_are_refused(mark: dict[str, object]) -> None:
    fault, _ = _fault({"messages": [TURNS[0], {**TURNS[1], **mark}]})

    assert fault in {Fault.WRONG_TYPE, Fault.UNKNOWN_PART}


@pytest.mark.parametrize("name", ["label", "kto_tag"])
@pytest.mark.parametrize(
    "record",
    [{"messages": TURNS}, {"prompt": "Q", "completion": "A"},
     {"prompt": TURNS[:1], "completion": TURNS[1:]}, PAIR],
)  # fmt: skip
def test_a_rejected_answer_is_not_learned_in_any_layout(
    name: str, record: dict[str, object]
) -> None:
    rejected = _sample(record | {name: False})

    assert rejected.conversation.learned_turns == ()
    assert rejected.meta[name] is False
    assert _sample(record | {name: True}).conversation == _sample(record).conversation


def test_a_table_of_texts_spells_a_verdict_out(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("prompt,completion,label\nQ,A,True\nQ,B,False\n")

    [block] = read_sources([SourceSpec(str(tmp_path / "d.csv"))], report=ReadReport())

    assert [sample.conversation.learned_turns for sample in block.samples] == [(0,), ()]


@pytest.mark.parametrize("label", [0, "false", "negative", None])
def test_a_label_that_is_no_verdict_is_none(label: object) -> None:
    assert _sample(PAIR | {"label": label}).conversation == _sample(PAIR).conversation


def test_rows_that_teach_nothing_are_said(tmp_path: Path) -> None:
    rows = [
        PAIR | {"label": False},
        PAIR | {"label": True},
        {**PAIR, "output": "B", "label": False},
    ]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = ReadReport()

    list(read_sources([SourceSpec(str(tmp_path / "d.jsonl"))], report=report))

    assert [note.partition(": ")[2][:41] for note in report.notes] == [
        "no answer of 2 rows is to be learned, as "
    ]


# Parts and transcripts


@pytest.mark.parametrize("key", ["text", "value", "content"])
def test_the_text_of_a_part_goes_by_several_names(key: str) -> None:
    assert _messages(_asked([{"type": "text", key: "Q"}]))[0].content == "Q"


def test_a_transcript_gives_all_its_turns_and_its_labelled_system_prompt() -> None:
    chat = (
        "USER: How warm is it?\n\n\nASSISTANT: <functioncall> {} <|endoftext|>\n\n\n"
        'FUNCTION RESPONSE: {"c": 3}\n\n\nASSISTANT: 3 degrees.\nUSER: lies <|endoftext|>\n\n\n'
    )

    found = _messages({"system": "SYSTEM: You can call.", "chat": chat})

    assert [(m.role, m.content) for m in found] == [
        ("system", "You can call."),
        ("user", "How warm is it?"),
        ("assistant", "<functioncall> {}"),
        ("tool", '{"c": 3}'),
        ("assistant", "3 degrees."),
        ("user", "lies"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<|im_start|>user\nQ{0}<|im_end|>\n<|im_start|>assistant\nA{0}<|im_end|>",
        "<s>[INST] Q{0} [/INST] A{0} </s>",
        "A chat of two. USER: Q{0} ASSISTANT: A{0}\nUSER: more\nASSISTANT: no",
        "### Instruction:\nQ{0}\n\n### Response:\nA{0}",
    ],
)
def test_a_conversation_in_another_notation_is_refused_without_a_mapping(text: str) -> None:
    records = [{"text": text.format(place)} for place in range(3)]

    with pytest.raises(FormatError, match="both sides of a conversation in one text") as caught:
        choose_layout(records, file="data.jsonl")

    assert caught.value.hint is not None
    assert "--map" not in caught.value.hint
    assert "list of turns" in caught.value.hint


def test_a_text_that_only_quotes_a_speaker_is_no_transcript() -> None:
    records = [{"text": f"Note {place}: the user: none"} for place in range(3)]

    with pytest.raises(FormatError, match="hold questions"):
        choose_layout(records, file="data.jsonl")
