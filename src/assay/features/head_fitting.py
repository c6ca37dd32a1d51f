"""Heads for the parts of some labelled rows, each told by one that saw none of it, and the last."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.errors import FeatureError
from assay.features.folds import fold_of, kept_together, set_aside
from assay.features.head_fit import HeadFit
from assay.features.head_inputs import Scale
from assay.models.head import Head, Learned, Lesson, Shape
from assay.pool.pool import HashArray, distinct_hashes, leading_words
from assay.samples import FloatArray, IdArray, IndexArray

INNER_PARTS = 5
"""Parts of the rows learned from by which a strength is chosen."""
ASIDE = 0.15
"""Share of the rows learned from that tells when to stop."""
_FOLDS = "folds of a head"


class Labelled(NamedTuple):
    """Rows that have a label.

    Attributes:
        hashes: of their content, ascending. Shape (m,).
        words: equal for rows that are not parted. Shape (m,).
        targets: numbers, or places in `classes`. Shape (m,).
        classes: words that some row has; none for numbers.
    """

    hashes: HashArray
    words: IdArray
    targets: FloatArray
    classes: tuple[str, ...]


def labelled(
    hashes: HashArray, groups: IndexArray, targets: FloatArray, classes: tuple[str, ...]
) -> Labelled:
    """Return labelled rows with what keeps them together: the text, and the group if there is one.

    Args:
        hashes: of their content. Shape (m,).
        groups: group of each, -1 for none. Shape (m,).
        targets: numbers, or places in `classes`. Shape (m,).
        classes: words that some row has; none for numbers.

    Raises:
        FeatureError: if there are words, and all rows have the same.
    """
    if len(classes) == 1:
        raise FeatureError(
            f"all {len(targets):,} labelled rows are {classes[0]!r}: there is nothing to learn",
            hint="label rows of two classes at least",
        )
    distinct, _, texts = distinct_hashes(hashes)
    words = leading_words(distinct)[kept_together(texts, groups)]
    return Labelled(hashes, words, targets, classes)


@dataclass(frozen=True)
class Fitting:
    """All that heads are fitted from.

    Attributes:
        head: the kind that is fitted.
        rows: inputs of the labelled rows as they are. Shape (m, d).
        scaled: which columns are brought to mean 0 and deviation 1. Shape (d,).
        widths: columns of each input.
        taught: the rows.
        folds: parts.
        seed: of the parts and of all else.
    """

    head: Head
    rows: FloatArray
    scaled: NDArray[np.bool_]
    widths: tuple[int, ...]
    taught: Labelled
    folds: int
    seed: int

    def whole(self, waiting: HashArray, advance: Callable[[float], None]) -> HeadFit:
        """Return the last head, and what those of the folds say of the rows they did not see.

        Args:
            waiting: content of rows whose label is still to come.
            advance: called with the number of heads fitted, as they are.

        Raises:
            FeatureError: if all rows are of one part.
        """
        taught = self.taught
        folds = fold_of(taught.words, self.folds, seed=self.seed, purpose=_FOLDS)
        outputs = len(taught.classes) or 1
        held_out, plain = (np.full((len(folds), outputs), np.nan) for _ in range(2))
        epochs = []
        for fold in np.unique(folds).tolist():
            left, kept = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            if not len(kept):
                raise FeatureError(
                    "all labelled rows are of one group, so that none can be held out",
                    hint="label rows of several groups, or name no groups",
                )
            scale, learned = self._fitted(kept)
            held_out[left] = self._told(left, scale, learned)
            plain[left] = self._mean(kept)
            epochs.append(learned.epochs)
            advance(1)
        scale, learned = self._fitted(np.arange(len(folds)))
        advance(1)
        return HeadFit(
            taught.hashes, taught.targets, taught.classes, held_out, plain, folds,
            np.array([*epochs, learned.epochs], np.int64), waiting, scale, learned.arrays,
        )  # fmt: skip

    def parts(self) -> Iterator[tuple[Scale, Learned]]:
        """Yield the scale and head of each fold that leaves rows to learn from: of the others."""
        folds = fold_of(self.taught.words, self.folds, seed=self.seed, purpose=_FOLDS)
        for fold in np.unique(folds).tolist():
            kept = np.flatnonzero(folds != fold)
            if len(kept):
                yield self._fitted(kept)

    def _told(self, left: IndexArray, scale: Scale, learned: Learned) -> FloatArray:
        """Return what a head says of some rows. Shape (rows, k)."""
        rows = scale.of_rows(self.rows[left])
        shape = Shape(self.widths, len(self.taught.classes))
        return self.head.predict(learned.arrays, rows, shape)

    def _fitted(self, kept: IndexArray) -> tuple[Scale, Learned]:
        """Return a head fitted on some rows, and the scale of its inputs, which they alone tell."""
        scale = Scale.of(self.rows[kept], self.scaled)
        words = self.taught.words[kept]
        lesson = Lesson(
            inputs=scale.of_rows(self.rows[kept]),
            widths=self.widths,
            targets=self.taught.targets[kept],
            classes=len(self.taught.classes),
            parts=fold_of(words, INNER_PARTS, seed=self.seed, purpose="strength of a head"),
            aside=set_aside(words, ASIDE, seed=self.seed, purpose="end of a head"),
            seed=self.seed % 2**32,
        )
        return scale, self.head.fit(lesson)

    def _mean(self, kept: IndexArray) -> FloatArray:
        """Return the mean of some rows' numbers, or the shares of their classes. Shape (k,)."""
        targets = self.taught.targets[kept]
        if not self.taught.classes:
            return np.array([targets.mean()])
        counts = np.bincount(targets.astype(np.int64), minlength=len(self.taught.classes))
        shares: FloatArray = counts / len(kept)
        return shares
