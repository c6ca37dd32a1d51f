import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.components.budget import Allowance
from assay.methods.likelihood.perplexity_pruning import PerplexityPruning
from assay.samples import FloatArray, Reason, Scores
from tests.unit.methods.planted import PlantedLoss

# Few different values, so that ties at the borders are common; None has no score.
VALUES = st.lists(st.one_of(st.none(), st.integers(1, 6)), max_size=40)
_BANDS = ("low", "mid", "high")
few = settings(max_examples=60, derandomize=True)


def _select(values: FloatArray, keep: Any, share: float | None, count: int | None) -> list[int]:
    """Select as the engine does: rows without a score or outside the rule are not eligible."""
    method = PerplexityPruning(by=PlantedLoss(), keep=keep, share=share)
    eligible = ~np.isnan(values)
    for _, rule in method.ruled():
        eligible &= rule.admits(values)
    reason = np.where(np.isnan(values), np.uint8(Reason.NON_FINITE), np.uint8(0))
    rng = np.random.Generator(np.random.Philox(0))
    found = method.select(Allowance(eligible, count), rng, by=Scores(values, reason))
    return found.indices.tolist()


def _array(values: list[int | None]) -> FloatArray:
    return np.array([np.nan if value is None else float(value) for value in values], np.float64)


@few
@given(VALUES)
def test_three_thirds_share_no_row_and_lose_none(values: list[int | None]) -> None:
    array = _array(values)

    thirds = [_select(array, keep, 1 / 3, None) for keep in _BANDS]

    assert sorted(itertools.chain(*thirds)) == np.flatnonzero(~np.isnan(array)).tolist()
    in_order = np.concatenate([np.sort(array[third]) for third in thirds])
    assert in_order.tolist() == np.sort(array[~np.isnan(array)]).tolist()


@pytest.mark.parametrize("rows", [*range(100), 999, 1000, 1001, 52_002])
def test_three_thirds_of_any_number_of_rows_are_the_whole(rows: int) -> None:
    values = np.arange(rows, dtype=np.float64)

    thirds = [_select(values, keep, 1 / 3, None) for keep in _BANDS]

    assert sorted(itertools.chain(*thirds)) == list(range(rows))
    assert max(map(len, thirds)) - min(map(len, thirds)) <= 1


@few
@given(VALUES, st.sampled_from(_BANDS), st.integers(0, 40))
def test_a_budget_is_the_band_of_the_share_it_makes(
    values: list[int | None], keep: str, count: int
) -> None:
    array = _array(values)
    scored = int(np.count_nonzero(~np.isnan(array)))
    count = min(count, scored)
    budget = _select(array, keep, None, count)

    if count:
        assert sorted(_select(array, keep, count / scored, None)) == sorted(budget)
    assert _select(array, keep, None, scored)[:count] == budget
