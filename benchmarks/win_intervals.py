"""Do intervals of scores hold what is planted 95 times of 100, and how often is chance a win?

A simulated judge is given a strength of the candidate, a lean to a place and to length, and a share
of replies that say nothing; `tests/simulated_judge.py` has the settings. The planted score is that
of 400,000 questions. Counted is how often it lies in the interval of the score test, which `assay
evaluate` prints, in that of the standard error and in the bootstrap's. Of a judge that prefers by
length and strength through a logistic curve, counted is how often the planted score at equal length
lies in its interval. At parity, counted is how often a winner is declared.

Run: python benchmarks/win_intervals.py [--repeats 2000] [--json results/win_intervals.json]
"""

import json
import time
from typing import Any

import numpy as np
from harness import argument_parser, hardware
from tests.simulated_judge import SETTINGS, Setting, planted_score, simulated

from assay.evaluation.outcomes import RULES, Rule, outcomes
from assay.samples import FloatArray
from assay.solvers.equal_length import at_equal_length, length_term
from assay.solvers.paired_scores import (
    percentiles,
    resampled,
    score_interval,
    sign_test,
    standard_error,
)
from assay.solvers.proportions import QUANTILE

REPEATS = 2000
RESAMPLES = 1000
EQUAL_LENGTH = ((200, 0.0, 1.0), (200, 0.5, 1.5), (80, 0.3, 1.0), (1000, 0.2, 1.0))
"""Questions, planted log-odds at equal length, and weight of the length term."""


def _counts(values: FloatArray) -> tuple[int, int, int]:
    wins, ties, losses = (int((values == each).sum()) for each in (1, 0, -1))
    return wins, ties, losses


def _scores(setting: Setting, repeats: int, rule: Rule) -> dict[str, Any]:
    """Return the share of repeats in which each interval holds what is planted."""
    planted = planted_score(setting, rule)
    held = dict.fromkeys(("score_test", "standard_error", "bootstrap"), 0)
    claimed = 0
    for seed in range(repeats):
        values = outcomes(simulated(setting, seed).games, rule).values
        known = values[~np.isnan(values)]
        counts = _counts(known)
        found = score_interval(*counts)
        held["score_test"] += 1 + found.low <= planted <= 1 + found.high
        half = QUANTILE * standard_error(known, np.arange(len(known)))
        held["standard_error"] += abs(1 + known.mean() - planted) <= half
        columns = np.stack([known, np.ones(len(known))], axis=1)
        rng = np.random.default_rng([seed, 11])
        drawn = resampled(columns, np.zeros(len(known), np.int64), rng, resamples=RESAMPLES)
        low, high = percentiles(1 + drawn[:, 0] / drawn[:, 1])
        held["bootstrap"] += low <= planted <= high
        beyond = not found.low <= 0 <= found.high
        claimed += beyond and sign_test(counts[0], counts[2]) < 0.05
    shares = {name: count / repeats for name, count in held.items()}
    return {"planted": planted, "claimed": claimed / repeats, **shares}


def _equal_length(count: int, level: float, slope: float, repeats: int) -> dict[str, Any]:
    """Return the share of repeats in which the planted score at equal length is held."""
    planted = float(2 / (1 + np.exp(-level)))
    held = 0
    for seed in range(repeats):
        rng = np.random.default_rng([seed, 13])
        term = length_term(rng.normal(600, 150, count), rng.normal(500, 150, count))
        won = (rng.random(count) < 1 / (1 + np.exp(-(slope * term + level)))).astype(np.float64)
        weights = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES // 2)
        low, high = percentiles(2 * at_equal_length(term, won, weights.astype(np.float64)))
        held += bool(low <= planted <= high)
    return {"questions": count, "planted": planted, "slope": slope, "held": held / repeats}


def main() -> None:
    """Print the shares, setting by setting."""
    parser = argument_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    arguments = parser.parse_args()
    started = time.perf_counter()
    settings: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        settings[name] = {"questions": setting.questions} | {
            rule: _scores(setting, arguments.repeats, rule) for rule in RULES
        }
        print(name, json.dumps(settings[name]))
    lengths = []
    for each in EQUAL_LENGTH:
        lengths.append(_equal_length(*each, arguments.repeats // 2))
        print(lengths[-1])
    seconds = time.perf_counter() - started
    print(f"{seconds:.0f} s")
    if arguments.json is not None:
        content = {
            "name": "win_intervals", "hardware": hardware(), "repeats": arguments.repeats,
            "repeats_of_lengths": arguments.repeats // 2, "settings": settings,
            "equal_length": lengths, "seconds": seconds,
        }  # fmt: skip
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
