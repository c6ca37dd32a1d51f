"""Selectors against oracles that share no code with them: brute force, polars, scipy's ranks."""

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Band
from assay.methods.geometry.facility_location import FacilityLocation
from assay.methods.geometry.k_center import KCenterGreedy
from assay.samples import FloatArray
from assay.solvers.ranks import rank_share
from assay.solvers.shares import largest_remainder
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    planted_engine,
)

_ROWS, _PICKS = 10, 3


def _vectors(seed: int) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(seed))
    # Coordinates that float16 and the text of a prompt hold exactly.
    vectors: FloatArray = generator.integers(-64, 65, (_ROWS, 4)) / 64 + np.array([1, 0, 0, 0])
    return vectors


def _texts(vectors: FloatArray, scores: FloatArray) -> list[tuple[str, str]]:
    return [
        (f"r{place} | {' '.join(map(str, vector))}", f"{score} x")
        for place, (vector, score) in enumerate(zip(vectors.tolist(), scores.tolist(), strict=True))
    ]


def _picked(folder: Path, texts: list[tuple[str, str]], method: object) -> list[int]:
    engine = planted_engine(folder, texts)
    conversations = engine.pool.conversations(np.arange(len(texts)))
    rows = [int(c.prompt.partition(" ")[0][1:]) for c in conversations]
    record = engine.value(method)  # type: ignore[arg-type]
    return [rows[place] for place in record.selection.indices.tolist()]


def _similarity(vectors: FloatArray) -> FloatArray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity: FloatArray = unit @ unit.T
    return similarity


@pytest.mark.parametrize("seed", range(8))
def test_facility_location_reaches_its_share_of_the_best_of_all_subsets(
    tmp_path: Path, seed: int
) -> None:
    vectors = _vectors(seed)
    similarity = np.maximum(_similarity(vectors), 0)
    method = FacilityLocation(vectors=PlantedVectors(), budget=_PICKS)

    picks = _picked(tmp_path, _texts(vectors, np.arange(float(_ROWS))), method)

    values = {
        subset: similarity[:, subset].max(axis=1).sum()
        for subset in combinations(range(_ROWS), _PICKS)
    }
    reached = values[tuple(sorted(picks))]
    assert reached >= (1 - 1 / np.e) * max(values.values())
    # On so few rows greedy is nearly always within a few per cent; far below is a mistake.
    assert reached >= 0.95 * max(values.values())


@pytest.mark.parametrize("seed", range(8))
def test_the_quality_objective_reaches_its_share_of_the_best_of_all_subsets(
    tmp_path: Path, seed: int
) -> None:
    vectors = _vectors(seed)
    scores = np.random.Generator(np.random.Philox(seed + 100)).permutation(_ROWS).astype(float)
    similarity = np.maximum(_similarity(vectors), 0)
    quality = (scores + 1) / _ROWS
    method = FacilityLocation(
        vectors=PlantedVectors(), quality=PlantedScore(), trade_off=0.3, budget=_PICKS
    )

    picks = _picked(tmp_path, _texts(vectors, scores), method)

    values = {
        subset: 0.7 * similarity[:, subset].max(axis=1).sum() / (_ROWS / _PICKS)
        + 0.3 * quality[list(subset)].sum()
        for subset in combinations(range(_ROWS), _PICKS)
    }
    assert values[tuple(sorted(picks))] >= 0.95 * max(values.values())


@pytest.mark.parametrize("seed", range(8))
def test_k_center_is_within_twice_the_smallest_radius_of_all_subsets(
    tmp_path: Path, seed: int
) -> None:
    vectors = _vectors(seed)
    # Euclidean distance of unit vectors, in which the bound holds.
    distance = np.sqrt(np.maximum(2 - 2 * _similarity(vectors), 0))
    method = KCenterGreedy(vectors=PlantedVectors(), budget=_PICKS)

    picks = _picked(tmp_path, _texts(vectors, np.arange(float(_ROWS))), method)

    radii = {
        subset: distance[:, subset].min(axis=1).max()
        for subset in combinations(range(_ROWS), _PICKS)
    }
    assert radii[tuple(sorted(picks))] <= 2 * min(radii.values()) + 1e-3


@pytest.mark.parametrize("loss", [False, True])
def test_the_top_of_a_score_is_that_of_a_sorted_frame(tmp_path: Path, loss: bool) -> None:
    generator = np.random.Generator(np.random.Philox(5))
    scores = generator.permutation(_ROWS) / 2
    scorer = PlantedLoss() if loss else PlantedScore()

    picks = _picked(tmp_path, _texts(_vectors(0), scores), TopScore(by=scorer, budget=4))

    frame = pl.DataFrame({"row": np.arange(_ROWS), "score": scores})
    assert picks == frame.sort("score", descending=not loss)["row"].head(4).to_list()


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.3, 0.7), (0.5, 1.0)])
def test_a_band_is_a_slice_of_a_sorted_frame(tmp_path: Path, low: float, high: float) -> None:
    scores = np.random.Generator(np.random.Philox(6)).permutation(_ROWS) / 2
    method = Band(by=PlantedScore(), low=low, high=high)

    picks = _picked(tmp_path, _texts(_vectors(0), scores), method)

    inside = np.argsort(scores)[round(low * _ROWS) : round(high * _ROWS)]
    assert sorted(picks) == sorted(inside.tolist())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rank_shares_are_polars_average_ranks(sign: float) -> None:
    values = np.random.Generator(np.random.Philox(7)).integers(0, 12, 200).astype(float)
    values[::17] = np.nan

    found = rank_share(values, sign)

    series = pl.Series(sign * values, nan_to_null=True)
    expected = series.rank("average") / series.count()
    assert found.tolist() == pytest.approx(expected.fill_null(np.nan).to_list(), nan_ok=True)


@pytest.mark.parametrize("seed", range(20))
def test_largest_remainder_is_hamiltons_method(seed: int) -> None:
    generator = np.random.Generator(np.random.Philox(seed))
    weights = generator.integers(1, 1000, 7).astype(float)
    total = int(generator.integers(1, 200))

    found = largest_remainder(total, weights, np.full(7, 10**6))

    # Hamilton: whole quotas, and one more for the largest remainders.
    quotas = [total * weight / weights.sum() for weight in weights]
    parts = [int(quota) for quota in quotas]
    by_rest = sorted(range(7), key=lambda place: (parts[place] - quotas[place], place))
    for place in by_rest[: total - sum(parts)]:
        parts[place] += 1
    assert found.tolist() == parts
