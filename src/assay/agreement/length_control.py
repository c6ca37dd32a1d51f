"""What a judge would say that sees nothing of a row but how long its texts are."""

from dataclasses import dataclass

import numpy as np

from assay.echo import Brief
from assay.features.text import part_of
from assay.pool.view import PoolView
from assay.random_numbers import generator, row_uniform
from assay.samples import FloatArray, IndexArray
from assay.solvers.proportions import Share
from assay.solvers.rank_interval import FEWEST, spearman_interval
from assay.solvers.ranks import spearman
from assay.texts.measures import count_words

MOST_READ = 20_000
"""Rows whose words are counted; ids are drawn from the text, so those of the first are any."""
FOLDS = 5
_SHRUNK = 1e-6


@dataclass(frozen=True, repr=False)
class LengthControl(Brief):
    """Rank correlations with what lengths alone tell, each with its 95 % interval.

    Attributes:
        rows: that have the numbers.
        told: correlation of the numbers with what is told of them, of rows that were not learned
            from; NaN below `FEWEST` rows.
    """

    rows: int
    told: Share


@dataclass(frozen=True, repr=False)
class Words(Brief):
    """Words of the texts of some rows.

    Attributes:
        rows: their positions in view.
        prompt: shape (m,).
        response: shape (m,).
    """

    rows: IndexArray
    prompt: FloatArray
    response: FloatArray


def words_of(view: PoolView, rows: IndexArray) -> Words:
    """Return how many words the texts of the first `MOST_READ` of some rows have."""
    read = rows[:MOST_READ]
    found = view.conversations(read)
    prompt, response = (
        np.array([float(count_words(part_of(each, part))) for each in found], np.float64)
        for part in ("prompt", "response")
    )
    return Words(read, prompt, response)


def length_control(view: PoolView, words: Words, values: FloatArray) -> LengthControl:
    """Return how far numbers are told by lengths: fitted on four fifths, told of the last.

    What is fitted is a plane over the logarithms of the words of prompt and answer, their squares
    and their product, by least squares.

    Args:
        view: the rows.
        words: of those that have numbers.
        values: numbers of all rows in view. Shape (n,), NaN for none.
    """
    known = ~np.isnan(values[words.rows])
    rows = words.rows[known]
    if len(rows) < FEWEST:
        return LengthControl(len(rows), Share(float("nan"), float("nan"), float("nan")))
    numbers = values[rows]
    told = told_by_length(
        words.prompt[known],
        words.response[known],
        numbers,
        row_uniform(view.ids[rows], seed=0, purpose="parts of a length control"),
    )
    rng = generator(seed=0, purpose="bootstrap of a rank correlation")
    bounds = spearman_interval(numbers, told, rng)
    return LengthControl(len(rows), Share(spearman(numbers, told), *bounds))


def told_by_length(
    prompt: FloatArray, response: FloatArray, numbers: FloatArray, drawn: FloatArray
) -> FloatArray:
    """Return what lengths tell of each row's number, learned from the other parts. Shape (n,).

    Args:
        prompt: words. Shape (n,).
        response: words. Shape (n,).
        numbers: shape (n,), no NaN.
        drawn: in [0, 1), says which part a row is in. Shape (n,).
    """
    first, second = np.log1p(prompt), np.log1p(response)
    columns = np.stack(
        [np.ones_like(first), first, second, first**2, second**2, first * second], axis=1
    )
    part = (drawn * FOLDS).astype(np.int64)
    told = np.empty(len(numbers))
    for fold in range(FOLDS):
        own = part == fold
        learned = columns[~own]
        products = learned.T @ learned + _SHRUNK * np.eye(columns.shape[1])
        told[own] = columns[own] @ np.linalg.solve(products, learned.T @ numbers[~own])
    return told
