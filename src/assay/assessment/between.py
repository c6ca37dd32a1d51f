"""What two datasets share: equal texts, near-duplicates, and rows that are close in meaning."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.assessment.reading import Kept, RowReader
from assay.assessment.rows import Rows
from assay.pool.pool import HashArray
from assay.progress import SILENT, Progress
from assay.samples import IndexArray
from assay.solvers.duplicates import normalised_text
from assay.solvers.nearest import nearest_neighbors
from assay.solvers.similarity import AnyFloatArray
from assay.texts.minhash import THRESHOLD, near_duplicate_pairs

_VERSION = 1

Similarities = NDArray[np.float32]


class Common(NamedTuple):
    """How many rows of each of two datasets the other one holds, too."""

    first: int
    second: int


def equal_rows(first: HashArray, second: HashArray) -> Common:
    """Return how many rows of each have an equal text in the other."""
    return Common(int(np.isin(first, second).sum()), int(np.isin(second, first).sum()))


def near_rows(
    first: Sequence[str],
    second: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    threads: int = 1,
    progress: Progress = SILENT,
) -> Common:
    """Return how many texts of each have a near-duplicate in the other.

    A near-duplicate shares at least `threshold` of its runs of five characters, both texts'
    together taken as the whole; texts that read alike are near-duplicates, too. Other than within
    a dataset, chains do not count: each pair is near itself.

    Args:
        first: texts in any order.
        second: texts in any order.
        threshold: Jaccard similarity, in (0, 1].
        threads: how many blocks are hashed at once.
        progress: where to report how far it is.

    Source:
        Broder 1997, "On the resemblance and containment of documents".
    """
    sides = [[normalised_text(text) for text in texts] for texts in (first, second)]
    # By the alphabet, so that the answer depends on neither order nor side.
    texts = sorted({text for side in sides for text in side if text})
    numbers = {text: number for number, text in enumerate(texts)}
    rows = [[numbers[text] for text in side if text] for side in sides]
    held = np.zeros((2, len(texts)), np.bool_)
    for own, numbered in zip(held, rows, strict=True):
        own[numbered] = True
    pairs = near_duplicate_pairs(texts, threshold, threads=threads, progress=progress).pairs
    near = held.copy()
    for own, reached in zip(held, near, strict=True):
        np.logical_or.at(reached, pairs[:, 0], own[pairs[:, 1]])
        np.logical_or.at(reached, pairs[:, 1], own[pairs[:, 0]])
    counts = [int(near[1 - side][rows[side]].sum()) for side in (0, 1)]
    return Common(*counts)


def common_near(first: Rows, second: Rows, reader: RowReader) -> Common:
    """Return `near_rows` of two datasets, from the cache where they were compared before."""
    if not len(first) or not len(second):
        return Common(0, 0)
    kept = Kept(reader.runtime, f"near-v{_VERSION}-{THRESHOLD:g}")
    found = kept.read(first.hashes, second.hashes)
    if found is not None:
        return Common(*found["rows"].tolist())
    runtime = reader.runtime
    common = near_rows(
        _texts(first), _texts(second), threads=runtime.workers, progress=runtime.stages
    )
    kept.write({"rows": np.array(common, np.int64)}, first.hashes, second.hashes)
    return common


def _texts(rows: Rows) -> list[str]:
    """Return the texts of a dataset, equal ones as often as they come."""
    if rows.view is None:
        return []
    return [
        conversation.text for _, block in rows.view.blocks() for conversation in block
    ]  # fmt: skip


def nearest_similarities(
    vectors: AnyFloatArray, queries: AnyFloatArray, *, among: bool = False
) -> Similarities:
    """Return the cosine of each query with its nearest vector, ascending.

    Args:
        vectors: shape (n, d), those that are looked through, n at least 1.
        queries: shape (q, d).
        among: the queries are rows of `vectors`, and none is its own neighbour.

    Returns:
        Shape (k,), ascending; queries of zero length, and those without any neighbour, are
        left out.
    """
    found = nearest_neighbors(vectors, 1 + among, queries=queries)
    counts = np.diff(found.indptr)
    last: IndexArray = found.indptr[1:][counts > among] - 1
    # A row finds itself, or an equal one, at similarity 1: the next one is its neighbour.
    return np.sort(found.similarities[last])


def nearest_of(queried: Rows, base: Rows, sample: int, reader: RowReader) -> Similarities:
    """Return `nearest_similarities` of a sample of one dataset to all rows of another, or its own.

    Kept, so that a second run does not search again.
    """
    if queried.view is None or base.view is None:
        return np.empty(0, np.float32)
    taken = queried.draw[:sample]
    among = queried is base
    asked = queried.hashes[taken]
    digest = reader.encoder.rpartition("@")[2]
    kept = Kept(reader.runtime, f"nearest{'-other' * among}-v{_VERSION}-{digest}")
    found = kept.read(asked, base.hashes)
    if found is None:
        vectors = reader.vectors(base.view).array
        queries = np.asarray(reader.vectors(queried.view).array[taken])
        found = {"similarities": nearest_similarities(vectors, queries, among=among)}
        kept.write(found, asked, base.hashes)
    similarities: Similarities = found["similarities"]
    return similarities
