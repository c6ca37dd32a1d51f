"""Which pool rows repeat evaluation texts, by shared runs of words.

Words are those of `assay.texts.measures.words` after `normalised_text`, so that case,
punctuation and white space do not hide a copy, and Chinese is compared character by character.
Runs are looked up by hash and then compared word by word: a reported match is one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import SILENT, Progress
from assay.samples import FloatArray, IndexArray
from assay.solvers.duplicates import normalised_text
from assay.texts.measures import words

NGRAM = 13
SHORTEST_NGRAM = 5

_BLOCK_ROWS = 4096
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_UNKNOWN = 0


@dataclass(frozen=True)
class ContaminationReport:
    """What each pool row shares with the evaluation texts.

    Attributes:
        contaminated: shape (n,), does the row reach the share that was asked for?
        evaluation_index: shape (n,), the evaluation text of which the row repeats the greatest
            share, the lowest index among equals; -1 if it repeats a run of none.
        share: shape (n,), how many of that text's distinct runs are found in the row, in [0, 1].
    """

    contaminated: NDArray[np.bool_]
    evaluation_index: IndexArray
    share: FloatArray


class _Runs(NamedTuple):
    """Distinct runs of `length` words of the evaluation texts.

    `hashes` ascend; several runs may share one. `members` holds the words, shape (r, length).
    Run k occurs in the evaluation texts `owners[owner_starts[k] : owner_starts[k + 1]]`.
    """

    length: int
    hashes: NDArray[np.uint64]
    members: IndexArray
    owners: IndexArray
    owner_starts: IndexArray


def contaminated(
    texts: Sequence[str],
    evaluation_texts: Sequence[str],
    *,
    ngram: int = NGRAM,
    share: float = 0.0,
    shortest: int = SHORTEST_NGRAM,
    progress: Progress = SILENT,
) -> ContaminationReport:
    """Tell which texts repeat runs of `ngram` words of an evaluation text.

    An evaluation text of fewer than `ngram` words is one run: it must occur as a whole. With fewer
    than `shortest` words it must be the whole row, since such phrases occur everywhere.

    Args:
        texts: n pool rows, as they are.
        evaluation_texts: what must not be trained on, such as test questions.
        ngram: words in a run, at least 1. Smaller finds paraphrases and more chance matches.
        share: which part of an evaluation text's distinct runs a row must hold to be called
            contaminated, in [0, 1]; 0 means that a single one is enough.
        shortest: as above.
        progress: where to report how far it is.

    Source:
        Brown et al. 2020, arXiv 2005.14165, appendix C (13 words, any overlap). There a match cuts
        the training document around itself; here rows are dropped whole.
    """
    vocabulary: dict[str, int] = {}
    evaluation = [
        [vocabulary.setdefault(word, len(vocabulary) + 1) for word in words(normalised_text(text))]
        for text in evaluation_texts
    ]
    runs = list(_evaluation_runs(evaluation, ngram, shortest))
    run_counts = _runs_per_text(runs, len(evaluation))
    whole = _whole_texts(evaluation, shortest)
    evaluation_index = np.full(len(texts), -1, dtype=np.int64)
    best = np.zeros(len(texts))
    with progress.task("repeated questions", len(texts)) as task:
        for start in range(0, len(texts), _BLOCK_ROWS):
            block = [
                [vocabulary.get(word, _UNKNOWN) for word in words(normalised_text(text))]
                for text in texts[start : start + _BLOCK_ROWS]
            ]
            for row, index in enumerate(whole.get(tuple(known), -1) for known in block):
                if index >= 0:
                    evaluation_index[start + row], best[start + row] = index, 1.0
            rows, owners, counts = _matches(block, runs)
            _keep_best(rows + start, owners, counts / run_counts[owners], (evaluation_index, best))
            task.advance(len(block))
    return ContaminationReport((best > 0) & (best >= share), evaluation_index, best)


def _keep_best(
    rows: IndexArray, owners: IndexArray, shares: FloatArray, report: tuple[IndexArray, FloatArray]
) -> None:
    evaluation_index, best = report
    # Ascending rows; within a row the greatest share first, then the lowest evaluation index.
    order = np.lexsort((owners, -shares, rows))
    rows, first = np.unique(rows[order], return_index=True)
    chosen = order[first]
    # Of equal shares the lower index stays: a row may already be the whole of another text.
    equal = shares[chosen] == best[rows]
    better = (shares[chosen] > best[rows]) | (equal & (owners[chosen] < evaluation_index[rows]))
    evaluation_index[rows[better]] = owners[chosen][better]
    best[rows[better]] = shares[chosen][better]


def _whole_texts(evaluation: Sequence[Sequence[int]], shortest: int) -> dict[tuple[int, ...], int]:
    texts: dict[tuple[int, ...], int] = {}
    for index, text in enumerate(evaluation):
        if 0 < len(text) < shortest:
            texts.setdefault(tuple(text), index)
    return texts


def _windows(texts: Sequence[Sequence[int]], length: int) -> tuple[IndexArray, IndexArray]:
    """Return all runs of `length` known words, shape (w, length), and the text of each."""
    counts = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    flat = np.fromiter((word for text in texts for word in text), np.int64, count=counts.sum())
    if len(flat) < length:
        return np.empty((0, length), dtype=np.int64), np.empty(0, dtype=np.int64)
    owners = np.repeat(np.arange(len(texts)), counts)
    windows = np.lib.stride_tricks.sliding_window_view(flat, length)
    unknown_before = np.concatenate(([0], np.cumsum(flat == _UNKNOWN)))
    known = unknown_before[length:] == unknown_before[:-length]
    inside = owners[: len(windows)] == owners[length - 1 :]
    chosen = np.flatnonzero(known & inside)
    return windows[chosen], owners[chosen]


def _hash(windows: IndexArray) -> NDArray[np.uint64]:
    hashes = np.zeros(len(windows), dtype=np.uint64)
    for column in windows.T:
        hashes = (hashes ^ column.astype(np.uint64)) * _FACTOR
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _evaluation_runs(
    evaluation: Sequence[Sequence[int]], ngram: int, shortest: int
) -> Iterator[_Runs]:
    lengths = np.fromiter(map(len, evaluation), dtype=np.int64, count=len(evaluation))
    run_lengths = np.where(lengths < shortest, 0, np.minimum(lengths, ngram))
    for length in np.unique(run_lengths[run_lengths > 0]):
        with_length = np.flatnonzero(run_lengths == length)
        windows, positions = _windows(
            [evaluation[int(index)] for index in with_length], int(length)
        )
        members, numbers = np.unique(windows, axis=0, return_inverse=True)
        order = np.argsort(_hash(members), kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        pairs = np.unique(np.column_stack((place[numbers.ravel()], with_length[positions])), axis=0)
        starts = np.searchsorted(pairs[:, 0], np.arange(len(order) + 1))
        members = members[order]
        yield _Runs(int(length), _hash(members), members, pairs[:, 1], starts)


def _runs_per_text(runs: Iterable[_Runs], count: int) -> IndexArray:
    totals = np.zeros(count, dtype=np.int64)
    for of_length in runs:
        totals += np.bincount(of_length.owners, minlength=count)
    return totals


def _matches(
    block: Sequence[Sequence[int]], runs: Iterable[_Runs]
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Return (row, evaluation text, number of the text's distinct runs in the row), row by row."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for of_length in runs:
        windows, rows = _windows(block, of_length.length)
        hits = np.unique(np.column_stack(_equal_runs(windows, rows, of_length)), axis=0)
        counts = np.diff(of_length.owner_starts)[hits[:, 1]]
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        owners = of_length.owners[np.repeat(of_length.owner_starts[hits[:, 1]], counts) + offsets]
        found.append(np.column_stack((np.repeat(hits[:, 0], counts), owners)))
    pairs, counts = np.unique(np.concatenate(found), axis=0, return_counts=True)
    return pairs[:, 0], pairs[:, 1], counts


def _equal_runs(
    windows: IndexArray, rows: IndexArray, runs: _Runs
) -> tuple[IndexArray, IndexArray]:
    hashes = _hash(windows)
    first = np.searchsorted(runs.hashes, hashes, side="left")
    after = np.searchsorted(runs.hashes, hashes, side="right")
    row_parts, run_parts = [], []
    # More than one turn only where different runs share a hash.
    while (live := np.flatnonzero(first < after)).size:
        run = first[live]
        equal = (runs.members[run] == windows[live]).all(axis=1)
        row_parts.append(rows[live][equal])
        run_parts.append(run[equal])
        first[live] += 1
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *row_parts]), np.concatenate([empty, *run_parts])
