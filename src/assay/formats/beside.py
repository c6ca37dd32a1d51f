"""What a record holds beside its turns: system prompt, earlier turns, tools, media, a verdict.

The same fields mean the same in every layout, so every layout reads them here.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.fields import not_text, resolve
from assay.formats.labels import Record
from assay.formats.media import FIELDS, OBJECTS, boxes_of, media_list, place_media
from assay.formats.turns import is_turn, message_of, tools_of, turn_list
from assay.samples import MEDIA_KINDS, MediaKind, Message, Tool

SYSTEM = ("system", "system_prompt")
HISTORY = ("history",)
TOOLS = ("tools", "functions")
# What trainers that learn from single verdicts (KTO) call the field that holds true or false.
LABEL = ("label", "kto_tag")


@dataclass(frozen=True)
class Beside:
    """Names of the fields of a record that stand beside its turns; none for those it lacks.

    Where a record has a field under several names, each counts that says something else. `label`
    and `objects` are read and stay among the record's own values, since they may be about something
    else; only where `label` is surely a verdict, the words true and false are one, too (`spelled`).
    """

    system: tuple[str, ...] = ()
    history: str | None = None
    tools: tuple[str, ...] = ()
    label: str | None = None
    spelled: bool = False
    media: tuple[tuple[MediaKind, tuple[str, ...]], ...] = ()
    objects: str | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """Fields that are wholly part of the conversation."""
        history = () if self.history is None else (self.history,)
        media = (name for _, names in self.media for name in names)
        return (*self.system, *history, *self.tools, *media)

    @cached_property
    def found(self) -> bool:
        """Is there any such field?"""
        return bool(self.used) or self.label is not None or self.objects is not None

    def complete(
        self, record: Record, messages: Sequence[Message]
    ) -> tuple[Sequence[Message], tuple[Tool, ...]]:
        """Return the messages with all that the record says about them, and the tools it offers.

        Raises:
            UnusableRecordError: if one of the fields holds something that cannot be used.
        """
        shows = bool(self.media) or _show_something(messages)
        if not shows and not self.found:
            return messages, ()
        found = list(messages)
        if self.history is not None:
            found = _with_history(found, record[self.history], self.history)
        for name in reversed(self.system):
            found = with_system(found, record, name)
        given = dict(self.media)
        for kind in MEDIA_KINDS if shows else ():
            lists = [tuple(media_list(record[name], kind)) for name in given.get(kind, ())]
            found = place_media(found, kind, [ref for refs in dict.fromkeys(lists) for ref in refs])
        if self.objects is not None:
            found = _with_boxes(found, boxes_of(record[self.objects]))
        if self.label is not None and _is_rejected(record[self.label], self.spelled):
            # Nothing in the record is to be learned.
            found = [replace(m, weight=0.0) if m.role == "assistant" else m for m in found]
        if not self.tools:
            return found, ()
        offered = [tool for name in self.tools for tool in tools_of(record[name])]
        return found, tuple(dict.fromkeys(offered))


def bind_beside(
    fields: Sequence[str], taken: Collection[str | None], *, history: bool = False
) -> Beside:
    """Return which of the fields of a record stand beside its turns.

    Args:
        fields: names of the record's fields.
        taken: those that the layout itself reads.
        history: does the layout have earlier turns in a field of their own?
    """
    free = [name for name in fields if name not in taken]
    media = [(kind, tuple(_named(free, names))) for kind, names in FIELDS.items()]
    names = {name.lower() for name in fields}
    return Beside(
        tuple(_named(free, SYSTEM)),
        resolve(free, HISTORY) if history else None,
        tuple(_named(free, TOOLS)),
        resolve(free, LABEL),
        LABEL[1] in names or names >= {"prompt", "completion", LABEL[0]},
        tuple((kind, own) for kind, own in media if own),
        OBJECTS if OBJECTS in free else None,
    )


def _named(fields: Sequence[str], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from (field for field in fields if field.lower() == name)


def _show_something(messages: Sequence[Message]) -> bool:
    # A plain loop: this runs for every record.
    for message in messages:  # noqa: SIM110
        if message.images or message.videos or message.audios:
            return True
    return False


def _is_rejected(verdict: object, spelled: bool) -> bool:
    if spelled and isinstance(verdict, str):  # as a table of texts has it
        return verdict.strip().lower() == "false"
    return verdict is False


def with_system(messages: list[Message], record: Record, name: str) -> list[Message]:
    """Return the messages after the record's system prompt, unless they open with the same one.

    Raises:
        UnusableRecordError: if the prompt is no text.
    """
    system = record[name]
    if not system:
        return messages
    if not isinstance(system, str):
        raise not_text(record, name)
    opening = takewhile(lambda message: message.role == "system", messages)
    if any(message.content.strip() == system.strip() for message in opening):
        return messages
    return [Message("system", system), *messages]


def _with_boxes(messages: list[Message], boxes: str) -> list[Message]:
    """Give what is where in the pictures to the first turn that shows one, else to the first."""
    if not boxes or not messages:
        return messages
    first = next((place for place, message in enumerate(messages) if message.images), 0)
    changed = replace(messages[first], boxes=boxes)
    return [*messages[:first], changed, *messages[first + 1 :]]


def _with_history(messages: list[Message], value: object, name: str) -> list[Message]:
    """Put earlier turns, pairs of texts or turns with roles, after the opening system prompts."""
    if not value:
        return messages
    turns = turn_list(value)
    if turns is None:
        detail = f"field {name!r} is {type_name(value)}, not a list of earlier turns"
        raise UnusableRecordError(Fault.WRONG_TYPE, detail)
    opening = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    earlier = [message for turn in turns for message in _earlier(turn, name)]
    return [*messages[:opening], *earlier, *messages[opening:]]


def _earlier(turn: object, name: str) -> list[Message]:
    if is_turn(turn):
        return [message_of(turn)]
    pair = turn if isinstance(turn, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(text, str) for text in pair):
        detail = f"a turn of {name!r} is not a pair of texts"
        raise UnusableRecordError(Fault.WRONG_TYPE, detail)
    return [Message("user", pair[0]), Message("assistant", pair[1])]
