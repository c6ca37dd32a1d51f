"""Cluster band: of every cluster some rows that are neither too easy nor too odd to a model."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, Selector
from assay.components.guide import Comparison, Guide
from assay.features.distance_clusters import DistanceClustering, DistanceClusters
from assay.features.embeddings import Embeddings
from assay.methods.likelihood.perplexity import Perplexity
from assay.samples import FloatArray, IndexArray, Scores, Selection
from assay.solvers.ranks import in_turn

_SIZES = 1000
"""Quantiles of the law of sizes, by which rows are counted beforehand."""


class ClusterBand(Selector):
    """Some rows of every cluster, evenly from the middle of a score within it.

    The first phase of IFD: a model that is tuned on them has seen a little of everything.
    """

    name = "cluster_band"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="From Quantity to Quality: Boosting LLM Performance with Self-Guided Data Selection "
        "for Instruction Tuning",
        authors="Li et al.",
        year=2024,
        arxiv="2308.12032",
        code="https://github.com/tianyi-lab/Cherry_LLM",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="of each cluster: the rows with q25 <= score <= q75,\n"
        "of these every (number // 10)-th, 10 at most",
        choose="To give a model a brief look at all of a pool before it judges it.",
        avoid="As a selection to train on in the end: it knows nothing of quality, and by our "
        "reading of Alpaca what it takes is neither better nor worse than what it leaves. With "
        "many clusters for the pool, where it is no brief look: 100 took 717 of 1,500 rows.",
        compared=(
            Comparison(
                against="what the authors' own code chose of 129 rows",
                compared="labels, and rows of 5 clusters of 4 and of 8 clusters of 2",
                tolerance="exact",
                test="tests/parity/test_cherry_phase_one.py",
            ),
        ),
        differences={
            "encoder": "Vectors are those of the embedded encoder unless others are named; in IFD "
            "they are the model's own hidden states over the prompt, as in the paper.",
            "model": "`assay:lm` reads the prompts unless another score is named.",
            "order": "Rows of a cluster are taken in order of id, where the published code takes "
            "them in that of its file. Clusters take turns, so that a budget cuts none off.",
            "small clusters": "As there, a cluster of fewer rows than wanted gives all of them, "
            "and one whose middle holds fewer gives those; nothing is filled up.",
        },
    )
    needs_budget: ClassVar[bool] = False

    by: AnyScorer = Perplexity(target="prompt")
    """Score whose middle is taken."""
    vectors: AnyFeature = Embeddings()
    """Vectors that are clustered."""
    clusters: Annotated[int, Field(ge=1)] = 100
    """Clusters."""
    each: Annotated[int, Field(ge=1)] = 10
    """Rows of each cluster, at most."""
    low: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Lower quantile of the score within a cluster."""
    high: Annotated[float, Field(ge=0, le=1)] = 0.75
    """Upper quantile."""

    def requires(self) -> dict[str, Component]:
        """Return the clusters and the score."""
        groups = DistanceClusters(vectors=self.vectors, count=self.clusters, seed=self.seed)
        return {"groups": groups, "scores": self.by}

    def expected(self, rows: int) -> int:
        """Return what clusters of very different sizes give: sizes as of an exponential law.

        A cluster of fewer than `each` rows gives all, one of more its middle, and at most `each`.
        """
        share = self.high - self.low
        sizes = -rows / self.clusters * np.log1p(-(np.arange(_SIZES) + 0.5) / _SIZES)
        given = np.where(sizes < self.each, sizes, np.minimum(share * sizes, self.each))
        return min(rows, max(1, round(self.clusters * float(given.mean()))))

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        groups: DistanceClustering,
        scores: Scores,
    ) -> Selection:
        """Return the rows, cluster by cluster in turn, in order of id within one. Gains are NaN."""
        eligible = allowance.eligible & (scores.reason == 0)
        taken = np.full(len(eligible), -1, np.int64)
        for label in range(len(groups.centroids)):
            own = np.flatnonzero(eligible & (groups.labels == label))
            taken[in_the_middle(own, scores.values, self.each, (self.low, self.high))] = label
        order, _ = in_turn(taken, np.arange(len(taken), dtype=np.float64))
        chosen, stop = allowance.take(order)
        return Selection(chosen, np.full(len(chosen), np.nan), nested=True, stop=stop)


def in_the_middle(
    rows: IndexArray, values: FloatArray | NDArray[np.floating], count: int,
    quantiles: tuple[float, float],
) -> IndexArray:  # fmt: skip
    """Return evenly some of the rows whose value lies between two of their quantiles.

    Args:
        rows: of one cluster, ascending.
        values: of all rows of the pool.
        count: rows wanted; fewer rows than that are all returned.
        quantiles: both borders count as inside; between two values they are interpolated.
    """
    if len(rows) < count:
        return rows
    own = values[rows]
    low, high = np.quantile(own, quantiles)
    middle = rows[(own >= low) & (own <= high)]
    if len(middle) < count:
        return middle
    return middle[:: len(middle) // count][:count]
