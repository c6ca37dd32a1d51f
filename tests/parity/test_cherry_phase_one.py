"""IFD's first phase, against what the authors' own code gave for 129 rows and a small model."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.components.budget import Allowance
from assay.components.rendering import CHERRY
from assay.engine.engine import Engine
from assay.features.distance_clusters import DistanceClustering
from assay.features.hidden_states import HiddenStates
from assay.methods.likelihood.perplexity import Perplexity
from assay.methods.pipelines.cluster_band import ClusterBand
from assay.outcomes import ScoreTable
from assay.random_numbers import generator
from assay.runtime import Runtime
from assay.samples import Scores
from assay.testing import pool as pool_of
from assay.values import Matrix
from tests.causal_rows import exchange, open_runtime, set_budget

_FIXTURE = Path(__file__).parent / "fixtures" / "cherry_phase_one.npz"
_SHARED = Path(__file__).parents[2] / "../shared"
_MODEL = _SHARED / "models/tinystories-llama-3.3m"
_POOL = _SHARED / "data/parity/reference/pool/pool.json"


class Published(NamedTuple):
    """What the authors' code gave: of every row, and what it chose, in its order."""

    vectors: NDArray[np.float32]
    perplexity: NDArray[np.float64]
    labels: dict[str, NDArray[np.int16]]
    chosen: dict[str, NDArray[np.int16]]


@pytest.fixture(scope="module")
def published() -> Published:
    with np.load(_FIXTURE) as held:
        runs = ("k5_n4", "k8_n2")
        return Published(
            held["vectors"],
            held["perplexity"],
            {run: held[f"{run}_labels"] for run in runs},
            {run: held[f"{run}_chosen"] for run in runs},
        )


@pytest.mark.parametrize(("run", "clusters"), [("k5_n4", 5), ("k8_n2", 8)])
def test_clusters_are_the_authors(published: Published, run: str, clusters: int) -> None:
    pytest.importorskip("sklearn")

    labels, centroids = Runtime(workers=1).distance_k_means(published.vectors, clusters, seed=0)

    assert labels.tolist() == published.labels[run].tolist()
    for label in range(clusters):
        own = published.vectors[labels == label].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(centroids[label], own, atol=1e-4)


@pytest.mark.parametrize(("run", "clusters", "each"), [("k5_n4", 5, 4), ("k8_n2", 8, 2)])
def test_of_the_authors_clusters_their_rows_are_chosen(
    published: Published, run: str, clusters: int, each: int
) -> None:
    rows = len(published.vectors)
    groups = DistanceClustering(
        published.labels[run].astype(np.int64), np.zeros((clusters, 1), np.float32)
    )
    scores = Scores(published.perplexity, np.zeros(rows, np.uint8))

    found = ClusterBand(clusters=clusters, each=each).select(
        Allowance(np.ones(rows, np.bool_), None),
        generator(seed=0, purpose="test"),
        groups=groups,
        scores=scores,
    )

    # Their list is by cluster, and within one by place in the file; ours takes clusters in turn.
    by_cluster = np.argsort(published.labels[run][found.indices], kind="stable")
    assert found.indices[by_cluster].tolist() == published.chosen[run].tolist()


@pytest.mark.shared
@pytest.mark.skipif(
    not (_MODEL.exists() and _POOL.exists()),
    reason="needs ../shared/models and ../shared/data/parity/reference",
)
def test_vectors_and_perplexities_of_prompts_are_the_authors(
    published: Published, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    rows = json.loads(_POOL.read_text(encoding="utf-8"))
    runtime = open_runtime(tmp_path)
    set_budget(runtime, _MODEL, 1024)
    asked = [exchange((row["instruction"], row["input"], row["output"])) for row in rows]
    pool = pool_of(asked)
    places = {each.content_hash: i for i, each in enumerate(pool.conversations(np.arange(129)))}
    order = np.array([places[each.content_hash] for each in asked])
    read = {"model": str(_MODEL), "rendering": CHERRY}

    table: ScoreTable
    states: Matrix
    states, table = Engine(pool, runtime).compute(
        [HiddenStates(**read, over="prompt", raw=True), Perplexity(**read, target="prompt")]
    )

    known = (states.reason == 0)[order]
    scored = (table.main.reason == 0)[order]
    assert states.vectors.dtype == np.float32
    assert known.all()
    assert scored.all()
    vectors = states.rows(slice(None))[order]
    difference = np.abs(vectors - published.vectors).max(axis=1)
    ratio = table.main.values[order] / published.perplexity
    assert difference.max() < 2e-5
    assert np.abs(ratio - 1).max() < 1e-5
