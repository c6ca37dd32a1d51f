"""Do intervals of differences to random rows hold the truth, and how often is chance a claim?

Comparisons are made up: questions, arms, seeds and random draws vary by known amounts, and no arm
differs from random rows. Counted is how often 0 lies in the printed interval, how often some claim
stands after Holm's correction, and how often a difference as large as a power check calls
detectable is shown. With one or two seeds the same is counted of intervals from an arm's own runs
alone, without those of random rows.

Run: python benchmarks/compare_intervals.py [--repeats 500] [--json results/compare_intervals.json]
"""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness import argument_parser, hardware

import assay.compare.sides
from assay.compare.power import power_check
from assay.compare.records import Arm, ArmKind, Comparison, EvaluationSet, Trial
from assay.compare.statistics import Row, summary
from assay.samples import FloatArray

REPEATS = 500
SEEDS = (1, 2, 3, 5)
QUESTIONS, DRAWS, ARMS = 200, 5, 3
RESAMPLES = 2000  # of the 10,000 of a report, for the sake of time
BUDGETS = ("5%", "20%")


@dataclass(frozen=True)
class Setting:
    """Standard deviations, in nats: of arms on questions, of seeds, of draws, and of answers."""

    questions: float = 0.05
    seeds: float = 0.02
    draws: float = 0.01
    residual: float = 0.05
    unsteady: float = 1.0  # how many times as far the seeds of the first arm vary


SETTINGS = {
    "seeds vary little": Setting(seeds=0.002, draws=0.002),
    "seeds vary": Setting(),
    "seeds are most of it": Setting(seeds=0.05, questions=0.02),
    "draws vary more than seeds": Setting(draws=0.04),
    "draws do not vary": Setting(draws=0.0),
    "one arm varies twice as far": Setting(draws=0.0, unsteady=2.0),
}


def made_up(setting: Setting, seeds: int, effect: float, rng: np.random.Generator) -> Comparison:
    """Return a comparison in which every arm differs from random rows by an effect."""
    ids = np.arange(QUESTIONS, dtype=np.uint64)
    part = EvaluationSet("held out", "held_out", ids, np.full(QUESTIONS, 20))
    hard = rng.gamma(6, 0.3, QUESTIONS)
    names = [f"arm{number}" for number in range(ARMS)]
    trials = []
    for budget in BUDGETS:
        at_random = hard + rng.normal(0, setting.questions, QUESTIONS)
        spread = float(np.hypot(setting.seeds, setting.draws))
        for draw, values in enumerate(_runs(at_random, DRAWS, spread, setting, rng)):
            trials.append(_trial("random", budget, draw, draw, values))
        for place, name in enumerate(names):
            own = hard + effect + rng.normal(0, setting.questions, QUESTIONS)
            spread = setting.seeds * (setting.unsteady if place == 0 else 1.0)
            for seed, values in enumerate(_runs(own, seeds, spread, setting, rng)):
                trials.append(_trial(name, budget, None, seed, values))
    kinds: dict[str, ArmKind] = {"random": "random"}
    arms = tuple(Arm(name, kinds.get(name, "method"), name) for name in ("random", *names))
    check = power_check(
        part, hard, seeds=seeds, draws=DRAWS, claims=1,
        paired=np.sqrt(2) * rng.normal(0, np.hypot(setting.questions, setting.residual), QUESTIONS),
        seed_sd=float(np.hypot(setting.seeds, setting.draws)),
    )  # fmt: skip
    return Comparison(
        "made up", ("base",), "rows", 1000, BUDGETS, "samples", seeds, "", (part,), part.name,
        arms, tuple(trials), {}, "", (check,),
    )  # fmt: skip


def _runs(
    centre: FloatArray, count: int, spread: float, setting: Setting, rng: np.random.Generator
) -> FloatArray:
    """Return the values of runs. Shape (count, questions)."""
    noise = rng.normal(0, setting.residual, (count, len(centre)))
    found: FloatArray = centre + rng.normal(0, spread, (count, 1)) + noise
    return found


def _trial(arm: str, budget: str, draw: int | None, seed: int, values: FloatArray) -> Trial:
    return Trial(arm, budget, 10, 100, draw, seed, "done", values={"held out": values})


def _claims(comparison: Comparison) -> list[Row]:
    return [row for row in summary(comparison) if row.is_claim]


def counted(setting: Setting, seeds: int, repeats: int, enough: int = 3) -> dict[str, Any]:
    """Return shares over made-up comparisons: of intervals that hold, and of false claims.

    Args:
        setting: how far all varies.
        seeds: of an arm.
        repeats: comparisons.
        enough: seeds from which on an arm's own runs tell how far they vary.
    """
    assay.compare.sides.RESAMPLES = RESAMPLES
    assay.compare.sides.ENOUGH_SEEDS = enough
    rng = np.random.default_rng(seeds)
    held = first = false = shown = total = 0
    for _ in range(repeats):
        made = made_up(setting, seeds, 0.0, rng)
        rows = _claims(made)
        inside = [row.difference.low <= 0 <= row.difference.high for row in rows if row.difference]
        held += sum(inside)
        first += sum(inside[::ARMS])
        total += len(inside)
        false += any(row.significant for row in rows)
        assert made.power is not None
        size = made.power.detectable
        found = _claims(made_up(setting, seeds, -size, rng))[0].difference
        shown += found is not None and found.p < 0.05
    return {
        "held": held / total,
        "held_first_arm": first / (total / ARMS),
        "false_claim": false / repeats,
        "detectable_shown": shown / repeats,
    }


def main() -> None:
    """Count, and print a line per setting and number of seeds."""
    parser = argument_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    arguments = parser.parse_args()
    started = time.perf_counter()
    settings: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        settings[name] = {}
        for seeds in SEEDS:
            settings[name][str(seeds)] = found = counted(setting, seeds, arguments.repeats)
            if seeds < 3:
                found["own_runs_alone"] = counted(setting, seeds, arguments.repeats, enough=1)
            print(name, seeds, json.dumps(found), flush=True)
    result = {
        "name": "compare_intervals",
        "hardware": hardware(),
        "repeats": arguments.repeats,
        "questions": QUESTIONS,
        "draws": DRAWS,
        "resamples": RESAMPLES,
        "arms": ARMS,
        "budgets": list(BUDGETS),
        "settings": settings,
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(f"{result['seconds']:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
