"""Near-duplicate texts by MinHash and banding, confirmed by the exact Jaccard similarity.

A text is the set of its runs of five characters after `normalised_text`. Characters rather than
words, because instructions are short (a ten-word text has six word 5-grams, so that one changed
word would halve its similarity) and because they work alike in scripts without spaces.

Runs are told apart by 64-bit hashes: two of them are taken for one with probability 2 ** -64.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import SILENT, Progress
from assay.samples import FloatArray, IndexArray
from assay.solvers.duplicates import exact_groups, normalised_text

HashArray = NDArray[np.uint64]
SignatureArray = NDArray[np.uint32]

SHINGLE_CHARACTERS = 5
PERMUTATIONS = 128
THRESHOLD = 0.8
RECALL = 0.99

_BLOCK_CHARACTERS = 1 << 16  # a block's hashes stay in the processor's second cache
_VERIFY_SHINGLES = 1 << 22
_DENSE = 8  # pairs for each text, from which numbering all runs of a block is worth it
_SEED = 2016
_PADDING = "\0"


class NearDuplicates(NamedTuple):
    """Pairs of rows that are near-duplicates.

    Attributes:
        pairs: shape (m, 2), first index below second, in lexicographic order.
        jaccard: shape (m,), similarity of each pair, in [threshold, 1].
    """

    pairs: IndexArray
    jaccard: FloatArray


class BandLayout(NamedTuple):
    """`bands` groups of `rows` permutations: one equal group makes a pair a candidate."""

    bands: int
    rows: int


@dataclass(frozen=True, slots=True)
class Shingles:
    """Hashed runs of characters of several texts.

    Attributes:
        hashes: shape (s,), uint64, text after text, repeats included.
        counts: shape (n,), how many belong to each text; 0 for an empty text only.
    """

    hashes: HashArray
    counts: IndexArray


def band_layout(threshold: float, permutations: int, *, recall: float = RECALL) -> BandLayout:
    """Return the most selective banding that finds a pair at `threshold` with chance `recall`.

    A pair of similarity s becomes a candidate with chance 1 - (1 - s**rows)**bands. Candidates are
    verified, so false ones cost time only and recall decides.

    Source:
        Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, section 3.4.2.
    """
    for rows in range(permutations, 0, -1):
        bands = permutations // rows
        if 1 - (1 - threshold**rows) ** bands >= recall:
            return BandLayout(bands, rows)
    return BandLayout(permutations, 1)


def _mix(hashes: HashArray) -> HashArray:
    """Spread `hashes` over all 64 bits, in place (the finaliser of SplitMix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes ^= hashes >> np.uint64(shift)
        hashes *= np.uint64(factor)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def shingles(normalised: Sequence[str], *, size: int = SHINGLE_CHARACTERS) -> Shingles:
    """Return the hashed runs of `size` characters of each text.

    A text shorter than `size` is one run of its own, an empty text has none.

    Args:
        normalised: n texts after `normalised_text`.
        size: length of a run in code points.
    """
    padded = [text.ljust(size, _PADDING) if text else text for text in normalised]
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    points = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32)
    points = points.astype(np.uint64)
    counts = np.maximum(lengths - size + 1, 0)
    window_count = max(len(points) - size + 1, 0)
    windows = np.zeros(window_count, dtype=np.uint64)
    for offset in range(size):
        windows *= np.uint64(0x9E3779B97F4A7C15)
        windows += points[offset : offset + window_count]
    return Shingles(_mix(windows[_flat_ranges(np.cumsum(lengths) - lengths, counts)]), counts)


def _flat_ranges(starts: IndexArray, counts: IndexArray) -> IndexArray:
    """Return starts[0], starts[0] + 1, ... for counts[0] numbers, then the same for the next."""
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts)


def _blocks(lengths: IndexArray, size: int) -> Iterator[slice]:
    """Cut rows into runs of about `size` in total length, at least one row each."""
    block = np.cumsum(lengths) // size
    edges = np.flatnonzero(np.diff(block)) + 1
    for start, stop in zip([0, *edges], [*edges, len(lengths)], strict=True):
        if start < stop:
            yield slice(int(start), int(stop))


def minhash_signatures(
    normalised: Sequence[str],
    *,
    permutations: int = PERMUTATIONS,
    size: int = SHINGLE_CHARACTERS,
    threads: int = 1,
    progress: Progress = SILENT,
) -> SignatureArray:
    """Return MinHash signatures; the share of equal places estimates the Jaccard similarity.

    Permutation p sends a hash x to (a_p x + b_p) mod 2**64, a_p odd; the place holds the upper half
    of the least value. The constants are the same in every run.

    Args:
        normalised: n texts after `normalised_text`.
        permutations: length of a signature, k.
        size: length of a run in characters.
        threads: how many blocks are worked on at once; the result does not depend on it.
        progress: where to report how far it is.

    Returns:
        Shape (n, k), uint32; a text without characters has 2**32 - 1 everywhere.

    Source:
        Broder 1997, "On the resemblance and containment of documents"; Dietzfelbinger et al. 1997
        for the multiplicative hash family.
    """
    generator = np.random.Generator(np.random.Philox(_SEED))
    constants = generator.integers(0, 2**64, size=(2, permutations), dtype=np.uint64)
    factors, addends = constants[0] | np.uint64(1), constants[1]
    signatures = np.full((len(normalised), permutations), np.iinfo(np.uint32).max, dtype=np.uint32)

    def fill(rows: slice) -> int:
        block = shingles(normalised[rows], size=size)
        filled = np.flatnonzero(block.counts) + rows.start
        starts = (np.cumsum(block.counts) - block.counts)[block.counts > 0]
        if not len(filled):
            return rows.stop - rows.start
        least = np.empty((permutations, len(filled)), dtype=np.uint64)
        images = np.empty_like(block.hashes)
        for place in range(permutations):
            np.multiply(block.hashes, factors[place], out=images)
            images += addends[place]
            np.minimum.reduceat(images, starts, out=least[place])
        signatures[filled] = (least >> np.uint64(32)).astype(np.uint32).T
        return rows.stop - rows.start

    lengths = np.fromiter(map(len, normalised), dtype=np.int64, count=len(normalised))
    with (
        ThreadPoolExecutor(threads) as pool,
        progress.task("near-duplicates: hashing", len(normalised)) as task,
    ):
        for count in pool.map(fill, _blocks(lengths, _BLOCK_CHARACTERS)):
            task.advance(count)
    return signatures


def _agreement(signatures: SignatureArray, pairs: IndexArray) -> FloatArray:
    shares = np.empty(len(pairs))
    for start in range(0, len(pairs), _BLOCK_CHARACTERS):
        left, right = pairs[start : start + _BLOCK_CHARACTERS].T
        shares[start : start + len(left)] = (signatures[left] == signatures[right]).mean(axis=1)
    return shares


def _bucket_pairs(keys: HashArray, limit: int) -> IndexArray:
    """Return pairs of rows with equal keys, at most `limit` places apart within their bucket."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    positions = np.arange(len(keys))
    found = []
    for distance in range(1, min(limit, len(keys) - 1) + 1):
        positions = positions[positions + distance < len(keys)]
        positions = positions[ordered[positions] == ordered[positions + distance]]
        if not len(positions):
            break
        found.append(np.column_stack((order[positions], order[positions + distance])))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def _candidates(
    signatures: SignatureArray,
    layout: BandLayout,
    *,
    least_agreement: float,
    bucket_limit: int,
    progress: Progress,
) -> IndexArray:
    count = len(signatures)
    codes = np.empty(0, dtype=np.int64)
    with progress.task("near-duplicates: candidates", layout.bands, unit="bands") as task:
        for band in range(layout.bands):
            keys = np.zeros(count, dtype=np.uint64)
            for place in range(band * layout.rows, (band + 1) * layout.rows):
                keys ^= signatures[:, place]
                _mix(keys)
            pairs = _bucket_pairs(keys, bucket_limit)
            pairs = pairs[_agreement(signatures, pairs) >= least_agreement]
            codes = np.union1d(codes, pairs[:, 0] * count + pairs[:, 1])
            task.advance(1)
    return np.column_stack(np.divmod(codes, max(count, 1)))


def exact_jaccard(
    normalised: Sequence[str],
    pairs: IndexArray,
    *,
    size: int = SHINGLE_CHARACTERS,
    progress: Progress = SILENT,
) -> FloatArray:
    """Return the Jaccard similarity of the sets of character runs of each pair of texts.

    Args:
        normalised: n texts after `normalised_text`.
        pairs: shape (m, 2), indices into the texts.
        size: length of a run in characters.
        progress: where to report how far it is.

    Returns:
        Shape (m,), in [0, 1]; 0 where a text is empty.
    """
    lengths = np.fromiter(map(len, normalised), dtype=np.int64, count=len(normalised))
    similarity = np.empty(len(pairs))
    with progress.task("near-duplicates: comparing", len(pairs), unit="pairs") as task:
        work = lengths[pairs].sum(axis=1)
        for rows in _blocks(work, _DENSE * _VERIFY_SHINGLES):
            # Where a text is in many pairs, so many have no more text than a block of few pairs.
            dense = len(pairs[rows]) >= _DENSE * len(np.unique(pairs[rows]))
            of_pairs = _dense_jaccard if dense else _block_jaccard
            for part in [rows] if dense else _within(rows, _blocks(work[rows], _VERIFY_SHINGLES)):
                similarity[part] = of_pairs(normalised, pairs[part], size)
                task.advance(part.stop - part.start)
    return similarity


def _within(whole: slice, parts: Iterable[slice]) -> Iterator[slice]:
    return (slice(whole.start + part.start, whole.start + part.stop) for part in parts)


def _sets(normalised: Sequence[str], rows: IndexArray, size: int) -> list[HashArray]:
    """Return the different runs of some texts, ascending."""
    block = shingles([normalised[row] for row in rows], size=size)
    return [_distinct(hashes) for hashes in np.split(block.hashes, np.cumsum(block.counts)[:-1])]


def _dense_jaccard(normalised: Sequence[str], pairs: IndexArray, size: int) -> FloatArray:
    """Return the same as `_block_jaccard`, faster where each text is in many pairs.

    All runs are numbered once; the runs of a text are marked, and those of its partners looked up.
    """
    rows, inverse = np.unique(pairs, return_inverse=True)
    places = inverse.reshape(-1, 2)
    sets = _sets(normalised, rows, size)
    sizes = np.fromiter(map(len, sets), dtype=np.int64, count=len(sets))
    distinct, codes = np.unique(np.concatenate(sets), return_inverse=True)
    starts = np.cumsum(sizes) - sizes
    held = np.zeros(len(distinct), dtype=np.bool_)
    common = np.zeros(len(places), dtype=np.int64)
    order = np.argsort(places[:, 0], kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(places[order, 0])) + 1):
        left, right = places[group[0], 0], places[group, 1]
        own = codes[starts[left] : starts[left] + sizes[left]]
        held[own] = True
        found = held[codes[_flat_ranges(starts[right], sizes[right])]]
        before = np.concatenate(([0], np.cumsum(found)))
        ends = np.cumsum(sizes[right])
        common[group] = before[ends] - before[ends - sizes[right]]
        held[own] = False
    return common / np.maximum(sizes[places].sum(axis=1) - common, 1)


def _block_jaccard(normalised: Sequence[str], pairs: IndexArray, size: int) -> FloatArray:
    rows, places = np.unique(pairs, return_inverse=True)
    # Row by row and pair by pair: many small sorts beat one large one here by a factor of ten.
    sets = _sets(normalised, rows, size)
    similarity = np.empty(len(pairs))
    for number, (left, right) in enumerate(places.reshape(-1, 2)):
        both = np.concatenate((sets[left], sets[right]))
        union_size = len(_distinct(both))
        similarity[number] = (len(both) - union_size) / max(union_size, 1)
    return similarity


def _distinct(hashes: HashArray) -> HashArray:
    ordered = np.sort(hashes)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))[: len(ordered)]]


def near_duplicate_pairs(
    texts: Sequence[str],
    threshold: float = THRESHOLD,
    *,
    permutations: int = PERMUTATIONS,
    size: int = SHINGLE_CHARACTERS,
    verify: bool = True,
    bucket_limit: int = 1000,
    threads: int = 1,
    progress: Progress = SILENT,
) -> NearDuplicates:
    """Return pairs of texts that share at least `threshold` of their character runs.

    Rows with equal texts are joined to the first of them only (similarity 1) and it alone is
    compared with others: groups come out as if all pairs were listed, at linear cost. Empty texts
    are in no pair. With `verify` no reported pair is below the threshold; one at the threshold is
    missed with a chance of at most 1 %, a closer one with less.

    Args:
        texts: n texts as they are.
        threshold: Jaccard similarity, in (0, 1].
        permutations: length of the signatures; more costs time and makes fewer candidates.
        size: length of a run in characters.
        verify: False reports the estimated similarity, whose standard error is
            sqrt(s (1 - s) / permutations), and saves a look at the texts of all candidates.
        bucket_limit: in a bucket of more rows than this, each is compared with so many followers.
        threads: how many blocks are hashed at once; the result does not depend on it.
        progress: where to report how far it is.
    """
    normalised = [normalised_text(text) for text in texts]
    first = exact_groups(normalised)
    has_text = np.fromiter(map(bool, normalised), dtype=bool, count=len(normalised))
    rows = np.arange(len(texts))
    distinct = np.flatnonzero((first == rows) & has_text)
    copies = np.flatnonzero((first != rows) & has_text)
    kept = [normalised[row] for row in distinct]
    signatures = minhash_signatures(
        kept, permutations=permutations, size=size, threads=threads, progress=progress
    )
    # Five standard errors: one true pair in three million falls below.
    margin = 5 * float(np.sqrt(threshold * (1 - threshold) / permutations)) if verify else 0.0
    found = _candidates(
        signatures,
        band_layout(threshold, permutations),
        least_agreement=threshold - margin,
        bucket_limit=bucket_limit,
        progress=progress,
    )
    similarity = (
        exact_jaccard(kept, found, size=size, progress=progress)
        if verify
        else _agreement(signatures, found)
    )
    near = similarity >= threshold
    pairs = np.concatenate((distinct[found[near]], np.column_stack((first[copies], copies))))
    jaccard = np.concatenate((similarity[near], np.ones(len(copies))))
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return NearDuplicates(pairs[order], jaccard[order])
