"""Cosine similarities that are the same number on every machine, block size and thread count.

A float32 matrix product depends on the order of its sums, so two ways of cutting the same work
into blocks disagree in the last digits, and a greedy solver may then break a tie differently.
Here coordinates are multiples of 2**-26. A product of two is a multiple of 2**-52, and by
Cauchy-Schwarz every partial sum of a dot product of unit vectors stays near 1, so float64 holds
each of them exactly: no order of summation rounds. The price is an error below 1e-7 against the
vectors as given.
"""

import numpy as np
from numpy.typing import NDArray

from assay.errors import NonFiniteError
from assay.samples import FloatArray, IndexArray

AnyFloatArray = NDArray[np.float16] | NDArray[np.float32] | NDArray[np.float64]

QUANTUM = 2.0**-20
"""Step of a stored similarity, about 1e-6; every multiple up to 1 is exact in float32."""

_GRID = 2.0**26
_BLOCK_VALUES = 1 << 23
_SHOWN_ROWS = 10
_SAFE = 1e-200


def blocks(rows: int, width: int) -> range:
    """Return the starts of row blocks of about 64 MB of float64 at `width` columns."""
    return range(0, rows, block_rows(width))


def block_rows(width: int) -> int:
    """Return how many rows of `width` float64 values make about 64 MB."""
    return max(1, _BLOCK_VALUES // max(1, width))


def exact_unit_vectors(vectors: AnyFloatArray) -> NDArray[np.float32]:
    """Return `vectors` at unit length with coordinates whose products add up exactly.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not, any length. All rows are
            finite; a zero row stays zero.

    Returns:
        Shape (n, d), float32 multiples of 2**-26. Cast to float64 before multiplying: dot
        products are then exact, whatever the order of their sums.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first rows are listed.
    """
    if vectors.ndim != 2:
        raise ValueError(f"vectors must have two dimensions, not {vectors.ndim}")
    exact = np.empty(vectors.shape, dtype=np.float32)
    step = block_rows(vectors.shape[1])
    for first in blocks(*vectors.shape):
        block = np.asarray(vectors[first : first + step], dtype=np.float64)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise _non_finite(first + np.flatnonzero(~finite))
        # Through float32 first: its spacing above 0.25 is wider than the grid, and a value that
        # float32 cannot hold would not survive being stored.
        unit = at_unit_length(block).astype(np.float32).astype(np.float64)
        # Adding zero turns -0.0 into 0.0, so that equal rows are equal bytes.
        exact[first : first + step] = np.rint(unit * _GRID) / _GRID + 0.0
    return exact


def at_unit_length(vectors: AnyFloatArray) -> FloatArray:
    """Return finite `vectors` of any length at length 1; zero rows stay zero. Shape (n, d)."""
    wide = np.asarray(vectors, dtype=np.float64)
    squares = _squares(wide)
    # The squares of very long and very short rows do not fit a float: these are first brought
    # near to 1 by a power of two, which changes no digit.
    far = np.flatnonzero(~((squares > _SAFE) & (squares < 1 / _SAFE)))
    if len(far):
        wide = wide.copy()
        largest = np.abs(wide[far]).max(axis=1, initial=0.0)
        wide[far] = np.ldexp(wide[far], -np.frexp(largest)[1][:, None])
        squares[far] = _squares(wide[far])
    squares[squares == 0] = 1.0
    unit: FloatArray = wide / np.sqrt(squares)[:, None]
    return unit


def _squares(vectors: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", under="ignore"):
        total: FloatArray = (vectors * vectors).sum(axis=1)
    return total


def _non_finite(rows: IndexArray) -> NonFiniteError:
    shown = ", ".join(map(str, rows[:_SHOWN_ROWS].tolist()))
    return NonFiniteError(
        f"vectors hold NaN or infinity in rows {shown}",
        hint="drop these rows or compute their vectors again",
    )


def zero_rows(vectors: NDArray[np.float32]) -> IndexArray:
    """Return the ascending positions of the rows that are all zero."""
    return np.flatnonzero(~vectors.any(axis=1)).astype(np.int64)


def quantised(similarities: FloatArray) -> FloatArray:
    """Return `similarities` rounded to multiples of `QUANTUM` and clipped to [-1, 1]."""
    rounded = np.rint(similarities / QUANTUM)
    rounded *= QUANTUM
    return np.clip(rounded, -1.0, 1.0, out=rounded)


def row_similarities(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], candidates: IndexArray
) -> NDArray[np.float32]:
    """Return the similarity of each query to its own candidates.

    Args:
        vectors: shape (n, d), from `exact_unit_vectors`.
        queries: shape (q, d), from `exact_unit_vectors`.
        candidates: shape (q, c), rows of `vectors`.

    Returns:
        Shape (q, c), float32 multiples of `QUANTUM` in [-1, 1].
    """
    result = np.empty(candidates.shape, dtype=np.float32)
    # Small blocks stay in the processor's cache between the gather and the product.
    step = max(1, (1 << 18) // max(1, candidates.shape[1] * vectors.shape[1]))
    for first in range(0, len(candidates), step):
        chosen = candidates[first : first + step]
        gathered = vectors[chosen.ravel()].astype(np.float64).reshape(*chosen.shape, -1)
        own = queries[first : first + step].astype(np.float64)
        products = np.matmul(gathered, own[:, :, None])[:, :, 0]
        result[first : first + step] = quantised(products)
    return result


def pair_similarities(
    vectors: NDArray[np.float32], left: IndexArray, right: IndexArray
) -> NDArray[np.float32]:
    """Return the similarity of each pair of rows.

    Args:
        vectors: shape (n, d), from `exact_unit_vectors`.
        left: shape (p,), rows of `vectors`.
        right: shape (p,), rows of `vectors`.

    Returns:
        Shape (p,), float32 multiples of `QUANTUM` in [-1, 1].
    """
    result = np.empty(len(left), dtype=np.float32)
    step = max(1, (1 << 18) // max(1, vectors.shape[1]))
    for first in range(0, len(left), step):
        a = vectors[left[first : first + step]].astype(np.float64)
        b = vectors[right[first : first + step]].astype(np.float64)
        result[first : first + step] = quantised((a * b).sum(axis=1))
    return result
