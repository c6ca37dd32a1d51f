"""MinHash against Python sets, exact integers and datasketch's committed values."""

import json
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.solvers.duplicates import connected_groups
from assay.texts import minhash
from assay.texts.minhash import (
    band_layout,
    exact_jaccard,
    minhash_signatures,
    near_duplicate_pairs,
    shingles,
)

FIXTURE = json.loads(
    (Path(__file__).parents[2] / "parity/fixtures/datasketch_minhash.json").read_text()
)
WORD = 2**64


def _runs(text: str, size: int = 5) -> set[str]:
    if len(text) < size:
        return {text} if text else set()
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def _jaccard(left: str, right: str) -> float:
    union = _runs(left) | _runs(right)
    return len(_runs(left) & _runs(right)) / len(union) if union else 0.0


def _planted_pool() -> list[str]:
    """Return 300 texts, of which most are edits of another at all degrees of similarity."""
    rng = np.random.default_rng(3)
    vocabulary = [
        "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), size=rng.integers(3, 9)))
        for _ in range(200)
    ]
    texts = []
    for _ in range(100):
        base = [str(word) for word in rng.choice(vocabulary, size=rng.integers(6, 60))]
        texts.append(" ".join(base))
        for edits in (1, 4):
            changed = list(base)
            for place in rng.integers(0, len(base), size=edits):
                changed[place] = str(rng.choice(vocabulary))
            texts.append(" ".join(changed))
    return [texts[row] for row in rng.permutation(300)]


POOL = _planted_pool()


@cache
def _true_pairs() -> dict[tuple[int, int], float]:
    """Return the pairs of the pool that share 0.7 of their runs or more, by brute force."""
    runs = [_runs(text) for text in POOL]
    return {
        (left, right): similarity
        for left, right in combinations(range(len(POOL)), 2)
        if (similarity := len(runs[left] & runs[right]) / len(runs[left] | runs[right])) >= 0.7
    }


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_pairs_are_those_of_brute_force(threshold: float) -> None:
    found = near_duplicate_pairs(POOL, threshold)
    expected = {pair: value for pair, value in _true_pairs().items() if value >= threshold}
    assert len(expected) > 20
    assert dict(zip(map(tuple, found.pairs.tolist()), found.jaccard, strict=True)) == expected
    assert found.pairs.tolist() == sorted(found.pairs.tolist())


def test_jaccard_is_that_of_the_sets_datasketch_was_given() -> None:
    texts = [pair[side] for pair in FIXTURE["pairs"] for side in ("left", "right")]
    pairs = np.arange(len(texts)).reshape(-1, 2)
    np.testing.assert_array_equal(
        exact_jaccard(texts, pairs), [pair["jaccard"] for pair in FIXTURE["pairs"]]
    )


def test_estimates_are_as_good_as_those_of_datasketch() -> None:
    true = np.array([pair["jaccard"] for pair in FIXTURE["pairs"]])
    theirs = np.array([pair["estimate"] for pair in FIXTURE["pairs"]]) - true
    left, right = (
        minhash_signatures([pair[side] for pair in FIXTURE["pairs"]]) for side in ("left", "right")
    )
    ours = (left == right).mean(axis=1) - true
    standard_error = np.sqrt(true * (1 - true) / 128)
    assert (np.abs(ours) <= 4 * standard_error).all()
    assert np.sqrt(np.mean(ours**2)) <= 1.2 * np.sqrt(np.mean(theirs**2))


def test_estimate_has_the_error_that_theory_gives() -> None:
    pairs = np.array(list(combinations(range(0, 300, 5), 2)) + list(_true_pairs()))
    true = exact_jaccard(POOL, pairs)
    signatures = minhash_signatures(POOL)
    error = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1) - true
    similar = true > 0.3
    expected = np.sqrt((true[similar] * (1 - true[similar]) / 128).mean())
    assert np.sqrt((error[similar] ** 2).mean()) == pytest.approx(expected, rel=0.25)
    assert abs(error.mean()) < 0.005


def _mixed(value: int) -> int:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB % WORD
    return value ^ value >> 31


def test_signature_is_the_least_image_of_each_permutation_in_exact_integers() -> None:
    text = "a small text"
    hashes = []
    for start in range(len(text) - 4):
        value = 0
        for character in text[start : start + 5]:
            value = (value * 0x9E3779B97F4A7C15 + ord(character)) % WORD
        hashes.append(_mixed(value))
    constants = np.random.Generator(np.random.Philox(2016)).integers(
        0, WORD, size=(2, 128), dtype=np.uint64
    )
    expected = [
        min((int(a) | 1) * value + int(b) & WORD - 1 for value in hashes) >> 32
        for a, b in constants.T
    ]
    assert minhash_signatures([text])[0].tolist() == expected


def test_signatures_do_not_depend_on_blocks_or_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["", *POOL[:50], "", "x"]
    whole = minhash_signatures(texts)
    monkeypatch.setattr(minhash, "_BLOCK_CHARACTERS", 300)
    np.testing.assert_array_equal(minhash_signatures(texts, threads=3), whole)


def test_pairs_do_not_depend_on_the_size_of_verified_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = near_duplicate_pairs(POOL)
    monkeypatch.setattr(minhash, "_VERIFY_SHINGLES", 700)
    monkeypatch.setattr(minhash, "_BLOCK_CHARACTERS", 700)
    again = near_duplicate_pairs(POOL)
    np.testing.assert_array_equal(again.pairs, whole.pairs)
    np.testing.assert_array_equal(again.jaccard, whole.jaccard)


@given(st.lists(st.text(alphabet="ab你 ", max_size=12), min_size=1, max_size=8))
def test_runs_are_counted_per_text(texts: list[str]) -> None:
    found = shingles(texts)
    assert found.counts.tolist() == [max(len(t) - 4, min(len(t), 1)) for t in texts]
    for text, hashes in zip(
        texts, np.split(found.hashes, np.cumsum(found.counts)[:-1]), strict=True
    ):
        assert len(np.unique(hashes)) == len(_runs(text))


def test_equal_texts_are_joined_to_the_first_of_them() -> None:
    found = near_duplicate_pairs(["same text here", "other", "Same  text HERE", "same text here"])
    assert found.pairs.tolist() == [[0, 2], [0, 3]]
    assert found.jaccard.tolist() == [1.0, 1.0]


def test_near_duplicate_of_a_repeated_text_ends_in_its_group() -> None:
    text = "Describe in detail how a bill becomes a law in the United States of America today"
    texts = [f"{text}!", text, "unrelated words about gardening", text, f"{text}!"]
    found = near_duplicate_pairs(texts)
    assert found.pairs.tolist() == [[0, 1], [0, 4], [1, 3]]
    assert connected_groups(5, found.pairs).tolist() == [0, 0, 2, 0, 0]


@pytest.mark.parametrize("texts", [[], [""], ["", " ", ""], ["no", "ok", "", "hm"]])
def test_empty_and_different_short_texts_are_in_no_pair(texts: list[str]) -> None:
    found = near_duplicate_pairs(texts)
    assert found.pairs.shape == (0, 2)
    assert found.jaccard.shape == (0,)


def test_chinese_near_duplicates_are_found() -> None:
    text = (
        "请写一篇关于人工智能在现代医疗领域中的应用以及未来发展趋势的文章，并说明其主要优点和风险"
    )
    found = near_duplicate_pairs([text, "今天天气很好", text + "吧"])
    assert found.pairs.tolist() == [[0, 2]]


def test_unverified_similarity_is_the_share_of_equal_places() -> None:
    found = near_duplicate_pairs(POOL, 0.8, verify=False)
    signatures = minhash_signatures(POOL)
    left, right = found.pairs.T
    shares = (signatures[left] == signatures[right]).mean(axis=1)
    np.testing.assert_array_equal(found.jaccard, shares)
    assert (shares >= 0.8).all()
    assert len(found.pairs) > 50


def test_crowded_bucket_is_still_one_group() -> None:
    stem = "Write a detailed product description for the new kitchen appliance with the number "
    texts = [f"{stem * 2}{number}" for number in range(120)]
    found = near_duplicate_pairs(texts, bucket_limit=3)
    assert not connected_groups(120, found.pairs).any()
    assert len(found.pairs) < 120 * 119 / 2


def test_threshold_one_means_equal_sets_of_runs() -> None:
    found = near_duplicate_pairs(["abcabcabc", "abcabcabcabc", "abcabcabcx"], 1.0)
    assert found.pairs.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("threshold", "permutations", "expected"), [(0.8, 128, (21, 6)), (1.0, 16, (1, 16))]
)
def test_band_layout_is_the_most_selective_with_the_recall(
    threshold: float, permutations: int, expected: tuple[int, int]
) -> None:
    assert band_layout(threshold, permutations) == expected


def test_band_layout_without_enough_recall_takes_single_rows() -> None:
    assert band_layout(0.01, 64) == (64, 1)


def test_many_pairs_of_few_texts_are_compared_as_exactly_as_few() -> None:
    texts = ["", "abc", "same words here", "same words here", *POOL[:16]]
    pairs = np.array([(i, j) for i in range(len(texts)) for j in range(len(texts)) if i != j])
    runs = [{text[at : at + 5] for at in range(max(len(text) - 4, 1))} if text else set()
            for text in texts]  # fmt: skip
    expected = [len(runs[i] & runs[j]) / max(len(runs[i] | runs[j]), 1) for i, j in pairs.tolist()]

    together = exact_jaccard(texts, pairs)

    assert len(pairs) > 8 * len(texts)
    assert together.tolist() == expected
    assert together.tolist() == [exact_jaccard(texts, pair[None])[0] for pair in pairs]
