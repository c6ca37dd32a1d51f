"""A published grid of results: which method beats the reference, and is it beyond chance?

A run is a training: its score is the mean over the data sets. Runs, not data sets, are the sample:
how much scores differ between seeds is what a difference has to stand out from.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from assay.echo import Brief
from assay.errors import DataError, Parameter, Phrase, did_you_mean
from assay.evaluation.results_table import Result, amounts_of, budgets_of
from assay.samples import FloatArray
from assay.solvers.cost import data_efficiency, pareto_front
from assay.solvers.multiplicity import holm
from assay.solvers.ranks import spearman
from assay.solvers.students_t import student_quantile, two_sided_p
from assay.wording import listed

LEVEL = 0.05
Better = Literal["high", "low"]
Pairing = Literal["same seeds", "own seeds", "one run"]
_USUAL = ("random", "random_rows", "uniform")


@dataclass(frozen=True)
class Difference:
    """How a method differs from the reference at a budget.

    Attributes:
        value: mean of the method less that of the reference, over the data sets that both have.
        low: lower end of its 95 % interval; NaN with one run.
        high: upper end.
        p: two-sided, by Student's t over runs; NaN with one run.
        p_holm: corrected for every method and budget of the table.
        pairing: whether runs of equal seeds were paired, or two samples of runs compared (Welch).
        runs: of the method, and of the reference, that were compared.
        datasets: how many both have.
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float
    pairing: Pairing
    runs: tuple[int, int]
    datasets: int


@dataclass(frozen=True)
class Row:
    """A method at a budget.

    Attributes:
        base: the model that was tuned; empty if the table does not say.
        method: how rows were chosen.
        budget: as printed; empty if it has none.
        runs: how many.
        mean: over runs of their means over data sets.
        spread: standard deviation between runs; NaN with one.
        difference: to the reference; None for the reference itself, or where it has no run.
        efficiency: budget at which the reference does as well, divided by this one; None if that
            lies outside what was run, or budgets are not on one scale.
        dev: mean score by which one would choose; NaN without one.
        cost: mean cost of a run; NaN without one.
        pareto: whether no other row is as good for as little cost.
    """

    base: str
    method: str
    budget: str
    runs: int
    mean: float
    spread: float
    difference: Difference | None
    efficiency: float | None
    dev: float
    cost: float
    pareto: bool

    @property
    def label(self) -> str:
        """Method, budget and base model, for people."""
        words = f"{self.method} at {self.budget}" if self.budget else self.method
        return f"{words} with {self.base}" if self.base else words


@dataclass(frozen=True)
class Optimism:
    """What choosing a method by its development score promises, and what the test gives.

    Attributes:
        base: the model that was tuned.
        budget: at which was chosen.
        method: with the best development score.
        dev: that score.
        test: its test score.
        best: the best test score of any method there.
    """

    base: str
    budget: str
    method: str
    dev: float
    test: float
    best: float


@dataclass(frozen=True, repr=False)
class Grid(Brief):
    """All that a table of results says.

    Attributes:
        reference: the method that others are compared with.
        better: whether high or low scores are better.
        rows: by base model and budget, in the order of the table.
        optimism: of each base model and budget with development scores.
        agreement: rank correlation of development and test scores over methods and budgets; NaN
            with fewer than three.
        claims: how many differences Holm's correction counted.
        notes: what a reader should know.
    """

    reference: str
    better: Better
    rows: tuple[Row, ...]
    optimism: tuple[Optimism, ...]
    agreement: float
    claims: int
    notes: tuple[str, ...]

    def beyond_chance(self, *, ahead: bool) -> list[Row]:
        """Return the rows that are surely better than the reference, or surely worse."""
        sign = (1 if self.better == "high" else -1) * (1 if ahead else -1)
        return [row for row in self.rows
                if row.difference and row.difference.p_holm < LEVEL
                and sign * row.difference.value > 0]  # fmt: skip

    @property
    def verdict(self) -> str:
        """What the table shows, in a sentence."""
        ahead, behind = (self.beyond_chance(ahead=side) for side in (True, False))
        worse = f"; worse: {listed([row.label for row in behind])}" if behind else ""
        if ahead:
            names = listed([row.label for row in ahead])
            return f"Better than {self.reference}, beyond chance: {names}{worse}"
        if not self.claims:
            return f"Nothing is compared with {self.reference}"
        if any(row.difference and not math.isnan(row.difference.p) for row in self.rows):
            return f"Nothing is better than {self.reference} beyond chance{worse}"
        return f"Whether anything is better than {self.reference} cannot be told from one run each"


def grid_of(
    results: Sequence[Result], *, reference: str | None = None, better: Better = "high"
) -> Grid:
    """Return which method beats the reference, at which budget, and how sure that is.

    Args:
        results: of a table.
        reference: method that others are compared with; by default one that is called random.
        better: whether high or low scores are better.

    Raises:
        DataError: if there is no such method.
    """
    against = _reference(results, reference)
    sign = 1.0 if better == "high" else -1.0
    rows: list[Row] = []
    notes: list[str] = []
    for base in dict.fromkeys(result.base for result in results):
        own = [result for result in results if result.base == base]
        found = [
            _row(own, method, budget, against)
            for budget in [*budgets_of(own), ""]
            for method in _methods(own, budget)
        ]
        rows += _with_costs(found, against, sign)
        notes += _notes(own, found, base)
    rows = _with_holm(rows)
    return Grid(
        against,
        better,
        tuple(rows),
        tuple(_optimism(rows, sign)),
        _agreement(rows),
        sum(row.difference is not None for row in rows),
        tuple(notes),
    )


def _reference(results: Sequence[Result], wanted: str | None) -> str:
    known = list(dict.fromkeys(result.method for result in results))
    if wanted is not None:
        found = [name for name in known if name.lower() == wanted.lower()]
        if not found:
            hint = did_you_mean(wanted, known) or f"one of {', '.join(known)}"
            raise DataError(f"no method of the table is called {wanted!r}", hint=hint)
        return found[0]
    plain = {name.lower().replace(" ", "_"): name for name in reversed(known)}
    for usual in _USUAL:
        if usual in plain:
            return plain[usual]
    raise DataError(
        f"no method is called random, with which the others would be compared: {', '.join(known)}",
        hint=Phrase("{}", Parameter("reference", "METHOD")),
    )


def _budget(result: Result) -> str:
    return "" if result.is_unbounded else result.budget


def _methods(results: Sequence[Result], budget: str) -> list[str]:
    return list(dict.fromkeys(r.method for r in results if _budget(r) == budget))


def _runs(results: Sequence[Result], method: str, budget: str) -> dict[str, dict[str, Result]]:
    """Return the results of a method at a budget by seed and data set."""
    found: dict[str, dict[str, Result]] = {}
    for result in results:
        if result.method == method and _budget(result) == budget:
            found.setdefault(result.seed, {})[result.dataset] = result
    return found


def _common(*groups: Mapping[str, Mapping[str, Result]]) -> list[str]:
    """Return the data sets that every run of all has, in the order of the table."""
    every = [part for runs in groups for part in runs.values()]
    return [name for name in every[0] if all(name in part for part in every)] if every else []


def _means(
    runs: Mapping[str, Mapping[str, Result]], datasets: Sequence[str], field: str = "test"
) -> dict[str, float]:
    """Return the mean of each run over data sets, by its seed."""
    return {
        seed: float(np.mean([getattr(part[name], field) for name in datasets]))
        for seed, part in runs.items()
    }


def _row(results: Sequence[Result], method: str, budget: str, reference: str) -> Row:
    runs = _runs(results, method, budget)
    datasets = _common(runs)
    means = np.array(list(_means(runs, datasets).values())) if datasets else np.array([])
    difference = None
    if method != reference and budget:
        difference = _difference(runs, _runs(results, reference, budget))
    return Row(
        base=results[0].base,
        method=method,
        budget=budget,
        runs=len(means),
        mean=float(means.mean()) if len(means) else math.nan,
        spread=float(means.std(ddof=1)) if len(means) > 1 else math.nan,
        difference=difference,
        efficiency=None,
        dev=_mean_of(runs, datasets, "dev"),
        cost=_mean_of(runs, datasets, "cost"),
        pareto=False,
    )


def _mean_of(
    runs: Mapping[str, Mapping[str, Result]], datasets: Sequence[str], field: str
) -> float:
    found = list(_means(runs, datasets, field).values()) if datasets else []
    return float(np.mean(found)) if found else math.nan


def _difference(
    runs: Mapping[str, Mapping[str, Result]], other: Mapping[str, Mapping[str, Result]]
) -> Difference | None:
    datasets = _common(runs, other)
    if not datasets:
        return None
    mine, theirs = _means(runs, datasets), _means(other, datasets)
    value = float(np.mean(list(mine.values())) - np.mean(list(theirs.values())))
    count = (len(mine), len(theirs))
    if mine.keys() == theirs.keys() and len(mine) > 1:
        pairs = np.array([mine[seed] - theirs[seed] for seed in mine])
        error, freedom = float(pairs.std(ddof=1)) / math.sqrt(len(pairs)), len(pairs) - 1.0
        return _estimated(value, error, freedom, "same seeds", count, len(datasets))
    if min(count) > 1:
        error, freedom = _welch(np.array(list(mine.values())), np.array(list(theirs.values())))
        return _estimated(value, error, freedom, "own seeds", count, len(datasets))
    nan = math.nan
    return Difference(value, nan, nan, nan, nan, "one run", count, len(datasets))


def _welch(mine: FloatArray, theirs: FloatArray) -> tuple[float, float]:
    """Return the standard error of a difference of two means, and its degrees of freedom.

    Source:
        Welch 1947, Biometrika 34.
    """
    parts = [(float(each.var(ddof=1)) / len(each), len(each) - 1) for each in (mine, theirs)]
    variance = sum(part for part, _ in parts)
    below = sum(part**2 / freedom for part, freedom in parts)
    return math.sqrt(variance), variance**2 / below if below > 0 else math.inf


def _estimated(
    value: float,
    error: float,
    freedom: float,
    pairing: Pairing,
    runs: tuple[int, int],
    datasets: int,
) -> Difference:
    if error == 0:  # runs that do not differ: nothing tells how sure it is
        p = 1.0 if value == 0 else math.nan
        return Difference(value, math.nan, math.nan, p, math.nan, pairing, runs, datasets)
    half = student_quantile(1 - LEVEL / 2, freedom) * error
    p = two_sided_p(value / error, freedom)
    return Difference(value, value - half, value + half, p, math.nan, pairing, runs, datasets)


def _with_holm(rows: Sequence[Row]) -> list[Row]:
    """Return rows with corrected p-values; a difference of one run counts as a claim that fails."""
    claims = [place for place, row in enumerate(rows) if row.difference is not None]
    p = [found.p if (found := rows[place].difference) and not math.isnan(found.p) else 1.0
         for place in claims]  # fmt: skip
    changed = list(rows)
    for place, adjusted in zip(claims, holm(p), strict=True):
        found = rows[place].difference
        if found is not None and not math.isnan(found.p):
            corrected = replace(found, p_holm=float(adjusted))
            changed[place] = replace(rows[place], difference=corrected)
    return changed


def _with_costs(rows: Sequence[Row], reference: str, sign: float) -> list[Row]:
    amounts = amounts_of([row.budget for row in rows])
    curve = sorted(
        (amount, -sign * row.mean)
        for row, amount in zip(rows, amounts, strict=True)
        if row.method == reference and row.budget and amount > 0
    )
    sizes, losses = [size for size, _ in curve], [loss for _, loss in curve]
    front = pareto_front([row.cost for row in rows], np.array([-sign * row.mean for row in rows]))
    changed = []
    for row, amount, best in zip(rows, amounts, front, strict=True):
        ratio = None
        if row.method != reference and row.budget and amount > 0:
            ratio = data_efficiency(-sign * row.mean, amount, sizes, losses)
        changed.append(replace(row, efficiency=ratio, pareto=bool(best)))
    return changed


def _optimism(rows: Sequence[Row], sign: float) -> list[Optimism]:
    found = []
    for base, budget in dict.fromkeys((row.base, row.budget) for row in rows):
        here = [row for row in rows if (row.base, row.budget) == (base, budget)]
        told = [row for row in here if not math.isnan(row.dev)]
        if len(told) > 1:
            chosen = max(told, key=lambda row: sign * row.dev)
            best = max(told, key=lambda row: sign * row.mean)
            found.append(Optimism(base, budget, chosen.method, chosen.dev, chosen.mean, best.mean))
    return found


def _agreement(rows: Sequence[Row]) -> float:
    told = [row for row in rows if not math.isnan(row.dev)]
    if len(told) < 3:
        return math.nan
    return spearman(np.array([row.dev for row in told]), np.array([row.mean for row in told]))


def _notes(results: Sequence[Result], rows: Sequence[Row], base: str) -> list[str]:
    notes = []
    on = f" with {base}" if base else ""
    if any(row.difference is not None and row.difference.pairing == "one run" for row in rows):
        notes.append(
            f"some methods have one run{on}: another seed may turn the order round, and no "
            "interval tells how far"
        )
    for row in rows:
        runs = _runs(results, row.method, row.budget)
        every = {name for part in runs.values() for name in part}
        lacking = len(every) - len(_common(runs))
        if lacking:
            where = f" at {row.budget}" if row.budget else ""
            notes.append(
                f"{row.method}{where}{on}: {lacking} of {len(every)} data sets lack some run, and "
                "enter no mean"
            )
    return notes
