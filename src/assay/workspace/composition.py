"""What a selection consists of, and roughly what training on it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assay.echo import Brief
from assay.samples import FloatArray
from assay.values import Labels

LONG_TOKENS = (1024, 2048, 4096)
_LISTED = 12


@dataclass(frozen=True)
class TrainingCost:
    """An estimate: 6 x parameters x tokens x epochs floating-point operations.

    Attributes:
        parameters: of the model that would be trained.
        epochs: passes over the selection.
        operations: floating-point operations in all.
        hours: at `throughput`.
        throughput: sustained floating-point operations per second that is assumed.
    """

    parameters: float
    epochs: int
    operations: float
    hours: float
    throughput: float


@dataclass(frozen=True, repr=False)
class Composition(Brief):
    """Size and make-up of some rows.

    Attributes:
        samples: number of rows.
        tokens: tokens of all of them together, template left out.
        longer_than: rows longer than so many tokens.
        by: attribute -> word -> rows, the most frequent words first, the rest as "other".
        shares: attribute -> word -> share of the rows, of all words.
        cost: of training on them.
    """

    samples: int
    tokens: int
    longer_than: Mapping[int, int]
    by: Mapping[str, Mapping[str, int]]
    shares: Mapping[str, Mapping[str, float]]
    cost: TrainingCost


def training_cost(
    tokens: float,
    *,
    parameters: float = 7e9,
    epochs: int = 3,
    throughput: float = 4e14,
) -> TrainingCost:
    """Return the cost of training on `tokens`, by the usual 6 N D rule.

    Source:
        Kaplan et al. 2020, arXiv 2001.08361, section 2.1: about 6 operations per parameter and
        token, forward and backward together.
    """
    operations = 6.0 * parameters * tokens * epochs
    return TrainingCost(parameters, epochs, operations, operations / throughput / 3600, throughput)


def compose(tokens: FloatArray, attributes: Mapping[str, Labels]) -> Composition:
    """Return the composition of some rows.

    Args:
        tokens: shape (k,), tokens of each.
        attributes: words of each, by attribute; one that no row has is left out.
    """
    by: dict[str, dict[str, int]] = {}
    shares: dict[str, dict[str, float]] = {}
    for name, labels in attributes.items():
        words, counts = np.unique(labels.values.to_numpy().astype(str), return_counts=True)
        pairs = sorted(zip(words.tolist(), counts.tolist(), strict=True), key=_by_count)
        if [word for word, _ in pairs] == [""]:
            continue
        table = dict(pairs[:_LISTED])
        if len(pairs) > _LISTED:
            table[f"{len(pairs) - _LISTED} others"] = sum(count for _, count in pairs[_LISTED:])
        by[name] = table
        shares[name] = {word: count / len(tokens) for word, count in pairs}
    return Composition(
        len(tokens),
        int(tokens.sum()),
        {limit: int((tokens > limit).sum()) for limit in LONG_TOKENS},
        by,
        shares,
        training_cost(float(tokens.sum())),
    )


def _by_count(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]
