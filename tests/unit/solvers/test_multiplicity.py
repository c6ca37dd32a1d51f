import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.solvers.multiplicity import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04 -> never falling.
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])


def test_adjusted_values_end_at_one() -> None:
    np.testing.assert_allclose(holm([0.6, 0.5]), [1.0, 1.0])


def test_no_claims_and_one_claim() -> None:
    assert len(holm([])) == 0
    assert holm([0.03]) == pytest.approx([0.03])


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.2, float("nan")])


@given(P_VALUES, st.floats(0.01, 0.3))
def test_rejections_are_those_of_the_step_down_procedure(p: list[float], level: float) -> None:
    rejected = set()
    for step, place in enumerate(np.argsort(p, kind="stable")):
        if p[place] * (len(p) - step) >= level:
            break
        rejected.add(int(place))

    assert {place for place, value in enumerate(holm(p)) if value < level} == rejected


@given(P_VALUES)
def test_statsmodels_agrees(p: list[float]) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")

    np.testing.assert_allclose(holm(p), multitest.multipletests(p, method="holm")[1])
