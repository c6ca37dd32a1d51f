"""Labels that neighbours contradict: who they are, and what the neighbours say instead.

The detection is that of SimiFeat by rank (Zhu, Dong and Liu 2022, arXiv 2110.06283), the rest that
of DS2 (arXiv 2410.10877). Everything rests on similarities that are multiples of 2**-20, so that
votes are exact and equal on every machine.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.samples import Float32Array, FloatArray, IndexArray
from assay.solvers.nearest import Neighbors

_ROUNDING = 1e-9
# Shares of a class that are taken for wrong where the matrix says none, or all.
_FEWEST_WRONG = 0.05
_MOST_WRONG = 0.95
_SHARE_DIGITS = 4
_CONFIDENCE_DIGITS = 9
_LONG_TAIL_DIGITS = 4
_BLOCK_ROWS = 1 << 16


class LabelledNeighbors(NamedTuple):
    """The nearest neighbours of each row that carry a label, the nearest first.

    Attributes:
        rows: shape (n, w), int32; -1 where there are no more.
        similarities: shape (n, w), float32 cosines; 0 where there are no more.
    """

    rows: NDArray[np.int32]
    similarities: Float32Array


class Doubts(NamedTuple):
    """What rounds of votes made of each label.

    Attributes:
        noise: shape (n,), in (0, 1); how surely a label is wrong: the share of rounds that said so,
            of one more that did and one that did not.
        suggested: shape (n,), int64; the other label that most rounds suggested, the lowest of
            several.
        confidence: shape (n,), in (0, 1); share of the suggestions that are for it, smoothed by one
            of each label, times the noise.
    """

    noise: FloatArray
    suggested: IndexArray
    confidence: FloatArray


def labelled_neighbors(
    graph: Neighbors, labelled: NDArray[np.bool_], most: int
) -> LabelledNeighbors:
    """Return the first neighbours of each row that have a label.

    Args:
        graph: of all rows.
        labelled: shape (n,).
        most: neighbours of each, at most.
    """
    rows = len(labelled)
    found = np.full((rows, most), -1, np.int32)
    similarities = np.zeros((rows, most), np.float32)
    for first in range(0, rows, _BLOCK_ROWS):
        bounds = graph.indptr[first : first + _BLOCK_ROWS + 1]
        indices = graph.indices[bounds[0] : bounds[-1]]
        kept = np.flatnonzero(labelled[indices])
        # How many kept ones lie before each row's first tells where in its list each is.
        starts = np.searchsorted(kept, bounds - bounds[0])
        owner = first + np.repeat(np.arange(len(bounds) - 1), np.diff(starts))
        place = np.arange(len(kept)) - np.repeat(starts[:-1], np.diff(starts))
        near = place < most
        found[owner[near], place[near]] = indices[kept[near]]
        similarities[owner[near], place[near]] = graph.similarities[bounds[0] + kept[near]]
    return LabelledNeighbors(found, similarities)


def label_triples(labels: IndexArray, near: LabelledNeighbors) -> IndexArray:
    """Return the labels of each labelled row and its two nearest neighbours.

    Args:
        labels: shape (n,), from 0; -1 for none.
        near: at least two of each row.

    Returns:
        Shape (t, 3); rows with fewer than two labelled neighbours are left out.
    """
    whole = np.flatnonzero((labels >= 0) & (near.rows[:, 1] >= 0))
    return np.column_stack(
        [labels[whole], labels[near.rows[whole, 0]], labels[near.rows[whole, 1]]]
    )


def wrong_shares(matrix: FloatArray, prior: FloatArray, frequencies: FloatArray) -> FloatArray:
    """Return the share of each label that is wrong: 1 - P(class c | label c).

    Args:
        matrix: shape (k, k), row i: how probably class i is labelled as each.
        prior: shape (k,), of the true classes.
        frequencies: shape (k,), of the labels, above 0.

    Returns:
        Shape (k,), in [0.0001, 1); where nothing would be wrong it is 0.05, where all would, 0.95.
    """
    # Four decimals are more than an estimate has, and rows are counted by it.
    shares = np.round(1.0 - np.minimum(np.diag(matrix) * prior / frequencies, 1.0), _SHARE_DIGITS)
    return np.where(shares >= 1.0, _MOST_WRONG, np.where(shares <= 0.0, _FEWEST_WRONG, shares))


def doubts(
    labels: IndexArray,
    near: LabelledNeighbors,
    wrong: FloatArray,
    parts: Iterable[IndexArray],
    *,
    voters: int,
) -> Doubts:
    """Let neighbours vote on every label in rounds, each among a part of the rows.

    In a round a row's label is doubted if, of all of that label in the part, it is among those at
    or below the percentile `wrong` of how much neighbours back them. Rows that are backed equally
    are doubted together, or not at all if that were too many.

    Args:
        labels: shape (n,), from 0; -1 for none.
        near: of each row; of these the nearest in the part vote.
        wrong: shape (k,), from `wrong_shares`.
        parts: the rows of each round, all with a label, ascending.
        voters: that vote on a label, the row itself counted.

    Returns:
        Of every row; of one without a label, NaN and -1.
    """
    times, doubted = (np.zeros(len(labels)) for _ in range(2))
    suggestions = np.zeros((len(labels), len(wrong)))
    for rows in parts:
        votes = votes_among(rows, labels, near, classes=len(wrong), voters=voters)
        backing = _backing(votes, labels[rows])
        flagged = _least_backed(backing, labels[rows], wrong)
        times[rows] += 1
        doubted[rows[flagged]] += 1
        suggestions[rows[flagged], votes[flagged].argmax(axis=1)] += 1
    return _summed_up(labels, times, doubted, suggestions)


def votes_among(
    rows: IndexArray, labels: IndexArray, near: LabelledNeighbors, *, classes: int, voters: int
) -> FloatArray:
    """Return how much each label is backed by a row and its neighbours among some rows.

    A neighbour's vote weighs as much as it is similar; the row's own as much as one that lies as
    far before its first neighbour as that before the second. Opposite neighbours have no vote.

    Args:
        rows: shape (r,), of which neighbours count; all labelled.
        labels: shape (n,), from 0.
        near: of all rows.
        classes: how many labels there are.
        voters: the row itself and so many nearest neighbours but one.

    Returns:
        Shape (r, classes), sums of cosines, not negative.
    """
    inside = np.zeros(len(labels), np.bool_)
    inside[rows] = True
    votes = np.empty((len(rows), classes))
    for first in range(0, len(rows), _BLOCK_ROWS):
        block = rows[first : first + _BLOCK_ROWS]
        voting = inside[near.rows[block]]
        voting &= near.rows[block] >= 0
        voting &= np.cumsum(voting, axis=1, dtype=np.int16) < voters
        row, place = np.nonzero(voting)
        similar = near.similarities[block[row], place].astype(np.float64)
        keys = row * classes + labels[near.rows[block[row], place]]
        sums = np.bincount(keys, np.maximum(similar, 0.0), len(block) * classes)
        own = np.arange(len(block)), labels[block]
        votes[first : first + len(block)] = sums.reshape(len(block), classes)
        votes[first : first + len(block)][own] += _own_weight(row, similar, len(block))
    return votes


def _own_weight(voted: IndexArray, similar: FloatArray, rows: int) -> FloatArray:
    """Return the weight of each row's own vote: 1 - (2 d1 - d2) for cosine distances d.

    Args:
        voted: shape (v,), ascending; the row that each vote is about.
        similar: shape (v,), of the voter, the most similar of a row first.
        rows: how many rows there are.
    """
    starts = np.searchsorted(voted, np.arange(rows))
    found = np.bincount(voted, minlength=rows)
    padded = np.append(similar, [0.0, 0.0])
    nearest, next_one = padded[starts], padded[starts + 1]
    # With a single neighbour the row weighs as much as that, alone it is the only one to ask.
    weight = np.where(found > 1, 2.0 * nearest - next_one, np.where(found > 0, nearest, 1.0))
    return np.maximum(weight, 0.0)


def _backing(votes: FloatArray, labels: IndexArray) -> FloatArray:
    """Return the share of a row's own label in the length of its votes, in [0, 1]."""
    own = votes[np.arange(len(votes)), labels]
    lengths = np.sqrt((votes * votes).sum(axis=1))
    return np.divide(own, lengths, out=np.zeros(len(own)), where=lengths > 0)


def _least_backed(backing: FloatArray, labels: IndexArray, wrong: FloatArray) -> IndexArray:
    """Return the positions of the rows of each label that are backed least, ascending."""
    found = []
    for label, share in enumerate(wrong.tolist()):
        own = np.flatnonzero(labels == label)
        if not len(own):
            continue
        # As many as lie at that percentile of the class or beyond: one at least.
        most = 1 + int(share * (len(own) - 1) + _ROUNDING)
        ascending = own[np.argsort(backing[own], kind="stable")]
        cut = backing[ascending[most - 1]]
        # Where those at the cut do not all fit, none of them is doubted.
        fits = most == len(own) or backing[ascending[most]] > cut
        found.append(own[backing[own] <= cut] if fits else own[backing[own] < cut])
    return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)


def _summed_up(
    labels: IndexArray, times: FloatArray, doubted: FloatArray, suggestions: FloatArray
) -> Doubts:
    known = labels >= 0
    noise = np.where(known, (doubted + 1.0) / (times + 2.0), np.nan)
    smoothed = suggestions + 1.0
    shares = smoothed / smoothed.sum(axis=1, keepdims=True)
    shares[np.flatnonzero(known), labels[known]] = -1.0
    suggested = np.where(known, shares.argmax(axis=1), -1)
    confidence = np.round(shares.max(axis=1) * noise, _CONFIDENCE_DIGITS)
    return Doubts(noise, suggested, confidence)


def cured(labels: IndexArray, found: Doubts, confidence: float) -> IndexArray:
    """Return the labels, with the suggested one where a wrong label is replaced confidently.

    Args:
        labels: shape (n,), from 0; -1 for none.
        found: of each.
        confidence: from which a label that is more probably wrong than right is replaced.
    """
    with np.errstate(invalid="ignore"):
        replaced = (labels >= 0) & (found.noise > 0.5) & (found.confidence >= confidence)
    return np.where(replaced, found.suggested, labels)


def long_tail(graph: Neighbors, count: int) -> FloatArray:
    """Return how far each row lies from its nearest neighbours, as tanh(d / 2).

    Args:
        graph: of all rows.
        count: neighbours whose mean cosine distance d is taken, as many as there are.

    Returns:
        Shape (n,), in [0, 0.7616], four decimals; NaN for a row without neighbours.

    Source:
        DS2's 2 / (1 + exp(-d)) - 1, which is the same.
    """
    found = np.minimum(np.diff(graph.indptr), count)
    owner = np.repeat(np.arange(len(found)), found)
    places = np.repeat(graph.indptr[:-1] - np.cumsum(found) + found, found) + np.arange(len(owner))
    sums = np.bincount(owner, graph.similarities[places].astype(np.float64), len(found))
    mean = np.divide(sums, found, out=np.full(len(found), np.nan), where=found > 0)
    return np.round(np.tanh((1.0 - mean) / 2.0), _LONG_TAIL_DIGITS)
