from pathlib import Path

import numpy as np
import pytest

from assay.components.component import Chosen
from assay.engine.engine import Engine
from assay.errors import ConfigError
from assay.features.quantization_bins import QuantizationBins
from assay.formats.records import Block
from assay.methods.chance.random_rows import RandomSample
from assay.methods.filters.attributes import Everything
from assay.methods.filters.cuts import Threshold
from assay.methods.geometry.dataset_quantization import DatasetQuantization
from assay.pool.building import build_pool
from assay.samples import Conversation, IndexArray, Message, Origin, Reason, Sample
from assay.solvers.quantization import quantization_bins
from assay.solvers.shares import largest_remainder
from assay.testing import check_component
from tests.unit.methods.planted import (
    PlantedScore,
    PlantedVectors,
    engine_over,
    names,
    planted_engine,
    reasons,
)

_VECTORS = PlantedVectors()


def _rows(count: int) -> list[tuple[str, str]]:
    vectors = np.random.Generator(np.random.Philox(0)).standard_normal((count, 4)) + 0.5
    return [
        (f"r{place} | {' '.join(f'{value:.3f}' for value in vector)}", str(place % 4))
        for place, vector in enumerate(vectors)
    ]


def _picks(engine: Engine, selector: DatasetQuantization) -> IndexArray:
    picks: IndexArray = engine.value(selector).selection.indices
    return picks


def _per_bin(engine: Engine, selector: DatasetQuantization) -> list[int]:
    """How many rows of each bin are chosen."""
    rows = Chosen(by=Everything(within=selector.within))
    bins = engine.value(QuantizationBins(vectors=_VECTORS, bins=selector.bins, dataset=rows))
    is_chosen = np.isin(engine.view(rows).positions, _picks(engine, selector))
    counts: list[int] = np.bincount(bins.labels[is_chosen], minlength=len(bins.sizes)).tolist()
    return counts


@pytest.mark.parametrize("count", [1, 4, 5, 23, 60, 61, 62])
def test_every_bin_gives_its_part_by_largest_remainder(tmp_path: Path, count: int) -> None:
    engine = planted_engine(tmp_path, _rows(62))
    selector = DatasetQuantization(vectors=_VECTORS, bins=5, budget=count)
    capacity = np.array([12, 12, 12, 12, 14])

    assert _per_bin(engine, selector) == largest_remainder(count, np.ones(5), capacity).tolist()


def test_a_smaller_budget_gives_a_prefix(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(62))
    whole = _picks(engine, DatasetQuantization(vectors=_VECTORS, bins=5, budget=62))

    for count in (3, 17, 60):
        part = DatasetQuantization(vectors=_VECTORS, bins=5, budget=count)
        record = engine.value(part)
        assert record.selection.indices.tolist() == whole[:count].tolist()
        assert (record.selection.nested, record.selection.stop) == (True, "budget")


def test_within_a_bin_the_seed_decides_and_differs_from_the_random_baseline(
    tmp_path: Path,
) -> None:
    engine = planted_engine(tmp_path, _rows(60))
    selectors = [DatasetQuantization(vectors=_VECTORS, bins=1, budget=20, seed=s) for s in (0, 1)]

    one, other = (set(_picks(engine, selector).tolist()) for selector in selectors)

    baseline = set(engine.value(RandomSample(budget=20)).selection.indices.tolist())
    assert len({frozenset(one), frozenset(other), frozenset(baseline)}) == 3


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    selector = DatasetQuantization(vectors=_VECTORS, bins=4, budget=15)
    found = [
        _picks(planted_engine(tmp_path / str(turn), rows), selector).tolist()
        for turn, rows in enumerate((_rows(50), _rows(50)[::-1]))
    ]

    assert found[0] == found[1]


def test_another_budget_finds_the_bins_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = DatasetQuantization(vectors=_VECTORS, bins=5, budget=10)
    planted_engine(tmp_path, _rows(62)).value(first)
    monkeypatch.setattr(QuantizationBins, "compute", None)

    more = DatasetQuantization(vectors=_VECTORS, bins=5, budget=30)
    picks = _picks(planted_engine(tmp_path, _rows(62)), more)

    assert len(picks) == 30


@pytest.mark.parametrize("rows", [3, 7])
def test_more_bins_than_rows_take_one_row_each(tmp_path: Path, rows: int) -> None:
    engine = planted_engine(tmp_path, _rows(rows))

    picks = _picks(engine, DatasetQuantization(vectors=_VECTORS, bins=10, budget=rows))

    assert sorted(picks.tolist()) == list(range(rows))


def test_leftovers_are_in_the_last_bin_or_dropped(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(62))
    kept = DatasetQuantization(vectors=_VECTORS, bins=5, budget=62)
    dropped = DatasetQuantization(vectors=_VECTORS, bins=5, budget=62, leftovers="drop")

    assert len(_picks(engine, kept)) == 62
    left_out = np.setdiff1d(np.arange(62), _picks(engine, dropped))
    bins = quantization_bins(engine.value(_VECTORS).array, 5)
    assert sorted(bins.ranks[left_out].tolist()) == [12, 13]
    assert set(bins.labels[left_out].tolist()) == {4}
    assert engine.value(dropped).selection.stop == "exhausted"


def test_the_reference_rounds_down_in_every_bin(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(62))
    selector = DatasetQuantization(vectors=_VECTORS, bins=5, budget=23, mode="reference")
    record = engine.value(selector)

    # int(23 / 5) of each.
    assert _per_bin(engine, selector) == [4, 4, 4, 4, 4]
    assert (record.selection.nested, record.selection.stop) == (False, "budget")
    dropping = DatasetQuantization(vectors=_VECTORS, bins=5, budget=20, leftovers="drop")
    assert record.selection.indices.tolist() == _picks(engine, dropping).tolist()


def test_the_reference_never_draws_leftovers_and_knows_no_tokens(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(62))
    whole = DatasetQuantization(vectors=_VECTORS, bins=5, budget=62, mode="reference")

    assert _per_bin(engine, whole) == [12, 12, 12, 12, 12]
    tokens = DatasetQuantization(vectors=_VECTORS, bins=5, budget="90 tokens", mode="reference")
    with pytest.raises(ConfigError, match="not tokens"):
        engine.value(tokens)


def test_a_token_budget_is_spent_on_all_bins_in_turn(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(60))
    selector = DatasetQuantization(vectors=_VECTORS, bins=5, budget="200 tokens")

    record = engine.value(selector)

    counts = _per_bin(engine, selector)
    assert 190 < record.facts["tokens"] <= 200
    assert max(counts) - min(counts) <= 1


def test_rows_that_may_not_be_chosen_have_no_part_in_the_bins(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(60))
    inner = Threshold(by=PlantedScore(), low=1)  # three rows of four
    selector = DatasetQuantization(vectors=_VECTORS, bins=5, budget=45, within=inner)

    assert _per_bin(engine, selector) == [9, 9, 9, 9, 9]
    fates = set(reasons(engine, selector).values())
    assert fates == {Reason.OK, Reason.BELOW_RULE}


def test_rows_held_out_are_neither_chosen_nor_in_a_bin(tmp_path: Path) -> None:
    samples = [
        Sample(Conversation((Message("user", q), Message("assistant", a))), "test")
        for q, a in _rows(80)
    ]
    origins = [Origin(0, place) for place in range(80)]
    pool = build_pool([Block(samples, origins)], tmp_path, hold_out=0.3)
    engine = engine_over(tmp_path, pool)
    shown = np.flatnonzero(~pool.held_out)
    alone = planted_engine(
        tmp_path / "alone", [row for row in _rows(80) if row[0].split()[0] in _names(engine, shown)]
    )
    selector = DatasetQuantization(vectors=_VECTORS, bins=4, budget=20)

    found = _picks(engine, selector)

    known = names(alone)
    assert 10 < len(shown) < 80
    assert not pool.held_out[found].any()
    assert [names(engine)[row] for row in found] == [known[row] for row in _picks(alone, selector)]


def _names(engine: Engine, rows: IndexArray) -> set[str]:
    known = names(engine)
    return {known[row] for row in rows.tolist()}


def test_parts_of_a_large_pool_take_turns_like_bins(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(60))
    selector = DatasetQuantization(vectors=_VECTORS, bins=3, part_rows=20, budget=27)
    feature = QuantizationBins(
        vectors=_VECTORS, bins=3, part_rows=20, dataset=Chosen(by=Everything())
    )

    labels = engine.value(feature).labels[_picks(engine, selector)]

    assert np.bincount(labels).tolist() == [3] * 9


def test_it_keeps_the_contract() -> None:
    check_component(DatasetQuantization())
