"""Judgments: what a judge says of rows, as numbers, with the replies that they rest on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.references import PromptRef
from assay.features.judging_pass import Answers, JudgedFeature
from assay.judging.capabilities import Capabilities
from assay.judging.label_probabilities import label_distribution
from assay.judging.prompt_files import load_prompt
from assay.judging.prompts import VERDICT, Prompt
from assay.judging.questioning import Concluded, Questions
from assay.judging.replies import Reply
from assay.judging.row_questions import Found, RowQuestions, Turns, mode_for
from assay.judging.verdicts import Verdict
from assay.samples import Conversation, FlagArray, FloatArray, Reason, ReasonArray
from assay.values import RowValue

_KEYS, _COVERAGE = "Keys", "Coverage"
Reduction = Literal["mean", "min", "max", "sum", "last"]


@dataclass(frozen=True, repr=False)
class Judged(RowValue):
    """Numbers per judged turn of a row, and the keys of the replies that they rest on.

    Attributes:
        numbers: by name, lists of float64, one per judged turn; empty where `reason` is not 0.
        coverage: lists of float64, one per judged turn: the probability that fell on the labels,
            NaN where none was read.
        keys: lists of the 32 bytes under which replies are kept, of rows without numbers, too.
    """

    numbers: Mapping[str, pl.Series]
    coverage: pl.Series
    keys: pl.Series

    def __getitem__(self, name: str) -> pl.Series:
        """Return the lists of a name."""
        return self.numbers[name]

    def reduced(self, name: str, how: Reduction = "mean") -> FloatArray:
        """Return one number per row. Shape (n,), NaN where `reason` is not 0."""
        lists = self.numbers[name].list
        found = lists.last() if how == "last" else getattr(lists, how)()
        values = np.array(found.cast(pl.Float64).fill_null(np.nan).to_numpy())
        values[self.reason != 0] = np.nan
        return values

    def frame(self) -> pl.DataFrame:
        """Return a column of lists per name, and those of the coverage and the keys."""
        return pl.DataFrame({**self.numbers, _COVERAGE: self.coverage, _KEYS: self.keys})

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        names = [name for name in frame.columns if name not in (_COVERAGE, _KEYS)]
        return cls(
            reason, flags, {name: frame[name] for name in names}, frame[_COVERAGE], frame[_KEYS]
        )

    def blank(self, count: int) -> pl.DataFrame:
        """Return `count` rows of empty lists."""
        return pl.DataFrame(
            {
                name: pl.Series(name, [[]] * count, dtype=kind)
                for name, kind in self.frame().schema.items()
            }
        )

    def difference(self, other: Self) -> float:
        """Return 0 if all numbers are equal, else infinity."""
        return 0.0 if self.frame().equals(other.frame()) else float("inf")


class Judgments(JudgedFeature):
    """What a judge says of each row by a prompt: a number, or one per dimension.

    A prompt that asks for a number of a scale gives that; one that asks for words gives the
    probability of the first of them where probabilities are read, else 1 or 0; one that asks for an
    object gives its numbers, 1 and 0 for true and false, and the length of lists.

    The judge sees the data of a row between fences with a code that whoever wrote the data cannot
    know, and is told that they are data. A row that speaks to a judge is flagged. A reply that says
    nothing that was asked for is asked once more, warmer or with more room, and after that is a
    failure of the row and never a number. Replies are kept: what is asked once is not asked again.
    """

    name = "judgments"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="what every judge is asked for")
    value: ClassVar[type[RowValue]] = Judged

    prompt: PromptRef = "rubric"
    """What is asked: the name of a prompt, or the path of a .toml file of your own."""
    dimension: str = ""
    """What is judged, where the prompt has dimensions; by default its first, or all together where
    it asks for all at once."""
    answers: Answers = "auto"
    """How the judge answers: by the probabilities of labels, by an object that its server holds to
    a schema, or in words; by default the first of these that it was found to be able to."""
    turns: Turns = "last"
    """Whether the last answer of a conversation is judged, or each with its own question."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often each is asked; the mean counts."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Temperature of the sampling; above 0 where it is asked several times."""
    max_characters: Annotated[int, Field(ge=200)] = 24_000
    """Longest text that a judge is shown; of a longer one the middle is left out, and it is
    flagged."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return what there is a number for."""
        return number_names(load_prompt(self.prompt), self.dimension)

    def asker(self, capabilities: Capabilities) -> Callable[[Conversation], Questions[Found]]:
        """Return how rows are put to a judge."""
        prompt = load_prompt(self.prompt)
        return RowQuestions(
            prompt,
            self.dimension,
            mode_for(prompt, capabilities, self.answers, self.dimension),
            capabilities,
            self.turns,
            self.repeats,
            self.temperature,
            self.max_characters,
        ).of

    def explained(self, found: Found, replies: Sequence[Reply]) -> str:
        """Return what was said of a row without numbers, or how little of it fell on labels."""
        prompt = load_prompt(self.prompt)
        for reply in replies:
            if reply.logprobs and prompt.labels:
                spread = label_distribution(reply.logprobs, prompt.labels, min_coverage=0.0).value
                share = 0.0 if spread is None else spread.coverage
                return (
                    f"of a row {share:.0%} of the probability fell on {', '.join(prompt.labels)}; "
                    "answers=json or answers=text ask it otherwise"
                )
        return super().explained(found, replies)

    def collect(self, rows: Sequence[Concluded[Found]]) -> Judged:
        """Return the numbers of rows; a row of which one turn has none has none."""
        first = next(iter(load_prompt(self.prompt).form.options), "")
        return judged_of(rows, self.names, first)


def judged_of(rows: Sequence[Concluded[Found]], names: Sequence[str], first: str = "") -> Judged:
    """Return the numbers that were found of rows; a row of which one turn has none has none.

    Args:
        rows: what was found of each.
        names: of the numbers.
        first: of words, the one whose probability is the number.
    """
    lists: dict[str, list[list[float]]] = {name: [] for name in names}
    coverage: list[list[float]] = []
    reasons = np.array([reason_of(row.finding) for row in rows], np.uint8)
    flags = np.array([int(row.finding.flags) for row in rows], np.uint16)
    for row, reason in zip(rows, reasons.tolist(), strict=True):
        groups = [] if reason else row.finding.verdicts
        for name in names:
            lists[name].append(
                [_mean(_number(each, name, first) for each in own) for own in groups]
            )
        coverage.append([_mean(_covered(each) for each in own) for own in groups])
    return Judged(
        reasons,
        flags,
        {name: _lists(name, values, pl.Float64()) for name, values in lists.items()},
        _lists(_COVERAGE, coverage, pl.Float64()),
        _lists(_KEYS, [row.keys for row in rows], pl.Binary()),
    )


def _lists(name: str, values: Sequence[Sequence[Any]], inner: pl.DataType) -> pl.Series:
    """Return a series of lists; made of one flat series, which takes a tenth of the time."""
    places = np.repeat(np.arange(len(values)), [len(each) for each in values])
    flat = pl.Series(name, [each for own in values for each in own], inner)
    grouped = pl.DataFrame({"row": places, name: flat}).group_by("row", maintain_order=True).all()
    every = pl.DataFrame({"row": np.arange(len(values))})
    return every.join(grouped, on="row", how="left", maintain_order="left")[name].fill_null([])


def number_names(prompt: Prompt, dimension: str = "") -> tuple[str, ...]:
    """Return what a prompt gives numbers for: its dimensions, its verdict, keys of its object."""
    if prompt.form.kind != "object":
        return prompt.names(dimension)
    return tuple(field.name for field in prompt.form.fields if field.type in _NUMBERED)


_NUMBERED = ("number", "true_or_false", "list")


def reason_of(found: Found) -> Reason:
    """Return why a row has no numbers: that of the first of its replies that says nothing."""
    if found.reason:
        return found.reason
    every = (verdict for group in found.verdicts for verdict in group)
    return next((each.reason for each in every if each.reason), Reason.OK)


def _number(verdict: Verdict, name: str, first: str) -> float:
    """Return what a verdict says of a name; of words how far it is the first of all."""
    assert verdict.values is not None  # noqa: S101  its reason is OK
    value: Any = verdict.values[name]
    if name == VERDICT:
        known = verdict.distribution
        return float(value == first) if known is None else float(known.probabilities[first])
    return float(len(value)) if isinstance(value, list) else float(value)


def _covered(verdict: Verdict) -> float:
    return float("nan") if verdict.distribution is None else verdict.distribution.coverage


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return found[0] if len(found) == 1 else float(np.mean(found))
