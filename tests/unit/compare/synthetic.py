"""Comparisons made up from a seed: the true losses are known, so conclusions can be checked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from assay.compare.power import power_check
from assay.compare.records import Arm, ArmKind, Comparison, EvaluationSet, Trial
from assay.samples import FloatArray

SIZES = {"1%": 520, "5%": 2_600, "25%": 13_000}
POOL_ROWS = 52_000
EFFECTS = {"ifd": -0.02, "k_center": -0.004, "longest_response": 0.012}
KINDS: dict[str, ArmKind] = {"longest_response": "longest_response"}
QUESTION_SD, SEED_SD, RESIDUAL_SD = 0.6, 0.002, 0.05


def endpoint(name: str = "held out", questions: int = 3, **facts: Any) -> EvaluationSet:
    """Return a set of some questions, of losses unless said otherwise."""
    ids = np.arange(questions, dtype=np.uint64)
    return EvaluationSet(name, "held_out", ids, np.full(questions, 9), **facts)


def turned(comparison: Comparison) -> Comparison:
    """Return a comparison of which all is the same but that high values are the better ones."""
    facts: dict[str, Any] = {"measure": "accuracy", "better": "high", "unit": ""}
    return replace(
        comparison,
        sets=tuple(replace(part, **facts) for part in comparison.sets),
        trials=tuple(
            replace(trial, values={name: -found for name, found in trial.values.items()})
            for trial in comparison.trials
        ),
    )


def synthetic(
    effects: Mapping[str, float] = EFFECTS,
    *,
    questions: int = 200,
    seeds: int = 3,
    draws: int = 5,
    budgets: Sequence[str] = ("1%", "5%", "25%"),
    others: Sequence[str] = ("dolly",),
    seed: int = 0,
) -> Comparison:
    """Return a comparison whose arms differ from random by `effects` nats at every budget."""
    rng = np.random.default_rng(seed)
    sets = [_evaluation_set("held out", "held_out", questions, rng)]
    sets += [_evaluation_set(name, "other_source", questions // 2, rng) for name in others]
    hard = {part.name: rng.gamma(6, QUESTION_SD / 2, len(part)) for part in sets}
    trials = [
        _trial("random", budget, draw, draw, 0.0, hard, rng)
        for budget in budgets
        for draw in range(draws)
    ]
    trials += [
        _trial(name, budget, None, number, effect, hard, rng)
        for budget in budgets
        for name, effect in effects.items()
        for number in range(seeds)
    ]
    trials += [_trial("full", "", None, number, 0.0, hard, rng) for number in range(seeds)]
    trials.append(_trial("base", "", None, 0, 0.0, hard, rng))
    arms = [Arm("random", "random", "random(seed=draw)")]
    arms += [Arm(name, KINDS.get(name, "method"), f"{name}(model=assay:lm)") for name in effects]
    arms += [Arm("full", "full", "all rows"), Arm("base", "base", "no tuning")]
    claims = len(effects) * len(budgets)
    primary = hard["held out"]
    return Comparison(
        title="IFD and k-center on Alpaca",
        bases=("HuggingFaceTB/SmolLM2-135M @ 93efa2f",),
        pool="alpaca_data.json",
        pool_rows=POOL_ROWS,
        budgets=tuple(budgets),
        budget_axis="samples",
        tune_seeds=seeds,
        recipe="LoRA r=16, 3 epochs, batch 16, learning rate 2e-4, cosine, 1,024 tokens",
        sets=tuple(sets),
        primary="held out",
        arms=tuple(arms),
        trials=tuple(trials),
        models={"assay:lm": "embedded, 6.8 M parameters, made for Assay"},
        assay_version="0.1.0",
        powers=(
            (power_check(endpoint(), primary, seeds=seeds, draws=draws, claims=claims),)
            if questions > 1
            else ()
        ),
    )


def failing(comparison: Comparison, arm: str, budget: str, error: str) -> Comparison:
    """Return the comparison with the first run of an arm failed."""
    place = next(i for i, t in enumerate(comparison.trials) if (t.arm, t.budget) == (arm, budget))
    trials = list(comparison.trials)
    trials[place] = replace(trials[place], status="failed", error=error, values={})
    return replace(comparison, trials=tuple(trials))


def without(comparison: Comparison, *arms: str) -> Comparison:
    """Return the comparison without some arms."""
    return replace(
        comparison,
        arms=tuple(arm for arm in comparison.arms if arm.name not in arms),
        trials=tuple(trial for trial in comparison.trials if trial.arm not in arms),
    )


def _evaluation_set(name: str, kind: str, count: int, rng: np.random.Generator) -> EvaluationSet:
    ids = rng.choice(2**60, count, replace=False).astype(np.uint64)
    return EvaluationSet(name, kind, ids, rng.integers(5, 300, count))  # type: ignore[arg-type]


def _trial(
    arm: str,
    budget: str,
    draw: int | None,
    seed: int,
    effect: float,
    hard: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> Trial:
    rows = {"full": POOL_ROWS, "base": 0}.get(arm, SIZES.get(budget, 0))
    gain = 0.35 + 0.03 * np.log(rows) if rows else 0.0
    shift = rng.normal(0, SEED_SD)
    losses = {
        name: questions - gain + effect + shift + rng.normal(0, RESIDUAL_SD, len(questions))
        for name, questions in hard.items()
    }
    tokens = rows * 3 * (180 if arm.startswith("longest") else 120)
    scored = arm not in ("random", "full", "base")
    return Trial(
        arm=arm,
        budget=budget,
        rows=rows,
        tokens=tokens,
        draw=draw,
        seed=seed,
        status="done",
        values=losses,
        selection_seconds=240.0 if scored else 0.0,
        selection_flops=2 * 6.8e6 * POOL_ROWS * 120 * 2 if scored else 0.0,
        training_seconds=tokens / 9_000,
        training_flops=4 * 135e6 * tokens,
        subset=f"{arm}{budget}{seed}",
    )
