"""BLEU of characters: how much of an answer is copied."""

import math
import sys
from collections import Counter
from collections.abc import Iterator

_ORDERS = 4


def character_bleu(text: str, source: str) -> float:
    """Return BLEU-4 of the characters of a text against one source, unsmoothed, in [0, 1].

    Runs of one to four characters weigh alike. An order of which nothing is found counts as the
    smallest number that a float holds, which leaves nothing of the product; where no character is
    found, it is 0 at once.

    Source: Papineni et al. 2002, with the corpus of one pair; the zero counts are those of NLTK.
    """
    found = [_clipped(text, source, order) for order in range(1, _ORDERS + 1)]
    if found[0] == 0:
        return 0.0
    logarithms = [
        math.log(count / max(1, len(text) - order) if count else sys.float_info.min) / _ORDERS
        for order, count in enumerate(found)
    ]
    shortness = 1.0 if len(text) > len(source) else math.exp(1 - len(source) / len(text))
    return shortness * math.exp(math.fsum(logarithms))


def _clipped(text: str, source: str, order: int) -> int:
    """Return how many runs of a text the source has, each at most as often as there."""
    theirs = Counter(_runs(source, order))
    ours = Counter(run for run in _runs(text, order) if run in theirs)
    return sum(min(count, theirs[run]) for run, count in ours.items())


def _runs(text: str, order: int) -> Iterator[str]:
    return (text[place : place + order] for place in range(len(text) - order + 1))
