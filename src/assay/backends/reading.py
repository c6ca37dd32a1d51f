"""What every local causal model does alike: each different sequence once, in batches."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from assay.backends.batching import Batch, batches, shared_beginnings
from assay.backends.kept_batches import Vectors, batch_key, packed, unpacked
from assay.backends.work import NOTHING, Readout, Work
from assay.models.language_model import NOTHING_KEPT, Advance, Answers, Choice, Kept, Questions
from assay.samples import Float32Array, IndexArray


class Runs(Protocol):
    """Runs batches through a model."""

    @property
    def width(self) -> int:
        """Return the length of a hidden state."""

    @property
    def shares_prefixes(self) -> bool:
        """Return whether a common beginning is run once."""

    def run(
        self, batch: Batch, work: Work, *, statistics: bool = False
    ) -> tuple[list[Readout], Vectors]:
        """Return what is asked of each member of a batch: its targets, and its vectors.

        The vectors are the pooled states, and then the log-probabilities of the choices.
        """


def read_batches(
    forward: Runs,
    token_budget: Callable[[], int],
    questions: Questions,
    advance: Advance,
    *,
    kept: Kept = NOTHING_KEPT,
) -> Answers:
    """Run every different sequence through a model once, and return what is asked.

    Args:
        forward: the model.
        token_budget: gives the most tokens of a batch.
        questions: what is asked.
        advance: called with the number of tokens done, of all sequences, as they are.
        kept: batches that a stopped run has read already, and where this one keeps its own.
    """
    first, place_of, repeats = _different(questions)
    work = work_of(questions, first)
    tokens = repeats * np.array([len(questions.sequences[place]) for place in first], np.int64)
    readouts: list[Readout] = [NOTHING] * len(first)
    vectors: Vectors = [[]] * len(first)
    for group in shared_beginnings(work.sequences, share=forward.shares_prefixes):
        for batch in batches(group, work.sequences, token_budget()):
            key = batch_key(batch, work, statistics=questions.statistics)
            answer = kept.find(key)
            if answer is not None:
                read, given = unpacked(answer, batch, work)
            else:
                read, given = forward.run(batch, work, statistics=questions.statistics)
                kept.keep(key, packed(read, given))
            for place, readout, vector in zip(batch.members, read, given, strict=True):
                readouts[place], vectors[place] = readout, vector
            advance(int(tokens[batch.members].sum()))
    found = Readout(
        *(
            np.concatenate([nothing, *(readouts[place][part] for place in place_of)])
            for part, nothing in enumerate(NOTHING)
        )
    )
    pooled_by_name = {
        name: _stacked([vectors[place][number] for place in place_of], 0.0, forward.width)
        for number, name in enumerate(questions.pools)
    }
    chosen_by_name = {
        name: _stacked([vectors[place][number] for place in place_of], np.nan, len(choice.tokens))
        for number, (name, choice) in enumerate(questions.choices.items(), len(pooled_by_name))
    }
    return Answers(pools=pooled_by_name, choices=chosen_by_name, **found._asdict())


def work_of(questions: Questions, places: Sequence[int]) -> Work:
    """Return some sequences, cut behind the last token whose state is needed."""
    pools = [[pool[place] for place in places] for pool in questions.pools.values()]
    choices = [
        Choice(tokens, wanted[np.array(places, np.int64)])
        for tokens, wanted in questions.choices.values()
    ]
    sequences, targets, labels = [], [], []
    for number, place in enumerate(places):
        ids, wanted = questions.sequences[place], questions.targets[place]
        pooled = any(pool[number] is not None for pool in pools)
        stop = max([*wanted[-1:], *(choice.places[number] for choice in choices)], default=0)
        sequences.append(ids if pooled or not stop else ids[:stop])
        targets.append(wanted)
        labels.append(ids[wanted].astype(np.int64))
    layers = [questions.layers.get(name, -1) for name in questions.pools]
    return Work(sequences, targets, labels, pools, layers, choices)


def _different(questions: Questions) -> tuple[list[int], list[int], IndexArray]:
    """Return the first place of each different sequence, each one's number, and how often it is."""
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    place_of: list[int] = []
    for place, (ids, wanted) in enumerate(zip(questions.sequences, questions.targets, strict=True)):
        key = ids.tobytes() + b"/" + wanted.tobytes()
        for pool in questions.pools.values():
            weights = pool[place]
            key += b"/" if weights is None else weights.tobytes()
        key += b"".join(choice.places[place].tobytes() for choice in questions.choices.values())
        if key not in numbers:
            numbers[key] = len(first)
            first.append(place)
        place_of.append(numbers[key])
    return first, place_of, np.bincount(np.array(place_of, np.int64), minlength=len(first))


def _stacked(vectors: Sequence[Float32Array | None], empty: float, width: int) -> Float32Array:
    """Return vectors one below the other, with a number for those that are None.

    Args:
        vectors: of one length.
        empty: stands where there is none.
        width: their length, if there is none at all.
    """
    width = next((len(vector) for vector in vectors if vector is not None), width)
    nothing = np.full(width, empty, np.float32)
    return np.array([nothing if vector is None else vector for vector in vectors])
