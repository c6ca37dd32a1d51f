"""Pictures, films and sounds as datasets refer to them, and their places in a conversation."""

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.json_text import RepeatedNameError, once_each
from assay.samples import MEDIA_KINDS, MediaKind, MediaRef, Message

MARKS: Mapping[MediaKind, str] = {kind: f"<{kind}>" for kind in MEDIA_KINDS}
PART_KINDS: Mapping[str, MediaKind] = {
    name: kind for kind in MEDIA_KINDS for name in (kind, f"{kind}_url", f"input_{kind}")
}
"""Types of the parts of a message, and what they hold."""

FIELDS: Mapping[MediaKind, tuple[str, ...]] = {kind: (f"{kind}s", kind) for kind in MEDIA_KINDS}
"""Names of the fields of a record that hold media, in any case."""
OBJECTS = "objects"
"""The field of a record that says what is where in its pictures, as ms-swift calls it."""
_WORDS: Mapping[MediaKind, str] = {
    "image": "an image", "video": "a video", "audio": "an audio file"
}  # fmt: skip
_UNNAMED = b""
_BOX_FIELDS = ("bbox", "ref")
# As `datasets` and trainers call them; the kind's own names come first.
_KEYS = ("url", "path", "source", "data", "file", "filename")


def is_media_field(name: str) -> bool:
    """Is this what a record calls a field of media?"""
    return any(name.lower() in names for names in FIELDS.values())


def media_of(value: object, kind: MediaKind) -> MediaRef:
    """Return a reference to what a path, an address, bytes or a part of a message names.

    A part that names nothing stands for the next of the record's own list.

    Raises:
        UnusableRecordError: if it is none of these.
    """
    while isinstance(value, Mapping):
        held = value.get("bytes")
        if isinstance(held, bytes) and held:
            return MediaRef("", _digest(held))
        inline = _inline(value, kind)
        if inline is not None:
            return inline
        keys = (f"{kind}_url", kind, f"input_{kind}", *_KEYS)
        value = next((value[key] for key in keys if value.get(key) is not None), "")
    if isinstance(value, bytes):
        return MediaRef("", _digest(value))
    if type(value) is int:
        value = str(value)  # the number of a picture in a collection
    if not isinstance(value, str):
        raise UnusableRecordError(
            Fault.WRONG_TYPE, f"{_WORDS[kind]} is {type_name(value)}, not a path or an address"
        )
    return MediaRef(value, _digest(value.encode()) if value else _UNNAMED)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _inline(value: Mapping[str, object], kind: MediaKind) -> MediaRef | None:
    """Return what is spelled out in base 64 beside its type, as an address that holds it."""
    data = value.get("data")
    form = value.get("media_type") or value.get("mime_type") or value.get("format")
    if not isinstance(data, str) or not data or not isinstance(form, str):
        return None
    media_type = form if "/" in form else f"{kind}/{form}"
    return MediaRef(f"data:{media_type};base64,{data}", _digest(data.encode()))


def media_list(value: object, kind: MediaKind) -> list[MediaRef]:
    """Return the references of a field: one, a list, JSON text of a list, or none where empty."""
    if isinstance(value, str) and value[:1] == "[":
        try:
            value = json.loads(value, object_pairs_hook=once_each)
        except RepeatedNameError as error:
            raise UnusableRecordError(Fault.REPEATED_FIELD, str(error)) from error
        except (ValueError, RecursionError):
            pass  # a path may begin with a bracket
    items = value if isinstance(value, list) else [value]
    # A list holds null where a table had a row without one.
    found = [media_of(item, kind) for item in items if not _is_nothing(item)]
    if any(ref.digest == _UNNAMED for ref in found):
        raise UnusableRecordError(Fault.MISSING_FIELD, f"{_WORDS[kind]} has no path and no bytes")
    return found


def boxes_of(value: object) -> str:
    """Return what a field `objects` says about pictures as JSON text; "" where it has no boxes.

    The field may be JSON text itself; what is null or empty in it says nothing.
    """
    if isinstance(value, str) and value[:1] == "{":
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
    if not isinstance(value, Mapping) or not any(value.get(name) for name in _BOX_FIELDS):
        return ""
    told = {name: held for name, held in value.items() if held not in (None, [])}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, default=str)


def _is_nothing(item: object) -> bool:
    # In a table, a picture that is not there may be one whose every field is null.
    is_null = isinstance(item, Mapping) and all(value is None for value in item.values())
    return item is None or item == "" or is_null


def with_media(message: Message, kind: MediaKind, refs: Sequence[MediaRef]) -> Message:
    """Return a message with these references of one kind in place of its own."""
    match kind:
        case "image":
            return replace(message, images=tuple(refs))
        case "video":
            return replace(message, videos=tuple(refs))
        case "audio":
            return replace(message, audios=tuple(refs))


def place_media(
    messages: Sequence[Message], kind: MediaKind, given: Sequence[MediaRef]
) -> list[Message]:
    """Give a record's references to the turns that have a place for them, else to the first user.

    A place is a part of the kind that names nothing, or a mark in the text. Marks in answers are
    words, unless all marks together are as many as the references and the questions' are fewer.
    """
    waiting = list(given)
    placed = [_filled(message, kind, waiting) for message in messages]
    counts = [_marks(message, kind) for message in placed]
    asked = [0 if m.role == "assistant" else n for m, n in zip(placed, counts, strict=True)]
    if not 0 < sum(asked) < len(waiting) == sum(counts):
        counts = asked
    for place, count in enumerate(counts):
        taken, waiting = waiting[:count], waiting[count:]
        if taken:
            placed[place] = with_media(placed[place], kind, taken)
    if waiting and placed:
        users = [place for place, message in enumerate(placed) if message.role == "user"]
        first = users[0] if users else 0
        loose = [replace(ref, apart=True) for ref in waiting]
        placed[first] = with_media(placed[first], kind, (*placed[first].media(kind), *loose))
    return placed


def _filled(message: Message, kind: MediaKind, waiting: list[MediaRef]) -> Message:
    refs = message.media(kind)
    if all(ref.digest != _UNNAMED for ref in refs):
        return message
    filled = []
    for ref in refs:
        if ref.digest != _UNNAMED:
            filled.append(ref)
        elif waiting:
            filled.append(replace(waiting.pop(0), apart=True))
        else:
            raise UnusableRecordError(
                Fault.MISSING_FIELD, f"{_WORDS[kind]} of a turn names no file"
            )
    return with_media(message, kind, filled)


def _marks(message: Message, kind: MediaKind) -> int:
    # Beside parts of the kind, a mark in the text is a word.
    if message.media(kind):
        return 0
    return message.content.count(MARKS[kind]) + message.context.count(MARKS[kind])
