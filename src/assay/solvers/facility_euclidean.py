"""Facility location by distance: all pairs of few rows, the nearest neighbours of many."""

import math
from dataclasses import replace

import numpy as np

from assay.samples import Selection
from assay.solvers.arrays import Candidates
from assay.solvers.facility_dense import facility_location_dense
from assay.solvers.facility_sparse import facility_location_sparse
from assay.solvers.greedy import FacilityLocationOptions
from assay.solvers.nearest import Neighbors, nearest_neighbors
from assay.solvers.similarity import AnyFloatArray, quantised

DENSE_ROWS = 16_384
"""Rows up to which all pairs are looked at; their kernel takes 2 GiB."""

NEIGHBORS = 64
"""Neighbours of a row that are looked at beyond that."""

_BYTES_PER_PAIR = 8


def facility_location_euclidean(
    vectors: AnyFloatArray,
    candidates: Candidates,
    *,
    fill: bool = False,
    dense_rows: int = DENSE_ROWS,
    neighbors: int = NEIGHBORS,
) -> Selection:
    """Choose rows that stand for all others, by exp(-distance / d) of unit vectors.

    Up to `dense_rows` rows every pair counts. Beyond, only each row's nearest neighbours do, and
    every other pair counts as if it lay as far apart as two unit vectors can.

    Args:
        vectors: shape (n, d), any float dtype, brought to unit length here. A zero row has
            similarity 0 to everything, itself included.
        candidates: how many to choose and what they may cost, without a start, all rows allowed;
            as many as there are, or more, gives all of them if the limit pays for all, those
            without gain last.
        fill: go on, by lowest row, when nothing left adds anything.
        dense_rows: rows up to which all pairs are looked at.
        neighbors: neighbours per row beyond that.

    Returns:
        Picks in order, ties to the lowest row. Gains are what each added to the sum over all rows
        of the similarity to the nearest pick. Every prefix is the answer for its own length and,
        with costs, for its own cost. `stop` as for `facility_location_dense`.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        Superfiltering, arXiv 2402.00530, with the kernel of the library that its code uses.
    """
    if candidates.start is not None or candidates.allowed is not None:
        raise ValueError("all rows are to be covered and chosen from: hand in no others")
    options = FacilityLocationOptions(fill=fill)
    rows = len(vectors)
    if rows <= dense_rows:
        # With the whole kernel in memory, looking at a candidate again costs next to nothing.
        return facility_location_dense(
            vectors,
            candidates,
            options=options,
            kernel="submod-euclidean",
            cache_bytes=_BYTES_PER_PAIR * rows * rows,
        ).selection
    graph = nearest_neighbors(vectors, neighbors, progress=candidates.progress)
    floor = _floor(vectors.shape[1])
    near = _above_floor(graph, vectors.shape[1])
    found = facility_location_sparse(near, candidates, options=options).selection
    gains = found.gains * (1.0 - floor)
    gains[:1] += floor * (rows - len(graph.zero_rows))
    return replace(found, gains=gains)


def _floor(width: int) -> float:
    """Return the smallest similarity of two unit vectors, which are at most 2 apart."""
    return math.exp(-2.0 / width)


def _above_floor(graph: Neighbors, width: int) -> Neighbors:
    """Return the graph with (similarity - floor) / (1 - floor), in [0, 1], for its cosines.

    Why the picks stay the same where all pairs are edges: let F(S) be the sum over rows v of the
    largest K(v, s) for s in S, and c <= K(v, s) everywhere. Taking c from every K takes c from
    every largest value as soon as S has one row: F(S) falls by m c, m being the number of rows,
    for every S but the empty one. So the first pick gains m c less whichever row it is, later
    picks gain what they did, and the best is the best as before. Dividing by 1 - c changes no
    order either. (A zero row is similar to nothing, adds 0 to every F(S), and is not among the m.)

    What it is good for: an absent edge counts as 0, and now that is the least a pair can have.

    Distances come from cosines that are rounded to 2**-20, hence are at most 0.001 off.
    """
    distances = np.sqrt(np.maximum(2.0 - 2.0 * graph.similarities.astype(np.float64), 0.0))
    floor = _floor(width)
    shifted = (np.exp(-distances / width) - floor) / (1.0 - floor)
    return graph._replace(similarities=quantised(shifted).astype(np.float32))
