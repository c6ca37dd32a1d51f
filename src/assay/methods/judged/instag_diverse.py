"""InsTag's sampling: rows of many tags first, none that brings no new one."""

from typing import ClassVar

import numpy as np

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, Selector
from assay.components.guide import Comparison, Guide
from assay.features.normalised_tags import INSTAG, normalised
from assay.features.tag_graph import checked_tags
from assay.runtime import Runtime
from assay.samples import Selection
from assay.solvers.tag_sampling import diverse_order

# Operations of a matrix product that take as long as what is done for a row.
_PER_ROW = 2e5


class InsTagDiverse(Selector):
    """Rows of many tags first, each bringing a tag that its pass over the pool has not had yet.

    A pass goes through the rows by falling number of normalised tags, ties by id, and takes each
    that has a tag which none of those taken in this pass has; the next pass goes through the rest.
    A row without tags is never taken, so the selection may end before the budget is spent. Under a
    budget in tokens a row that no longer fits is passed over, and counts as taken for those behind
    it.
    """

    name = "instag_diverse"
    paper: ClassVar[Paper | NoPaper] = INSTAG
    guide: ClassVar[Guide | None] = Guide(
        formula="pass: covered = {}; for x by falling |tags(x)|:\n"
        "  take x if tags(x) has a tag not in covered; covered += tags(x)\n"
        "passes over what is left, until the budget is spent",
        choose="For few rows that together ask for as much as the pool does, the most demanding "
        "ones first.",
        avoid="Where rows of one or two things are what a model is to learn: they come last. Where "
        "some tags mean nearly the same, `mig` lets them share what they tell.",
        compared=(
            Comparison(
                against="the passes written out with sets",
                compared="order of all rows, 200 random pools",
                tolerance="exact",
                test="tests/unit/solvers/test_tag_sampling.py",
            ),
        ),
        differences={
            "code": "The authors published none for the sampling, so it is built from their "
            "description and compared with no numbers of theirs.",
            "tags": "They come from the data or a judge; see `instag` for how they are asked for "
            "and normalised.",
            "ties": "Rows of as many tags are ordered by id.",
            "encoder": "The embedded one, for tags of one meaning, unless another is named in "
            "`normalised_tags`.",
        },
    )

    tags: AnyFeature
    """What gives every row its tags, `tag_field`, `judged_tags` or `written_tags`: raw ones are
    normalised as `normalised_tags` does it by default; name that to say how."""

    def requires(self) -> dict[str, Component]:
        """Return the normalised tags."""
        return {"tags": normalised(self.tags)}

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of one walk through all rows."""
        return _PER_ROW * rows

    def select(self, allowance: Allowance, rng: np.random.Generator, *, tags: object) -> Selection:
        """Return the rows in the order in which they are taken. Gains are tags new to the pass."""
        order = diverse_order(checked_tags(self, tags).sets, allowance.eligible)
        chosen, stop = allowance.take(order.rows)
        bare = len(order.rows) < int(np.count_nonzero(allowance.eligible))
        return Selection(
            chosen,
            order.gains[np.isin(order.rows, chosen, assume_unique=True)],
            nested=True,
            stop="no_gain" if stop == "exhausted" and bare else stop,
            gain_unit="new tags",
        )
