"""Log-probabilities of answers and prompts, and what predicted them."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.components.component import NoPaper, Paper
from assay.features.causal_pass import CausalFeature
from assay.features.read_rows import ReadRows
from assay.rendering.chat_spans import UNRENDERED
from assay.rendering.tokenization import Preceding
from assay.samples import Float32Array, FloatArray, Reason
from assay.values import LogProbs, Numbers, RowValue

_COMMON = NoPaper(reason="what every language model gives")


class ResponseLogProbs(CausalFeature):
    """Log-probabilities of the answer's tokens, given the prompt, nothing, or a text before it.

    Sums and counts per row; per turn where the rendering holds turns apart, and per token on
    request. Truncation cuts the prompt from its left. An answer that does not fit by itself is
    scored on its beginning, and flagged.
    """

    name = "response_log_probs"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = LogProbs

    given: Preceding = "prompt"
    """"prompt", "nothing", or {text: ...}, which stands before the prompt."""
    tokens: bool = False
    """Also keep the number of every token."""

    def context(self) -> Preceding:
        """Return what the answers are scored after."""
        return self.given

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


class TokenStatistics(CausalFeature):
    """How sure the model was of each token of the answer: means over the scored tokens.

    Columns entropy (nats, of the distribution that predicts the token), top_probability (its
    largest), rank (of the true token, 1 for the most probable) and accuracy (share of rank 1).
    """

    name = "token_statistics"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = Numbers
    statistics: ClassVar[bool] = True

    given: Preceding = "prompt"
    """"prompt", "nothing", or {text: ...}, which stands before the prompt."""

    @property
    def tolerance(self) -> float:
        """Ranks jump where two tokens are almost equally probable; a mean moves by a step."""
        return super().tolerance * 1e4

    def context(self) -> Preceding:
        """Return what the answers are scored after."""
        return self.given

    def collect(self, rows: ReadRows) -> Numbers:
        """Return the four means."""
        answers = rows.answers
        return _means(
            rows,
            {
                "entropy": answers.entropy,
                "top_probability": answers.top,
                "rank": answers.rank,
                "accuracy": (answers.rank == 1).astype(np.float32),
            },
        )


class TokenMargins(CausalFeature):
    """How far ahead the most probable token was of the next one: means over the scored tokens.

    Columns runner_up (the second largest probability of the distribution that predicts the token),
    margin (the largest less the second largest) and log_margin (the same of their natural
    logarithms, which is the difference of the two largest logits).
    """

    name = "token_margins"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="what active learning asks; DiverseEvol's margin is the logarithmic one"
    )
    value: ClassVar[type[RowValue]] = Numbers
    statistics: ClassVar[bool] = True

    given: Preceding = "prompt"
    """"prompt", "nothing", or {text: ...}, which stands before the prompt."""

    @property
    def tolerance(self) -> float:
        """Ten times that of a mean log-probability: two logits each move, and far from zero."""
        return super().tolerance * 10

    def context(self) -> Preceding:
        """Return what the answers are scored after."""
        return self.given

    def collect(self, rows: ReadRows) -> Numbers:
        """Return the three means."""
        answers = rows.answers
        return _means(
            rows,
            {
                "runner_up": answers.runner_up,
                "margin": answers.top - answers.runner_up,
                "log_margin": answers.lead,
            },
        )


def _means(rows: ReadRows, columns: Mapping[str, Float32Array]) -> Numbers:
    """Return the means of numbers of the targets over each row's scored tokens."""
    chosen = rows.turn_of >= 0
    counts = rows.counts(chosen)
    empty = counts == 0
    reasons = rows.reasons()
    known = reasons == 0
    means = {
        name: np.where(known, rows.sums(each, chosen) / np.where(empty, 1, counts), np.nan)
        for name, each in columns.items()
    }
    broken = known & ~np.isfinite(np.sum(list(means.values()), axis=0))
    reasons[broken] = Reason.NON_FINITE
    for column in means.values():
        column[broken] = np.nan
    return Numbers(reasons, rows.flags(counts), means)


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
