"""The form that tags share which differ in case, signs or endings alone."""

import re
import unicodedata
from functools import cache
from typing import Protocol

# Where a sign ends a word it is a part of its name, as in c++, c# and f#.
_JOINING = re.compile(r"(?<!\S)[+#]+|[+#]+(?=[^\s+#])")
_STEMMED = re.compile(r"[a-z]{3,}")


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str:  # noqa: N802  the library's name
        """Return the stem of a word."""


def tag_form(tag: str) -> str:
    """Return what tags share that differ in case, signs, blanks or English endings alone.

    All is lower case; what is neither letter, digit nor mark is a blank, but for signs that end a
    word (c++, c#), and directions and joiners, which nobody sees, are nothing. Of words of three or
    more letters a to z the stem stands. A tag of signs alone is its own form.

    Source:
        Porter 1980, An algorithm for suffix stripping; Lu et al. 2023, arXiv 2308.07074, for what
        it is good for.
    """
    lowered = unicodedata.normalize("NFC", tag.lower())
    plain = _JOINING.sub(" ", "".join(map(_kept, lowered)))
    words = [_stem(word) if _STEMMED.fullmatch(word) else word for word in plain.split()]
    return " ".join(words) or " ".join(lowered.split())


def _kept(sign: str) -> str:
    if sign.isalnum() or sign in "+#":
        return sign
    category = unicodedata.category(sign)
    # Vowels of many scripts are marks: without them a word would fall apart.
    if category[0] == "M":
        return sign
    return "" if category == "Cf" else " "


@cache
def _stemmer() -> _Stemmer:
    import snowballstemmer  # noqa: PLC0415  import costs start-up time

    made: _Stemmer = snowballstemmer.stemmer("porter")
    return made


def _stem(word: str) -> str:
    return _stemmer().stemWord(word)
