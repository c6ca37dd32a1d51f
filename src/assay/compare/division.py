"""Which rows may be trained on, which are questions, and which are neither."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.compare.experiment import Experiment
from assay.echo import Brief
from assay.engine.engine import Engine
from assay.errors import ConfigError, Parameter, Phrase
from assay.features.duplicates import Contamination, DuplicateGroups, evaluation_file
from assay.pool.pool import Pool, barred_context
from assay.random_numbers import row_uniform
from assay.samples import IndexArray
from assay.values import Groups

_WANTED = 500
_LEAST_SHARE, _MOST_SHARE = 0.02, 0.2
REPEATED_SHARE = 0.5
"""Part of a question's runs of words that a row must hold to be left out of the training."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class Division(Brief):
    """The rows of a comparison.

    Attributes:
        pool: all rows; those that no arm may choose are marked as held out.
        held_out: positions of the rows that are questions, ascending.
        share: of rows held out by the comparison itself; None if the project holds them out.
        repeated: how many rows are left out because they repeat questions, by file.
    """

    pool: Pool
    held_out: IndexArray
    share: float | None
    repeated: Mapping[str, int]

    @property
    def trainable(self) -> int:
        """Return how many rows may be chosen."""
        return int(np.count_nonzero(~self.pool.held_out))

    def near_duplicates(self, engine: Engine) -> int:
        """Return how many rows that may be chosen are nearly equal to a question held out."""
        groups: Groups = engine.over_all_rows().value(DuplicateGroups(match="near"))
        asked = np.unique(groups.labels[self.held_out])
        return int(np.count_nonzero(np.isin(groups.labels, asked) & ~self.pool.held_out))

    def notes(self) -> list[str]:
        """Return what a person should know about it."""
        notes = []
        if self.share is not None:
            notes.append(
                f"the project holds out no rows, so the comparison keeps {len(self.held_out):,} "
                f"({self.share:.1%}) to measure on; no arm chooses them"
            )
        for name, count in self.repeated.items():
            if count:
                notes.append(f"{count:,} rows repeat questions of {name}; no arm chooses them")
        return notes


def divide(engine: Engine, experiment: Experiment) -> Division:
    """Return the division of a project's rows.

    Rows of equal text share their fate, so no question has an equal among the other rows.

    Args:
        engine: of the project.
        experiment: share to hold out where the project holds out nothing, and the other sources.

    Raises:
        ConfigError: if both the project and the experiment hold out rows.
    """
    pool = engine.pool
    share = None
    asked = pool.held_out
    if not asked.any():
        share = experiment.hold_out
        if share is None:
            share = float(np.clip(_WANTED / len(pool), _LEAST_SHARE, _MOST_SHARE))
        asked = _drawn(pool, share)
    elif experiment.hold_out is not None:
        raise ConfigError(
            f"the project holds out {int(asked.sum()):,} rows already",
            hint=Phrase("leave out {}: these rows are measured on", Parameter("hold_out")),
        )
    barred = asked.copy()
    repeated = {}
    looking = engine.over_all_rows()
    for file in experiment.others:
        found = looking.value(Contamination(against=evaluation_file(file), share=REPEATED_SHARE))
        repeated[file] = int(np.count_nonzero(found.contaminated & ~barred))
        barred |= found.contaminated
    return Division(_barring(pool, barred), np.flatnonzero(asked), share, repeated)


def _drawn(pool: Pool, share: float) -> Mask:
    """Return which rows are held out: by their text alone, so that equal rows share their fate."""
    leading = pool.content_hashes.view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)
    return row_uniform(leading, seed=0, purpose="questions of a comparison") < share


def _barring(pool: Pool, barred: Mask) -> Pool:
    """Return a pool of which no selector sees some rows; results of the two are kept apart."""
    changed = copy.copy(pool)
    if not np.array_equal(barred, pool.held_out):
        changed.held_out = barred
        changed.context = barred_context(pool.context, barred)
    return changed
