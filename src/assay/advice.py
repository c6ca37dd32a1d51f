"""What a person should know about some work before it is done."""

from collections.abc import Sequence

import numpy as np

from assay.component import Component
from assay.engine import Engine, walk
from assay.features.embeddings import Embeddings
from assay.features.text import part_of
from assay.references import name_of

_SAMPLED_ROWS = 256
_LEARNED_SHARE = 0.5
_OUTSIDE_ROWS = 0.5


def advice(engine: Engine, components: Sequence[Component]) -> list[str]:
    """Return sentences about how well what is asked fits the rows at hand.

    An encoder that knows what it has learned says so when most of a sample of the pool lies
    outside: a row does if less than half of its letters are in learned words.
    """
    resolved = [engine.resolve(component) for component in components]
    encoders = {
        item.model: item.part
        for item in walk(resolved, skip=engine.is_stored, resolve=engine.resolve)
        if isinstance(item, Embeddings)
    }
    return [note for model, part in encoders.items() for note in _coverage(engine, model, part)]


def _coverage(engine: Engine, model: str, part: str) -> list[str]:
    # An even walk through the ids is a random sample: ids are hashes.
    rows = min(_SAMPLED_ROWS, len(engine.pool))
    places = np.unique(np.linspace(0, len(engine.pool) - 1, rows).astype(np.int64))
    texts = [part_of(conversation, part) for conversation in engine.pool.conversations(places)]
    learned = engine.runtime.encoder(model).coverage(texts)
    known = learned[~np.isnan(learned)]
    outside = float(np.mean(known < _LEARNED_SHARE)) if len(known) else 0.0
    if outside <= _OUTSIDE_ROWS:
        return []
    note = (
        f"{outside:.0%} of the rows are written in words that {name_of(model)} has not learned; "
        "it compares them by character runs. Another one: --encoder org/name"
    )
    return [note]
