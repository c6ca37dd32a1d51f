"""What a person should know about some work before it is done."""

from collections.abc import Sequence

import numpy as np

from assay.component import Component
from assay.engine import Engine, walk
from assay.features.causal_pass import CausalFeature
from assay.features.embeddings import Embeddings
from assay.fitting import LEARNED_SHARE, SPELLED, learned_share
from assay.pool import Pool
from assay.references import EMBEDDED_MODEL, name_of
from assay.seen_rows import seen

_SEEN_SHARE = 0.01
_SAMPLED_ROWS = 2048


def advice(engine: Engine, components: Sequence[Component]) -> list[str]:
    """Return sentences about how well what is asked fits the rows at hand.

    An encoder that knows what it has learned says so when less than half of the letters of a
    sample of the pool lie in words that it has. The embedded language model says so when more than
    a hundredth of a sample is what it was trained on.
    """
    resolved = [engine.resolve(component) for component in components]
    encoders = {
        item.model: item.part
        for item in walk(resolved, skip=engine.is_stored, resolve=engine.resolve)
        if isinstance(item, Embeddings)
    }
    notes = [note for model, part in encoders.items() for note in _coverage(engine, model, part)]
    reads_embedded = any(
        isinstance(item, CausalFeature) and name_of(item.model) == EMBEDDED_MODEL
        for item in walk(resolved, skip=engine.is_stored, resolve=engine.resolve)
    )
    return [*notes, *(_seen(engine.shown) if reads_embedded else [])]


def _coverage(engine: Engine, model: str, part: str) -> list[str]:
    share = learned_share(engine.shown, model, engine.runtime, part=part)
    if not share < LEARNED_SHARE:
        return []
    how = "character n-grams alone" if name_of(model) == SPELLED else "character n-grams"
    note = (
        f"{share:.0%} of the letters are in words that {name_of(model)} has learned; it compares "
        f"the others by {how}, which see wording and not meaning. Another one: --encoder org/name"
    )
    return [note]


def _seen(pool: Pool) -> list[str]:
    # An even walk through the ids is a random sample: ids are hashes.
    places = np.unique(
        np.linspace(0, len(pool) - 1, min(_SAMPLED_ROWS, len(pool))).astype(np.int64)
    )
    share = float(np.mean(seen(list(pool.conversations(places))))) if len(places) else 0.0
    if share <= _SEEN_SHARE:
        return []
    note = (
        f"{EMBEDDED_MODEL} was trained on {share:.0%} of these rows: it finds their answers too "
        "likely, and they are flagged SEEN_IN_TRAINING. Another one: --model gpt2"
    )
    return [note]
