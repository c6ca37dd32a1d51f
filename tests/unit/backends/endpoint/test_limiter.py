"""Limits of requests at a time, of a server's own, and of how much may fail."""

import math
from datetime import UTC, datetime

import pytest

from assay.backends.endpoint.limiter import (
    BREAKER_TRIPS,
    BREAKER_WINDOW,
    Breaker,
    Limiter,
    Outcome,
    Rates,
    reset_seconds,
)

_TODAY = datetime(2026, 11, 20, tzinfo=UTC)


def _wave(limiter: Limiter, outcome: Outcome) -> None:
    """Let as many attempts as the limit allows begin together, and end together."""
    begun = [limiter.begin() for _ in range(limiter.limit)]
    for burst in begun:
        limiter.end(burst, outcome)


# The limit


def test_the_limit_grows_by_one_for_every_full_round_of_answers() -> None:
    limiter = Limiter(8, 64)
    limits = []
    for _ in range(4):
        _wave(limiter, Outcome.ANSWERED)
        limits.append(limiter.limit)

    assert limits == [9, 10, 11, 12]


def test_the_limit_never_exceeds_the_most() -> None:
    limiter = Limiter(32, 4)
    assert limiter.limit == 4
    for _ in range(20):
        _wave(limiter, Outcome.ANSWERED)

    assert limiter.limit == 4


def test_the_limit_halves_wave_by_wave_and_never_falls_below_one() -> None:
    limiter = Limiter(9, 64)
    limits = []
    for _ in range(5):
        _wave(limiter, Outcome.PRESSED)
        limits.append(limiter.limit)

    assert limits == [4, 2, 1, 1, 1]
    assert limiter.free


def test_late_failures_of_an_earlier_burst_do_not_halve_again() -> None:
    limiter = Limiter(8, 64)
    early = [limiter.begin() for _ in range(8)]
    limiter.end(early[0], Outcome.PRESSED)
    limiter.end(early[1], Outcome.ANSWERED)
    for burst in early[2:]:
        limiter.end(burst, Outcome.WAITING)

    assert limiter.limit == 4


def test_answers_count_only_in_a_row() -> None:
    limiter = Limiter(4, 64)
    for outcome in [*[Outcome.ANSWERED] * 3, Outcome.FAILED] * 5:
        begun = [limiter.begin() for _ in range(4)]
        limiter.end(begun[0], outcome)
        for burst in begun[1:]:
            limiter.end(burst, Outcome.NONE)

    assert limiter.limit == 4


def test_a_limit_that_nobody_reaches_does_not_grow() -> None:
    limiter = Limiter(8, 64)
    for _ in range(1000):
        limiter.end(limiter.begin(), Outcome.ANSWERED)

    assert limiter.limit == 8


# Failures


def _ended(breaker: Breaker, outcomes: list[Outcome], now: float) -> int:
    """Return how many attempts ended until a pause began, those that did not begin left out."""
    for number, outcome in enumerate(outcomes, 1):
        if breaker.end(breaker.begin(), outcome, now):
            return number
    return 0


def test_a_pause_begins_with_the_26th_failure_of_50_attempts() -> None:
    fine, failed = [Outcome.ANSWERED], [Outcome.FAILED]

    assert _ended(Breaker(), fine * 25 + failed * 25, 0.0) == 0
    assert _ended(Breaker(), fine * 24 + failed * 26, 0.0) == 50
    assert _ended(Breaker(), fine * 100 + failed * 26, 0.0) == 126
    assert _ended(Breaker(), failed * 49, 0.0) == 0


def test_refusals_and_pauses_that_are_asked_for_are_no_failures() -> None:
    breaker = Breaker()

    assert _ended(breaker, [Outcome.REFUSED, Outcome.WAITING] * 500, 0.0) == 0


def test_pauses_that_are_asked_for_hide_no_failures() -> None:
    assert _ended(Breaker(), [Outcome.WAITING, Outcome.FAILED] * 50, 0.0) == 100


def test_after_a_pause_one_attempt_tries_and_the_others_wait_for_it() -> None:
    breaker = Breaker()
    stale = breaker.begin()
    _ended(breaker, [Outcome.FAILED] * 50, 100.0)

    assert breaker.wait(100.0) == 60.0
    assert breaker.wait(160.0) == 0.0
    probe = breaker.begin()
    assert breaker.wait(160.0) == math.inf
    assert not breaker.end(stale, Outcome.ANSWERED, 161.0)  # it says nothing of the time after
    assert breaker.wait(161.0) == math.inf
    assert not breaker.end(probe, Outcome.ANSWERED, 162.0)
    assert breaker.wait(162.0) == 0.0


def test_a_probe_that_is_given_up_leaves_its_place_to_the_next() -> None:
    breaker = Breaker()
    _ended(breaker, [Outcome.FAILED] * 50, 0.0)

    breaker.end(breaker.begin(), Outcome.NONE, 60.0)

    assert breaker.wait(60.0) == 0.0
    breaker.begin()
    assert breaker.wait(60.0) == math.inf


def test_three_pauses_are_the_end() -> None:
    breaker = Breaker()
    _ended(breaker, [Outcome.FAILED] * 50, 0.0)
    for trip in range(1, BREAKER_TRIPS):
        assert not breaker.given_up
        assert breaker.end(breaker.begin(), Outcome.FAILED, 60.0 * trip)

    assert breaker.given_up


def test_a_sound_window_makes_up_for_earlier_pauses() -> None:
    breaker = Breaker()
    for _ in range(10):
        assert _ended(breaker, [Outcome.FAILED] * BREAKER_WINDOW, 0.0)
        breaker.end(breaker.begin(), Outcome.ANSWERED, 60.0)
        _ended(breaker, [Outcome.ANSWERED] * BREAKER_WINDOW, 61.0)

    assert breaker.trips == 0
    assert not breaker.given_up


def test_a_breaker_that_is_off_never_pauses() -> None:
    breaker = Breaker(on=False)

    assert _ended(breaker, [Outcome.FAILED] * 500, 0.0) == 0
    assert breaker.wait(0.0) == 0.0


# What a server says of its limits


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("2m59.56s", 179.56),
        ("17ms", 0.017),
        ("1h2m3s", 3723.0),
        ("1d", 86400.0),
        ("12.5", 12.5),
        ("0", 0.0),
        (str(int(_TODAY.timestamp()) + 30), 30.0),
        (str((int(_TODAY.timestamp()) + 30) * 1000), 30.0),
        (str(int(_TODAY.timestamp()) - 30), 0.0),
        ("", None),
        ("soon", None),
        ("-1s", None),
        ("1x", None),
        ("\u00b2", None),
        ("9" * 400, None),
    ],
)
def test_times_until_a_limit_is_over_are_read_in_every_form(
    said: str, seconds: float | None
) -> None:
    found = reset_seconds(said, _TODAY)

    assert found == (None if seconds is None else pytest.approx(seconds))


def test_requests_that_are_left_may_be_sent_and_no_more_until_the_limit_is_over() -> None:
    rates = Rates(300.0)
    rates.hear(
        {"x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "20s"}, 5.0, _TODAY
    )
    waits = []
    for _ in range(3):
        waits.append(rates.wait(5.0, 100))
        rates.begin(5.0, 100)

    assert waits == [0.0, 0.0, 20.0]
    assert rates.wait(25.0, 100) == 0.0


def test_tokens_are_counted_by_the_bytes_that_are_sent() -> None:
    rates = Rates(300.0)
    rates.hear(
        {"x-ratelimit-remaining-tokens": "100", "x-ratelimit-reset-tokens": "3s"}, 0.0, _TODAY
    )

    assert rates.wait(0.0, 400) == 0.0
    assert rates.wait(0.0, 404) == 3.0


@pytest.mark.parametrize("left", ["-5", "many", "", "1e9"])
def test_a_number_that_is_none_holds_nothing_back(left: str) -> None:
    rates = Rates(300.0)
    rates.hear({"x-ratelimit-remaining": left, "x-ratelimit-reset": "60"}, 0.0, _TODAY)

    assert rates.wait(0.0, 1) == 0.0


def test_nothing_is_held_back_longer_than_the_most() -> None:
    rates = Rates(300.0)
    rates.hear({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "86400"}, 0.0, _TODAY)
    rates.pause(1e9, 0.0)

    assert rates.wait(0.0, 1) == 300.0
