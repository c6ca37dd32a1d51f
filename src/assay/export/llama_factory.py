"""LLaMA-Factory: a data file in one of its two forms, and its entry in ``dataset_info.json``."""

import json
from itertools import groupby
from pathlib import Path

from assay.errors import DataError
from assay.export.messages import (
    Account,
    Json,
    UnfitSampleError,
    call_with_arguments,
    image_paths,
    text_with_image_marks,
    text_with_thinking,
    tool_schema,
    visible_text,
)
from assay.files import atomic_stream
from assay.samples import Message, Sample

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
    "images": "images",
}
# Its loader wants questions and tool results at odd places, answers and calls at even ones.
_ASKING = ("human", "observation")


def fits_alpaca(sample: Sample) -> bool:
    """Tell whether a sample is a question and an answer in plain text, with or without system."""
    messages = sample.conversation.messages
    roles = [message.role for message in messages]
    plain = not any(m.tool_calls or m.images or m.reasoning for m in messages)
    after_system = roles[1:] if roles[:1] == ["system"] else roles
    return plain and not sample.conversation.tools and after_system == ["user", "assistant"]


def alpaca_row(sample: Sample) -> Json:
    """Return a sample as instruction, input, output and system."""
    *system, question, answer = sample.conversation.messages
    return {
        "instruction": question.content,
        "input": question.context,
        "output": answer.content,
        "system": system[0].content if system else "",
    }


def chat_row(sample: Sample, account: Account) -> Json:
    """Return a sample as turns, with system, tools and images in fields of their own.

    Raises:
        UnfitSampleError: if the turns do not alternate, which LLaMA-Factory skips.
    """
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
        "tools": json.dumps(tools, ensure_ascii=False) if tools else "",
        "images": image_paths(sample),
    }


def _turn(message: Message, losses: set[str]) -> dict[str, str]:
    if message.role == "system":
        raise UnfitSampleError("a system turn after the first turn")
    if message.role == "assistant" and message.tool_calls:
        if visible_text(message) or message.reasoning:
            losses.add("text or reasoning beside a tool call")
        calls = [call_with_arguments(call) for call in message.tool_calls]
        value = json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)
        return {"from": "function_call", "value": value}
    name = {"user": "human", "assistant": "gpt", "tool": "observation"}[message.role]
    return {"from": name, "value": text_with_image_marks(message, text_with_thinking(message))}


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


def register(data_file: Path, *, is_alpaca: bool) -> Path:
    """Add the data file to the ``dataset_info.json`` beside it and return that file's path."""
    check_entry(data_file)
    info_path = data_file.parent / INFO_NAME
    info = _read_info(info_path)
    form: Json = {} if is_alpaca else {"formatting": "sharegpt"}
    columns = _ALPACA_COLUMNS if is_alpaca else _CHAT_COLUMNS
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
