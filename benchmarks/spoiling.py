"""Ten ways to spoil an answer that a person sees at once, at equal length where that can be.

Half of the kinds choose a default, the other half only report, so that no default is fitted to all
of them: the kinds are in a fixed order, and every second one chooses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

_REFUSALS = (
    "I'm sorry, but as an AI language model I am not able to help with this request.",
    "I apologize, but I cannot answer that question because I do not have enough information.",
    "Unfortunately, as an AI I don't have the ability to do that. Please ask a professional.",
    "I'm sorry, I can't assist with that. Is there anything else you would like to know?",
)
_BOILERPLATE = (
    "Thank you for your question!",
    "This is an important topic that many people are interested in.",
    "There are many different aspects that have to be taken into account here.",
    "It is always a good idea to do your own research before you come to a conclusion.",
    "Every situation is unique, and what works for one person may not work for another.",
    "If you are not sure, please consult a qualified professional in your area.",
    "I hope that this information is helpful to you.",
    "Please do not hesitate to reach out if you have any further questions or concerns.",
    "We are always happy to help and look forward to hearing from you.",
    "Don't forget to like, share and subscribe to our newsletter for more content like this.",
    "All rights reserved. Terms and conditions apply.",
    "Have a great day, and thank you once again for your interest!",
)
_NOISE = "#@%&*~^|<>{}[]$+=?!§¤¬0123456789qxzjkvw"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Row:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Donors:
    """Other rows that a spoiled answer may be made from.

    Attributes:
        rows: of the same pool.
        foreign: answers in another language than the pool's.
    """

    rows: Sequence[Row]
    foreign: Sequence[str]

    def near(self, length: int, rng: np.random.Generator) -> Row:
        """Return a row whose answer is about as long."""
        return self._nearest([len(row.answer) for row in self.rows], self.rows, length, rng)

    def longer(self, length: int, rng: np.random.Generator) -> Row | None:
        """Return a row whose answer is half as long again or more; None if there is none."""
        found = [row for row in self.rows if len(row.answer) >= 1.5 * length]
        return found[int(rng.integers(len(found)))] if found else None

    def stranger(self, size: int, rng: np.random.Generator) -> str:
        """Return an answer in another language of about as many bytes."""
        return self._nearest([len(t.encode()) for t in self.foreign], self.foreign, size, rng)

    @staticmethod
    def _nearest(
        lengths: Sequence[int], items: Sequence[_T], length: int, rng: np.random.Generator
    ) -> _T:
        nearest = np.argsort(np.abs(np.array(lengths) - length), kind="stable")[:20]
        return items[int(rng.choice(nearest))]


Spoiler = Callable[[Row, Donors, np.random.Generator], Row | None]


def cut_off(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """End in the middle of a word, at the length of the whole row: a longer row's beginning."""
    longer = donors.longer(len(row.answer), rng)
    if longer is None:
        return None
    end = min(max(len(row.answer), 8), len(longer.answer) - 1)
    while end > 1 and not (longer.answer[end - 1].isalnum() and longer.answer[end].isalnum()):
        end -= 1
    return Row(longer.question, longer.answer[:end]) if end > 1 else None


def cut_short(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """End in the middle of a word of the row's own answer, after a third to four fifths of it."""
    end = int(rng.uniform(1 / 3, 4 / 5) * len(row.answer))
    while end > 0 and not (row.answer[end - 1].isalnum() and row.answer[end].isalnum()):
        end -= 1
    return Row(row.question, row.answer[:end]) if end > 0 else None


def swapped(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Answer another question, at about equal length."""
    other = donors.near(len(row.answer), rng)
    return Row(row.question, other.answer) if other.answer != row.answer else None


def refusal(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Refuse; as long as refusals are."""
    return Row(row.question, str(rng.choice(_REFUSALS)))


def sentence_repeated(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Say the first sentence again and again, to equal length."""
    first = _sentences(row.answer)[0].strip()
    if len(first) * 2 > len(row.answer):
        first = first[: max(len(row.answer) // 3, 1)].strip()
    times = len(row.answer) // (len(first) + 1) + 1
    return Row(row.question, " ".join([first] * times)[: len(row.answer)])


def other_language(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Answer in another language (and another question), at about equal size in bytes."""
    return Row(row.question, donors.stranger(len(row.answer.encode()), rng))


def prompt_copied(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Give the question back; cut to the answer's length where it is longer."""
    return Row(row.question, row.question[: max(len(row.answer), 1)])


def noise(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Put a random character in the place of three in ten, at equal length."""
    letters = np.array(list(row.answer))
    hit = rng.random(len(letters)) < 0.3
    hit[0] = True
    letters[hit] = rng.choice(list(_NOISE), int(hit.sum()))
    return Row(row.question, "".join(letters))


def unfinished_list(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Make a list of the answer's words that ends with a number and nothing behind it."""
    words = row.answer.split()
    items = [" ".join(words[start : start + 6]) for start in range(0, len(words), 6)]
    lines = [f"{place}. {item}" for place, item in enumerate(items, 1)]
    text = "\n".join(lines)[: max(len(row.answer) - 4, 1)]
    return Row(row.question, f"{text}\n{text.count(chr(10)) + 2}.")


def not_available(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Answer that there is none."""
    return Row(row.question, str(rng.choice(["N/A", "n/a", "None", "Not available.", "No output"])))


def boilerplate(row: Row, donors: Donors, rng: np.random.Generator) -> Row | None:
    """Say what could be said to anybody, in random order, to equal length."""
    text = ""
    while len(text) < len(row.answer):
        text += " ".join(rng.permutation(_BOILERPLATE)) + " "
    return Row(row.question, text[: len(row.answer)].strip() or "Thank you.")


KINDS: dict[str, Spoiler] = {
    "cut off": cut_off,
    "answers swapped": swapped,
    "refusal": refusal,
    "one sentence repeated": sentence_repeated,
    "another language": other_language,
    "prompt copied": prompt_copied,
    "noise": noise,
    "unfinished list": unfinished_list,
    "N/A": not_available,
    "boilerplate": boilerplate,
}
IN_POOL: dict[str, Spoiler] = KINDS | {"cut off": cut_short}
"""The kinds for a pool of whole and spoiled rows. What is cut off there is a row's own answer: a
longer row's would bring its question into the pool a second time, which whatever looks for
different questions would leave out for that alone."""
CHOOSING = tuple(KINDS)[::2]
"""Kinds that may decide; the others are only reported."""


def _sentences(text: str) -> list[str]:
    for mark in (". ", "。", "\n"):
        head, found, tail = text.partition(mark)
        if found and head.strip():
            return [head + mark.strip(), tail]
    return [text]
