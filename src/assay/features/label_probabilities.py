"""Probabilities of labels as a language model's next word, of every exchange of a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.references import QuestionRef
from assay.errors import ConfigError
from assay.features.causal_pass import CausalPass
from assay.features.passes import Pass
from assay.features.read_rows import ReadRows
from assay.features.word_probabilities import QuestionPass, WordProbabilities, marked
from assay.judging.row_questions import Turns, exchanges_of
from assay.rendering.encoding import TextEncoding
from assay.rendering.judged_rows import judged_rows
from assay.rendering.questions import load_question
from assay.rendering.token_rows import TokenRow
from assay.samples import (
    Conversation,
    Flag,
    FlagArray,
    FloatArray,
    IndexArray,
    Message,
    Reason,
    ReasonArray,
)
from assay.values import RowValue

DEITA = Paper(
    title="What Makes Good Data for Alignment? A Comprehensive Study of Automatic Data "
    "Selection in Instruction Tuning",
    authors="Liu et al.",
    year=2024,
    arxiv="2312.15685",
    code="https://github.com/hkust-nlp/deita",
)
_COVERAGE = "coverage"
_LISTS = pl.List(pl.Float64)


@dataclass(frozen=True, repr=False)
class LabelShares(RowValue):
    """How probable each label is, per exchange of a row.

    Attributes:
        shares: by label, lists of float64 in [0, 1], one per exchange; empty where `reason` is not
            0.
        coverage: lists of float64, one per exchange: the probability of all labels together among
            all tokens.
    """

    shares: Mapping[str, pl.Series]
    coverage: pl.Series

    def __getitem__(self, label: str) -> pl.Series:
        """Return the lists of a label."""
        return self.shares[label]

    def expected(self, values: Mapping[str, float] | None = None) -> pl.Series:
        """Return the mean of the labels' values, weighed by their shares, per exchange.

        Args:
            values: by label; the numbers that the labels spell if none are given.
        """
        worth = {label: float(label) for label in self.shares} if values is None else values
        counts = self.coverage.list.len().cast(pl.Int64).to_numpy()
        total = np.zeros(int(counts.sum()))
        for label, lists in self.shares.items():
            total += worth[label] * _flat(lists)
        return _as_lists("expected", total, counts)

    def least_coverage(self) -> FloatArray:
        """Return the smallest coverage of each row's exchanges. Shape (n,), NaN for none."""
        return np.array(self.coverage.list.min().cast(pl.Float64).fill_null(np.nan).to_numpy())

    def frame(self) -> pl.DataFrame:
        """Return a column of lists per label, and that of the coverage."""
        return pl.DataFrame({**self.shares, _COVERAGE: self.coverage})

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        labels = [name for name in frame.columns if name != _COVERAGE]
        return cls(reason, flags, {label: frame[label] for label in labels}, frame[_COVERAGE])

    def blank(self, count: int) -> pl.DataFrame:
        """Return `count` rows of empty lists."""
        names = (*self.shares, _COVERAGE)
        return pl.DataFrame({name: pl.Series(name, [[]] * count, _LISTS) for name in names})

    def difference(self, other: Self) -> float:
        """Return the largest absolute difference over all columns."""
        worst = 0.0
        for mine, theirs in zip(self.frame(), other.frame(), strict=True):
            if mine.list.len().to_list() != theirs.list.len().to_list():
                return float("inf")
            worst = max(worst, float(np.abs(_flat(mine) - _flat(theirs)).max(initial=0.0)))
        return worst


class ExchangesPass(QuestionPass):
    """One forward of a causal language model over a question about every exchange of every row."""

    turns: Turns

    def rows(self, model: TextEncoding, conversations: Sequence[Conversation]) -> list[TokenRow]:
        """Return the questions about each row as tokens, a window each."""
        found = [list(exchanges_of(row, self.turns)) for row in conversations]
        asked = [one_exchange(texts) for exchanges in found for texts in exchanges]
        question = load_question(self.question)
        read = iter(judged_rows(model, self.rendering, question, asked))
        texts = iter(asked)
        return [
            _together([_checked(next(read), next(texts)) for _ in exchanges]) for exchanges in found
        ]


class LabelProbabilities(WordProbabilities):
    """How probable each of some labels is as what a language model says of an exchange.

    That is `word_probabilities` after a question, of every answer with its own question in place
    of the row as a whole: the question's {instruction} is what the user said right before, an input
    below it, and {response} is the answer. So trained scorers are read that judge single exchanges.
    Where one of a row's questions cannot be asked, the row has no value.
    """

    name = "label_probabilities"
    version: ClassVar[int] = 1
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="how DEITA's scorers are read")
    value: ClassVar[type[RowValue]] = LabelShares

    question: QuestionRef = "deita_complexity"
    """Question that the labels answer: deita_complexity, deita_quality, or a .json file."""
    words: Annotated[tuple[str, ...], Field(min_length=2)] = ("1", "2", "3", "4", "5", "6")
    """The labels."""
    over: Literal["words", "vocabulary"] = "words"
    """Whether the probabilities are among the labels alone, or among all tokens."""
    turns: Turns = "each"
    """Whether every answer of a conversation is asked about with its own question, or the last."""

    def reading(self) -> Pass:
        """Return the forward over the questions.

        Raises:
            ConfigError: if no question is named, the model is behind HTTP, or a label cannot be
                told from another.
        """
        if not self.question:
            raise ConfigError(
                f"{self.name} asks a question, and none is named",
                hint="question=deita_complexity, or a .json file",
            )
        plain = super().reading()
        fields = {name: getattr(plain, name) for name in CausalPass.model_fields}
        return ExchangesPass(question=self.question, turns=self.turns, **fields)

    def collect(self, rows: ReadRows) -> LabelShares:  # type: ignore[override]  # lists
        """Return the probabilities of the labels."""
        of, table = self._shares(rows)
        reasons = rows.reasons()
        silent = reasons == Reason.NO_SCORED_TOKENS
        reasons[silent & (np.bincount(of, minlength=len(rows)) > 0)] = 0
        failed = np.zeros(len(rows), np.bool_)
        failed[of[~np.isfinite(table).all(axis=1)]] = True
        reasons[(reasons == 0) & failed] = Reason.NON_FINITE
        flags = rows.flags(np.full(len(rows), np.inf))
        flags[reasons != 0] = 0
        kept = reasons[of] == 0
        counts = np.bincount(of[kept], minlength=len(rows))
        names = (*self.words, _COVERAGE)
        lists = {
            name: _as_lists(name, column, counts)
            for name, column in zip(names, table[kept].T, strict=True)
        }
        coverage = lists.pop(_COVERAGE)
        return LabelShares(reasons, flags, lists, coverage)


def one_exchange(texts: Mapping[str, str]) -> Conversation:
    """Return a question and its answer as a row of their own, as a question shows them."""
    return Conversation((Message("user", texts["query"]), Message("assistant", texts["response"])))


def _checked(row: TokenRow, exchange: Conversation) -> TokenRow:
    """Return a question as tokens; none where nothing was asked, marked if it speaks to a judge."""
    if not exchange.instruction.strip():
        return TokenRow((), Reason.EMPTY_PROMPT)
    return marked(row, (message.content for message in exchange.messages))


def _together(questions: Sequence[TokenRow]) -> TokenRow:
    """Return the questions about a row as one, a window each."""
    if not questions:
        return TokenRow((), Reason.EMPTY_RESPONSE)
    # Of two things that are wrong the first counts: whether a question can be asked at all.
    silent = (Reason.OK, Reason.NO_SCORED_TOKENS)
    refused = next((each.reason for each in questions if each.reason not in silent), Reason.OK)
    if refused:
        return TokenRow((), refused)
    flags = Flag.NONE
    for each in questions:
        flags |= each.flags
    return TokenRow(
        tuple(window for each in questions for window in each.windows),
        next((each.reason for each in questions if each.reason), Reason.OK),
        flags,
        prompt_tokens=sum(each.prompt_tokens for each in questions),
        response_tokens=sum(each.response_tokens for each in questions),
        separate=True,
    )


def _flat(lists: pl.Series) -> FloatArray:
    """Return the numbers of all lists, one after the other."""
    return np.array(lists.filter(lists.list.len() > 0).explode().cast(pl.Float64).to_numpy())


def _as_lists(name: str, numbers: FloatArray, counts: IndexArray) -> pl.Series:
    """Return numbers as lists of so many each."""
    parts = np.split(numbers, np.cumsum(counts)[:-1]) if len(counts) else []
    return pl.Series(name, [part.tolist() for part in parts], _LISTS)
