"""What some steps tell of a training: tokens with their padding, and rows still to be chosen."""

import numpy as np
import pytest

from assay.methods.pipelines.cluster_band import ClusterBand, in_the_middle
from assay.models.recipe import Recipe
from assay.models.training import TrainingOrder
from assay.tuning import timing


def test_padding_is_that_of_sequences_which_go_through_together() -> None:
    # Ten sequences of 1 to 10 tokens: in one batch the longest first, two at once, pairs 10 and 9
    # down to 2 and 1 are padded to 10, 8, 6, 4 and 2: twice 30 for 55 tokens.
    lengths = np.arange(1, 11)

    together = timing._padding(lengths, Recipe(batch_size=10, device_batch=2), 0)
    alone = timing._padding(lengths, Recipe(batch_size=10, device_batch=1), 0)
    all_at_once = timing._padding(lengths, Recipe(batch_size=10, device_batch=10), 0)

    assert together == pytest.approx(60 / 55)
    assert alone == 1.0
    assert all_at_once == pytest.approx(100 / 55)
    # Two at random are less alike than two of ten in order.
    assert together < timing._padding(lengths, Recipe(batch_size=2, device_batch=2), 0) < 100 / 55


def test_padded_tokens_are_counted_step_by_step_over_epochs() -> None:
    lengths = np.array([3, 8, 5, 1, 9], np.int64)
    order = TrainingOrder(lengths, 2, 4)
    steps = timing._padded(order, 2)

    found = [next(steps) for _ in range(6)]

    expected = []
    for epoch in (0, 1):
        own = lengths[order.epoch(epoch)].tolist()
        expected += [2 * max(own[0:2]), 2 * max(own[2:4]), own[4]]
    assert found == expected


@pytest.mark.parametrize("rows", [900, 2000, 52_000])
def test_rows_of_a_cluster_band_are_foreseen_for_clusters_of_very_different_sizes(
    rows: int,
) -> None:
    rng = np.random.default_rng(0)
    chosen = []
    for _ in range(30):
        sizes = np.round(rng.exponential(rows / 100, 100)).astype(int)
        chosen.append(
            sum(
                len(in_the_middle(np.arange(size), rng.random(size), 10, (0.25, 0.75)))
                for size in sizes
            )
        )

    assert ClusterBand().expected(rows) == pytest.approx(np.mean(chosen), rel=0.04)
