"""How a text becomes the tokens that the static encoder adds up: words, word pieces, n-grams.

A token is a string: a word or word piece of the learned table, or an n-gram, which begins with
`NGRAM` so that the two cannot be mistaken for each other.
"""

import re
import unicodedata
from collections.abc import Container, Iterator

LONGEST_WORD = 64
"""Characters after which a run of letters is cut, so that no single word costs much."""

LONGEST_UNSPACED_WORD = 4
"""Characters of the longest word that is looked for in a run of a script without spaces."""

NGRAM = "\x01"
"""First character of every n-gram."""

EDGE = "\x02"
"""Marks the edge of a word inside an n-gram."""

_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3040-\u30fa\u30fc-\u30ff\u3105-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Han, kana, bopomofo and Hangul: scripts whose n-grams are one and two characters long."""

_NOT_IN_WORDS = (
    "\\s\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    "\u037e\u0387\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4"
    "\u0609-\u060d\u061b-\u061f\u066a-\u066d\u06d4\u0964\u0965\u0e2f\u0e46\u0e4f\u0e5a\u0e5b"
    "\u104a-\u104f\u10fb\u1360-\u1368\u17d4-\u17da\u2000-\u2bff\u2e00-\u2e7f\u3000-\u303f"
    "\u30fb\ud800-\uf8ff\ufe00-\ufe0f\ufe30-\ufe6f\ufeff-\uff0f\ufff0-\uffff\U0001f000-\U0001faff"
    "\U000e0000-\U000e0fff"
)
"""White space, punctuation, symbols and emoji. Written out, for Python's own tables of what is a
letter leave out the vowel signs of Thai and Devanagari and change between its versions."""

_ASCII_WORDS = re.compile(rf"[a-z0-9]{{1,{LONGEST_WORD}}}|[^\sa-z0-9]")
_ALL_WORDS = re.compile(
    rf"[{_UNSPACED}]{{1,{LONGEST_WORD}}}"
    rf"|[^{_NOT_IN_WORDS}{_UNSPACED}]{{1,{LONGEST_WORD}}}"
    r"|[^\s\ufe00-\ufe0f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_UNSPACED_WORD = re.compile(rf"[{_UNSPACED}]")


def words(text: str) -> list[str]:
    """Return the words and single signs of a text, in order, in lower case.

    A word is a run of letters, digits and vowel signs, or a run of characters of a script that
    is written without spaces; at most `LONGEST_WORD` characters of either. Width variants and
    ligatures are folded (NFKC). White space and invisible marks are dropped.
    """
    if text.isascii():
        return _ASCII_WORDS.findall(text.lower())
    return _ALL_WORDS.findall(unicodedata.normalize("NFKC", text).lower())


def is_unspaced(word: str) -> bool:
    """Tell whether a word from `words` is a run of a script written without spaces."""
    return _UNSPACED_WORD.match(word) is not None


def longest_matches(run: str, known: Container[str]) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a run from left to right, each with whether `known` holds it.

    At each place the longest known word of at most `LONGEST_UNSPACED_WORD` characters is taken;
    what lies between known words comes as one part.
    """
    start = unknown = 0
    while start < len(run):
        for size in range(min(LONGEST_UNSPACED_WORD, len(run) - start), 0, -1):
            part = run[start : start + size]
            if part in known:
                if unknown < start:
                    yield run[unknown:start], False
                yield part, True
                start = unknown = start + size
                break
        else:
            start += 1
    if unknown < len(run):
        yield run[unknown:], False


def without_accents(word: str) -> str:
    """Return the word with its accents taken off, as the teacher's normaliser does."""
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn")


def is_word(token: str) -> bool:
    """Tell whether a word from `words` holds letters, rather than digits or one sign."""
    return any(sign.isalpha() for sign in token)


def ngrams(word: str) -> Iterator[str]:
    """Yield the n-grams that stand for a word outside the learned vocabulary.

    Scripts written without spaces, and single signs: characters and pairs of characters. Others:
    triples of characters with the word's edges marked.
    """
    if len(word) == 1 or is_unspaced(word):
        yield from (f"{NGRAM}{sign}" for sign in word)
        yield from (f"{NGRAM}{word[start : start + 2]}" for start in range(len(word) - 1))
        return
    marked = f"{EDGE}{word}{EDGE}"
    yield from (f"{NGRAM}{marked[start : start + 3]}" for start in range(len(word)))
