"""Replies of a local model: rows that are read together, a token at a time, until each has ended.

Which rows are together is a function of the prompts and of the model, never of time or of what was
written: rows by falling length, so many that all of them have room if all take their whole limit.
A row that has ended leaves its batch, and nobody takes its place. So a run that is stopped and goes
on gives the same replies. Across batches, devices and versions a probability is the same up to
rounding; where two tokens are as probable as that, or a random number lies as near a border, the
reply goes another way from there.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.backends.drawing import NO_TOKEN
from assay.components.decoding import Decoding
from assay.errors import FeatureError, Parameter, Phrase
from assay.models.generation import Finish, Prompts, Replies
from assay.models.language_model import Advance, Kept
from assay.random_numbers import row_uniform
from assay.rendering.encoding import TokenIds
from assay.samples import FloatArray, IndexArray, Reason

_SLACK = 8  # tokens before a stop text that are looked at with it: bytes of a letter, blanks


class NoRoomError(Exception):
    """Rows that are read together do not fit into memory."""


class Batch(ABC):
    """Prompts that were read together, and what is written after them."""

    @abstractmethod
    def choose(self, decoding: Decoding, uniforms: FloatArray | None) -> IndexArray:
        """Return the next token of each row, -1 where there are no numbers. Shape (b,)."""

    @abstractmethod
    def go_on(self, tokens: IndexArray, staying: NDArray[np.bool_]) -> None:
        """Read the next token of the rows that stay, and forget the others.

        Args:
            tokens: of the rows that stay. Shape (k,).
            staying: shape (b,), k of them true.
        """

    can_be_kept: bool = True
    """Whether `state` tells all that going on needs."""

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that going on needs, for the model's `resume`, without the replies."""


class Writes(Protocol):
    """A model that writes."""

    @property
    def eos(self) -> int | None:
        """Return the id of the token that ends a text, if there is one."""

    @property
    def ends(self) -> tuple[int, ...]:
        """Return all tokens that end any text of the model."""

    def together(self, tokens: int) -> int:
        """Return how many rows are read together that have so many tokens each, reply included."""

    def begin(self, prompts: Sequence[TokenIds]) -> Batch:
        """Return some prompts, read."""

    def resume(self, state: Mapping[str, NDArray[Any]]) -> Batch:
        """Return a batch of which `state` told how far it was."""

    def shown(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sequence, without special tokens."""


@dataclass
class _Reply:
    """One reply, as far as it is."""

    most: int
    ids: list[int] = field(default_factory=list)
    finish: Finish = Finish.NONE
    reason: Reason = Reason.OK

    @property
    def over(self) -> bool:
        return self.finish != Finish.NONE or self.reason != Reason.OK


class _Job(NamedTuple):
    """How replies are written, all tokens that end one, and where they are kept."""

    decoding: Decoding
    ends: frozenset[int]
    kept: Kept


class _Written(NamedTuple):
    """A reply as it is kept: its tokens and how it ended."""

    ids: TokenIds
    finish: int
    reason: int


def generate_batches(
    model: Writes, prompts: Prompts, decoding: Decoding, advance: Advance, kept: Kept
) -> Replies:
    """Return a reply to every prompt.

    Args:
        model: what writes.
        prompts: what is replied to; those that would get the same reply get it once.
        decoding: how.
        advance: called with the number of prompts done, as they are.
        kept: batches that a stopped run has done already, and where this one keeps its own.
    """
    first, number_of = _different(prompts, decoding)
    repeats = np.bincount(number_of, minlength=len(first))
    written: dict[int, _Written] = {}
    job = _Job(decoding, frozenset((*model.ends, *prompts.ends)), kept)
    for members in _batches(model, prompts, first):
        places = first[members]
        key = _key(prompts, places, job)
        answer = kept.find(key)
        if answer is None:
            answer = _packed(_write_in_room(model, prompts, places, job))
            kept.keep(key, answer)
        written.update(zip(members.tolist(), _unpacked(answer), strict=True))
        advance(int(repeats[members].sum()))
    return _replies(model, [written[number] for number in number_of.tolist()], decoding)


def _different(prompts: Prompts, decoding: Decoding) -> tuple[IndexArray, IndexArray]:
    """Return the first place of each prompt whose reply is its own, and each prompt's number."""
    numbers: dict[tuple[bytes, int, int], int] = {}
    first: list[int] = []
    number_of = []
    for place, ids in enumerate(prompts.sequences):
        stream = 0 if decoding.is_greedy else int(prompts.streams[place])
        key = (ids.tobytes(), int(prompts.most[place]), stream)
        if key not in numbers:
            numbers[key] = len(first)
            first.append(place)
        number_of.append(numbers[key])
    return np.array(first, np.int64), np.array(number_of, np.int64)


def _batches(model: Writes, prompts: Prompts, first: IndexArray) -> Sequence[IndexArray]:
    """Return numbers of prompts in batches, by falling length, ties by number."""
    lengths = np.array([len(prompts.sequences[place]) for place in first], np.int64)
    most = int(prompts.most[first].max(initial=1))
    order = np.argsort(-lengths, kind="stable")
    made = []
    start = 0
    while start < len(order):
        size = max(1, model.together(int(lengths[order[start]]) + most))
        made.append(order[start : start + size])
        start += size
    return made


def _key(prompts: Prompts, places: IndexArray, job: _Job) -> bytes:
    """Return what tells a batch from every other: its prompts in order, and how it is written."""
    decoding = job.decoding
    state = hashlib.blake2b(repr((decoding, sorted(job.ends))).encode(), digest_size=16)
    for place in places.tolist():
        stream = 0 if decoding.is_greedy else int(prompts.streams[place])
        ids = prompts.sequences[place]
        state.update(f"{len(ids)} {prompts.most[place]} {stream} ".encode())
        state.update(np.ascontiguousarray(ids, np.int32).tobytes())
    return state.digest()


def _write_in_room(
    model: Writes,
    prompts: Prompts,
    places: IndexArray,
    job: _Job,
) -> list[_Reply]:
    """Return the replies of a batch, which is cut into halves until each fits into memory.

    Raises:
        FeatureError: if not even one row does.
    """
    try:
        return _write(model, prompts, places, job)
    except NoRoomError as error:
        if len(places) == 1:
            tokens = len(prompts.sequences[places[0]])
            raise FeatureError(
                f"a reply to {tokens:,} tokens does not fit into memory",
                hint=Phrase(
                    "a smaller {}, a lower {}, or another {}",
                    Parameter("decoding.max_new_tokens"),
                    Parameter("dtype"),
                    Parameter("device"),
                ),
            ) from error
    middle = len(places) // 2
    halves = (places[:middle], places[middle:])
    return [reply for half in halves for reply in _write_in_room(model, prompts, half, job)]


def _write(
    model: Writes,
    prompts: Prompts,
    places: IndexArray,
    job: _Job,
) -> list[_Reply]:
    key = _key(prompts, places, job)
    replies, batch = _begun(model, prompts, places, job.kept.held(key))
    stops = _Stops(job.decoding.stop, model.shown)
    alive = np.flatnonzero([not reply.over for reply in replies])
    while len(alive):
        uniforms = None
        if not job.decoding.is_greedy:
            step = len(replies[alive[0]].ids)
            uniforms = row_uniform(
                prompts.streams[places[alive]], seed=job.decoding.seed, purpose=f"token {step}"
            )
        chosen = batch.choose(job.decoding, uniforms)
        for row, token in zip(alive.tolist(), chosen.tolist(), strict=True):
            _add(replies[row], token, job.ends, stops)
        staying = np.array([not replies[row].over for row in alive.tolist()])
        alive = alive[staying]
        if len(alive):
            batch.go_on(chosen[staying], staying)
            if batch.can_be_kept:
                job.kept.hold(key, lambda: _packed(replies) | batch.state())
    return replies


def _begun(
    model: Writes,
    prompts: Prompts,
    places: IndexArray,
    held: Mapping[str, NDArray[Any]] | None,
) -> tuple[list[_Reply], Batch]:
    """Return the replies and the batch as far as a stopped run was, or from the beginning."""
    replies = [_Reply(int(prompts.most[place])) for place in places]
    if held is None:
        return replies, model.begin([prompts.sequences[place] for place in places])
    for reply, written in zip(replies, _unpacked(held), strict=True):
        reply.ids = written.ids.tolist()
        reply.finish, reply.reason = Finish(written.finish), Reason(written.reason)
    return replies, model.resume(held)


def _add(reply: _Reply, token: int, ends: frozenset[int], stops: "_Stops") -> None:
    if token == NO_TOKEN:
        reply.reason = Reason.NON_FINITE
        return
    if token in ends:
        reply.finish = Finish.STOP
        return
    reply.ids.append(token)
    if stops.found(reply.ids):
        reply.finish = Finish.STOP
    elif len(reply.ids) == reply.most:
        reply.finish = Finish.LENGTH


class _Stops:
    """Texts that end a reply."""

    def __init__(
        self, texts: Sequence[str], shown: Callable[[Sequence[Sequence[int]]], list[str]]
    ) -> None:
        self._texts, self._shown = texts, shown
        # No token is shorter than a byte of its text, but for those that only begin a letter.
        self._tail = _SLACK + max((len(text.encode()) for text in texts), default=0)

    def found(self, ids: Sequence[int]) -> bool:
        """Return whether one of them has come with the last token."""
        if not self._texts:
            return False
        (text,) = self._shown([ids[-self._tail :]])
        return any(stop in text for stop in self._texts)


def before_stop(text: str, stops: Sequence[str]) -> str:
    """Return a text up to the first of the texts that end it."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def _packed(replies: Sequence[_Reply]) -> dict[str, NDArray[Any]]:
    return {
        "ids": np.array([token for reply in replies for token in reply.ids], np.int32),
        "counts": np.array([len(reply.ids) for reply in replies], np.int32),
        "finish": np.array([reply.finish for reply in replies], np.uint8),
        "reason": np.array([reply.reason for reply in replies], np.uint8),
    }


def _unpacked(answer: Mapping[str, NDArray[Any]]) -> list[_Written]:
    parts = np.split(answer["ids"], np.cumsum(answer["counts"])[:-1])
    return [
        _Written(ids, finish, reason)
        for ids, finish, reason in zip(
            parts, answer["finish"].tolist(), answer["reason"].tolist(), strict=True
        )
    ]


def _replies(model: Writes, written: Sequence[_Written], decoding: Decoding) -> Replies:
    whole = model.shown([reply.ids.tolist() for reply in written])
    texts = [before_stop(text, decoding.stop) for text in whole]
    finish = np.array([reply.finish for reply in written], np.uint8)
    reason = np.array([reply.reason for reply in written], np.uint8)
    blank = np.array([not text.strip() for text in texts], np.bool_)
    finish[blank & (finish != Finish.NONE)] = Finish.EMPTY
    tokens = np.array([len(reply.ids) for reply in written], np.float64)
    for place in np.flatnonzero(reason).tolist():
        texts[place], tokens[place] = "", np.nan
    return Replies(texts, tokens, finish, reason)
