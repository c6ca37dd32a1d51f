"""How well a cheap model ranks rows as an expensive one does, measured on a sample."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.agreement.sample_reading import Cost, SampleReader, SampleReading, sampled_rows
from assay.components.component import Scorer
from assay.echo import Brief
from assay.methods.text.compression_ifd import CompressionIFD
from assay.methods.text.longest import LongestResponse
from assay.random_numbers import generator
from assay.samples import FloatArray, IndexArray
from assay.solvers.rank_interval import FEWEST, Interval, spearman_interval
from assay.solvers.ranks import spearman
from assay.workspace.workspace import Workspace

SHARES = (0.05, 0.10, 0.15)
"""Shares of the rows whose choice is compared."""


@dataclass(frozen=True)
class Overlap:
    """The best rows of two scores: what part they share, and what chance would give."""

    share: float
    in_common: float
    by_chance: float


@dataclass(frozen=True, repr=False)
class Agreement(Brief):
    """How one score ranks the sample, beside the reference.

    Attributes:
        name: of the model, or of the floor.
        both: rows that have both scores.
        correlation: Spearman's, of the scores oriented so that more is better.
        interval: of the correlation, over resampled rows.
        at_equal_length: partial correlation with the length of the answer held fixed.
        overlaps: of the best rows, one for each of `SHARES`.
    """

    name: str
    both: int
    correlation: float
    interval: Interval
    at_equal_length: float
    overlaps: tuple[Overlap, ...]


@dataclass(frozen=True, repr=False)
class Report(Brief):
    """What was measured.

    Attributes:
        rows: in the pool, held-out ones left out.
        sample: positions of the rows that were read, ascending.
        readers: a score for each model, as they were named.
        floors: length and compression.
        reference: the reader that the others are held against.
        agreements: of each other model, then of the floors.
    """

    rows: int
    sample: IndexArray
    readers: Sequence[SampleReader]
    floors: Sequence[SampleReader]
    reference: SampleReader
    agreements: Sequence[Agreement] = field(default_factory=list)


def compare(
    project: Workspace,
    scorers: Mapping[str, Scorer],
    *,
    sample: int,
    seed: int = 0,
) -> tuple[IndexArray, list[SampleReader], list[SampleReader]]:
    """Read a sample with every scorer, and with the floors that need no model.

    Args:
        project: whose rows are sampled.
        scorers: by the names of their models.
        sample: rows at most.
        seed: of the sample.

    Returns:
        Positions of the sample, a reader per scorer, and the floors.
    """
    rows = sampled_rows(project, sample, seed=seed)
    reading = SampleReading(project, rows)
    readers = [reading.reader(name, scorer) for name, scorer in scorers.items()]
    floors = [
        reading.reader("answer length", LongestResponse(), timed=False),
        reading.reader(CompressionIFD.name, CompressionIFD(), timed=False),
    ]
    return rows, readers, floors


def report(
    project: Workspace,
    sample: IndexArray,
    readers: Sequence[SampleReader],
    floors: Sequence[SampleReader],
    reference: str,
) -> Report:
    """Return how far every reader and floor agrees with the reference.

    Args:
        project: whose rows were sampled.
        sample: their positions.
        readers: one per model.
        floors: answer length first.
        reference: name of the reader that the others are held against.
    """
    (base,) = (reader for reader in readers if reader.name == reference)
    length = floors[0].scores.values
    others = [reader for reader in readers if reader is not base]
    return Report(
        int(np.count_nonzero(~project.pool.held_out)),
        sample,
        readers,
        floors,
        base,
        [agreement(reader, base, length) for reader in [*others, *floors]],
    )


def agreement(reader: SampleReader, reference: SampleReader, length: FloatArray) -> Agreement:
    """Return how far one score of a sample agrees with another.

    Args:
        reader: the cheap score.
        reference: the expensive one.
        length: of the answers. Shape (n,).
    """
    first, second = (each.scorer.sign * each.scores.values for each in (reader, reference))
    both = ~(np.isnan(first) | np.isnan(second))
    return Agreement(
        reader.name,
        int(np.count_nonzero(both)),
        spearman(first, second),
        bootstrap_interval(first[both], second[both]),
        float("nan") if reader.scores.values is length else partial(first, second, length),
        tuple(_overlap(reader, reference, both, share) for share in SHARES),
    )


def bootstrap_interval(first: FloatArray, second: FloatArray) -> Interval:
    """Return the 95 % interval of Spearman's correlation; see `spearman_interval`.

    Args:
        first: shape (n,), no NaN.
        second: shape (n,), no NaN.
    """
    rng = generator(seed=0, purpose="bootstrap of a rank correlation")
    return spearman_interval(first, second, rng)


def partial(first: FloatArray, second: FloatArray, fixed: FloatArray) -> float:
    """Return Spearman's correlation of two columns with a third held fixed; NaN below four rows.

    Rows that lack one of the three are left out.
    """
    known = ~(np.isnan(first) | np.isnan(second) | np.isnan(fixed))
    if np.count_nonzero(known) < 4:
        return float("nan")
    first, second, fixed = first[known], second[known], fixed[known]
    with_first, with_second = spearman(first, fixed), spearman(second, fixed)
    if np.isnan(with_first) or np.isnan(with_second):
        return spearman(first, second)  # a constant explains nothing
    rest = (1 - with_first**2) * (1 - with_second**2)
    if rest < 1e-12:
        return float("nan")
    return float((spearman(first, second) - with_first * with_second) / np.sqrt(rest))


def _overlap(
    reader: SampleReader, reference: SampleReader, both: NDArray[np.bool_], share: float
) -> Overlap:
    """Return what the best rows of both scores have in common, each by its own rule."""
    known = int(np.count_nonzero(both))
    count = max(1, int(share * known)) if known else 0
    mine, theirs = (_best(each, both, count) for each in (reader, reference))
    sizes = len(mine), len(theirs)
    if not count or not min(sizes):
        return Overlap(share, float("nan"), float("nan"))
    in_common = len(np.intersect1d(mine, theirs)) / min(sizes)
    return Overlap(share, in_common, max(sizes) / known)


def _best(reader: SampleReader, among: NDArray[np.bool_], count: int) -> IndexArray:
    """Return the rows that a selection by a score would take first."""
    values = reader.scores.values
    rule = reader.scorer.default_rule()
    allowed = among if rule.column else among & rule.admits(values)  # that of others is not read
    rows = np.flatnonzero(allowed)
    return rows[np.argsort(-reader.scorer.sign * values[rows], kind="stable")[:count]]


# What it comes to


class Judgement(NamedTuple):
    """One sentence, the model to score all rows with, and whether more rows would tell more."""

    sentence: str
    model: str
    more: bool = False


_ALMOST, _ROUGHLY = 0.9, 0.7


def verdict(found: Report) -> Judgement:
    """Return what the numbers come to; the bounds of the words are a convention of ours."""
    names = {reader.name for reader in found.readers}
    best = _best_model(found, [each for each in found.agreements if each.name in names])
    floors = [each for each in found.agreements if each.name not in names]
    expensive = found.reference.name
    if np.isnan(best.interval.low):
        why = f"below {FEWEST}" if best.both < FEWEST else "where scores do not differ"
        sentence = (
            f"{best.both} rows have a score from both {best.name} and {expensive}: {why} an "
            "interval is not meaningful, so nothing can be said"
        )
        return Judgement(sentence, expensive, more=len(found.sample) < found.rows)
    floor = max(floors, key=lambda each: np.nan_to_num(each.correlation, nan=-2.0))
    low, high = best.interval
    numbers = f"{best.correlation:.2f}, 95 % from {low:.2f} to {high:.2f}"
    if low <= floor.correlation:
        sentence = (
            f"{best.name} ranks no more like {expensive} ({numbers}) than {floor.name} does "
            f"({floor.correlation:.2f}), which needs no model: it cannot stand in for {expensive}"
        )
        return Judgement(sentence, expensive)
    if low >= _ALMOST:
        sentence = (
            f"{best.name} ranks almost as {expensive} does ({numbers}){_price(found, best.name)}"
        )
        return Judgement(sentence, best.name)
    alike = f"{best.overlaps[1].in_common:.0%} of their best tenth are the same rows"
    if low >= _ROUGHLY:
        sentence = (
            f"{best.name} ranks much as {expensive} does ({numbers}){_price(found, best.name)}"
        )
        return Judgement(f"{sentence}, but {alike}", best.name)
    return Judgement(
        f"{best.name} ranks otherwise than {expensive} ({numbers}); {alike}", expensive
    )


def _best_model(found: Report, models: Sequence[Agreement]) -> Agreement:
    """Return the cheapest model that ranks almost as the reference, or else the nearest to it."""
    costs = {reader.name: reader.cost for reader in found.readers}
    almost = [each for each in models if each.interval.low >= _ALMOST]
    if almost:
        return min(almost, key=lambda each: _seconds_of(costs[each.name]))
    return max(models, key=lambda each: np.nan_to_num(each.correlation, nan=-2.0))


def _seconds_of(cost: Cost | None) -> float:
    """Return what all rows take: nothing without a model, any time where it is not known."""
    if cost is None:
        return 0.0
    return math.inf if math.isnan(cost.all_seconds) else cost.all_seconds


def _price(found: Report, name: str) -> str:
    """Return how much less a model takes than the reference, in words; nothing if it does not."""
    costs = {reader.name: reader.cost for reader in found.readers}
    cheap, expensive = costs[name], costs[found.reference.name]
    if cheap is None or expensive is None or not cheap.all_seconds * 1.5 < expensive.all_seconds:
        return ""
    return f" in 1/{expensive.all_seconds / cheap.all_seconds:.0f} of the time"
