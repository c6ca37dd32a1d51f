"""Steps that make tags fewer, against libraries that do the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.solvers.tag_merging import MergeOptions, implications, merge_tags
from tests.tagged import sets_of

_RULES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "fixtures" / "association_rules.json").read_text()
)


@pytest.mark.parametrize("run", _RULES["runs"])
def test_implications_are_the_rules_of_mlxtend(run: dict[str, Any]) -> None:
    sets = sets_of(run["rows"], _RULES["tags"])

    before, behind = implications(sets, support=_RULES["support"], confidence=_RULES["confidence"])

    found = sorted(
        [one, other] for one, other in zip(before.tolist(), behind.tolist(), strict=True)
    )
    assert found == run["rules"]
    assert found


@pytest.mark.parametrize("seed", range(5))
def test_tags_of_one_meaning_are_the_clusters_of_scikit_learn(seed: int) -> None:
    cluster = pytest.importorskip("sklearn.cluster", reason="needs assay[models]")
    vectors = _in_clusters(seed)
    count = len(vectors)
    labels = cluster.DBSCAN(eps=0.05, min_samples=1, metric="cosine").fit(vectors).labels_

    target = merge_tags(
        sets_of([[tag] for tag in range(count)], count),
        list(range(count)),
        lambda places: vectors[places],
        MergeOptions(least=1, distance=0.05, support=count, confidence=1.0),
    ).target

    first_of_label = np.unique(labels, return_index=True)[1]
    assert target.tolist() == first_of_label[labels].tolist()
    assert 1 < len(first_of_label) < count


def _in_clusters(seed: int) -> NDArray[np.float64]:
    rng = np.random.Generator(np.random.Philox(seed))
    centers = rng.standard_normal((60, 24))
    return centers[rng.integers(0, 60, 400)] + 0.25 * rng.standard_normal((400, 24))
