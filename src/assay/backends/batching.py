"""Which token sequences go through a model together: a function of the sequences alone."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from assay.rendering.encoding import TokenIds
from assay.samples import IndexArray

_OPENING = 16  # sequences are taken to share a beginning if so many tokens agree
_SIMILAR = 0.92  # of the longest sequence of a batch
_FEWEST = 8  # sharing a beginning costs a forward of its own


class Group(NamedTuple):
    """Sequences with a common beginning, which is run once; `members` are their places."""

    prefix: TokenIds
    members: IndexArray


class Batch(NamedTuple):
    """Sequences of one group that are run together; the longest comes first."""

    prefix: TokenIds
    members: IndexArray


def shared_beginnings(sequences: Sequence[TokenIds], *, share: bool = True) -> list[Group]:
    """Return the sequences by what they begin with; at least one token of each is left over.

    Args:
        sequences: shape (t,) each.
        share: look for common beginnings at all.
    """
    empty = np.empty(0, np.int32)
    by_opening: dict[bytes, list[int]] = defaultdict(list)
    for place, ids in enumerate(sequences):
        opening = ids[:_OPENING].tobytes() if share and len(ids) > _OPENING else b""
        by_opening[opening].append(place)
    alone = by_opening.pop(b"", [])
    groups = []
    for members in by_opening.values():
        if len(members) < _FEWEST:
            alone += members
            continue
        prefix = _common([sequences[place] for place in members])
        groups.append(Group(prefix, np.array(members, np.int64)))
    if alone:
        groups.append(Group(empty, np.array(sorted(alone), np.int64)))
    return groups


def _common(sequences: Sequence[TokenIds]) -> TokenIds:
    # Big-endian bytes sort as numbers do, and what the first and the last in order share all share.
    keyed = {ids.astype(">i4").tobytes(): ids for ids in sequences}
    first, last = keyed[min(keyed)], keyed[max(keyed)]
    shortest = min(len(ids) for ids in sequences)
    length = min(len(first), len(last))
    differs = np.flatnonzero(first[:length] != last[:length])
    agree = int(differs[0]) if len(differs) else length
    return first[: min(agree, shortest - 1)]


def batches(group: Group, sequences: Sequence[TokenIds], token_budget: int) -> list[Batch]:
    """Return the members of a group in batches, by falling length, ties by place.

    A batch that is at least half full ends where the next sequence is much shorter than its
    first: what padding would cost is more than what a fuller batch gains.

    Args:
        group: sequences with a common beginning.
        sequences: all sequences.
        token_budget: most tokens of a batch, padding included and the beginning not; a sequence
            that is longer by itself has a batch of its own.
    """
    lengths = np.array([len(sequences[place]) for place in group.members], np.int64)
    lengths -= len(group.prefix)
    order = np.argsort(-lengths, kind="stable")
    made = []
    start = 0
    while start < len(order):
        size = _batch_size(lengths[order[start:]], token_budget)
        made.append(Batch(group.prefix, group.members[order[start : start + size]]))
        start += size
    return made


def _batch_size(lengths: IndexArray, token_budget: int) -> int:
    """Return how many of some falling lengths make a batch."""
    most = max(1, token_budget // int(lengths[0]))
    within = lengths[:most]
    shorter = np.flatnonzero(within < _SIMILAR * lengths[0])
    enough = -(-len(within) // 2)
    return max(int(shorter[0]), enough) if len(shorter) else len(within)
