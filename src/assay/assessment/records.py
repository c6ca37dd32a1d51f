"""What an assessment finds: plain numbers, as they stand in the JSON document.

Shares lie in [0, 1]. A number that cannot be had is None, and something says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.echo import Brief


@dataclass(frozen=True)
class Share:
    """A part of some rows.

    Attributes:
        count: rows it holds for.
        of: rows looked at.
        share: count / of; None if no row was looked at.
        low: lower end of the 95 % interval for the whole dataset; `share` where all rows were seen.
        high: upper end.
    """

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, repr=False)
class Histogram(Brief):
    """Counts of values in bins.

    Bin i holds edges[i] <= value < edges[i + 1]; the last one all from its edge on, the first one
    also what lies below. There are as many counts as edges.
    """

    edges: Sequence[float]
    counts: Sequence[int]


@dataclass(frozen=True, repr=False)
class Distribution(Brief):
    """How one number is spread over the rows.

    Attributes:
        rows: rows looked at.
        scored: rows that have the number.
        unscored: rows that have none, by reason.
        mean: of the rows that have it; None if none has.
        quantiles: by name: min, p5, p25, p50, p75, p95, max; empty if no row has the number.
        histogram: of the rows that have it.
    """

    rows: int
    scored: int
    unscored: Mapping[str, int]
    mean: float | None
    quantiles: Mapping[str, float]
    histogram: Histogram


@dataclass(frozen=True, repr=False)
class MakeUp(Brief):
    """Words that rows carry, such as their language, the most frequent first.

    Attributes:
        words: rows of each word; the empty word is for rows without one.
        distinct: how many words there are in all.
        others: rows of the words that are not listed.
    """

    words: Mapping[str, int]
    distinct: int
    others: int


@dataclass(frozen=True, repr=False)
class Variety(Brief):
    """How varied a random sample of so many rows is.

    Attributes:
        rows: size of the sample; samples of one dataset are nested.
        distance: mean cosine distance to the nearest other row of the sample.
        vendi: Vendi score, the effective number of different rows.
    """

    rows: int
    distance: float
    vendi: float


@dataclass(frozen=True, repr=False)
class Example(Brief):
    """A row at an end of some number, its texts shortened."""

    kind: str
    value: float
    id: str
    asked: str
    answered: str


@dataclass(frozen=True, repr=False)
class DatasetRecord(Brief):
    """One dataset in numbers.

    Attributes:
        name: unlike the names of the others.
        source: what was named on the command line.
        rows: rows that are looked at.
        set_aside: records that could not be read, by reason.
        held_out: rows that the project holds out; they are looked at, too.
        sampled: rows of the random sample that costly measures look at.
        tokens: of all rows together.
        several_answers: rows with more than one answer.
        exact_copies: rows whose text an earlier row has.
        near_copies: rows that go if one of every group of near-duplicates stays.
        alike: sampled rows that have another row of the dataset close in meaning.
        nearest: quantiles of the cosine of sampled rows with the nearest other row.
        learned: share of the letters in words that the encoder has learned; None if unknown.
        distributions: by name: tokens, instruction, response, compression_ifd and, with a
            language model, ifd and perplexity.
        above_one: sampled rows with an IFD above 1; None without a language model.
        languages: rows by language.
        tasks: rows by task.
        variety: by size of the sample.
        examples: rows at the ends.
        notes: what a person should know, besides.
        remarks: what stands out, in words.
        model_fit: how the language model fits the sampled rows; None where that is not known.
    """

    name: str
    source: str
    rows: int
    set_aside: Mapping[str, int]
    held_out: int
    sampled: int
    tokens: int
    several_answers: Share
    exact_copies: Share
    near_copies: Share
    alike: Share
    nearest: Mapping[str, float]
    learned: float | None
    distributions: Mapping[str, Distribution]
    above_one: Share | None
    languages: MakeUp
    tasks: MakeUp
    variety: Sequence[Variety]
    examples: Sequence[Example]
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
    model_fit: Mapping[str, Any] | None = None


@dataclass(frozen=True, repr=False)
class PairRecord(Brief):
    """What part of one dataset another one holds, too.

    Attributes:
        of: the dataset whose rows are counted.
        within: the dataset that they are looked for in.
        exact: rows with an equal text there.
        near: rows with a near-duplicate there, equal ones included.
        alike: sampled rows with a row there that is close in meaning.
        nearest: quantiles of the cosine of sampled rows with the nearest row there.
    """

    of: str
    within: str
    exact: Share
    near: Share
    alike: Share
    nearest: Mapping[str, float]


@dataclass(frozen=True, repr=False)
class Assessment(Brief):
    """Datasets side by side.

    Attributes:
        assay: version that measured.
        settings: what the numbers depend on besides the rows: sample, thresholds, models.
        datasets: in the order in which they were named.
        pairs: every ordered pair of them.
        left_out: what was not measured, and why.
        notes: what a person should know about all of them.
    """

    assay: str
    settings: Mapping[str, Any]
    datasets: Sequence[DatasetRecord]
    pairs: Sequence[PairRecord]
    left_out: Sequence[str] = field(default_factory=list)
    notes: Sequence[str] = field(default_factory=list)

    def pair(self, of: str, within: str) -> PairRecord | None:
        """Return what part of one dataset another one holds; None if that was not measured."""
        return next((p for p in self.pairs if (p.of, p.within) == (of, within)), None)
