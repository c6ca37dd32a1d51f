"""What benchmarks/results/default_selection.json says, as the numbers that its page shows."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

RESULT = Path(__file__).parents[1] / "benchmarks" / "results" / "default_selection.json"
HEADLINE = "5%"
"""The budget at which candidates are put side by side."""
SPOILED_BUDGETS = ("5%", "20%")
"""The budgets at which spoiled rows were counted."""
RANDOM, LONGEST, OLD = "random", "longest", "old default"
WIDE = 1.96
"""Standard errors on both sides of a mean that hold 95 of 100 such means."""


@dataclass(frozen=True)
class Loss:
    """Mean loss of an arm on a set of questions, and its difference to random rows."""

    value: float
    rows: float
    tokens: float
    difference: float | None
    low: float | None
    high: float | None

    @property
    def words(self) -> str:
        """Return the difference with its interval, or the loss where there is none."""
        if self.difference is None or self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{signed(self.difference, 3)} ({signed(self.low, 3)} to {signed(self.high, 3)})"


@dataclass(frozen=True)
class Compared:
    """A comparison of tuned models: its terms, and losses by set and candidate at one budget."""

    label: str
    facts: Mapping[str, Any]
    budget: str
    own: str
    target: str | None
    losses: Mapping[str, Mapping[str, Loss]]


class Evidence:
    """The figures of the file, and what follows from them."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.default: str = content["default"]
        self.candidates: Mapping[str, Mapping[str, Any]] = content["candidates"]
        self.judged: Mapping[str, Any] = content["judged"]["of"]
        self.spoiled: Mapping[str, Any] = dict(sorted(content["spoiled"]["of"].items()))
        self.shapes: Mapping[str, Any] = dict(sorted(content["shapes"]["of"].items()))
        pool = next(iter(self.spoiled.values()))
        self.choosing: list[str] = pool["choosing"]
        self.kinds: list[str] = list(pool["taken"][self.default])
        self.reported = [kind for kind in self.kinds if kind not in self.choosing]

    @classmethod
    def read(cls) -> "Evidence":
        """Return what was recorded."""
        return cls(json.loads(RESULT.read_text(encoding="utf-8")))

    # Judged rows

    def rating(self, name: str, budget: str = HEADLINE) -> float:
        """Return the mean rating of what a candidate takes minus the pool's."""
        return float(self.judged["above_pool"][name][budget])

    def rating_error(self, budget: str = HEADLINE) -> float:
        """Return the standard error of the mean rating of random rows."""
        return float(self.judged["standard_error_of_random"][budget])

    def not_above(self, name: str) -> list[str]:
        """Return the budgets at which what a candidate takes is not rated above the pool."""
        return [
            budget
            for budget in self.judged["standard_error_of_random"]
            if self.rating(name, budget) <= 0
        ]

    def holds(self, name: str) -> bool:
        """Return whether a candidate holds what is asked of it without tuned models."""
        return not (self.more_tiny(name) or self.not_above(name) or self.more_spoiled(name))

    def more_spoiled(self, name: str) -> list[str]:
        """Return where a candidate takes no fewer spoiled rows than random would."""
        found = {
            f"{pool} at {budget}": self.taken(name, budget=budget, pools=[pool])
            for pool in self.spoiled
            for budget in SPOILED_BUDGETS
        }
        return [
            f"{where} ({percent(share)})"
            for where, share in found.items()
            if share >= self.spoiled_share
        ]

    # Spoiled rows

    @property
    def spoiled_share(self) -> float:
        """Return the share of the pools that is spoiled."""
        return float(next(iter(self.spoiled.values()))["spoiled_share"])

    def taken(
        self,
        name: str,
        kinds: Iterable[str] | None = None,
        budget: str = HEADLINE,
        pools: Iterable[str] | None = None,
    ) -> float:
        """Return the share of a selection that is spoiled: the mean over kinds and pools."""
        return fmean(
            self.spoiled[pool]["taken"][name][kind][budget]
            for pool in (pools or self.spoiled)
            for kind in (kinds or self.kinds)
        )

    def taken_error(
        self, kinds: Sequence[str], budget: str = HEADLINE, pools: Iterable[str] | None = None
    ) -> float:
        """Return the standard error of that share for random rows."""
        variances = []
        for pool in pools or self.spoiled:
            share, rows = self.spoiled[pool]["spoiled_share"], self.spoiled[pool]["rows"]
            chosen = rows * portion(budget)
            variances += [share * (1 - share) * (1 / chosen - 1 / rows)] * len(kinds)
        return math.sqrt(sum(variances)) / len(variances)

    def neighbours_taken(self, name: str, pool: str, budget: str = HEADLINE) -> float:
        """Return the share of a pool's selection that the default with another number takes."""
        kinds = self.spoiled[pool]["neighbours_taken"][name]
        return fmean(kinds[kind][budget] for kind in self.kinds)

    @property
    def neighbour_pools(self) -> list[str]:
        """Return the pools on which the default with other numbers was tried."""
        return [name for name, pool in self.spoiled.items() if "neighbours_taken" in pool]

    # Shapes

    def tiny(self, name: str, budget: str = HEADLINE) -> float:
        """Return the share of tiny answers, the mean over pools."""
        return fmean(pool["chosen"][name][budget]["tiny"] for pool in self.shapes.values())

    @property
    def tiny_in_pools(self) -> float:
        """Return the pools' own share of tiny answers, the mean over pools."""
        return fmean(pool["pool"]["tiny"] for pool in self.shapes.values())

    def text(self, name: str, budget: str = HEADLINE) -> float:
        """Return how long question and answer are beside the pool's: the mean ratio over pools."""
        return fmean(
            pool["chosen"][name][budget]["text"] / pool["pool"]["text"]
            for pool in self.shapes.values()
        )

    def more_tiny(self, name: str) -> list[str]:
        """Return where a candidate takes more tiny answers than the pool has."""
        return [
            f"{pool} at {budget}"
            for pool, found in self.shapes.items()
            for budget, shape in found["chosen"][name].items()
            if shape["tiny"] > found["pool"]["tiny"]
        ]

    # Tuned models

    @property
    def comparisons(self) -> list[Compared]:
        """Return the comparisons that are finished."""
        found = self.content.get("compared", {"of": {}})["of"]
        return [_compared(label, facts) for label, facts in found.items() if facts["finished"]]

    @property
    def unfinished(self) -> list[str]:
        """Return the labels of the comparisons that are not."""
        found = self.content.get("compared", {"of": {}})["of"]
        return [label for label, facts in found.items() if not facts["finished"]]


def _compared(label: str, facts: Mapping[str, Any]) -> Compared:
    own = next(name for name, part in facts["sets"].items() if part["kind"] == "held_out")
    target = next((name for name in facts["sets"] if "lima" in name.lower()), None)
    budget = facts["budgets"][0]
    losses = {
        name: {arm["candidate"]: _loss(arm) for arm in arms if arm["budget"] in ("", budget)}
        for name, arms in facts["arms"].items()
    }
    return Compared(label, facts, budget, own, target, losses)


def _loss(arm: Mapping[str, Any]) -> Loss:
    difference = arm["to_random"] or {"value": None, "low": None, "high": None}
    return Loss(
        arm["loss"] if arm["loss"] is not None else math.nan,
        arm["rows"] or 0.0,
        arm["tokens"] or 0.0,
        difference["value"],
        difference["low"],
        difference["high"],
    )


def portion(budget: str) -> float:
    """Return the share of the pool that a budget in per cent is."""
    return float(budget.removesuffix("%")) / 100


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float, digits: int = 1) -> str:
    """Return a share as per cent."""
    return f"{100 * share:.{digits}f} %"
