import json
import math
from pathlib import Path

import pytest

from assay.solvers.students_t import student_quantile, two_sided_p

FIXTURE = Path(__file__).parents[2] / "parity" / "fixtures" / "student_quantiles.json"


def test_students_quantiles_have_nine_digits_over_a_wide_grid() -> None:
    for freedom, tail, expected in json.loads(FIXTURE.read_text())["values"]:
        assert student_quantile(tail, freedom) == pytest.approx(-expected, rel=1e-9)
        if 1 - (1 - tail) == tail:
            assert student_quantile(1 - tail, freedom) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("tail", [1e-300, 1e-40, 1e-9, 0.0001, 0.1, 0.25, 0.3, 0.4999])
def test_one_and_two_degrees_of_freedom_have_quantiles_in_closed_form(tail: float) -> None:
    assert student_quantile(tail, 1) == pytest.approx(-1 / math.tan(math.pi * tail), rel=1e-12)
    second = (1 - 2 * tail) / math.sqrt(2 * tail * (1 - tail))
    assert student_quantile(tail, 2) == pytest.approx(-second, rel=1e-12)


def test_the_smallest_probability_above_a_half_is_not_lost() -> None:
    p = math.nextafter(0.5, 1)

    # The density of one degree of freedom at 0 is 1 / pi.
    assert student_quantile(p, 1) == pytest.approx(math.pi * (p - 0.5), rel=1e-12)
    assert student_quantile(0.5, 1.3) == 0.0


def test_quantiles_beyond_all_numbers_are_infinite() -> None:
    assert student_quantile(1e-300, 0.5) == -math.inf
    assert student_quantile(1 - 1e-16, 0.01) == math.inf


@pytest.mark.parametrize(("p", "freedom"), [(0, 3), (1, 3), (math.nan, 3), (0.9, 0), (0.9, -1)])
def test_what_has_no_quantile_is_refused(p: float, freedom: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        student_quantile(p, freedom)


def test_without_limit_of_freedom_it_is_the_normal_quantile() -> None:
    assert student_quantile(0.975, math.inf) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize("freedom", [0.5, 1, 2, 3.7, 10, 400, 1e6, math.inf])
def test_the_quantile_of_a_probability_has_that_probability(freedom: float) -> None:
    for p in (1e-9, 0.001, 0.05, 0.2, 0.9):
        assert two_sided_p(student_quantile(1 - p / 2, freedom), freedom) == pytest.approx(
            p, rel=1e-6
        )


def test_two_sided_probabilities_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 4.5, 30, 1000):
        for t in (-40.0, -2.5, -0.1, 0.3, 1.96, 7.0):
            expected = 2 * stats.t.sf(abs(t), freedom)
            assert two_sided_p(t, freedom) == pytest.approx(expected, rel=1e-10)


def test_ends_of_two_sided_probabilities() -> None:
    assert two_sided_p(0.0, 3) == 1.0
    assert two_sided_p(-math.inf, 3) == 0.0
    for wrong in ((math.nan, 3.0), (1.0, 0.0)):
        with pytest.raises(ValueError, match="freedom above 0"):
            two_sided_p(*wrong)
