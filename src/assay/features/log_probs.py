"""Log-probabilities of answers and prompts, and what predicted them."""

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.components.base import NoPaper, Paper
from assay.features.causal_pass import CausalFeature
from assay.features.read_rows import ReadRows
from assay.models.language_model import Answers
from assay.rendering.chat_spans import UNRENDERED
from assay.rendering.tokenization import Preceding
from assay.samples import Float32Array, FloatArray, Reason
from assay.values import LogProbs, Numbers, RowValue

_COMMON = NoPaper(reason="what every language model gives")


class AnswerFeature(CausalFeature):
    """What is read off an answer, after whatever is to stand before it."""

    given: Preceding = "prompt"
    """"prompt", "nothing", or {text: ...}, which stands before the prompt."""

    def context(self) -> Preceding:
        """Return what the answers are scored after."""
        return self.given


class ResponseLogProbs(AnswerFeature):
    """Log-probabilities of the answer's tokens, given the prompt, nothing, or a text before it.

    Sums and counts per row; per turn where the rendering holds turns apart, and per token on
    request. Truncation cuts the prompt from its left. An answer that does not fit by itself is
    scored on its beginning, and flagged.
    """

    name = "response_log_probs"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = LogProbs

    tokens: bool = False
    """Also keep the number of every token."""

    def collect(self, rows: ReadRows) -> LogProbs:
        """Return the sums over the scored tokens."""
        found = _log_probs(rows, rows.turn_of >= 0, tokens=self.tokens)
        if self.rendering.turns != "each":
            return found
        sums, counts = _per_turn(rows)
        return LogProbs(**{**found.__dict__, "turn_sums": sums, "turn_counts": counts})


class PromptLogProbs(CausalFeature):
    """Log-probabilities of the prompt's tokens, template included, from the answer's own forward.

    A model is causal, so what it makes of a prompt does not depend on the answer that follows.
    """

    name = "prompt_log_probs"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = LogProbs
    prompt_targets: ClassVar[bool] = True

    tokens: bool = False
    """Also keep the number of every token."""

    def collect(self, rows: ReadRows) -> LogProbs:
        """Return the sums over what stands before the last answer and in none that is scored.

        Of several windows the first counts.
        """
        chosen = rows.in_prompt & rows.first_window
        reasons = rows.reasons()
        unrendered = np.isin(reasons, UNRENDERED)
        reasons[:] = np.where(unrendered, reasons, rows.unread())
        reasons[(reasons == 0) & (rows.counts(chosen) == 0)] = Reason.NO_SCORED_TOKENS
        return _log_probs(rows, chosen, tokens=self.tokens, reasons=reasons)


class AnswerMeans(AnswerFeature):
    """Means over an answer's scored tokens of numbers that say what predicted each of them.

    Subclasses write `columns`.
    """

    value: ClassVar[type[RowValue]] = Numbers
    statistics: ClassVar[bool] = True

    def columns(self, answers: Answers) -> dict[str, Float32Array]:
        """Return the numbers of all targets, by the name of their mean."""
        raise TypeError(f"{type(self).__name__} has no columns()")

    def collect(self, rows: ReadRows) -> Numbers:
        """Return the means."""
        chosen = rows.turn_of >= 0
        counts = rows.counts(chosen)
        columns = self.columns(rows.answers)
        sums = np.column_stack([rows.sums(each, chosen) for each in columns.values()])
        means = sums / np.where(counts == 0, 1, counts)[:, None]
        return Numbers.of_table(rows.reasons(), rows.flags(counts), list(columns), means)


class TokenStatistics(AnswerMeans):
    """How sure the model was of each token of the answer: means over the scored tokens.

    Columns entropy (nats, of the distribution that predicts the token), top_probability (its
    largest), rank (of the true token, 1 for the most probable) and accuracy (share of rank 1).
    """

    name = "token_statistics"
    paper: ClassVar[Paper | NoPaper] = _COMMON

    @property
    def tolerance(self) -> float:
        """Ranks jump where two tokens are almost equally probable; a mean moves by a step."""
        return super().tolerance * 1e4

    def columns(self, answers: Answers) -> dict[str, Float32Array]:
        """Return what the four means are of."""
        return {
            "entropy": answers.entropy,
            "top_probability": answers.top,
            "rank": answers.rank,
            "accuracy": (answers.rank == 1).astype(np.float32),
        }


class TokenMargins(AnswerMeans):
    """How far ahead the most probable token was of the next one: means over the scored tokens.

    Columns runner_up (the second largest probability of the distribution that predicts the token),
    margin (the largest less the second largest) and log_margin (the same of their natural
    logarithms, which is the difference of the two largest logits).
    """

    name = "token_margins"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="what active learning asks; DiverseEvol's margin is the logarithmic one"
    )

    @property
    def tolerance(self) -> float:
        """Ten times that of a mean log-probability: two logits each move, and far from zero."""
        return super().tolerance * 10

    def columns(self, answers: Answers) -> dict[str, Float32Array]:
        """Return what the three means are of."""
        return {
            "runner_up": answers.runner_up,
            "margin": answers.top - answers.runner_up,
            "log_margin": answers.lead,
        }


def _log_probs(
    rows: ReadRows,
    chosen: NDArray[np.bool_],
    *,
    tokens: bool,
    reasons: NDArray[np.uint8] | None = None,
) -> LogProbs:
    sums = rows.sums(rows.answers.log_probs, chosen)
    counts = rows.counts(chosen)
    reasons = rows.reasons() if reasons is None else reasons
    reasons[(reasons == 0) & ~np.isfinite(sums)] = Reason.NON_FINITE
    sums[reasons != 0] = np.nan
    return LogProbs(
        reasons,
        rows.flags(counts),
        sums,
        counts,
        _each(rows, "prompt_tokens"),
        _each(rows, "response_tokens"),
        _each(rows, "total_tokens"),
        tokens=_token_lists(rows, chosen) if tokens else None,
    )


def _each(rows: ReadRows, name: str) -> FloatArray:
    return np.array([getattr(row, name) for row in rows.rows], np.float64)


def _token_lists(rows: ReadRows, chosen: NDArray[np.bool_]) -> pl.Series:
    frame = pl.DataFrame(
        {"row": rows.row_of[chosen], "token": rows.answers.log_probs[chosen]},
        schema={"row": pl.Int64, "token": pl.Float32},
    )
    return _by_row(frame.group_by("row", maintain_order=True).agg("token"), "token", len(rows))


def _per_turn(rows: ReadRows) -> tuple[pl.Series, pl.Series]:
    chosen = rows.turn_of >= 0
    frame = pl.DataFrame(
        {
            "row": rows.row_of[chosen],
            "turn": rows.turn_of[chosen],
            "value": rows.answers.log_probs[chosen].astype(np.float64),
        },
        schema={"row": pl.Int64, "turn": pl.Int64, "value": pl.Float64},
    )
    turns = (
        frame.group_by("row", "turn", maintain_order=True)
        .agg(sum=pl.col("value").sum(), count=pl.len().cast(pl.Float64))
        .sort("row", "turn")
        .group_by("row", maintain_order=True)
        .agg("sum", "count")
    )
    return _by_row(turns, "sum", len(rows)), _by_row(turns, "count", len(rows))


def _by_row(lists: pl.DataFrame, name: str, count: int) -> pl.Series:
    """Return one list per row, empty where there is none."""
    whole = pl.DataFrame({"row": np.arange(count)}).join(
        lists, on="row", how="left", maintain_order="left"
    )
    return whole[name].fill_null([])
