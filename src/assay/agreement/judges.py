"""What judges' numbers are worth: their lean to a place and to length, ties, and each other."""

from dataclasses import dataclass

import numpy as np

from assay.echo import Brief
from assay.features.text import part_of
from assay.pool.view import PoolView
from assay.random_numbers import generator
from assay.samples import FloatArray, IndexArray, Part
from assay.solvers.proportions import Share
from assay.solvers.rank_interval import spearman_interval
from assay.solvers.ranks import spearman
from assay.solvers.rater_agreement import RaterAgreement, rater_agreement
from assay.solvers.ties import TiesAtCut, ties_at_cut
from assay.texts.measures import count_words

USUAL_SHARE = 0.05
"""Share of the rows with a number at which ties are counted."""
MOST_READ = 20_000
"""Rows whose words are counted; ids are drawn from the text, so those of the first are any."""


@dataclass(frozen=True, repr=False)
class Leanings(Brief):
    """How a judge's numbers go with length, and how many rows they leave level.

    Attributes:
        answer_words: rank correlation of the number with the words of the answer, and its 95 %
            interval, over `MOST_READ` rows at most.
        prompt_words: the same with the words of the prompt.
        budget: rows that would be taken.
        ties: where these end.
    """

    answer_words: Share
    prompt_words: Share
    budget: int
    ties: TiesAtCut


def leanings(view: PoolView, values: FloatArray, *, sign: float = 1.0) -> Leanings:
    """Return how numbers go with length, and how many rows share that at which 5 % end.

    Args:
        view: the rows.
        values: their numbers. Shape (n,), NaN for none.
        sign: 1 if large numbers are better, -1 if small ones are.
    """
    known = np.flatnonzero(~np.isnan(values))
    budget = max(1, int(USUAL_SHARE * len(known))) if len(known) else 0
    read = known[:MOST_READ]
    return Leanings(
        _with_words(view, read, values, "response"),
        _with_words(view, read, values, "prompt"),
        budget,
        ties_at_cut(values, budget, sign=sign),
    )


def _with_words(view: PoolView, known: IndexArray, values: FloatArray, part: Part) -> Share:
    counts = [float(count_words(part_of(each, part))) for each in view.conversations(known)]
    words = np.array(counts, np.float64)
    rng = generator(seed=0, purpose="bootstrap of a rank correlation")
    bounds = spearman_interval(values[known], words, rng)
    return Share(spearman(values[known], words), *bounds)


def between_judges(first: FloatArray, second: FloatArray) -> RaterAgreement:
    """Return how far two judges agree over the rows that have a number of both.

    Args:
        first: shape (n,), NaN for none.
        second: shape (n,).
    """
    rng = generator(seed=0, purpose="bootstrap of judges' agreement")
    return rater_agreement(first, second, rng)
