import numpy as np
import pytest
from pydantic import TypeAdapter

from assay.components.budget import Allowance, Budget
from assay.errors import BudgetError

_read = TypeAdapter(Budget).validate_python


@pytest.mark.parametrize(
    ("text", "pool", "count"),
    [
        ("5%", 52002, 2600),
        (5000, 52002, 5000),
        ("5_000", 52002, 5000),
        ("1k", 52002, 1000),
        ("0.5 %", 1000, 5),
        ("100%", 7, 7),
        ("33.3%", 1000, 333),
        ("5000 samples", 52002, 5000),
    ],
)
def test_a_budget_in_samples_or_per_cent_gives_a_count(text: object, pool: int, count: int) -> None:
    budget = _read(text)

    assert budget.count(pool=pool, eligible=pool) == count
    assert budget.limit() is None


def test_a_percentage_of_the_eligible_rows_is_taken_of_them() -> None:
    budget = _read("10%").model_copy(update={"of": "eligible"})

    assert budget.count(pool=1000, eligible=500) == 50


@pytest.mark.parametrize(("rounding", "count"), [("floor", 2), ("ceil", 3), ("nearest", 3)])
def test_rounding_is_as_declared(rounding: str, count: int) -> None:
    budget = _read("5%").model_copy(update={"rounding": rounding})

    assert budget.count(pool=50, eligible=50) == count


def test_tokens_give_a_limit_and_no_count() -> None:
    budget = _read("2M tokens")

    assert budget.limit() == 2_000_000
    assert budget.count(pool=10, eligible=10) is None


def test_parts_of_a_percentage_are_exact() -> None:
    parts = [_read("10%").part(done, of=3).count(pool=100, eligible=100) for done in (1, 2, 3)]

    assert parts == [3, 6, 10]


@pytest.mark.parametrize("text", ["five", "-3", "101%", "2.5", "", "5% tokens", 2.5])
def test_what_is_no_budget_is_refused(text: object) -> None:
    with pytest.raises(BudgetError):
        _read(text)


def test_more_than_the_pool_is_refused_and_names_both_numbers() -> None:
    with pytest.raises(BudgetError, match="5,000 samples, the pool has 10"):
        _read(5000).count(pool=10, eligible=10)


def _allowance(count: int | None = None, limit: float | None = None) -> Allowance:
    eligible = np.array([True, True, False, True, True])
    costs = np.array([4.0, 3.0, 1.0, 2.0, 9.0]) if limit is not None else None
    return Allowance(eligible, count, costs, limit)


def test_solvers_are_handed_what_may_be_chosen_and_what_it_may_cost() -> None:
    start = np.array([1])

    counted, priced = _allowance(count=9).candidates(start), _allowance(limit=6.0).candidates()

    assert (counted.count, counted.costs, counted.limit) == (4, None, None)
    assert counted.start is start
    assert (priced.count, priced.limit, priced.start) == (4, 6.0, None)
    assert priced.costs is not None
    assert priced.costs.tolist() == [4.0, 3.0, 1.0, 2.0, 9.0]
    assert priced.allowed is not None
    assert priced.allowed.tolist() == [True, True, False, True, True]


def test_a_ranking_is_cut_at_the_count_and_skips_ineligible_rows() -> None:
    chosen, stop = _allowance(count=2).take(np.array([2, 4, 0, 1]))

    assert (chosen.tolist(), stop) == ([4, 0], "budget")


def test_fewer_rows_than_asked_give_all_and_say_exhausted() -> None:
    chosen, stop = _allowance(count=9).take(np.array([3, 2, 1]))

    assert (chosen.tolist(), stop) == ([3, 1], "exhausted")


def test_a_token_limit_passes_over_a_row_that_does_not_fit() -> None:
    chosen, stop = _allowance(limit=6.0).take(np.array([0, 4, 1, 3]))

    assert (chosen.tolist(), stop) == ([0, 3], "budget")


def test_a_token_limit_that_fits_exactly_is_used_up() -> None:
    chosen, stop = _allowance(limit=18.0).take(np.array([0, 4, 1, 3]))

    assert (chosen.tolist(), stop) == ([0, 4, 1, 3], "exhausted")
