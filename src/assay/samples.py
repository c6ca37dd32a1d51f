"""The nouns of Assay: messages, conversations, samples, and why a row has no number.

Arrays are in canonical order, ascending id, unless a docstring says otherwise.
"""

import enum
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.echo import Brief

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.int64]
IdArray = NDArray[np.uint64]
ReasonArray = NDArray[np.uint8]
FlagArray = NDArray[np.uint16]

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
Attribute = Literal["source", "split", "task", "language"]
"""A word that every sample has; empty where the data do not say."""
Part = Literal["instruction", "prompt", "response", "conversation"]
"""A text of a sample; the response is what all assistant turns say."""

_length = struct.Struct("<I").pack


class Reason(enum.IntEnum):
    """Why a row has no value. Stored as uint8; 0 means that it has one."""

    OK = 0
    # Nature: the row is what it is, and nothing went wrong.
    EMPTY_RESPONSE = 1
    EMPTY_PROMPT = 2
    NO_SCORED_TOKENS = 3
    ZERO_DENOMINATOR = 4
    NO_WORDS = 5
    NOT_IMPORTED = 6
    TOO_SHORT = 7
    NO_RULE = 8
    AMBIGUOUS = 12
    # Failure: something went wrong; these count against the limit on unscored rows.
    PARSE_FAILED = 20
    OUT_OF_RANGE = 21
    REFUSED = 22
    REPLY_TRUNCATED = 23
    TOO_LONG = 24
    NON_FINITE = 25
    FORMAT_REFUSED = 26
    ANSWER_NOT_FOUND = 27
    # Unfinished: never stored as done, so that a rerun goes on with them.
    NOT_ASKED = 40
    BUDGET_SKIPPED = 41
    TRANSIENT = 42
    # Selection: why a row was not chosen.
    BELOW_RULE = 60
    NEAR_DUPLICATE = 61
    CONTAMINATED = 62
    HELD_OUT = 63
    QUOTA = 64
    NOT_CHOSEN = 65
    FILTERED = 66
    OFF_TARGET = 67
    FLAGGED = 68

    @property
    def kind(self) -> Literal["ok", "nature", "failure", "unfinished", "selection"]:
        """Return the family a reason belongs to."""
        for bound, kind in ((1, "ok"), (20, "nature"), (40, "failure"), (60, "unfinished")):
            if self < bound:
                return kind  # type: ignore[return-value]
        return "selection"


UNFINISHED = tuple(int(reason) for reason in Reason if reason.kind == "unfinished")
"""Codes of rows whose work goes on in the next run; they are never stored as done."""
TO_COME = tuple(code for code in UNFINISHED if code != Reason.NOT_ASKED)
"""Of these, the codes of rows that the next run asks about by itself."""


class Flag(enum.IntFlag):
    """What a reader should know about a value that stands. Stored as uint16."""

    NONE = 0
    ONE_TOKEN = 1
    FEW_TOKENS = 2
    RESPONSE_TRUNCATED = 4
    PROMPT_TRUNCATED = 8
    BOUNDARY_MERGE = 16
    INJECTION_SUSPECT = 32
    SEEN_IN_TRAINING = 64
    ZERO_VECTOR = 128
    FEW_WORDS = 256
    TEXT_TRUNCATED = 512
    EMPTY_PROMPT = 1024
    PROMPT_LOST = 2048
    FEW_BYTES = 4096
    PARTLY_RENDERED = 8192
    EMPTY_REPLY = 16384
    BEYOND_LABELS = 32768

    @property
    def names(self) -> tuple[str, ...]:
        """Return the flags that are raised by their names, as parameters spell them."""
        return tuple(str(flag.name).lower() for flag in self)

    @property
    def words(self) -> str:
        """Return the flags that are raised as a person reads them."""
        return ", ".join(self.names).replace("_", " ")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool by the assistant; `arguments` is JSON text as it came."""

    name: str
    arguments: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool offered to the assistant; `parameters` is JSON schema text as it came."""

    name: str
    description: str = ""
    parameters: str = ""


MediaKind = Literal["image", "video", "audio"]
MEDIA_KINDS: tuple[MediaKind, ...] = ("image", "video", "audio")


@dataclass(frozen=True, slots=True)
class MediaRef:
    """A picture, film or sound of a message: a reference, never the thing itself.

    Attributes:
        path: where it lies; empty if the data file itself holds its bytes.
        digest: 16 bytes of blake2b over its bytes, if the data holds them, else over the path.
        apart: it came as a part of its own, so no mark in the text, such as ``<image>``, is its
            place; of the others, the first marks of the text are the places.
    """

    path: str
    digest: bytes
    apart: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Message(Brief):
    """One turn of a conversation.

    `context` is Alpaca's input or Dolly's context: templates render it apart from the instruction.
    `reasoning` is the hidden thinking some datasets carry beside the visible answer.
    `weight` is how much the turn counts in training where the data says something else than is
    usual, which is that answers are learned and all else is not; 0 is an answer that is not.
    `boxes` says what is where in the pictures of the whole record, as JSON text; the first turn
    that shows one has it, or the first turn of all.
    """

    role: Role
    content: str
    context: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    images: tuple[MediaRef, ...] = ()
    videos: tuple[MediaRef, ...] = ()
    audios: tuple[MediaRef, ...] = ()
    weight: float | None = None
    boxes: str = ""

    @property
    def learned(self) -> bool:
        """Is this an answer that a model is to learn? Any other turn is context."""
        return self.role == "assistant" and self.weight != 0

    def media(self, kind: MediaKind) -> tuple[MediaRef, ...]:
        """Return the references of one kind in order."""
        return {"image": self.images, "video": self.videos, "audio": self.audios}[kind]


# No text is as long as this says, so nothing else in a hash can be taken for it.
_MORE = b"\xff\xff\xff\xff"
_no_calls_no_images = _length(0) * 2


def _counted(text: str) -> bytes:
    """Return a text as bytes after their number."""
    encoded = text.encode()
    return _length(len(encoded)) + encoded


def _calls_and_images(message: Message) -> bytes:
    parts = [_length(len(message.tool_calls))]
    for call in message.tool_calls:
        parts += map(_counted, (call.name, call.arguments, call.call_id))
    parts.append(_length(len(message.images)))
    parts += [image.digest for image in message.images]
    return b"".join(parts)


def _later_fields(message: Message) -> bytes:
    """Return what is hashed of fields that most messages lack, so that theirs stay as they were."""
    parts = [_MORE]
    for refs in (message.videos, message.audios):
        parts.append(_length(len(refs)))
        parts += [ref.digest for ref in refs]
    parts.append(_counted("" if message.weight is None else repr(float(message.weight))))
    if message.boxes:
        parts += [_MORE, _counted(message.boxes)]
    return b"".join(parts)


@dataclass(frozen=True, repr=False)
class Conversation(Brief):
    """What a cached pass may read, and nothing else."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()

    @property
    def content_hash(self) -> bytes:
        """16 bytes of blake2b over every field, each preceded by its length in bytes.

        Raises:
            UnicodeEncodeError: if a text holds a lone surrogate, which no UTF-8 file can hold.
        """
        parts = [_length(len(self.messages)), _length(len(self.tools))]
        for message in self.messages:
            # Most messages are plain, and this runs for every row of a load.
            content, context = message.content.encode(), message.context.encode()
            reasoning = message.reasoning.encode()
            parts += (
                message.role.encode(),
                _length(len(content)), content,
                _length(len(context)), context,
                _length(len(reasoning)), reasoning,
                _calls_and_images(message) if message.tool_calls or message.images
                else _no_calls_no_images,
            )  # fmt: skip
            if message.videos or message.audios or message.weight is not None or message.boxes:
                parts.append(_later_fields(message))
        for tool in self.tools:
            parts += map(_counted, (tool.name, tool.description, tool.parameters))
        return hashlib.blake2b(b"".join(parts), digest_size=16).digest()

    @property
    def prompt(self) -> str:
        """All that is said before the last answer to be learned, joined by line breaks."""
        last = self.last_answer
        before = self.messages if last is None else self.messages[:last]
        return "\n".join(
            text for message in before for text in (message.content, message.context) if text
        )

    @property
    def question(self) -> str:
        """What is asked: the prompt, or everything where the last word is not the assistant's."""
        if self.messages and self.messages[-1].role == "assistant":
            return self.prompt
        return "\n".join(text for m in self.messages for text in (m.content, m.context) if text)

    @property
    def instruction(self) -> str:
        """Text of the first user turn, without its context."""
        return next((m.content for m in self.messages if m.role == "user"), "")

    @property
    def response(self) -> str:
        """Visible text of the last answer to be learned; empty if there is none."""
        last = self.last_answer
        return "" if last is None else self.messages[last].content

    @property
    def responses(self) -> str:
        """Visible text of all answers to be learned, joined by line breaks."""
        return "\n".join(m.content for m in self.messages if m.learned)

    @property
    def learned_turns(self) -> tuple[int, ...]:
        """Which assistant turns, counted from 0, are to be learned; most often all."""
        turns = [message for message in self.messages if message.role == "assistant"]
        return tuple(turn for turn, message in enumerate(turns) if message.learned)

    @property
    def text(self) -> str:
        """Everything a person would read, in order, joined by line breaks."""
        return "\n".join(
            text for m in self.messages for text in (m.content, m.context, m.reasoning) if text
        )

    @property
    def last_answer(self) -> int | None:
        """Which message is the last answer to be learned, counted from 0; None if there is none."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].learned:
                return index
        return None


@dataclass(frozen=True, slots=True, repr=False)
class Sample(Brief):
    """A conversation and where it came from; provenance is never an input of a cached pass."""

    conversation: Conversation
    source: str = ""
    split: str = ""
    task: str = ""
    language: str = ""
    external_id: str | None = None
    meta: Mapping[str, object] = field(default_factory=dict)


class Origin(NamedTuple):
    """The place of a sample in the files it was read from.

    `file` counts the files of the whole load from 0, `row` the records of that file from 0, and
    `part` the samples of one record (Self-Instruct holds several). `byte_offset` and
    `byte_length` delimit the record in the *uncompressed* file; -1 for columnar files.
    """

    file: int
    row: int
    part: int = 0
    byte_offset: int = -1
    byte_length: int = -1


@dataclass(frozen=True, repr=False)
class Scores(Brief):
    """One number per row, with grounds of its own where there is none.

    `values` shape (n,), NaN where `reason` is not 0; `reason` shape (n,) uint8; `flags` shape (n,).
    """

    values: FloatArray
    reason: ReasonArray
    flags: FlagArray | None = None


@dataclass(frozen=True, repr=False)
class Selection(Brief):
    """What a selector chose, in the order in which it chose it.

    Attributes:
        indices: shape (k,), positions in canonical order, no repeats.
        gains: shape (k,), what each pick added, in `gain_unit`; NaN where a pick had no gain.
        nested: is every prefix the answer to the smaller budget in rows? Of a selection under a
            budget in tokens the engine denies it: a smaller one passes over a long row for a
            shorter one behind it.
        stop: why the selector stopped.
        gain_unit: what a gain measures, such as "cosine distance".
        rejected: positions that were ruled out, by reason; the rest is NOT_CHOSEN.
    """

    indices: IndexArray
    gains: FloatArray
    nested: bool
    stop: Literal["budget", "exhausted", "no_gain"]
    gain_unit: str = ""
    rejected: Mapping[Reason, IndexArray] = field(default_factory=dict)
