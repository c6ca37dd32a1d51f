"""How wrong labels are, read off how often neighbours agree, without a true label anywhere.

Rows that lie next to each other are taken to have the same true class, and to be labelled
independently of each other. Then how often a row and its two nearest neighbours carry each triple
of labels depends only on how frequent the true classes are and with what probability each is
labelled as which; both can be read back from the frequencies. That is high-order consensus:
Zhu, Song and Liu 2021, arXiv 2102.05291, which DS2 applies to the scores of a judge.
"""

from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from assay.samples import FloatArray, IndexArray
from assay.solvers.lbfgs import minimise
from assay.solvers.probabilities import softmax

# Where the search starts: labels are mostly right, all classes equally frequent.
_OWN_CLASS = 5.0
_OTHER_CLASSES = -1.0
# A norm has no gradient at 0, and a search that meets that edge too early slides along it. So the
# norms are rounded off there, less and less, at last by far less than counts are ever off.
_ROUNDED_OFF = (1e-1, 1e-2, 1e-3, 1e-4)
_STEPS_OF_EACH = 1000
_FLAT = 1e-8
_LONGEST_STEP = 0.5
_ADAM_STEPS = 1501
_ADAM_RATE = 0.1
_ADAM_FORGETTING = (0.9, 0.999)
_ADAM_FLOOR = 1e-8
_ADAM_FIRST_COUNTED = 6
_SMALLEST_NORM = 1e-300
_LEAST_GAIN = 1e-9


class Consensus(NamedTuple):
    """How frequent each label, pair and triple of labels is among neighbours; each sums to 1.

    Attributes:
        single: shape (k,), of the row itself.
        pair: shape (k, k), of the row and its nearest neighbour.
        triple: shape (k, k, k), of the row and its two nearest neighbours.
    """

    single: FloatArray
    pair: FloatArray
    triple: FloatArray


class Transition(NamedTuple):
    """What labels say of true classes.

    Attributes:
        matrix: shape (k, k), in [0, 1]; row i: how probably class i is labelled as each. Rows sum
            to 1.
        prior: shape (k,), in [0, 1]; how frequent the true classes are. Sums to 1.
        loss: sum of the three distances between the frequencies and what the two explain.
    """

    matrix: FloatArray
    prior: FloatArray
    loss: float


def counted_consensus(triples: IndexArray, classes: int) -> Consensus:
    """Return the frequencies of labels among neighbours.

    Args:
        triples: shape (n, 3), n >= 1; labels from 0 of a row, its nearest neighbour and the next.
        classes: how many classes there are.
    """
    found = []
    for order in (1, 2, 3):
        shape = (classes,) * order
        places = np.ravel_multi_index(tuple(triples[:, :order].T), shape)
        counts = np.bincount(places, minlength=classes**order).reshape(shape)
        found.append(counts / len(triples))
    return Consensus(*found)


def expected_consensus(matrix: FloatArray, prior: FloatArray) -> Consensus:
    """Return the frequencies that a transition matrix and true classes lead to.

    Args:
        matrix: shape (k, k), rows sum to 1.
        prior: shape (k,), sums to 1.

    Source:
        Zhu et al. 2021: the product of what each of the rows is labelled as, summed over their
        common true class.
    """
    single = np.einsum("k,ka->a", prior, matrix)
    pair = np.einsum("k,ka,kb->ab", prior, matrix, matrix)
    both = np.einsum("k,ka,kb->kab", prior, matrix, matrix)
    return Consensus(single, pair, np.einsum("kab,kc->abc", both, matrix))


def fitted_transition(
    consensus: Consensus, *, mode: Literal["canonical", "reference"] = "canonical"
) -> Transition:
    """Return the transition matrix and true classes that explain the frequencies best.

    Both modes minimise the same sum of three Frobenius norms over the same softmax parameters from
    the same start. Canonical goes down by L-BFGS. The reference takes 1,501 steps of Adam at rate
    0.1 and keeps the best point after the first ones; its steps are too long to settle, so what it
    returns hangs on the last digits of the arithmetic and explains the frequencies less well.

    Args:
        consensus: of k >= 2 classes.
        mode: how the minimum is looked for.
    """
    classes = len(consensus.single)
    start = np.full((classes, classes), _OTHER_CLASSES)
    np.fill_diagonal(start, _OWN_CLASS + _OTHER_CLASSES)
    numbers = np.append(start.ravel(), np.zeros(classes))
    numbers = (_by_descent if mode == "canonical" else _by_adam)(numbers, consensus)
    matrix, prior = _mostly_right(*_read(numbers, classes))
    return Transition(matrix, prior, _loss(numbers, consensus, 0.0)[0])


def _mostly_right(matrix: FloatArray, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the same with true classes named so that labels are right as often as can be.

    Frequencies do not tell which true class is which: all orders explain them equally well.
    """
    order = np.arange(len(prior))
    while True:
        rows = matrix[order]
        own = np.diag(rows)
        gain = rows + rows.T - own[:, None] - own[None]
        one, other = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[one, other] <= _LEAST_GAIN:
            return matrix[order], prior[order]
        order[[one, other]] = order[[other, one]]


def _read(numbers: FloatArray, classes: int) -> tuple[FloatArray, FloatArray]:
    """Return matrix and prior that some numbers stand for."""
    matrix = softmax(numbers[:-classes].reshape(classes, classes))
    return matrix, softmax(numbers[None, -classes:])[0]


def _loss(
    numbers: FloatArray, consensus: Consensus, rounded_off: float
) -> tuple[float, FloatArray]:
    """Return the sum of distances to the frequencies, and its gradient by the numbers."""
    classes = len(consensus.single)
    matrix, prior = _read(numbers, classes)
    told = expected_consensus(matrix, prior)
    total, slopes = 0.0, []
    for mine, theirs in zip(told, consensus, strict=True):
        rest = mine - theirs
        norm = float(np.sqrt((rest * rest).sum() + rounded_off**2))
        total += norm - rounded_off
        slopes.append(rest / max(norm, _SMALLEST_NORM))
    by_matrix, by_prior = _slopes(matrix, prior, slopes)
    # Through the softmax: a number raises its own probability at the expense of the others.
    by_numbers = matrix * (by_matrix - (by_matrix * matrix).sum(axis=1, keepdims=True))
    by_frequency = prior * (by_prior - (by_prior * prior).sum())
    return total, np.append(by_numbers.ravel(), by_frequency)


def _slopes(
    matrix: FloatArray, prior: FloatArray, slopes: list[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the gradient by matrix and prior, given that by the three expected frequencies."""
    single, pair, triple = slopes
    # Sums over all but one or two of the places of a triple; what is left is small.
    by_two = np.einsum("abc,kc->kab", triple, matrix)
    by_one = np.einsum("kab,kb->ka", by_two, matrix)
    by_pair = np.einsum("ab,kb->ka", pair, matrix)
    by_prior = matrix @ single + (by_pair * matrix).sum(axis=1) + (by_one * matrix).sum(axis=1)
    second = np.einsum("kab,ka->kb", by_two, matrix)
    third = np.einsum("abc,ka,kb->kc", triple, matrix, matrix)
    by_matrix = single[None] + by_pair + np.einsum("ab,ka->kb", pair, matrix)
    by_matrix = by_matrix + by_one + second + third
    return prior[:, None] * by_matrix, by_prior


def _by_descent(numbers: FloatArray, consensus: Consensus) -> FloatArray:
    """Return the point where going down ends, over norms that are rounded off less and less."""
    for rounded_off in _ROUNDED_OFF:
        objective = partial(_loss, consensus=consensus, rounded_off=rounded_off)
        found = minimise(
            objective, numbers, tolerance=_FLAT, most_steps=_STEPS_OF_EACH, longest=_LONGEST_STEP
        )
        numbers = found.point
    return numbers


def _by_adam(numbers: FloatArray, consensus: Consensus) -> FloatArray:
    """Return the best point of so many steps of Adam."""
    best, least = numbers, np.inf
    mean, square = np.zeros_like(numbers), np.zeros_like(numbers)
    slow, slower = _ADAM_FORGETTING
    for step in range(_ADAM_STEPS):
        loss, slope = _loss(numbers, consensus, 0.0)
        if step >= _ADAM_FIRST_COUNTED and loss < least:
            best, least = numbers, loss
        mean = slow * mean + (1 - slow) * slope
        square = slower * square + (1 - slower) * slope * slope
        first = mean / (1 - slow ** (step + 1))
        second = square / (1 - slower ** (step + 1))
        numbers = numbers - _ADAM_RATE * first / (np.sqrt(second) + _ADAM_FLOOR)
    return best
