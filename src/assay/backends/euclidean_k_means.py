"""k-means by distance, as scikit-learn does it: for methods whose authors chose it.

Groups of rows that point the same way are `k_means`, which needs no further package.
"""

import numpy as np
from numpy.typing import NDArray

from assay.errors import MissingExtraError
from assay.samples import IndexArray


def euclidean_k_means(
    vectors: NDArray[np.floating], count: int, *, seed: int
) -> tuple[IndexArray, NDArray[np.float32]]:
    """Return the cluster of each row, and the centroids.

    One start by greedy k-means++, then Lloyd's rounds until they change little, with the library's
    own limits. It runs in one thread, so that the number of processors changes no sum.

    Args:
        vectors: shape (n, d), taken as float32.
        count: clusters wanted; there are no more than different vectors.
        seed: of the start, as scikit-learn takes it.

    Returns:
        Labels, shape (n,), and centroids, shape (k, d) float32.

    Raises:
        MissingExtraError: if scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import KMeans  # noqa: PLC0415  an optional package
        from threadpoolctl import threadpool_limits  # noqa: PLC0415  comes with it
    except ImportError as error:
        raise MissingExtraError("k-means by distance", "models") from error
    plain = np.ascontiguousarray(vectors, dtype=np.float32)
    count = _different(plain, count)
    if count == 0:
        return np.empty(0, np.int64), np.empty((0, plain.shape[1]), np.float32)
    with threadpool_limits(1):
        found = KMeans(n_clusters=count, random_state=seed, n_init=1).fit(plain)
    return found.labels_.astype(np.int64), found.cluster_centers_.astype(np.float32)


def _different(vectors: NDArray[np.float32], most: int) -> int:
    """Return how many different vectors there are, counted up to a number that is enough."""
    seen: set[bytes] = set()
    for vector in vectors:
        seen.add(vector.tobytes())
        if len(seen) == most:
            break
    return len(seen)
