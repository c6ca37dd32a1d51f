"""What a judge's first token says of all labels it might have given."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

WRITTEN_BLANKS = " \t\r\n\u00a0\u2581\u0120\u010a"
"""Blanks, and what vocabularies write for one: the low block, and the letters of byte-level BPE for
a blank and a line break."""


class LabelShares(NamedTuple):
    """How probability fell on labels.

    Attributes:
        shares: of each label, 1 together; empty if none of the tokens is a label.
        coverage: probability of all tokens that are a label, at most 1 but for rounding.
    """

    shares: Mapping[str, float]
    coverage: float

    def expectation(self, values: Mapping[str, float]) -> float:
        """Return the expected value of the labels; NaN if none was found."""
        if not self.shares:
            return math.nan
        return math.fsum(share * values[label] for label, share in self.shares.items())


def label_shares(candidates: Iterable[tuple[str, float]], labels: Iterable[str]) -> LabelShares:
    """Return how the probability of some tokens is shared out over labels.

    Tokens of one label are added up. A label among none of the tokens has no share.

    Args:
        candidates: token and natural logarithm of its probability.
        labels: as the judge may write them; case counts.
    """
    known = set(labels)
    found: dict[str, list[float]] = {}
    for token, log_probability in candidates:
        label = token.strip(WRITTEN_BLANKS)
        if label in known and not math.isnan(log_probability):
            found.setdefault(label, []).append(math.exp(log_probability))
    summed = {label: math.fsum(parts) for label, parts in found.items()}
    coverage = math.fsum(summed.values())
    if not coverage > 0:
        return LabelShares({}, 0.0)
    return LabelShares({label: each / coverage for label, each in summed.items()}, coverage)
