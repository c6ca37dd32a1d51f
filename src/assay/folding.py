"""Text in the columns of a screen: how wide it is, where it folds, how it is shortened.

Widths are those of a terminal: an East Asian character takes two columns, a combining one none.
"""

import re
from collections.abc import Iterator

from rich.cells import cell_len

_WORDS = re.compile(r"\s*\S+")
# Where a long word may end a line: after what separates its parts, else inside a part of it.
# None of these places is inside a number, a date or a time.
_SEPARATORS = re.compile(r"(?:[/=;|&@#?(\[]|[,:](?!\d))(?=.)")
_JOINTS = re.compile(r"[-_.](?=[^\W\d])|(?<=[^\W\d])[-_.](?=.)")
_LEAST_SHARE = 3
"""A line that ends early is filled to a third at least."""


def display_width(text: str) -> int:
    """Return how many columns of a terminal the widest line of a text takes."""
    return max(map(cell_len, text.split("\n")))


def longest_word(text: str) -> int:
    """Return how many columns the widest word of a text takes."""
    return max(map(cell_len, text.split()), default=0)


def fold(text: str, width: int) -> list[str]:
    """Return text as lines of at most `width` columns, all of it.

    A word stays whole where a line can hold it; a longer one is divided at the ends of its parts
    (of a path, a name, a parameter), and wherever it must be if a part does not fit.
    """
    return [line for paragraph in text.split("\n") for line in _folded(paragraph, max(width, 2))]


def _folded(paragraph: str, width: int) -> Iterator[str]:
    line = ""
    for word in _WORDS.findall(paragraph):
        if cell_len(line + word) <= width:
            line += word
            continue
        begun = bool(line.strip())
        if begun:
            yield line
        line = word.lstrip() if begun else word
        while cell_len(line) > width:
            place = _place_to_divide(line, width)
            yield line[:place]
            line = line[place:]
    yield line


def _place_to_divide(word: str, width: int) -> int:
    """Return how many characters of a word that is too wide a line gets."""
    most = len(beginning(word, width))
    for ends in (_SEPARATORS, _JOINTS):
        places = [found.end() for found in ends.finditer(word, 0, most + 1) if found.end() <= most]
        if places and cell_len(word[: places[-1]]) * _LEAST_SHARE >= width:
            return places[-1]
    return most


def beginning(text: str, width: int) -> str:
    """Return as much of the beginning of a text as `width` columns hold, a character at least."""
    taken = 0
    for place, character in enumerate(text):
        taken += cell_len(character)
        if taken > width and place:
            return text[:place]
    return text


def shortened(text: str, width: int) -> str:
    """Return text of at most `width` columns; what is left out at its end is an ellipsis."""
    if cell_len(text) <= width:
        return text
    return "…" if width < 2 else f"{beginning(text, width - 1).rstrip()}…"


def shortened_inside(text: str, width: int) -> str:
    """Return text of at most `width` columns, of which both ends can be read.

    Names of files and models differ at their ends more often than at their beginnings.
    """
    if cell_len(text) <= width:
        return text
    if width < 2:
        return "…"
    head = beginning(text, (width - 1) // 2)
    tail = beginning(text[::-1], width - 1 - cell_len(head))[::-1]
    return f"{head}…{tail}"


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return text filled with blanks to `width` columns, standing left or right in them."""
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks
