import numpy as np
import polars as pl
import pytest

from assay.values import Labels
from assay.workspace.composition import compose, training_cost


def _labels(*words: str) -> Labels:
    count = len(words)
    return Labels(np.zeros(count, np.uint8), np.zeros(count, np.uint16), pl.Series("value", words))


def test_size_tokens_and_long_rows_are_counted() -> None:
    found = compose(np.array([10.0, 1024.0, 1025.0, 5000.0]), {})

    assert (found.samples, found.tokens) == (4, 7059)
    assert found.longer_than == {1024: 2, 2048: 1, 4096: 1}


def test_words_are_listed_most_frequent_first_then_by_name() -> None:
    found = compose(np.ones(5), {"task": _labels("qa", "code", "qa", "", "chat")})

    assert list(found.by["task"].items()) == [("qa", 2), ("", 1), ("chat", 1), ("code", 1)]


def test_an_attribute_that_no_row_has_is_left_out() -> None:
    assert compose(np.ones(2), {"task": _labels("", ""), "source": _labels("a", "")}).by == {
        "source": {"": 1, "a": 1}
    }


def test_many_words_end_in_one_line_for_the_others_and_add_up() -> None:
    found = compose(np.ones(15), {"task": _labels(*(f"t{place:02d}" for place in range(15)))})

    assert found.by["task"]["3 others"] == 3
    assert sum(found.by["task"].values()) == 15


def test_training_costs_six_operations_per_parameter_and_token() -> None:
    cost = training_cost(1e6, parameters=2e9, epochs=2, throughput=1e15)

    assert cost.operations == 6 * 2e9 * 1e6 * 2
    assert cost.hours == pytest.approx(24.0 / 3600)


def test_nothing_costs_nothing() -> None:
    found = compose(np.empty(0), {"task": _labels()})

    assert (found.samples, found.tokens, found.cost.operations) == (0, 0, 0.0)
