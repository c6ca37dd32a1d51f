"""What labelled rows are learned to have: numbers or words, from whatever gives them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.components.base import Component
from assay.errors import FeatureError
from assay.pool.pool import HashArray
from assay.samples import TO_COME, FloatArray, IndexArray, ReasonArray, Scores
from assay.values import Groups, Labels, Numbers, RowValue


class RowLabels(NamedTuple):
    """The labels of some rows.

    Attributes:
        targets: numbers, or places in `classes`; NaN where there is none. Shape (n,).
        classes: words in alphabetical order; none for numbers.
        waiting: places of rows whose label the next run asks for.
    """

    targets: FloatArray
    classes: tuple[str, ...]
    waiting: IndexArray

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows have a label. Shape (n,)."""
        return np.isfinite(self.targets)

    def taught(self, rows: IndexArray, hashes: HashArray) -> "Taught":
        """Return what rows that have a label teach, in the order in which they are read.

        That is by content and, of rows of one text, by label: whatever the order of their file.

        Args:
            rows: places of rows with a label. Shape (m,).
            hashes: of the content of all rows. Shape (n,).
        """
        rows = rows[np.lexsort((self.targets[rows], hashes[rows]))]
        targets = self.targets[rows]
        if not self.classes:
            return Taught(rows, targets, ())
        present, places = np.unique(targets.astype(np.int64), return_inverse=True)
        classes = tuple(self.classes[place] for place in present.tolist())
        return Taught(rows, places.astype(np.float64), classes)


class Taught(NamedTuple):
    """What some labelled rows teach.

    Attributes:
        rows: their places. Shape (m,).
        targets: numbers, or places in `classes`. Shape (m,).
        classes: words that some of these rows has; none for numbers.
    """

    rows: IndexArray
    targets: FloatArray
    classes: tuple[str, ...]


def labels_of(
    component: Component, value: object, positions: IndexArray, *, as_words: bool
) -> RowLabels:
    """Return labels as numbers or as words.

    Args:
        component: what gave them.
        value: of the rows, or scores of the whole pool.
        positions: of the rows in that pool. Shape (n,).
        as_words: whether they are classes; a number then is the word that it is written as.

    Raises:
        FeatureError: if there is not one number or word per row.
    """
    reason = np.zeros(len(positions), np.uint8)
    if isinstance(value, (RowValue, Scores)):
        reason = value.reason[positions] if isinstance(value, Scores) else value.reason
    waiting = np.flatnonzero(np.isin(reason, TO_COME))
    if isinstance(value, (Labels, pl.Series)):
        words = value.values if isinstance(value, Labels) else value
        told = [word if word and word.strip() else None for word in words.cast(pl.String).to_list()]
        return _classes(told, reason, waiting) if as_words else _numbers(told, reason, waiting)
    if isinstance(value, Scores):
        numbers = value.values[positions]
    elif isinstance(value, Numbers) and len(value.columns) == 1:
        (numbers,) = value.columns.values()
    else:
        raise FeatureError(
            f"{component.name} gives no single number or word per row, which a label is",
            hint="name a score, or a field of the records",
        )
    numbers = np.where((reason == 0) & np.isfinite(numbers), numbers, np.nan)
    if not as_words:
        return RowLabels(numbers, (), waiting)
    written = [None if np.isnan(number) else f"{number:.15g}" for number in numbers.tolist()]
    return _classes(written, reason, waiting)


def _classes(words: list[str | None], reason: ReasonArray, waiting: IndexArray) -> RowLabels:
    known = [word if code == 0 else None for word, code in zip(words, reason.tolist(), strict=True)]
    classes = tuple(sorted({word for word in known if word is not None}))
    place: dict[str | None, float] = {word: float(at) for at, word in enumerate(classes)}
    targets = np.array([place.get(word, np.nan) for word in known], np.float64)
    return RowLabels(targets, classes, waiting)


def _numbers(words: Iterable[str | None], reason: ReasonArray, waiting: IndexArray) -> RowLabels:
    targets = np.array([_number(word) for word in words], np.float64)
    return RowLabels(np.where(reason == 0, targets, np.nan), (), waiting)


def _number(word: str | None) -> float:
    try:
        return float(word) if word is not None else float("nan")
    except ValueError:
        return float("nan")


def groups_of(component: Component | None, value: object, count: int) -> IndexArray:
    """Return the group of each row, -1 for a row of none. Shape (n,).

    Args:
        component: what gave them; None for no groups.
        value: words, groups, or clusters with `labels`.
        count: rows.

    Raises:
        FeatureError: if it is neither.
    """
    if component is None:
        return np.full(count, -1, np.int64)
    if isinstance(value, (Labels, pl.Series)):
        words = (value.values if isinstance(value, Labels) else value).to_list()
        names = {word: at for at, word in enumerate(sorted({each for each in words if each}))}
        return np.array([names.get(word, -1) for word in words], np.int64)
    labels = value.labels if isinstance(value, Groups) else getattr(value, "labels", None)
    if not isinstance(labels, np.ndarray) or len(labels) != count:
        raise FeatureError(
            f"{component.name} gives neither words nor groups of rows",
            hint="name a feature that does, such as duplicates, clusters or a field",
        )
    return labels.astype(np.int64)
