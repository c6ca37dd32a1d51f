"""Where words stand in a text of which one knows how it looks with marks in their place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


class Slot(NamedTuple):
    """What stands before a mark, and the mark; the last slot of a text has no mark."""

    before: str
    mark: str = ""


def cut_at_marks(text: str, marks: Sequence[str]) -> list[Slot]:
    """Return the slots of a text; `marks` are those in it, in the order in which they stand."""
    slots = []
    for mark in marks:
        before, _, text = text.partition(mark)
        slots.append(Slot(before, mark))
    return [*slots, Slot(text)]


def fit_words(slots: Sequence[Slot], words: Mapping[str, str], text: str) -> list[str] | int:
    """Return the words of each slot as they stand in a text, which may lack blanks at their ends.

    Args:
        slots: of the text with marks.
        words: by mark, none of them blank.
        text: the same with the words themselves.

    Returns:
        One entry per mark; or else the number of the slot at which the text goes another way.
    """
    exact = [words[slot.mark] for slot in slots[:-1]]
    if "".join(s.before + w for s, w in zip(slots[:-1], exact, strict=True)) + slots[-1].before == (
        text
    ):
        return exact
    # Depth first, without recursion: a conversation may have thousands of turns.
    furthest = 0
    tries = [_starts(slots[0], words, text, 0)]
    found: list[str] = []
    while tries:
        step = next(tries[-1], None)
        if step is None:
            tries.pop()
            del found[-1:]
            continue
        stop, shown = step
        number = len(tries)
        furthest = max(furthest, number)
        if number == len(slots):
            return found
        found.append(shown)
        tries.append(_starts(slots[number], words, text, stop))
    return furthest


def _starts(
    slot: Slot, words: Mapping[str, str], text: str, start: int
) -> Iterator[tuple[int, str]]:
    """Yield where the next slot may begin, and the words of this one, the longest first."""
    if not text.startswith(slot.before, start):
        return
    start += len(slot.before)
    if not slot.mark:
        if start == len(text):
            yield start, ""
        return
    own = words[slot.mark]
    core = own.strip()
    lead = own[: len(own) - len(own.lstrip())]
    tail = own[len(own.rstrip()) :]
    for kept in range(len(lead) + 1):
        begin = lead[kept:] + core
        if not text.startswith(begin, start):
            continue
        for more in range(len(tail), -1, -1):
            shown = begin + tail[:more]
            if text.startswith(shown, start):
                yield start + len(shown), shown
        return
