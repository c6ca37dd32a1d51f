"""SemDeDup: leave out rows that nearly repeat another row of their cluster of embeddings."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, Selector
from assay.components.guide import Comparison, Guide
from assay.features.clusters import Clusters, cluster_sizes
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.methods.filters.passing import passing_rows
from assay.runtime import Runtime
from assay.samples import Reason, Selection
from assay.solvers.k_means import Clustering
from assay.solvers.semantic_duplicates import repeats_in_clusters
from assay.values import Matrix

_PER_ROW = 1.5e6


class SemDeDup(Selector):
    """The rows that are like no row that comes before them in their cluster of embeddings.

    Rows are clustered by k-means, and each cluster is put in order of similarity to its centroid.
    Row j stays if max cos(i, j) over all i before it is at most 1 - eps. The rows before it count
    even if they go themselves; so of a chain, each row like the one before, only the first stays.

    Clusters are those of the whole pool; only rows that may be chosen are compared. Rows of two
    clusters are never compared: fewer clusters find more repeats, and take longer. A row whose
    vector is zero stays. Attached pictures, films and sounds are not looked at, unless `vectors`
    are made of them; `deduplicate` compares rows only where they show the same.

    What stays comes in order of id, which has nothing to do with what a row says, so that a budget
    takes as good as a random part of it, across all clusters.
    """

    name = "semdedup"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="SemDeDup: Data-efficient learning at web-scale through semantic deduplication",
        authors="Abbas, Tirumala, Simig, Ganguli and Morcos",
        year=2023,
        arxiv="2303.09540",
        code="https://github.com/facebookresearch/SemDeDup",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="order: each cluster by cos(x, centroid); j goes if\n"
        "max over i before j of cos(i, j) > 1 - eps",
        choose="To thin out a large pool in which many rows say nearly the same, before another "
        "method chooses.",
        avoid="On small pools, where `deduplicate match=semantic` compares all pairs and not those "
        "of a cluster alone.",
        compared=(
            Comparison(
                against="the authors' code",
                compared="rows removed of 200 in 9 clusters: eps from 0.02 to 0.5, hard and easy",
                tolerance="exact",
                test="tests/parity/test_published_code.py",
            ),
            Comparison(
                against="every pair of a cluster, one after the other",
                compared="500 rows in 5 clusters, both rules, eps 0.05 and 0.1",
                tolerance="exact",
                test="tests/unit/methods/filters/test_semdedup.py",
            ),
        ),
        differences={
            "length": "Vectors are brought to unit length, and ties go by id.",
            "encoder": "The embedded one unless other vectors are named.",
            "clusters": "`eps` has a default (a choice of ours), and there are as many clusters as "
            "a rule of thumb says unless told; the published configuration has 50,000.",
            "order": "Clusters come in no order and rows by id, so that a budget is as good as a "
            "random part; the random order of the published code is left out.",
        },
    )
    needs_budget: ClassVar[bool] = False

    vectors: AnyFeature = Embeddings()
    """Vectors that are clustered and compared."""
    clusters: Annotated[int, Field(ge=1)] | None = None
    """Clusters; if none is given the square root of half the rows."""
    eps: Annotated[float, Field(gt=0, lt=2)] = 0.05
    """A row goes if an earlier one has a cosine above 1 - eps; larger leaves less."""
    keep: Literal["hard", "easy"] = "hard"
    """Which rows come first and stay: those far from the centroid, or those near it."""
    greedy: bool = False
    """Compare only with earlier rows that stay, so that a chain keeps more than its first row."""

    def requires(self) -> dict[str, Component]:
        """Return the vectors and their clusters."""
        groups = Clusters(vectors=self.vectors, count=self.clusters, seed=self.seed)
        return {"vectors": self.vectors, "groups": groups}

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the products of all pairs within clusters of equal size."""
        size = cluster_sizes(rows, self.clusters)
        return 2.0 * rows * size * vector_width(self.vectors, runtime)

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, which are small ones in float64, and of the rows."""
        return 4.0 * self.operations(rows, count, runtime) + _PER_ROW * rows

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        groups: Clustering,
    ) -> Selection:
        """Return the rows that stay, in order of id."""
        eligible = np.flatnonzero(allowance.eligible)
        centrality = groups.similarities[eligible]
        first = centrality if self.keep == "hard" else -centrality
        repeats = repeats_in_clusters(
            vectors.array,
            groups.labels,
            eligible[np.argsort(first, kind="stable")],
            threshold=1.0 - self.eps,
            greedy=self.greedy,
            progress=allowance.progress,
        )
        stays = np.ones(len(allowance.eligible), np.bool_)
        stays[repeats] = False
        return passing_rows(allowance, stays, Reason.NEAR_DUPLICATE)
