"""Turns as datasets write them, made into messages: roles, parts, tool calls, tools, media."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from assay.errors import did_you_mean
from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.json_text import dumps, number_of, once_each
from assay.formats.media import FIELDS, PART_KINDS, media_list, media_of
from assay.samples import MEDIA_KINDS, MediaKind, MediaRef, Message, Role, Tool, ToolCall

Turn = Mapping[str, object]

ROLE_NAMES: Mapping[str, Role] = {
    **dict.fromkeys(("user", "human", "prompter", "instruction", "query"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "chatgpt", "bing", "bard", "claude", "model", "bot", "chatbot", "ai"),
        "assistant",
    ),
    **dict.fromkeys(("function_call", "tool_call", "tool_calls"), "assistant"),
    **dict.fromkeys(("system", "developer", "system_prompt"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "ipython"), "tool"),
    **dict.fromkeys(
        ("tool_response", "tool_result", "function_response", "function_result"), "tool"
    ),
}
CALL_ROLES = frozenset({"function_call", "tool_call", "tool_calls"})
ROLE_KEYS = ("role", "from", "speaker")
CONTENT_KEYS = ("content", "value", "text")
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})
_REASONING_PARTS = frozenset({"thinking", "reasoning", "reasoning_text"})
# How much a turn counts in training, as trainers and providers call it; true is 1, false is 0.
_WEIGHT_KEYS = (
    "weight", "train", "training", "train_on_turn", "trainable",
    "loss", "loss_weight", "loss_scale",
)  # fmt: skip
_MASKED_KEYS = ("masked",)
_DETAIL_KEYS = ("train_detail", "training_detail")
_MARKS = frozenset({*_WEIGHT_KEYS, *_MASKED_KEYS, *_DETAIL_KEYS})


def turn_list(value: object) -> list[object] | None:
    """Return a list of turns, also where a table cell holds it as JSON text; None if it is none."""
    if isinstance(value, str) and value[:1] == "[":
        value = parsed_json(value)
    return value if isinstance(value, list) else None


def is_turn(value: object) -> bool:
    """Is this an object with a role and a content, whatever they are called?"""
    return (
        isinstance(value, dict)
        and any(key in value for key in ROLE_KEYS)
        and any(key in value for key in (*CONTENT_KEYS, "tool_calls", "function_call"))
    )


def message_of(turn: object) -> Message:
    """Make one message of a turn, whatever its keys are called.

    Raises:
        UnusableRecordError: if the role is unknown or the content is not text.
    """
    if not isinstance(turn, dict):
        raise UnusableRecordError(Fault.WRONG_TYPE, f"a turn is {type_name(turn)}, not an object")
    named = next((turn[key] for key in ROLE_KEYS if turn.get(key) is not None), None)
    role = role_of(named)
    content = next((turn[key] for key in CONTENT_KEYS if turn.get(key) is not None), None)
    if len(turn) == 2 and type(content) is str and named not in CALL_ROLES:
        return Message(role, content)
    return _full_message(turn, role, content)


def role_of(named: object) -> Role:
    """Return Assay's role for a dataset's word for it.

    Raises:
        UnusableRecordError: if the word is missing or not known.
    """
    role = ROLE_NAMES.get(named) if isinstance(named, str) else None
    if role is None and isinstance(named, str):
        role = ROLE_NAMES.get(named.strip().lower())
    if role is None:
        if named is None:
            raise UnusableRecordError(Fault.MISSING_FIELD, "a turn has no role")
        near = did_you_mean(str(named), ROLE_NAMES)
        detail = f"role {str(named)[:40]!r}" + (f"; {near}" if near else "")
        raise UnusableRecordError(Fault.UNKNOWN_ROLE, detail)
    return role


def _full_message(turn: Turn, role: Role, content: object) -> Message:
    parts = _Parts()
    calls = _tool_calls(turn)
    if turn_role(turn) in CALL_ROLES and isinstance(content, str):
        written = _written_calls(content)
        if written:
            calls, content = calls + written, ""
    parts.add(content)
    calls += tuple(parts.calls)
    reasoning = next((turn[key] for key in REASONING_KEYS if isinstance(turn.get(key), str)), "")
    if content is None and not calls and not reasoning:
        keys = [key for key in CONTENT_KEYS if key in turn]
        fault = Fault.NULL_FIELD if keys else Fault.MISSING_FIELD
        raise UnusableRecordError(fault, f"a turn of the {role} has no content")
    if role == "tool":
        calls += _answered_call(turn)
    return Message(
        role,
        "".join(parts.texts) if len(parts.texts) < 2 else "\n".join(parts.texts),
        reasoning="\n".join([cast("str", reasoning)] * bool(reasoning) + parts.reasoning),
        tool_calls=calls,
        images=(*parts.media["image"], *_own_media(turn, "image")),
        videos=(*parts.media["video"], *_own_media(turn, "video")),
        audios=(*parts.media["audio"], *_own_media(turn, "audio")),
        weight=_weight_of(turn, role),
    )


def _own_media(turn: Turn, kind: MediaKind) -> list[MediaRef]:
    """Return the media that a turn names beside its content."""
    found: list[MediaRef] = []
    for name in FIELDS[kind]:
        if name in turn:
            found += media_list(turn[name], kind)
    return found


def _weight_of(turn: Turn, role: Role) -> float | None:
    """Return how much a turn counts in training, None where it counts as its role does anyway."""
    if turn.keys().isdisjoint(_MARKS):
        return None
    if any(turn.get(key) for key in _DETAIL_KEYS):
        raise UnusableRecordError(
            Fault.UNKNOWN_PART, "a turn of which parts are learned and parts are not"
        )
    given = [weight for key in _WEIGHT_KEYS if (weight := _weight(turn.get(key), key)) is not None]
    given += [float(not turn[key]) for key in _MASKED_KEYS if isinstance(turn.get(key), bool)]
    # Where two fields differ, the turn is not to be learned more than either says.
    return weight_for(role, min(given, default=None))


def weight_for(role: Role, weight: float | None) -> float | None:
    """Return a weight, or None where a turn of that role has it anyway."""
    usual = 1.0 if role == "assistant" else 0.0
    return None if weight is None or weight == usual else weight


def _weight(value: object, key: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool | int | float) and math.isfinite(value) and value >= 0:
        if key == "loss" and value not in (0, 1):
            return None  # the loss that a model had, not a mark
        return float(value)
    raise UnusableRecordError(
        Fault.WRONG_TYPE, f"the {key!r} of a turn is {str(value)[:40]!r}, not true, false or >= 0"
    )


def turn_role(turn: Turn) -> str:
    """Return the dataset's own word for a turn's role, in lower case."""
    named = next((turn[key] for key in ROLE_KEYS if turn.get(key) is not None), "")
    return str(named).strip().lower()


class _Parts:
    """Collects the parts of a message's content."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reasoning: list[str] = []
        self.media: dict[MediaKind, list[MediaRef]] = {kind: [] for kind in MEDIA_KINDS}
        self.calls: list[ToolCall] = []

    def add(self, content: object) -> None:
        if content is None:
            return
        if isinstance(content, str):
            self.texts.append(content)
        elif isinstance(content, dict):
            self._add_part(content)
        elif isinstance(content, list):
            for part in content:
                self.add(part)
        else:
            raise UnusableRecordError(
                Fault.WRONG_TYPE, f"a turn's content is {type_name(content)}, not text"
            )

    def _add_part(self, part: Turn) -> None:
        kind = part.get("type", "text")
        if kind in _TEXT_PARTS:
            self._add_text(self.texts, part, ("text", "refusal", "value", "content"))
        elif kind in _REASONING_PARTS:
            self._add_text(self.reasoning, part, ("thinking", "reasoning", "text", "value"))
        elif isinstance(kind, str) and kind in PART_KINDS:
            media = media_of(part, PART_KINDS[kind])
            self.media[PART_KINDS[kind]].append(replace(media, apart=True))
        elif kind in {"tool_use", "tool_call"}:
            self.calls.append(_call_of(part))
        elif kind == "tool_result":
            self.add(part.get("content"))
        else:
            raise UnusableRecordError(Fault.UNKNOWN_PART, f"a part of type {str(kind)[:40]!r}")

    @staticmethod
    def _add_text(texts: list[str], part: Turn, keys: Sequence[str]) -> None:
        text = next((part[key] for key in keys if part.get(key) is not None), None)
        if not isinstance(text, str):
            raise UnusableRecordError(
                Fault.WRONG_TYPE, f"a text part holds {type_name(text)}, not text"
            )
        texts.append(text)


def _json_text(value: object) -> str:
    if value is None:
        return ""
    try:
        return value if isinstance(value, str) else dumps(value)
    except RecursionError:
        detail = "arguments or parameters are nested too deeply"
        raise UnusableRecordError(Fault.WRONG_TYPE, detail) from None


def _function_of(value: Turn) -> Turn:
    inner = value.get("function")
    return inner if isinstance(inner, dict) else value


def _call_of(value: object) -> ToolCall:
    call: Turn = value if isinstance(value, dict) else {}
    inner = _function_of(call)
    name = inner.get("name") or inner.get("tool_name")
    if not isinstance(name, str):
        raise UnusableRecordError(Fault.WRONG_TYPE, "a tool call has no name")
    given = (inner.get(key) for key in ("arguments", "parameters", "input"))
    arguments = next((value for value in given if value is not None), None)
    return ToolCall(name, _json_text(arguments), str(call.get("id") or ""))


def _tool_calls(turn: Turn) -> tuple[ToolCall, ...]:
    return tuple(call for key in ("tool_calls", "function_call") for call in _calls(turn, key))


def _calls(turn: Turn, key: str) -> list[ToolCall]:
    """Return the calls of a field: a list, one call, JSON text of either, or none where empty."""
    given = turn.get(key)
    if not given or (isinstance(given, str) and given.strip() in ("", "null")):
        return []
    value = parsed_json(given) if isinstance(given, str) else given
    if not isinstance(value, list | dict):
        shown = "text that is no JSON" if isinstance(given, str) else type_name(given)
        raise UnusableRecordError(Fault.WRONG_TYPE, f"the {key!r} of a turn is {shown}, not calls")
    return [_call_of(call) for call in (value if isinstance(value, list) else [value])]


def _answered_call(turn: Turn) -> tuple[ToolCall, ...]:
    """Keep which call a tool turn answers: a call without arguments, of that name and id."""
    name, call_id = turn.get("name"), turn.get("tool_call_id")
    if not isinstance(name, str) and not isinstance(call_id, str):
        return ()
    return (ToolCall(str(name or ""), "", str(call_id or "")),)


def parsed_json(text: str) -> object:
    """Return what JSON text says, or None if it is not JSON or gives a name twice."""
    try:
        return json.loads(text, parse_float=number_of, object_pairs_hook=once_each)
    except (ValueError, RecursionError):
        return None


def _written_calls(content: str) -> tuple[ToolCall, ...]:
    """Return the calls that a function_call turn spells out as JSON; none if it is not JSON."""
    value = parsed_json(content)
    calls = value if isinstance(value, list) else [value]
    if not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        return ()
    return tuple(_call_of(call) for call in calls)


def tools_of(value: object) -> tuple[Tool, ...]:
    """Return the tools a record offers, given as a list or as the JSON text of one.

    Text that is no JSON describes them to a reader: it is kept as one tool that has no name.

    Raises:
        UnusableRecordError: if a tool has no name.
    """
    if isinstance(value, str):
        parsed = parsed_json(value) if value.strip() else None
        if value.strip() and not isinstance(parsed, list | dict | None):
            parsed = None
        if parsed is None and value.strip() not in ("", "null"):
            return (Tool("", value),)
        value = parsed
    if isinstance(value, dict):
        value = [value]
    if value is not None and not isinstance(value, list):
        raise UnusableRecordError(Fault.WRONG_TYPE, f"tools are {type_name(value)}, not a list")
    return tuple(_tool_of(tool) for tool in value or ())


def _tool_of(value: object) -> Tool:
    if isinstance(value, str):
        parsed = parsed_json(value)
        if not isinstance(parsed, dict):
            return Tool("", value)
        value = parsed
    inner = _function_of(value if isinstance(value, dict) else {})
    name = inner.get("name")
    if not isinstance(name, str):
        raise UnusableRecordError(Fault.WRONG_TYPE, "a tool has no name")
    schema = inner.get("parameters")
    if schema is None:
        schema = inner.get("input_schema")
    return Tool(name, str(inner.get("description") or ""), _json_text(schema))
