"""What some rows tell about the time that work on all of them takes."""

import math
from typing import Any

import numpy as np

from assay.components.base import Component
from assay.components.component import Dataset, FileSet, Given, Scorer
from assay.engine.engine import Engine
from assay.errors import AssayError
from assay.features.passes import PoolFeature, RowFeature, Sampled
from assay.pool.view import PoolView

_MOST_SECONDS = 2.0


def sampled_of(
    engine: Engine, feature: PoolFeature, view: PoolView, per_row: dict[str, float]
) -> Sampled:
    """Return what some rows tell about a feature of all; nothing where reading them takes long.

    Args:
        engine: over the pool; nothing is kept of what is computed here.
        feature: resolved.
        view: the rows it is of.
        per_row: seconds of a row by pass, NaN where it was not timed.
    """
    if not feature.sampled_rows or not len(view):
        return Sampled()
    places = np.linspace(0, len(view) - 1, min(feature.sampled_rows, len(view))).astype(np.int64)
    sample = PoolView(view.pool, view.positions[np.unique(places)])
    needs = {}
    for name, need in feature.requires().items():
        try:
            needs[name] = _value(engine, need, sample, per_row)
        except _TooLongError:
            if name not in feature.sampled_without:
                return Sampled()
    return feature.sample(sample, engine.runtime, **needs)


class _TooLongError(AssayError):
    """Reading the sample would take longer than a person waits for a price."""


def _value(engine: Engine, need: Any, sample: PoolView, per_row: dict[str, float]) -> Any:
    """Return the value of what a feature requires, for the rows of the sample alone."""
    if not isinstance(need, Component):
        raise _TooLongError("several features")
    need = engine.resolve(need)
    if isinstance(need, Dataset) and engine.rows_known(need):
        return engine.view_shown(need)
    if _is_quick(need):
        return engine.value(need)
    if not isinstance(need, RowFeature) or not engine.rows_known(need.dataset):
        raise _TooLongError(need.name)
    if not engine.missing_rows(need):  # then its model need not be opened
        return engine.stored_rows(sample, need)
    seconds = per_row.get(f"{need.dataset.key}/{need.reading()!r}", math.inf)
    if not seconds * len(sample) <= _MOST_SECONDS:
        raise _TooLongError(need.name)
    with need.reading().open(engine.runtime) as read:
        return read(sample.conversations(), [need])[0]


def _is_quick(need: Component) -> bool:
    """Return whether a value of all rows takes no time: nothing it is made of is kept."""
    if isinstance(need, PoolFeature):
        return not need.stored and isinstance(need.dataset.root, (Given, FileSet))
    return isinstance(need, Scorer) and all(map(_is_quick, need.children()))
