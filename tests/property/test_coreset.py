import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.components.budget import Allowance
from assay.methods.geometry.coreset import Coreset
from assay.samples import FloatArray, Selection
from assay.solvers.k_means import Clustering, k_means
from assay.testing import matrix

SEEDS = st.integers(0, 2**32 - 1)
RULES = st.sampled_from(["nearest_to_centroid", "all"])


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def unit_vectors(rows: int, seed: int, width: int = 3) -> FloatArray:
    vectors = stream(seed).standard_normal((rows, width))
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def select(
    vectors: FloatArray,
    groups: Clustering,
    count: int,
    *,
    target: FloatArray | None = None,
    eligible: NDArray[np.bool_] | None = None,
    **parameters: object,
) -> Selection:
    everything = np.ones(len(vectors), np.bool_)
    allowance = Allowance(everything if eligible is None else eligible, count)
    targets = None if target is None else matrix(target[None, :])
    selector = Coreset.model_validate(parameters)
    return selector.select(
        allowance, stream(), vectors=matrix(vectors), groups=groups, targets=targets
    )


@settings(max_examples=40)
@given(SEEDS, st.integers(2, 4))
def test_without_task_and_centres_the_radius_is_at_most_twice_the_best(
    seed: int, count: int
) -> None:
    vectors = unit_vectors(10, seed)
    lengths = np.sqrt(np.maximum(2.0 - 2.0 * vectors @ vectors.T, 0.0))
    best = min(
        lengths[:, list(subset)].min(axis=1).max()
        for subset in itertools.combinations(range(10), count)
    )

    groups = k_means(vectors, 2, rng=stream())
    picks = select(vectors, groups, count, centre_rule="all").indices

    assert lengths[:, picks].min(axis=1).max() <= 2.0 * best + 1e-5


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 40), RULES, st.floats(0.05, 1.0), st.data())
def test_picks_are_eligible_and_of_one_set_of_clusters_that_is_large_enough(
    seed: int, count: int, rule: str, share: float, data: st.DataObject
) -> None:
    vectors = unit_vectors(30, seed, width=4)
    eligible = np.array(data.draw(st.lists(st.booleans(), min_size=30, max_size=30)))
    eligible[0] = True
    groups = k_means(vectors, 6, rng=stream(seed))
    target = unit_vectors(1, seed + 1, width=4)[0]

    found = select(
        vectors, groups, count, target=target, eligible=eligible, kept_share=share,
        centre_rule=rule, fill=True,
    )  # fmt: skip

    assert eligible[found.indices].all()
    assert len(np.unique(found.indices)) == len(found.indices)
    left_out = np.sort(np.concatenate(list(found.rejected.values())))
    kept = np.setdiff1d(np.flatnonzero(eligible), left_out)
    assert set(found.indices.tolist()) <= set(kept.tolist())
    assert len(found.indices) == min(count, len(kept))
    assert len(kept) >= share * eligible.sum() - 1e-6
    # No cluster is kept while a nearer one with rows to choose from is not.
    nearness = groups.centroids @ target.astype(np.float32)
    far = nearness[np.unique(groups.labels[left_out])]
    assert nearness[np.unique(groups.labels[kept])].min() >= far.max(initial=-2.0) - 1e-5
    assert len(np.intersect1d(groups.labels[kept], groups.labels[left_out])) == 0


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 29), st.integers(1, 29), RULES)
def test_a_smaller_budget_gives_a_prefix(seed: int, one: int, other: int, rule: str) -> None:
    vectors = unit_vectors(30, seed, width=4)
    groups = k_means(vectors, 6, rng=stream(seed))
    target = unit_vectors(1, seed + 1, width=4)[0]

    less, more = (
        select(vectors, groups, count, target=target, kept_share=0.7, centre_rule=rule)
        for count in sorted([one, other])
    )

    assert more.nested
    assert less.indices.tolist() == more.indices[: len(less.indices)].tolist()
