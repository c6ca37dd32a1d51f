"""How far vectors lie from their centroid, along the directions in which all of them vary most."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.similarity import AnyFloatArray, block_rows, blocks, exact_unit_vectors

_DIGITS = 9
"""Decimals that count: blocks and threads decide about later ones."""


def principal_energy(
    vectors: AnyFloatArray, rows: IndexArray, *, components: int | None, explained: float
) -> FloatArray:
    """Return the mean square of each vector's principal coordinates.

    Columns are centred and the coordinates are those of the directions of largest variance. Their
    signs are arbitrary, so nothing but squares of them means anything: the spread of a row's
    coordinates about their own mean would change when one is turned round.

    Args:
        vectors: shape (n, d), any float dtype, brought to unit length here.
        rows: shape (m,), the rows that take part, ascending.
        components: directions, fewer where vectors do not vary in so many; None for as many as
            explain a share of the variance.
        explained: that share, in (0, 1].

    Returns:
        Shape (n,), not negative, nine decimals; NaN for rows that take no part. All 0 where the
        vectors do not differ.

    Raises:
        NonFiniteError: if a row holds NaN or infinity.
    """
    units = exact_unit_vectors(vectors[rows])
    energy = np.full(len(vectors), np.nan)
    if not len(units):
        return energy
    # Grid vectors add up without rounding, so that the order of the rows does not matter.
    mean = units.sum(axis=0, dtype=np.float64) / len(units)
    scatter = np.zeros((units.shape[1],) * 2)
    for centred in _centred(units, mean):
        scatter += centred.T @ centred
    directions = _leading(scatter / len(units), components, explained)
    if not directions.shape[1]:
        energy[rows] = 0.0
        return energy
    parts = [((block @ directions) ** 2).mean(axis=1) for block in _centred(units, mean)]
    energy[rows] = np.round(np.concatenate(parts), _DIGITS)
    return energy


def _centred(units: NDArray[np.float32], mean: FloatArray) -> Iterator[FloatArray]:
    step = block_rows(units.shape[1])
    for first in blocks(*units.shape):
        yield units[first : first + step] - mean


def _leading(covariance: FloatArray, components: int | None, explained: float) -> FloatArray:
    """Return the directions of largest variance as columns; none where there is no variance."""
    variances, directions = np.linalg.eigh(covariance)
    variances, directions = variances[::-1], directions[:, ::-1]
    # What is left of a direction in which vectors do not vary is rounding.
    real = int(np.count_nonzero(variances > len(variances) * np.finfo(np.float64).eps))
    count = real if components is None else min(components, real)
    if components is None and real:
        shares = np.cumsum(variances[:real]) / variances[:real].sum()
        count = min(real, 1 + int(np.searchsorted(shares, explained - 1e-12)))
    return directions[:, :count]
