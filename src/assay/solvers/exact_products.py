"""Products of grid vectors with arbitrary vectors, the same bits whatever the order of the sum.

Coordinates of `exact_unit_vectors` have 26 bits after the point. A direction is taken apart into
parts of about 26 bits each, on grids of their own. With each part every partial sum of a dot
product is a whole number of steps below 2**53, so float64 holds it, however the sum is ordered.
What is left is to add the parts, and that is done in a fixed order.
"""

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray
from assay.solvers.similarity import block_rows, blocks

_PART_BITS = 26


def exact_parts(directions: FloatArray, parts: int = 3) -> FloatArray:
    """Return directions as sums of parts whose products with grid vectors are exact.

    Args:
        directions: shape (d,) or (r, d), finite; d below 2**24.
        parts: how many each is taken into. Two keep about 48 bits of its length, three about 70;
            what they leave out is dropped.

    Returns:
        Shape (p, d) or (p, r, d), the coarsest first.
    """
    result = np.empty((parts, *directions.shape))
    rest = np.array(directions, dtype=np.float64)
    for part in result:
        length = np.sqrt((rest * rest).sum(axis=-1, keepdims=True))
        # The next power of two, so that a product has at most 26 + 26 bits below the length.
        step = np.ldexp(1.0, np.frexp(length)[1] - _PART_BITS)
        part[...] = np.rint(rest / step) * step
        rest -= part
    return result


def exact_products(vectors: NDArray[np.float32], parts: FloatArray) -> FloatArray:
    """Return the product of each row with one direction.

    Args:
        vectors: shape (r, d), from `exact_unit_vectors`.
        parts: shape (p, d), from `exact_parts`.

    Returns:
        Shape (r,). Equal rows give equal bits, and neither blocks nor threads matter.
    """
    total = np.empty(len(vectors))
    step = block_rows(vectors.shape[1])
    for first in blocks(*vectors.shape):
        products = vectors[first : first + step].astype(np.float64) @ parts.T
        total[first : first + step] = _added(products.T)
    return total


def exact_row_products(vectors: NDArray[np.float32], parts: FloatArray) -> FloatArray:
    """Return the product of each row with a direction of its own, as `exact_products` does.

    Args:
        vectors: shape (r, d), from `exact_unit_vectors`.
        parts: shape (p, r, d), from `exact_parts`.

    Returns:
        Shape (r,).
    """
    return _added((vectors * parts).sum(axis=2))


def _added(products: FloatArray) -> FloatArray:
    total: FloatArray = products[0].copy()
    for product in products[1:]:
        total += product
    return total
