"""LLaMA-Factory: a data file in one of its two forms, and its entry in ``dataset_info.json``."""

import json
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from assay.errors import DataError
from assay.export.messages import (
    MEDIA_COLUMNS,
    Account,
    Holds,
    Json,
    UnfitSampleError,
    call_with_arguments,
    media_paths,
    text_with_media_marks,
    text_with_thinking,
    tool_schema,
    visible_text,
)
from assay.files import atomic_stream
from assay.formats.json_text import dumps
from assay.samples import MEDIA_KINDS, MediaKind, Message, Sample

INFO_NAME = "dataset_info.json"

_ALPACA_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "system": "system",
}
_CHAT_COLUMNS = {
    "messages": "conversations",
    "system": "system",
    "tools": "tools",
}
# Every mark in a text is a place for its trainer: it stops where they are not as many as the media.
HOLDS = Holds("LLaMA-Factory", MEDIA_KINDS, reads_marks=True)
# Its loader wants questions and tool results at odd places, answers and calls at even ones.
_ASKING = ("human", "observation")


def fits_alpaca(sample: Sample) -> bool:
    """Tell whether a sample is a question and an answer in plain text, with or without system."""
    messages = sample.conversation.messages
    roles = [message.role for message in messages]
    plain = not any(
        m.tool_calls or m.reasoning or m.weight is not None or any(map(m.media, MEDIA_KINDS))
        for m in messages
    )
    after_system = roles[1:] if roles[:1] == ["system"] else roles
    return plain and not sample.conversation.tools and after_system == ["user", "assistant"]


def alpaca_row(sample: Sample) -> Json:
    """Return a sample as instruction, input, output and system.

    Raises:
        UnfitSampleError: if the form cannot hold it.
    """
    HOLDS.check(sample)
    *system, question, answer = sample.conversation.messages
    return {
        "instruction": question.content,
        "input": question.context,
        "output": answer.content,
        "system": system[0].content if system else "",
    }


def media_kinds(samples: Iterable[Sample]) -> tuple[MediaKind, ...]:
    """Return the kinds of media that a file of these samples has columns for."""
    samples = list(samples)
    return tuple(
        kind
        for kind in MEDIA_KINDS
        if kind == "image" or any(media_paths(sample, kind) for sample in samples)
    )


def chat_row(sample: Sample, account: Account, kinds: Iterable[MediaKind]) -> Json:
    """Return a sample as turns, with system, tools and media in fields of their own.

    Args:
        sample: what is written.
        account: is told what the form cannot hold.
        kinds: media that the file has columns for.

    Raises:
        UnfitSampleError: if the form cannot hold it, or the turns do not alternate, which
            LLaMA-Factory skips.
    """
    HOLDS.check(sample)
    messages = list(sample.conversation.messages)
    system = messages.pop(0).content if messages and messages[0].role == "system" else ""
    losses: set[str] = set()
    turns = _joined_results([_turn(message, losses) for message in messages], losses)
    if len(turns) % 2 and turns[-1]["from"] in _ASKING:
        turns.pop()
        losses.add("the last turn, which has no answer")
    for place, turn in enumerate(turns):
        if (turn["from"] in _ASKING) != (place % 2 == 0):
            raise UnfitSampleError("turns that do not alternate between asking and answering")
    if not turns:
        raise UnfitSampleError("no answered turn")
    account.lose(losses)
    tools = [tool_schema(tool)["function"] for tool in sample.conversation.tools]
    return {
        "conversations": turns,
        "system": system,
        "tools": dumps(tools) if tools else "",
        **{MEDIA_COLUMNS[kind]: media_paths(sample, kind) for kind in kinds},
    }


def _turn(message: Message, losses: set[str]) -> dict[str, str]:
    if message.role == "system":
        raise UnfitSampleError("a system turn after the first turn")
    if message.role == "assistant" and message.tool_calls:
        if visible_text(message) or message.reasoning:
            losses.add("text or reasoning beside a tool call")
        calls = [call_with_arguments(call) for call in message.tool_calls]
        value = dumps(calls if len(calls) > 1 else calls[0])
        return {"from": "function_call", "value": value}
    name = {"user": "human", "assistant": "gpt", "tool": "observation"}[message.role]
    return {"from": name, "value": text_with_media_marks(message, text_with_thinking(message))}


def _joined_results(turns: list[dict[str, str]], losses: set[str]) -> list[dict[str, str]]:
    joined = []
    for name, group in groupby(turns, key=lambda turn: turn["from"]):
        same = list(group)
        if name == "observation" and len(same) > 1:
            losses.add("the border between several tool results")
            same = [{"from": name, "value": "\n".join(turn["value"] for turn in same)}]
        joined += same
    return joined


def check_entry(data_file: Path) -> None:
    """Check that `register` will work, before anything is written.

    Raises:
        DataError: if ``dataset_info.json`` is broken, or the name belongs to other data there.
    """
    info_path = data_file.parent / INFO_NAME
    known = _read_info(info_path).get(_entry_name(data_file))
    if isinstance(known, dict) and known.get("file_name") != data_file.name:
        raise DataError(
            f"{info_path} already has other data under the name {_entry_name(data_file)!r}",
            hint="choose another file name for the output",
        )


def register(data_file: Path, kinds: Iterable[MediaKind] | None) -> Path:
    """Add the data file to the ``dataset_info.json`` beside it and return that file's path.

    Args:
        data_file: what was written.
        kinds: media that it has columns for; None if it is of the alpaca form.
    """
    check_entry(data_file)
    info_path = data_file.parent / INFO_NAME
    info = _read_info(info_path)
    form: Json = {} if kinds is None else {"formatting": "sharegpt"}
    columns = _ALPACA_COLUMNS
    if kinds is not None:
        names = [MEDIA_COLUMNS[kind] for kind in kinds]
        columns = _CHAT_COLUMNS | dict(zip(names, names, strict=True))
    info[_entry_name(data_file)] = {"file_name": data_file.name, **form, "columns": columns}
    with atomic_stream(info_path) as stream:
        stream.write(json.dumps(info, ensure_ascii=False, indent=2).encode() + b"\n")
    return info_path


def _entry_name(data_file: Path) -> str:
    return data_file.name.partition(".")[0]


def _read_info(path: Path) -> Json:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_bytes())
    except ValueError as problem:
        raise DataError(
            f"{path} is not valid JSON: {problem}", hint="repair it or move it away"
        ) from problem
    if not isinstance(info, dict):
        raise DataError(f"{path} holds no JSON object", hint="repair it or move it away")
    return info
