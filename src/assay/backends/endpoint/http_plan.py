"""What is asked of a server, in which requests, and what came of it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from assay.models.language_model import Questions
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array, Reason

_TOKENS = 16_384
PROMPTS = 8
"""Texts in one request, at most, where the server takes several."""


class Outcome(NamedTuple):
    """What came of a sequence: its numbers, shape (t,), or the reason why there are none."""

    values: Float32Array | None
    reason: Reason = Reason.OK

    def packed(self) -> Mapping[str, NDArray[Any]]:
        """Return it as arrays."""
        if self.values is None:
            return {"reason": np.array([self.reason], np.uint8)}
        return {"values": self.values}

    @classmethod
    def unpacked(cls, answer: Mapping[str, NDArray[Any]]) -> Self:
        """Return what `packed` made arrays of."""
        if "values" in answer:
            return cls(answer["values"])
        return cls(None, Reason(int(answer["reason"][0])))


class Plan(NamedTuple):
    """What is asked.

    Attributes:
        sequences: the different ones, cut behind their last target.
        weights: tokens that each stands for, of all sequences equal to it.
        number_of: of each sequence that is wanted, its place among the different ones; -1 for one
            of which nothing is wanted.
        free: tokens of those.
    """

    sequences: list[TokenIds]
    weights: list[int]
    number_of: list[int]
    free: int


def plan_of(questions: Questions) -> Plan:
    """Return what is to be asked, each different sequence once."""
    numbers: dict[bytes, int] = {}
    plan = Plan([], [], [], 0)
    free = 0
    for ids, wanted in zip(questions.sequences, questions.targets, strict=True):
        if not len(wanted):
            plan.number_of.append(-1)
            free += len(ids)
            continue
        cut = ids[: int(wanted[-1]) + 1]
        number = numbers.setdefault(cut.tobytes(), len(numbers))
        if number == len(plan.sequences):
            plan.sequences.append(cut)
            plan.weights.append(0)
        plan.weights[number] += len(ids)
        plan.number_of.append(number)
    return plan._replace(free=free)


def key_of(ids: TokenIds) -> bytes:
    """Return what tells a sequence from every other."""
    return hashlib.blake2b(np.ascontiguousarray(ids, np.int32).tobytes(), digest_size=16).digest()


def batches(sequences: Sequence[TokenIds], wanted: Sequence[int], most: int) -> list[list[int]]:
    """Return the places of the wanted sequences that go into one request, in order."""
    made: list[list[int]] = []
    tokens = 0
    for place in wanted:
        ids = sequences[place]
        if not made or len(made[-1]) >= most or tokens + len(ids) > _TOKENS:
            made.append([])
            tokens = 0
        made[-1].append(place)
        tokens += len(ids)
    return made
