"""Which tokens get a learned vector: the teacher's ASCII word pieces and the commonest words."""

import re
from collections import Counter

import wordfreq

from assay.backends.text_segments import without_accents, words

UNKNOWN = "[UNK]"
_WORD = re.compile(r"[a-z]{2,}[0-9]?|[a-z]+")
_SPECIAL = re.compile(r"\[.+\]")

TRAINING_WORD = 4
"""Occurrences in the training texts that make a word a candidate whatever its rank elsewhere."""


def english_frequencies() -> dict[str, float]:
    """Return the share of each English word in running text, by wordfreq's large list."""
    return {
        word: share
        for word, share in wordfreq.get_frequency_dict("en", wordlist="large").items()
        if _WORD.fullmatch(word)
    }


def count_words(texts: list[str]) -> Counter[str]:
    """Return how often each word occurs in the texts, accents taken off."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    plain: Counter[str] = Counter()
    for word, times in counts.items():
        plain[word if word.isascii() else without_accents(word)] += times
    return plain


def choose_vocabulary(
    teacher: list[str], counts: Counter[str], frequencies: dict[str, float], size: int
) -> list[str]:
    """Return `size` tokens: the unknown, all pieces and signs, and words by their frequency.

    A word's frequency is the larger of wordfreq's and its share of the training texts, where it
    occurs there at least `TRAINING_WORD` times. Words that only the teacher lists come last.
    """
    ascii_tokens = [token for token in teacher if token.isascii() and not _SPECIAL.fullmatch(token)]
    kept = [token for token in ascii_tokens if not _WORD.fullmatch(token)]
    total = sum(counts.values())
    shares = {word: frequencies.get(word, 0.0) for word in ascii_tokens if _WORD.fullmatch(word)}
    shares |= frequencies
    for word, times in counts.items():
        if times >= TRAINING_WORD and _WORD.fullmatch(word) and len(word) <= 24:
            shares[word] = max(shares.get(word, 0.0), times / total)
    letters = [token for token in ascii_tokens if len(token.removeprefix("##")) == 1]
    fixed = [UNKNOWN, *dict.fromkeys([*letters, *kept])]
    ranked = sorted(shares.keys() - set(fixed), key=lambda word: (-shares[word], word))
    return fixed + ranked[: size - len(fixed)]
