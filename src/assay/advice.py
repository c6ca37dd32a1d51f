"""What a person should know about some work before it is done."""

from collections.abc import Sequence

import numpy as np

from assay.component import Component
from assay.engine import Engine, walk
from assay.features.embeddings import Embeddings
from assay.features.text import part_of
from assay.references import name_of

_SAMPLE_ROWS = 500
_COVERED_SHARE = 0.5
_EMBEDDED = "assay:encoder"


def advice(engine: Engine, components: Sequence[Component]) -> list[str]:
    """Return sentences about how well what is asked fits the rows at hand.

    The embedded encoder says so when most of the pool's text lies outside its learned words.
    """
    resolved = [engine.resolve(component) for component in components]
    parts = {
        (item.part, item.model)
        for item in walk(resolved, skip=engine.is_stored, resolve=engine.resolve)
        if isinstance(item, Embeddings) and name_of(item.model) == _EMBEDDED
    }
    return [note for part, model in sorted(parts) for note in _coverage(engine, part, model)]


def _coverage(engine: Engine, part: str, model: str) -> list[str]:
    # An even walk through the ids is a random sample: ids are hashes.
    rows = min(_SAMPLE_ROWS, len(engine.pool))
    places = np.unique(np.linspace(0, len(engine.pool) - 1, rows).astype(np.int64))
    texts = [part_of(conversation, part) for conversation in engine.pool.conversations(places)]
    shares = engine.runtime.encoder(model).coverage(texts)
    outside = float(np.mean(np.nan_to_num(shares, nan=1.0) < _COVERED_SHARE))
    if outside <= 1 - _COVERED_SHARE:
        return []
    note = (
        f"{outside:.0%} of a sample of {len(texts)} rows are mostly outside the words that "
        f"{_EMBEDDED} has learned (English): they are compared by character n-grams, which see "
        "wording and not meaning; name a multilingual encoder with --encoder for more"
    )
    return [note]
