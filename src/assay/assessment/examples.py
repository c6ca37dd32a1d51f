"""Rows at the ends: shortest and longest answers, and those that a prompt explains least."""

from collections.abc import Mapping

import numpy as np

from assay.assessment.records import Example
from assay.assessment.rows import Rows
from assay.pool.pool import HashArray, format_id
from assay.pool.view import PoolView
from assay.samples import FloatArray, IndexArray, Scores
from assay.values import Numbers
from assay.wording import one_line

PER_KIND = 2
SHOWN_CHARACTERS = 220


def extremes(
    rows: Rows, sample: int, tokens: Numbers, scores: Mapping[str, Scores]
) -> list[Example]:
    """Return a few rows of each end, their texts one_line.

    Args:
        rows: the dataset.
        sample: rows that a language model looked at.
        tokens: of every row.
        scores: compression IFD of every row, and IFD of the sampled ones if there is a model.
    """
    if rows.view is None:
        return []
    length = np.where(tokens["response"] > 0, tokens["response"], np.nan)
    found = _ends("shortest answer", rows.view, length)
    found += _ends("longest answer", rows.view, -length)
    if "ifd" in scores:
        found += _ends("highest IFD", rows.sample(sample), -scores["ifd"].values)
    else:
        compression = scores["compression_ifd"].values
        found += _ends("highest compression IFD", rows.view, -compression)
    return found


def _ends(kind: str, view: PoolView, values: FloatArray) -> list[Example]:
    """Return the rows of the lowest values; of equal ones those of the lowest content."""
    places = lowest(values, view.pool.content_hashes[view.positions])
    return [
        Example(
            kind=kind,
            value=abs(float(values[place])),
            id=format_id(int(view.ids[place])),
            asked=one_line(conversation.prompt, SHOWN_CHARACTERS),
            answered=one_line(conversation.response, SHOWN_CHARACTERS),
        )
        for place, conversation in zip(places.tolist(), view.conversations(places), strict=True)
    ]


def lowest(values: FloatArray, hashes: HashArray, count: int = PER_KIND) -> IndexArray:
    """Return the places of the lowest values that are numbers, ties by hash, none twice.

    Args:
        values: shape (n,), NaN where there is no number.
        hashes: shape (n,), content hashes; of equal rows one is enough.
        count: how many.
    """
    known = np.flatnonzero(~np.isnan(values))
    _, first, rank = np.unique(hashes[known], return_index=True, return_inverse=True)
    order = np.lexsort((rank[first], values[known][first]))
    return known[first[order[:count]]].astype(np.int64)
