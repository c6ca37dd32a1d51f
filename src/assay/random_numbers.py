"""Random numbers that belong to a row, not to its place.

A row's number is a pure function of a key and the row's id, so a random choice does not depend on
file order, shards or workers, and a larger budget only adds rows to a smaller one.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IdArray, IndexArray

_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_STRIDE = np.uint64(0x9E3779B97F4A7C15)  # far apart, so that texts do not share numbers
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10


def _multiply(a: np.uint64, b: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the high and low 64 bits of the 128-bit product `a * b`."""
    a_low, a_high = a & _LOW, a >> _HALF
    b_low, b_high = b & _LOW, b >> _HALF
    carry = ((a_low * b_low) >> _HALF) + a_low * b_high
    middle = (carry & _LOW) + a_high * b_low
    return a_high * b_high + (carry >> _HALF) + (middle >> _HALF), a * b


def philox(counters: IdArray, key: tuple[int, int]) -> NDArray[np.uint64]:
    """Return the first word of Philox-4x64-10 for each counter.

    Args:
        counters: shape (n,), the lowest of the four counter words; the others are 0.
        key: two 64-bit words.

    Returns:
        Shape (n,), uniform over all 64-bit integers.

    Source:
        Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    words = [counters.astype(np.uint64)] + [np.zeros_like(counters, np.uint64) for _ in range(3)]
    low, high = key
    with np.errstate(over="ignore"):
        for _ in range(_ROUNDS):
            high_a, low_a = _multiply(_MULTIPLIERS[0], words[0])
            high_b, low_b = _multiply(_MULTIPLIERS[1], words[2])
            words = [
                high_b ^ words[1] ^ np.uint64(low),
                low_b,
                high_a ^ words[3] ^ np.uint64(high),
                low_a,
            ]
            low = (low + _WEYL[0]) % 2**64
            high = (high + _WEYL[1]) % 2**64
    return words[0]


def row_uniform(ids: IdArray, *, seed: int, purpose: str) -> FloatArray:
    """Return one number in [0, 1) per row, fixed by seed, purpose and id alone.

    Args:
        ids: shape (n,).
        seed: any integer.
        purpose: what the numbers are for; two purposes give independent numbers.

    Returns:
        Shape (n,), float64 with 53 random bits.
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    key = (int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))
    return (philox(ids, key) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def drawn_rows(ids: IdArray, count: int, *, seed: int, purpose: str = "show") -> IndexArray:
    """Return the positions of so many rows drawn at random, in the order of the draw.

    A larger count of the same seed gives these rows and more.

    Args:
        ids: shape (n,), ids of the rows.
        count: how many are drawn; all where there are fewer.
        seed: any integer.
        purpose: what they are drawn for; two purposes draw independently.
    """
    return np.argsort(row_uniform(ids, seed=seed, purpose=purpose), kind="stable")[:count]


def generator(*, seed: int, purpose: str) -> np.random.Generator:
    """Return a generator of its own for one purpose, for algorithms that are not per row."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def text_uniform(texts: IdArray, counts: IndexArray, *, draw: int, purpose: str) -> FloatArray:
    """Return numbers in [0, 1) that belong to texts, whatever rows have them.

    Args:
        texts: shape (n,), the first 64 bits of each text's hash.
        counts: shape (n,), how many numbers of each; more of them begin with the same ones.
        draw: which of several draws that are independent of each other.
        purpose: what the numbers are for; two purposes give independent numbers.

    Returns:
        Shape (sum of counts,), text after text, float64 with 53 random bits.
    """
    starts = np.cumsum(counts) - counts
    places = np.arange(int(counts.sum())) - np.repeat(starts, counts)
    with np.errstate(over="ignore"):
        counters = np.repeat(texts, counts) + places.astype(np.uint64) * _STRIDE
    return row_uniform(counters, seed=draw, purpose=purpose)
