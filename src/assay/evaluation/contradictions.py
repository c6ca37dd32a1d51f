"""Stored scores beside the replies that they were read from.

Published files keep the scores of the second order in two ways: as they were shown, or with the
candidate's first. A layout says which, and the replies tell whether a file holds to it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from assay.formats.judged.tables import Judged, Orders, Pair, turned
from assay.formats.judged.two_scores import two_scores
from assay.samples import Reason

_SURE = 9
"""So many times as many replies must say the one as say the other."""


class Contradictions(NamedTuple):
    """How often stored scores are those of their own replies.

    Attributes:
        read: replies that have two scores, and stored ones beside them.
        settled: of these, those of an order that a file keeps the other way round than its layout
            says; their scores, and those beside them, were turned.
        turned: of the others, those that say the same of the other answer.
        otherwise: those that say something else than is stored.
        recovered: replies whose scores are stored as a failure, and which say two.
    """

    read: int = 0
    settled: int = 0
    turned: int = 0
    otherwise: int = 0
    recovered: int = 0

    def __add__(self, other: object) -> "Contradictions":
        """Return the counts of both."""
        if not isinstance(other, Contradictions):
            return NotImplemented
        return Contradictions(*(a + b for a, b in zip(self, other, strict=True)))


def settled(rows: Sequence[Judged]) -> tuple[list[Judged], Contradictions]:
    """Return the records of a file with scores that agree with its replies, and what was found.

    Where nearly all replies of an order say the opposite of what is stored, the file keeps that
    order the other way round. A stored failure gives way to a reply that says two scores.

    Args:
        rows: of one file.
    """
    kept = [_kept_turned(rows, order) for order in (0, 1)]
    found = Contradictions()
    mended = []
    for row in rows:
        orders = []
        for order, (stored, told) in enumerate(zip(row.orders, _told(row), strict=True)):
            right = turned(stored) if stored is not None and kept[order] else stored
            found += _compared(right, told, kept[order])
            recovers = right is not None and told is not None and _is_failure(right)
            orders.append(told if recovers else right)
        mended.append(replace(row, orders=Orders(*orders)))
    return mended, found


def _kept_turned(rows: Sequence[Judged], order: int) -> bool:
    """Does a file keep an order the other way round?"""
    pairs = [(row.orders[order], _told(row)[order]) for row in rows]
    # A tie says nothing of the way round.
    telling = [(stored, told) for stored, told in pairs if told is not None and told[0] != told[1]]
    straight = sum(stored == told for stored, told in telling)
    opposite = sum(stored is not None and turned(stored) == told for stored, told in telling)
    return opposite > _SURE * straight


def _compared(stored: Pair | None, told: Pair | None, was_turned: bool) -> Contradictions:
    if stored is None or told is None:
        return Contradictions()
    if _is_failure(stored):
        return Contradictions(recovered=1)
    opposite = stored != told and stored == turned(told)
    return Contradictions(1, int(was_turned), int(opposite), int(stored != told and not opposite))


def _told(row: Judged) -> tuple[Pair | None, Pair | None]:
    """Return what the replies say of the candidate and the other; the shown first stands first."""
    first, second = map(two_scores, row.replies)
    return None if first is None else Pair(*first), None if second is None else Pair(*second[::-1])


def _is_failure(pair: Pair) -> bool:
    return any(isinstance(each, Reason) for each in pair)
