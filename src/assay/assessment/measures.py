"""What is measured of one dataset, as functions of arrays: no order of rows can change a result.

Means are sums without rounding, quantiles are taken of sorted values, and samples are nested.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.assessment.records import Distribution, Histogram, MakeUp, Share, Variety
from assay.outcomes import reason_counts
from assay.samples import FloatArray, Scores
from assay.solvers.nearest import nearest_neighbors
from assay.solvers.proportions import QUANTILE
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors, zero_rows

QUANTILES: Mapping[str, float] = {
    "min": 0.0, "p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0
}  # fmt: skip
TOKEN_EDGES: Sequence[float] = (0, 1, 2, 3, 4, *(round(2 ** (step / 2)) for step in range(5, 35)))
"""Edges of bins of token counts: two bins for every doubling, up to 92,682."""
RATIO_EDGES: Sequence[float] = tuple(step / 20 for step in range(31))
"""Edges of bins of IFD and compression IFD: twentieths from 0 to 1.5."""
PERPLEXITY_EDGES: Sequence[float] = tuple(2 ** (step / 2) for step in range(41))
"""Edges of bins of perplexities: two bins for every doubling, from 1 to 2 ** 20."""
VARIETY_ROWS: Sequence[int] = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Sizes of the samples whose variety is measured."""

_DIGITS = 6
_LISTED = 12


def share_of(count: int, of: int, *, whole: bool = True) -> Share:
    """Return a part of some rows, with its interval where they stand for more than themselves.

    Args:
        count: rows it holds for.
        of: rows looked at.
        whole: whether these are all rows that are meant; a sample gets an interval.

    Source:
        Wilson 1927, "Probable inference, the law of succession, and statistical inference": the
        score interval, which stays inside [0, 1] and is sound for shares near its ends.
    """
    if of == 0:
        return Share(count, of, None, None, None)
    share = count / of
    if whole:
        return Share(count, of, share, share, share)
    square = QUANTILE * QUANTILE
    centre = (share + square / (2 * of)) / (1 + square / of)
    half = (
        QUANTILE * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    )
    # At the ends the interval reaches them, and rounding must not fall short of it.
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == of else min(1.0, centre + half)
    return Share(count, of, share, low, high)


def quantiles(values: FloatArray) -> dict[str, float]:
    """Return the named quantiles of some numbers, between two of them by their distance."""
    if not len(values):
        return {}
    found = np.quantile(np.sort(values), list(QUANTILES.values()))
    return {name: rounded(value) for name, value in zip(QUANTILES, found.tolist(), strict=True)}


def rounded(value: float) -> float:
    """Return a number with six significant digits: what lies beyond depends on the machine."""
    return float(f"{value:.{_DIGITS}g}")


def histogram(values: FloatArray, edges: Sequence[float]) -> Histogram:
    """Return how many values lie in each bin."""
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 1)
    return Histogram(tuple(edges), np.bincount(places, minlength=len(edges)).tolist())


def distribution(scores: Scores, edges: Sequence[float]) -> Distribution:
    """Return how a score is spread, and why rows have none."""
    known = np.sort(scores.values[scores.reason == 0])
    mean = rounded(math.fsum(known.tolist()) / len(known)) if len(known) else None
    return Distribution(
        rows=len(scores.reason),
        scored=len(known),
        unscored=reason_counts(scores.reason),
        mean=mean,
        quantiles=quantiles(known),
        histogram=histogram(known, edges),
    )


def make_up(words: Sequence[str], *, listed: int = _LISTED) -> MakeUp:
    """Return how many rows carry each word, the most frequent first, ties by the alphabet."""
    distinct, counts = np.unique(np.array(words, dtype=np.str_), return_counts=True)
    pairs = sorted(
        zip(distinct.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
    )
    return MakeUp(dict(pairs[:listed]), len(pairs), sum(count for _, count in pairs[listed:]))


def vendi_score(units: NDArray[np.float32]) -> float:
    """Return the effective number of different rows: 1 if all are equal, n if all are at angles.

    The exponential of the entropy of the eigenvalues of K / n, where K holds the cosines of all
    pairs. Its eigenvalues that are not zero are those of the d x d matrix of products of columns,
    so the cost is n d^2.

    Args:
        units: shape (n, d), from `exact_unit_vectors`, n at least 1, no row zero.

    Source:
        Friedman and Dieng 2023, arXiv 2210.02410.
    """
    columns = units.astype(np.float64)
    narrow = columns.T @ columns if len(units) > units.shape[1] else columns @ columns.T
    weights = np.linalg.eigvalsh(narrow / len(units))
    weights = weights[weights > 0]
    return rounded(float(np.exp(-(weights * np.log(weights)).sum())))


def mean_distance(units: NDArray[np.float32]) -> float:
    """Return the mean cosine distance of the rows to their nearest other row, in [0, 2].

    Source:
        Clark and Evans 1954, "Distance to nearest neighbor as a measure of spatial relationships
        in populations", for the mean over all members; the cosine is ours.
    """
    nearest = nearest_neighbors(units, 1).similarities.astype(np.float64)
    return rounded(math.fsum((1.0 - nearest).tolist()) / len(nearest))


def variety(vectors: AnyFloatArray, sizes: Sequence[int] = VARIETY_ROWS) -> list[Variety]:
    """Return the variety of nested samples, so that datasets of unlike size can be compared.

    Both measures change with the number of rows alone: the nearest neighbour comes nearer, and
    there are more different rows. So they are compared at equal numbers, as ecologists compare
    the species of unequal catches.

    Args:
        vectors: shape (n, d), rows of a random sample in order of draw, in any length.
        sizes: numbers of rows; those beyond n are left out, and n itself is added.

    Returns:
        One entry per size of at least 2 rows, by size. Rows of zero length do not count.

    Source:
        Sanders 1968, "Marine benthic diversity: a comparative study", for the comparison at equal
        numbers (rarefaction).
    """
    units = exact_unit_vectors(vectors)
    units = np.delete(units, zero_rows(units), axis=0)
    wanted = sorted({size for size in (*sizes, len(units)) if 2 <= size <= len(units)})
    return [
        Variety(size, mean_distance(units[:size]), vendi_score(units[:size])) for size in wanted
    ]
