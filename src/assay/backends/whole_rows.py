"""Rows that a model reads whole and gives some numbers each: every different one once."""

from collections.abc import Callable, Sequence

import numpy as np

from assay.backends.batching import Group, batches
from assay.backends.kept_batches import arrays_key
from assay.errors import FeatureError, Parameter, Phrase
from assay.models.classifier import Framed
from assay.models.language_model import Advance, Kept
from assay.samples import Float32Array

Run = Callable[[Sequence[Framed]], Float32Array]
"""Runs some sequences together, the longest first; returns their numbers, shape (b, k)."""


def read_whole(
    sequences: Sequence[Framed],
    run: Run,
    *,
    token_budget: Callable[[], int],
    width: int,
    advance: Advance,
    kept: Kept,
    asked: bytes = b"",
) -> Float32Array:
    """Return the numbers of every sequence. Shape (n, width).

    Args:
        sequences: equal ones are run once.
        run: the model.
        token_budget: gives the most tokens of a batch.
        width: numbers of a sequence.
        advance: called with the number of sequences done, as they are.
        kept: batches that a stopped run has read already, and where this one keeps its own.
        asked: what else decides the numbers.
    """
    found = np.empty((len(sequences), width), np.float32)
    places: dict[bytes, list[int]] = {}
    for place, each in enumerate(sequences):
        places.setdefault(each.ids.tobytes() + each.types.tobytes(), []).append(place)
    equal = list(places.values())
    different = [sequences[own[0]] for own in equal]
    everything = Group(np.empty(0, np.int32), np.arange(len(different)))
    ids = [each.ids for each in different]
    for batch in batches(everything, ids, token_budget() if different else 1):
        members = [different[member] for member in batch.members.tolist()]
        key = arrays_key(asked, [array for each in members for array in (each.ids, each.types)])
        answer = kept.find(key)
        numbers = run(members) if answer is None else answer["numbers"]
        if answer is None:
            kept.keep(key, {"numbers": numbers})
        done = [equal[member] for member in batch.members.tolist()]
        for own, row in zip(done, numbers, strict=True):
            found[own] = row
        advance(sum(map(len, done)))
    return found


def halving(run: Run, out_of_memory: Callable[[BaseException], bool]) -> Run:
    """Return what runs sequences together, or in two halves where memory does not suffice.

    Args:
        run: runs them together.
        out_of_memory: whether an error says that memory did not suffice.
    """

    def run_or_halve(members: Sequence[Framed]) -> Float32Array:
        try:
            return run(members)
        except RuntimeError as error:  # that of torch for memory is one
            if not out_of_memory(error):
                raise
        if len(members) == 1:
            raise FeatureError(
                f"{len(members[0].ids):,} tokens do not fit into memory at once",
                hint=Phrase(
                    "a smaller {}, a lower {}, or another {}",
                    Parameter("max_tokens"),
                    Parameter("dtype"),
                    Parameter("device"),
                ),
            )
        middle = len(members) // 2
        return np.concatenate([run_or_halve(members[:middle]), run_or_halve(members[middle:])])

    return run_or_halve
