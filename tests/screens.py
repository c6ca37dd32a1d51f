"""What a screen of so many columns must hold of what a wide one shows."""

import re
import unicodedata
from collections.abc import Iterable

from assay.folding import display_width

WIDTHS = (60, 80, 120)
OWN = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[AK]|1A|2K)|\r\n|\r(?=\x1b\[)")
"""What Assay itself sends to a terminal: colours, and a bar that is drawn anew."""
# Times differ from run to run, and so do the names of runs and what a machine has free.
_VARYING = re.compile(
    r"\d+(?:\.\d+)? (?:ms|s|min|h|[KMGT]?i?B)\b|\d{8}T\d{6}Z[-\w]*|\d{4}-\d\d-\d\d \d\d:\d\d"
    r"|\d[\d,]*\s+rows/s"
)
_PROGRESS = re.compile(r".*: (?:\d+% of [\d,]+ rows, .*|[\d,]+ rows reused)\n")
"""What a log is told of long work, which a terminal shows as a bar."""
_NUMBER = re.compile(r"(?<![\w.,])[-+−]?\d(?:[\d.,]*\d)?(?:e[-+]\d+)?%?(?!\w)")
_ENDS = 8


def numbers(text: str) -> set[str]:
    """Return the numbers of a text that are equal from run to run."""
    return set(_NUMBER.findall(_VARYING.sub(" ", text)))


def unseen(shown: str) -> list[str]:
    """Return the characters that no reader sees, apart from line breaks."""
    return [
        repr(character)
        for character in shown
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in "\n\t"
    ]


def misfits(narrow: str, wide: str, width: int, names: Iterable[str]) -> list[str]:
    """Return what is wrong with a narrow rendering; nothing if all is there.

    Args:
        narrow: for a screen.
        wide: the same for one without end.
        width: columns of the screen.
        names: words that have to stay, where the wide rendering has them.
    """
    narrow, wide = _PROGRESS.sub("", narrow), _PROGRESS.sub("", wide)
    wrong = [f"wide: {line!r}" for line in narrow.splitlines() if display_width(line) > width]
    wrong += [f"unseen: {sign}" for sign in unseen(narrow)]
    wrong += [f"lost: {number}" for number in numbers(wide) - numbers(narrow)]
    return wrong + [f"lost: {name}" for name in names if name in wide and not _has(narrow, name)]


def _has(shown: str, name: str) -> bool:
    """Return whether a name stands there whole, on lines of its own if none holds it, or ends."""
    if name in shown or _squeezed(name) in _squeezed(shown):
        return True
    return all(end in shown for end in (name[:_ENDS], name[-_ENDS:]))


def _squeezed(text: str) -> str:
    return "".join(text.split())
