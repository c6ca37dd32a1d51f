import math

import pytest

from assay.judging.label_probabilities import label_distribution
from assay.samples import Reason


def _of(tokens: dict[str, float]) -> dict[str, float]:
    return {token: math.log(share) for token, share in tokens.items()}


def test_the_mean_of_labels_is_over_what_fell_on_labels() -> None:
    candidates = _of({"4": 0.5, " 4": 0.1, "\u01205": 0.2, "\u25812": 0.15, "The": 0.04})

    value, reason = label_distribution([candidates], ("1", "2", "3", "4", "5"))

    assert reason is Reason.OK
    assert value is not None
    assert value.coverage == pytest.approx(0.95)
    assert value.probabilities["4"] == pytest.approx(0.6 / 0.95)
    assert value.probabilities["1"] == 0
    assert value.expectation() == pytest.approx((4 * 0.6 + 5 * 0.2 + 2 * 0.15) / 0.95)
    shares = [0.6 / 0.95, 0.2 / 0.95, 0.15 / 0.95]
    assert value.entropy == pytest.approx(-sum(share * math.log(share) for share in shares))
    assert value.missing_mass_bound == pytest.approx(0.01)  # two absent, but 0.01 is left


def test_labels_that_were_not_returned_are_bounded_by_the_least_that_was() -> None:
    value = label_distribution([_of({"1": 0.93, "x": 0.02})], ("1", "2")).value

    assert value is not None
    assert value.missing_mass_bound == pytest.approx(0.02)


@pytest.mark.parametrize(
    "candidates",
    [
        {"4": math.log(0.89), "The": math.log(0.1)},
        {"The": 0.0},
        {},
        {"4": math.nan},
        {"4": 0.5},
        {"4": -0.1, "5": -0.1},
        {"4": -math.inf},
    ],
)
def test_too_little_on_labels_is_a_reason_and_never_a_number(candidates: dict[str, float]) -> None:
    assert label_distribution([candidates], ("4", "5")) == (None, Reason.PARSE_FAILED)


def test_without_candidates_there_is_no_distribution() -> None:
    assert label_distribution([], ("4", "5")) == (None, Reason.PARSE_FAILED)


def test_coverage_at_the_bound_is_enough() -> None:
    assert label_distribution([{"4": math.log(0.5)}], ("4",), min_coverage=0.5).value is not None
    assert label_distribution([{"4": math.log(0.5)}], ("4",), min_coverage=0.51).value is None


def test_a_blank_before_the_answer_adds_both_ways() -> None:
    first = _of({"\n": 0.6, "4": 0.3, "5": 0.1})
    second = _of({"4": 0.5, "5": 0.5})

    value = label_distribution([first, second, _of({"1": 1.0})], ("1", "4", "5")).value

    assert value is not None
    assert value.probabilities == pytest.approx({"1": 0, "4": 0.6, "5": 0.4})
    assert value.coverage == pytest.approx(1)


def test_a_word_before_the_answer_is_no_answer() -> None:
    positions = [_of({"The": 0.99}), _of({"4": 1.0})]

    assert label_distribution(positions, ("4", "5")) == (None, Reason.PARSE_FAILED)


def test_several_tokens_stand_for_a_label_and_case_counts() -> None:
    labels = {"yes": ("yes", "Yes"), "no": ("no",)}

    value = label_distribution([_of({"Yes": 0.5, " yes": 0.4, "no": 0.05})], labels).value

    assert value is not None
    assert value.probabilities["yes"] == pytest.approx(0.9 / 0.95)
    assert value.expectation({"yes": 1, "no": 0}) == pytest.approx(0.9 / 0.95)
    assert label_distribution([_of({"m": 0.5, "M": 0.5})], ("m", "M")).value is not None
    assert label_distribution([_of({"YES": 1.0})], labels).value is None
