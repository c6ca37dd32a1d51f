"""Which form of the embedded encoder fits a pool."""

import numpy as np

from assay.components.references import EMBEDDED_ENCODER, SPELLED_ENCODER
from assay.features.text import part_of
from assay.pool.pool import Pool
from assay.runtime import Runtime

LEARNED_SHARE = 0.5
_SAMPLED_ROWS = 256


def learned_share(pool: Pool, pinned: str, runtime: Runtime, *, part: str) -> float:
    """Return the mean share of a sample's letters that lie in words an encoder has learned.

    NaN where that is not known.
    """
    # An even walk through the ids is a random sample: ids are hashes.
    places = np.unique(
        np.linspace(0, len(pool) - 1, min(_SAMPLED_ROWS, len(pool))).astype(np.int64)
    )
    texts = [part_of(conversation, part) for conversation in pool.conversations(places)]
    learned = runtime.encoder(pinned).coverage(texts)
    known = learned[~np.isnan(learned)]
    return float(known.mean()) if len(known) else float("nan")


def fitting_encoder(name: str, pool: Pool, runtime: Runtime) -> str:
    """Return the pinned encoder that a name stands for on these rows.

    ``assay:encoder`` is the plain one where its learned words cover at least half of a sample's
    letters, and the spelled one otherwise: its model card shows that to be the better form.
    """
    pinned = runtime.pin("encoder", name)
    if name != EMBEDDED_ENCODER:
        return pinned
    if learned_share(pool, pinned, runtime, part="conversation") < LEARNED_SHARE:
        return runtime.pin("encoder", SPELLED_ENCODER)
    return pinned
