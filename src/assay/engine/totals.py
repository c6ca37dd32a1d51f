"""Numbers of all rows together, which some scores have beside those of each row."""

import numpy as np

from assay.components.base import Component
from assay.components.component import Scorer
from assay.components.totals import HasTotals, Totals
from assay.engine.engine import Engine
from assay.samples import Scores


def totals_of(engine: Engine, scorer: Scorer) -> Totals:
    """Return what a score says of all rows that methods see; nothing if it sums nothing up.

    Args:
        engine: of the rows.
        scorer: whose score is made where it is not at hand.
    """
    scorer = engine.resolve(scorer)
    if not isinstance(scorer, HasTotals):
        return {}
    table = engine.value(scorer)
    needs = {
        name: engine.value(need) if isinstance(need, Component) else engine.compute(need)
        for name, need in scorer.requires().items()
    }
    seen = np.flatnonzero(~engine.pool.held_out)
    columns = {
        name: Scores(scores.values[seen], scores.reason[seen])
        for name, scores in table.columns.items()
    }
    return scorer.totals(columns, **needs)
