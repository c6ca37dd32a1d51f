"""How far the numbers of a language model hold for some rows: what it was trained on and knows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assay.components.base import Component
from assay.components.references import EMBEDDED_MODEL, name_of
from assay.components.walk import walk
from assay.echo import Brief
from assay.features.causal_pass import CausalFeature
from assay.features.seen_rows import seen
from assay.pool.pool import Pool
from assay.samples import Sample
from assay.texts.language import detect_languages

LANGUAGES = {EMBEDDED_MODEL: ("en", "eng")}
"""Codes of the languages that the card of a model names, where it is at hand."""
SEEN_SHARE = 0.01
OTHER_SHARE = 0.02
SAMPLED_ROWS = 1024
_UNKNOWN = ("", "und")


@dataclass(frozen=True, repr=False)
class ModelFit(Brief):
    """How a language model fits some rows.

    Attributes:
        model: its name.
        rows: rows that were looked at.
        seen_in_training: share of them that it was trained on.
        other_languages: share of them in languages that its card does not name.
        languages: these languages, the most frequent first.
    """

    model: str
    rows: int
    seen_in_training: float
    other_languages: float
    languages: tuple[str, ...]

    def notes(self) -> list[str]:
        """Return what a person should know, where it is more than a chance row."""
        found = []
        if self.seen_in_training > SEEN_SHARE:
            found.append(
                f"{self.model} was trained on {self.seen_in_training:.0%} of these rows: it finds "
                "their answers too likely, and they are flagged SEEN_IN_TRAINING. Another "
                "model, such as gpt2, may not know them"
            )
        if self.other_languages > OTHER_SHARE:
            found.append(
                f"{self.other_languages:.0%} of these rows are in languages that {self.model} was "
                f"not made for ({', '.join(self.languages[:4])}): its numbers say little about "
                "them, and are no measure against rows in other languages"
            )
        return found

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def model_fit(model: str, samples: Sequence[Sample]) -> ModelFit:
    """Return how a model fits some rows; of one without a card at hand nothing is known.

    Args:
        model: its name, without a digest; a key of `LANGUAGES`.
        samples: the rows.
    """
    conversations = [sample.conversation for sample in samples]
    codes = [sample.language for sample in samples]
    silent = [place for place, code in enumerate(codes) if not code]
    found = detect_languages([conversations[place].text for place in silent])
    for place, code in zip(silent, found, strict=True):
        codes[place] = code
    others = Counter(
        code for code in codes if code not in _UNKNOWN and not _is_among(code, LANGUAGES[model])
    )
    count = max(len(samples), 1)
    return ModelFit(
        model=model,
        rows=len(samples),
        seen_in_training=float(np.count_nonzero(seen(conversations))) / count,
        other_languages=others.total() / count,
        languages=tuple(code for code, _ in others.most_common()),
    )


def _is_among(code: str, languages: Sequence[str]) -> bool:
    """Tell whether a code, such as en-GB, is of one of some languages."""
    return code.lower().replace("_", "-").partition("-")[0] in languages


def known_models(components: Iterable[Component]) -> list[str]:
    """Return the language models whose numbers some components show, of those with a card."""
    read = [item.model for item in walk(components) if isinstance(item, CausalFeature)]
    names = [name_of(model) for model in read if isinstance(model, str)]
    return [name for name in dict.fromkeys(names) if name in LANGUAGES]


def model_fits(pool: Pool, components: Iterable[Component]) -> list[ModelFit]:
    """Return how the models that some components read fit a pool, where that is known."""
    return [model_fit(name, sampled(pool)) for name in known_models(components)]


def sampled(pool: Pool) -> list[Sample]:
    """Return some rows of a pool, evenly from its ids: a random sample, for ids are hashes."""
    count = min(SAMPLED_ROWS, len(pool))
    places = np.unique(np.linspace(0, len(pool) - 1, count).astype(np.int64))
    return list(pool.samples(places)) if len(pool) else []
