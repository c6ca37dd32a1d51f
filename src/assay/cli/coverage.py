"""A word before the work, where a pool is written in what its encoder has hardly learned."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from assay.console import terminal
from assay.engine import walk
from assay.features.embeddings import Embeddings
from assay.features.text import part_of
from assay.references import name_of

if TYPE_CHECKING:
    from assay.component import Component
    from assay.project import Project

SAMPLED_ROWS = 256
LEARNED_SHARE = 0.5
"""A row counts as outside if less of its letters lie in learned words."""
OUTSIDE_ROWS = 0.5
"""A pool is said to be outside if more of its rows are."""


def outside_share(project: "Project", feature: Embeddings) -> float:
    """Return the share of sampled rows outside what an encoder has learned; NaN if not known."""
    count = len(project)
    places = np.unique(np.linspace(0, count - 1, min(SAMPLED_ROWS, count)).astype(np.int64))
    texts = [part_of(c, feature.part) for c in project.pool.conversations(places)]
    learned = project.runtime.encoder(feature.model).coverage(texts)
    known = learned[~np.isnan(learned)]
    return float(np.mean(known < LEARNED_SHARE)) if len(known) else float("nan")


def warn_outside(project: "Project", components: "Sequence[Component]") -> None:
    """Warn once per encoder that has learned little of what the pool is written in."""
    warned: set[str] = set()
    for component in walk(components, resolve=project.engine.resolve):
        if not isinstance(component, Embeddings) or component.model in warned:
            continue
        warned.add(component.model)
        share = outside_share(project, component)
        if share > OUTSIDE_ROWS:
            terminal().warn(
                f"{share:.0%} of the rows are written in words that {name_of(component.model)} has "
                "not learned; it compares them by character runs. Another one: --encoder org/name"
            )
