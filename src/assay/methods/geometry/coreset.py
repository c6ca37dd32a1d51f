"""A small core set: cluster the pool, keep what lies near a task, cover that with few rows."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance, Budget
from assay.components.component import AnyFeature, FileSet, Selector
from assay.components.guide import Comparison, Guide
from assay.components.references import FileRef, name_of
from assay.errors import ConfigError, DataError, did_you_mean
from assay.features.clusters import Clusters
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.features.text import RowAttribute
from assay.runtime import Runtime
from assay.samples import FloatArray, IndexArray, Reason, Selection
from assay.solvers.k_center import ROW_WORK, k_center
from assay.solvers.k_means import Clustering
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors, quantised
from assay.values import Labels, Matrix


class Coreset(Selector):
    """Half a per cent of the rows: clusters near a task, their centres, then farthest rows.

    Rows are clustered by k-means. With a task, named by a file of its rows or as what rows of the
    pool are for, only the clusters whose centroids are most similar to the mean of its rows are
    kept, until they hold `kept_share` of all rows. The core set begins with the row nearest to
    each kept centroid, largest clusters first, and goes on with k-center greedy: always the kept
    row that is farthest from all taken. A row whose vector is zero is in no cluster and is never
    chosen. Where kept rows are fewer than the budget, all of them are chosen.

    This is our interpretation of a method that is described in outline and has no published code:
    how many clusters there are, which vectors are compared, what a centre is, and how much of the
    pool a task keeps are choices of ours, and parameters here.
    """

    name = "coreset"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Maybe Only 0.5% Data is Needed: A Preliminary Exploration of Low Training Data "
        "Instruction Tuning",
        authors="Chen et al.",
        year=2023,
        arxiv="2305.09246",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="clusters by k-means; with a task those nearest to its mean are kept\n"
        "first the row nearest to each kept centroid, then\n"
        "x with the largest min over s in S of (1 - cos(x, s))",
        choose="For one task and very few rows, half a per cent of the pool and less.",
        avoid="Without a task, where `k_center` does nearly the same without clusters.",
        compared=(
            Comparison(
                against="all subsets",
                compared="largest distance to a pick without task and centres, small pools",
                tolerance="at most twice the smallest",
                test="tests/property/test_coreset.py",
            ),
        ),
        differences={
            "method": "The paper has no published code and describes the method in outline: the "
            "number of clusters, the vectors, what a centre is and how much of the pool "
            "a task keeps are choices of ours.",
            "encoder": "The embedded one unless other vectors are named.",
        },
    )

    budget: Budget | None = Budget(amount="0.5", unit="percent", rounding="ceil")
    """How much to select: samples, "5%", or "2M tokens"; half a per cent unless told."""
    vectors: AnyFeature = Embeddings()
    """Vectors that are clustered and covered."""
    clusters: Annotated[int, Field(ge=1)] | None = None
    """Clusters; if none is given the square root of half the rows."""
    target: FileRef = ""
    """File with rows of the task that the core set is for."""
    task: str = ""
    """The task itself, where rows of the pool carry its name; instead of `target`."""
    kept_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the rows that the clusters nearest to a task hold together, at least."""
    centre_rule: Literal["nearest_to_centroid", "all"] = "nearest_to_centroid"
    """Begin with the row nearest to each centroid, or let k-center find all rows by itself."""
    fill: bool = False
    """Go on with copies of chosen rows when nothing else is left."""

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        if self.target and self.task:
            raise ValueError("the task is named by `target` or by `task`, not by both")
        return self

    def requires(self) -> dict[str, Component]:
        """Return vectors and clusters, and what tells the task's rows, if there is a task."""
        needs: dict[str, Component] = {
            "vectors": self.vectors,
            "groups": Clusters(vectors=self.vectors, count=self.clusters, seed=self.seed),
        }
        if self.target:
            needs["targets"] = self.vectors.at(FileSet(source=self.target, role="target"))
        if self.task:
            needs["tasks"] = RowAttribute(attribute="task")
        return needs

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the products of every kept row with every pick."""
        kept = rows * (self.kept_share if self.target or self.task else 1.0)
        return 2.0 * kept * min(count, kept) * vector_width(self.vectors, runtime)

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, and of all rows once."""
        return self.operations(rows, count, runtime) + ROW_WORK * rows

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        groups: Clustering,
        targets: Matrix | None = None,
        tasks: Labels | None = None,
    ) -> Selection:
        """Return the picks; gains are cosine distances to earlier ones, NaN for the centres."""
        kept = allowance.eligible & (groups.labels >= 0)
        if targets is not None:
            kept = self._near(_mean(targets.array, name_of(self.target)), kept, groups)
        if tasks is not None:
            rows = self._rows_of_task(tasks, allowance.eligible)
            kept = self._near(_mean(vectors.array[rows], f"the task {self.task!r}"), kept, groups)
        start = np.empty(0, np.int64)
        if self.centre_rule == "nearest_to_centroid":
            start, _ = allowance.take(_centres(kept, groups))
        selection = k_center(
            vectors.array,
            replace(allowance.candidates(start), allowed=kept),
            fill=self.fill,
        )
        lost = allowance.eligible & ~kept
        rejected = {
            Reason.NO_WORDS: np.flatnonzero(lost & (groups.labels < 0)),
            Reason.OFF_TARGET: np.flatnonzero(lost & (groups.labels >= 0)),
        }
        return replace(selection, rejected=rejected)

    def _rows_of_task(self, tasks: Labels, eligible: NDArray[np.bool_]) -> IndexArray:
        words = tasks.values.to_numpy()
        rows = np.flatnonzero(eligible & (words == self.task))
        if len(rows) == 0:
            known = sorted({*words[eligible].tolist()} - {""})
            raise ConfigError(
                f"no row that may be chosen has the task {self.task!r}",
                hint=did_you_mean(self.task, known)
                or (f"there are {', '.join(map(repr, known[:10]))}" if known else "no row has one"),
            )
        return rows

    def _near(
        self, mean: FloatArray, rows: NDArray[np.bool_], groups: Clustering
    ) -> NDArray[np.bool_]:
        """Return which of `rows` lie in the clusters nearest to a direction."""
        sizes = _sizes(rows, groups)
        similarity = quantised(groups.centroids.astype(np.float64) @ mean)
        order = np.argsort(-similarity, kind="stable")
        held = np.cumsum(sizes[order])
        wanted = np.ceil(self.kept_share * sizes.sum() - 1e-9)
        near = order[: 1 + int(np.searchsorted(held, wanted))]
        return rows & np.isin(groups.labels, near)


def _mean(vectors: AnyFloatArray, whose: str) -> FloatArray:
    """Return the mean direction of the vectors that are not zero, on the grid. Shape (d,)."""
    unit = exact_unit_vectors(vectors)
    if not unit.any():
        raise DataError(
            f"{whose} has no row with a vector",
            hint="its texts may be empty, or the encoder knows none of their words",
        )
    # Sums of grid vectors are exact, so that the order of the rows does not matter.
    total = unit.sum(axis=0, dtype=np.float64)
    return exact_unit_vectors(total[None, :])[0].astype(np.float64)


def _sizes(rows: NDArray[np.bool_], groups: Clustering) -> IndexArray:
    return np.bincount(groups.labels[rows], minlength=len(groups.centroids))


def _centres(rows: NDArray[np.bool_], groups: Clustering) -> IndexArray:
    """Return the row nearest to the centroid of each cluster that has one, large ones first."""
    positions = np.flatnonzero(rows)
    labels = groups.labels[positions]
    order = np.lexsort((-groups.similarities[positions], labels))
    clusters, first = np.unique(labels[order], return_index=True)
    centres = positions[order[first]]
    return centres[np.argsort(-_sizes(rows, groups)[clusters], kind="stable")]
