"""Every layout, every field that it can define, every way out: kept, or left out and counted."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.export.original import export_original
from assay.export.trainers import TRAINER_LAYOUTS, export_layout
from assay.formats import LAYOUTS, Block, ReadReport, SourceSpec, read_sources
from assay.pool.building import build_pool
from assay.samples import Conversation, Message, Origin, Sample

Record = dict[str, Any]

ASKED, ANSWERED = "Where does it rain?", "In Bergen."
CALL = '{"city": "Bergen", "share": 0.10000000000000000001}'
TOOL = '[{"type": "function", "function": {"name": "rain%s", "description": "d"}}]'


def _turns(*said: str, role: str = "role", content: str = "content") -> list[Record]:
    names = {"role": ("user", "assistant"), "from": ("human", "gpt")}[role]
    return [{role: names[place % 2], content: text} for place, text in enumerate(said)]


BASES: Mapping[str, Record] = {
    "self_instruct": {"instruction": ASKED, "instances": [{"input": "", "output": ANSWERED}]},
    "preference": {"prompt": ASKED, "chosen": ANSWERED, "rejected": "In Cairo."},
    "preference of alpaca": {"instruction": ASKED, "chosen": ANSWERED, "rejected": "In Cairo."},
    "preference of turns": {
        "prompt": _turns(ASKED),
        "chosen": [{"role": "assistant", "content": ANSWERED}],
        "rejected": [{"role": "assistant", "content": "In Cairo."}],
    },
    "preference of sharegpt": {
        "conversations": _turns(ASKED, role="from", content="value"),
        "chosen": {"from": "gpt", "value": ANSWERED},
        "rejected": {"from": "gpt", "value": "In Cairo."},
    },
    "preference of whole conversations": {
        "chosen": _turns(ASKED, ANSWERED),
        "rejected": _turns(ASKED, "In Cairo."),
    },
    "messages": {"messages": _turns(ASKED, ANSWERED)},
    "messages with a rejected answer": {
        "messages": _turns(ASKED, ANSWERED),
        "rejected_response": "In Cairo.",
    },
    "sharegpt": {"conversations": _turns(ASKED, ANSWERED, role="from", content="value")},
    "lima": {"conversations": [ASKED, ANSWERED]},
    "exchanges": {"conversation": [{"input": ASKED, "output": ANSWERED}]},
    "exchanges of people": {"conversation": [{"human": ASKED, "assistant": ANSWERED}]},
    "prompt_completion_messages": {
        "prompt": _turns(ASKED),
        "completion": [{"role": "assistant", "content": ANSWERED}],
    },
    "t0": {"inputs": ASKED, "targets": ANSWERED},
    "dolly": {"instruction": ASKED, "context": "", "response": ANSWERED},
    "p3": {"prompt": ASKED, "completion": ANSWERED, "template": "t"},
    "alpaca": {"instruction": ASKED, "output": ANSWERED},
    "instruction_response": {"instruction": ASKED, "response": ANSWERED},
    "prompt_completion": {"prompt": ASKED, "completion": ANSWERED},
    "prompt_response": {"prompt": ASKED, "response": ANSWERED},
    "question_answer": {"question": ASKED, "answer": ANSWERED},
    "question_response": {"question": ASKED, "response": ANSWERED},
    "query_response": {"query": ASKED, "response": ANSWERED},
    "problem_solution": {"problem": ASKED, "solution": ANSWERED},
    "user_assistant": {"user": ASKED, "assistant": ANSWERED},
    "input_output": {"input": ASKED, "output": ANSWERED},
    "transcript": {"chat": f"USER: {ASKED}\n\n\nASSISTANT: {ANSWERED}"},
}
PAIRS = (
    "dolly", "p3", "alpaca", "instruction_response", "prompt_completion", "prompt_response",
    "question_answer", "question_response", "query_response", "problem_solution",
    "user_assistant", "input_output",
)  # fmt: skip
PREFERENCES = tuple(name for name in BASES if name.startswith("preference"))
OF_TURNS = (
    "messages", "messages with a rejected answer", "sharegpt", "prompt_completion_messages",
    "preference of turns", "preference of sharegpt", "preference of whole conversations",
)  # fmt: skip
ALL = tuple(BASES)


def _beside(**fields: Any) -> Callable[[Record], Record]:
    return lambda record: record | fields


def _each_text(record: Any, change: Callable[[str], str]) -> Any:
    """Return a record with the text of the question changed, wherever it stands."""
    if isinstance(record, dict):
        return {key: _each_text(value, change) for key, value in record.items()}
    if isinstance(record, list):
        return [_each_text(value, change) for value in record]
    return change(record) if isinstance(record, str) else record


def _asking(word: str) -> Callable[[Record], Record]:
    return lambda record: _each_text(record, lambda text: text.replace(ASKED, f"{word}{ASKED}"))


def _shown(kind: str, path: str) -> Callable[[Record], Record]:
    marked = _asking(f"<{kind}>")
    return lambda record: marked(record) | {f"{kind}s": [path]}


def _context(text: str) -> Callable[[Record], Record]:
    def add(record: Record) -> Record:
        if "instances" in record:
            return record | {"instances": [{"input": text, "output": ANSWERED}]}
        return record | {("context" if _takes_context(record) else "input"): text}

    return add


def _takes_context(record: Record) -> bool:
    return "instruction" not in record or "context" in record


def _turn_lists(record: Record, change: Callable[[list[Record]], list[Record]]) -> Record:
    """Return a record with the list changed that holds its answer."""
    changed = dict(record)
    for name in ("chosen", "completion", "messages", "conversations"):
        if name in record:
            turns = record[name] if isinstance(record[name], list) else [record[name]]
            changed[name] = change(turns)
            break
    return changed


def _marked(key: str, value: object) -> Callable[[Record], Record]:
    """Put a turn of the assistant with a mark before the one that answers."""

    def change(turns: list[Record]) -> list[Record]:
        answer = turns[-1]
        slip = {name: "Wrong." if name in ("content", "value") else role
                for name, role in answer.items()}  # fmt: skip
        again = {name: "Again?" if name in ("content", "value") else
                 {"assistant": "user", "gpt": "human"}[role]
                 for name, role in answer.items()}  # fmt: skip
        return [*turns[:-1], slip | {key: value}, again, answer]

    return lambda record: _turn_lists(record, change)


def _calling(arguments: str) -> Callable[[Record], Record]:
    def change(turns: list[Record]) -> list[Record]:
        answer = turns[-1]
        role = "role" if "role" in answer else "from"
        call = {
            "id": "c1",
            "type": "function",
            "function": {"name": "rain", "arguments": arguments},
        }
        called = {role: answer[role], ("content" if role == "role" else "value"): None,
                  "tool_calls": [call]}  # fmt: skip
        result = {role: "tool", ("content" if role == "role" else "value"): "yes"}
        return [*turns[:-1], called, result, answer]

    return lambda record: _turn_lists(record, change)


def _second_system(text: str) -> Callable[[Record], Record]:
    def change(record: Record) -> Record:
        name = next(n for n in ("prompt", "messages", "conversations", "chosen") if n in record)
        turns = record[name]
        role, content = ("role", "content") if "role" in turns[0] else ("from", "value")
        own = {role: "system", content: "Answer in verse."}
        return record | {name: [own, *turns], "system": text}

    return change


class Field(NamedTuple):
    """A field of a layout.

    Attributes:
        layouts: those that define it.
        values: what makes two records that differ only in it of a plain one.
        tokens: what must be found of each in a row that is written.
        left_out: trainers whose layout cannot hold it.
    """

    layouts: tuple[str, ...]
    values: tuple[Callable[[Record], Record], Callable[[Record], Record]]
    tokens: tuple[str, str]
    left_out: tuple[str, ...] = ()


def _media(kind: str, left_out: tuple[str, ...]) -> Field:
    paths = (f"m/1.{kind}", f"m/2.{kind}")
    return Field(ALL, (_shown(kind, paths[0]), _shown(kind, paths[1])), paths, left_out)


_NO_TRL = ("trl", "trl-prompt-completion")
_EVERY = tuple(TRAINER_LAYOUTS)
FIELDS: Mapping[str, Field] = {
    "system": Field(
        ALL, (_beside(system="Be brief."), _beside(system="Be kind.")), ("Be brief.", "Be kind.")
    ),
    "input": Field(
        ("alpaca", "instruction_response", "prompt_response", "question_answer", "dolly",
         "question_response", "query_response", "self_instruct", "preference",
         "preference of alpaca"),
        (_context("in May"), _context("in June")), ("in May", "in June"),
    ),
    "history": Field(
        (*PAIRS, *PREFERENCES, "prompt_completion_messages"),
        (_beside(history=[["I am Ann.", "Hi."]]), _beside(history=[["I am Bo.", "Hi."]])),
        ("I am Ann.", "I am Bo."),
    ),
    "images": _media("image", ("axolotl",)),
    "videos": _media("video", (*_NO_TRL, "axolotl")),
    "audios": _media("audio", (*_NO_TRL, "axolotl")),
    "one image": Field(
        ALL, (_beside(image="one.png"), _beside(image="two.png")), ("one.png", "two.png"),
        ("axolotl",),
    ),
    "tools": Field(
        ALL, (_beside(tools=TOOL % 1), _beside(tools=TOOL % 2)), ("rain1", "rain2")
    ),
    "tools that are not JSON": Field(
        ALL, (_beside(tools="rain(city)"), _beside(tools="snow(city)")), ("", ""), _EVERY
    ),
    "calls": Field(
        OF_TURNS, (_calling(CALL), _calling(CALL.replace("1}", "2}"))),
        ("0.10000000000000000001", "0.10000000000000000002"),
    ),
    "weight": Field(
        OF_TURNS, (_marked("weight", 0), _marked("other", 0)), ("false", "Wrong."),
        ("trl", "llama-factory"),
    ),
    "train": Field(
        OF_TURNS, (_marked("train", False), _marked("train", True)), ("false", "Wrong."),
        ("trl", "llama-factory"),
    ),
    "loss": Field(
        OF_TURNS, (_marked("loss", False), _marked("loss", None)), ("false", "Wrong."),
        ("trl", "llama-factory"),
    ),
    "loss_weight": Field(
        OF_TURNS, (_marked("loss_weight", 0.0), _marked("loss_weight", 1.0)), ("false", "Wrong."),
        ("trl", "llama-factory"),
    ),
    "label": Field(
        ALL, (_beside(label=False), _beside(label=True)), ("", ANSWERED), _EVERY
    ),
    "second system": Field(
        OF_TURNS, (_second_system("Be brief."), _second_system("Be kind.")),
        ("Be brief.", "Be kind."), ("llama-factory", "ms-swift"),
    ),
    "a word like a mark": Field(
        ALL, (_asking("Is <image> a tag? "), _asking("Is <video> a tag? ")),
        ("<image>", "<video>"), ("llama-factory", "ms-swift"),
    ),
}  # fmt: skip
CELLS = [
    pytest.param(layout, name, id=f"{layout}-{name}")
    for name, field in FIELDS.items()
    for layout in field.layouts
]
# Only the first of the two is what the trainer cannot hold.
_FIRST_ONLY = frozenset({"weight", "train", "loss", "loss_weight", "label"})


PLAIN = Sample(Conversation((Message("user", "1 + 1"), Message("assistant", "2"))))


def _load(folder: Path, records: list[Record]) -> tuple[Block, ReadReport]:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    report = ReadReport()
    [block] = read_sources([SourceSpec(str(path))], report=report)
    assert report.set_aside == []
    return block, report


def test_every_layout_is_in_the_table() -> None:
    names = {layout.name for layout in LAYOUTS}
    assert {name.partition(" ")[0] for name in BASES} == names


@pytest.mark.parametrize(("layout", "name"), CELLS)
def test_a_field_tells_rows_apart_and_is_kept_or_left_out_and_counted(
    layout: str, name: str, tmp_path: Path
) -> None:
    field = FIELDS[name]
    records = [change(BASES[layout]) for change in field.values]
    block, report = _load(tmp_path, records)
    assert report.files[0].layout == layout.partition(" ")[0]
    assert len({sample.conversation.content_hash for sample in block.samples}) == 2

    for trainer in TRAINER_LAYOUTS:
        out = tmp_path / f"{trainer}.jsonl"
        for place, sample in enumerate(block.samples):
            # A plain row beside it, for a file without any row is not written.
            done = export_layout([sample, PLAIN], out, layout=trainer)
            rows = out.read_text(encoding="utf-8").splitlines()
            refused = trainer in field.left_out and not (place and name in _FIRST_ONLY)
            assert done.rows == len(rows) == 2 - refused, trainer
            assert sum(done.left_out.values()) == refused
            assert done.losses == {}
            if not refused and not _said_by_structure(trainer, name, place):
                assert field.tokens[place] in rows[0].replace('\\"', '"'), trainer
            if _said_by_structure(trainer, name, place):
                row = json.loads(rows[0])
                assert [turn["content"] for turn in row["completion"]] == [ANSWERED]


def _said_by_structure(trainer: str, name: str, place: int) -> bool:
    """TRL learns the completion alone, so a turn of the prompt that is not learned has no mark."""
    return trainer == "trl-prompt-completion" and name in _FIRST_ONLY - {"label"} and not place


@pytest.mark.parametrize(("layout", "name"), CELLS)
def test_a_copy_in_the_layout_of_the_data_keeps_the_field(
    layout: str, name: str, tmp_path: Path
) -> None:
    records = [change(BASES[layout]) for change in FIELDS[name].values]
    block, report = _load(tmp_path, records)

    for ending in ("jsonl", "json"):
        out = tmp_path / f"copy.{ending}"
        export_original(report.files, block.origins, out)
        text = out.read_text(encoding="utf-8")
        found = json.loads(text) if ending == "json" else [json.loads(r) for r in text.splitlines()]
        assert found == records


def test_a_pool_gives_back_every_cell_and_no_two_are_duplicates(tmp_path: Path) -> None:
    samples: list[Sample] = []
    origins: list[Origin] = []
    for layout in BASES:
        records = [
            change(BASES[layout])
            for field in FIELDS.values()
            if layout in field.layouts
            for change in field.values
        ]
        block, _ = _load(tmp_path, records)
        samples += block.samples
        origins += [origin._replace(file=len(origins)) for origin in block.origins]

    pool = build_pool([Block(samples, origins)], tmp_path)

    places = [origin.file * 1000 + origin.row for origin in pool.origins(np.arange(len(pool)))]
    given = {o.file * 1000 + o.row: sample for o, sample in zip(origins, samples, strict=True)}
    for place, sample in zip(places, pool.samples(np.arange(len(pool))), strict=True):
        assert sample.conversation == given[place].conversation
    hashes = {sample.conversation: sample.conversation.content_hash for sample in samples}
    assert len(set(hashes.values())) == len(hashes) == len(pool.unique[0])
