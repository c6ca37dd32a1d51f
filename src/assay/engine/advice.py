"""What a person should know about some work before it is done."""

from collections.abc import Sequence

from assay.components.base import Component
from assay.components.references import SPELLED_ENCODER, name_of
from assay.components.walk import walk
from assay.engine.engine import Engine
from assay.engine.fitting import LEARNED_SHARE, learned_share
from assay.engine.model_fit import model_fits
from assay.features.embeddings import Embeddings


def advice(engine: Engine, components: Sequence[Component]) -> list[str]:
    """Return sentences about how well what is asked fits the rows at hand.

    An encoder that knows what it has learned says so when less than half of the letters of a
    sample of the pool lie in words that it has. A language model whose card is at hand says so when
    it was trained on the rows, or does not know their language, be its numbers at hand or not.
    """
    resolved = [engine.resolve(component) for component in components]
    encoders = {
        item.model: item.part
        for item in walk(resolved, skip=engine.is_stored, resolve=engine.resolve)
        if isinstance(item, Embeddings)
    }
    notes = [note for model, part in encoders.items() for note in _coverage(engine, model, part)]
    return [*notes, *(note for fit in model_fits(engine.shown, resolved) for note in fit.notes())]


def _coverage(engine: Engine, model: str, part: str) -> list[str]:
    share = learned_share(engine.shown, model, engine.runtime, part=part)
    if not share < LEARNED_SHARE:
        return []
    how = "character n-grams alone" if name_of(model) == SPELLED_ENCODER else "character n-grams"
    note = (
        f"{share:.0%} of the letters are in words that {name_of(model)} has learned; it compares "
        f"the others by {how}, which see wording and not meaning. Another encoder may know them: "
        "org/name, or a folder"
    )
    return [note]
