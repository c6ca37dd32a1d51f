"""Log-probabilities by hand, and rows that cannot be scored, read by a model of letters."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from assay.components.component import Scorer
from assay.engine.engine import Engine
from assay.methods.combinations.top_score import TopScore
from assay.outcomes import ScoreTable, SelectionRecord
from assay.samples import Flag, Reason
from assay.testing import pool as pool_of
from assay.testing import value_of
from assay.values import LogProbs
from tests.causal_rows import EDGE_ROWS, TALKS, exchange
from tests.letters_model import Letters

ROWS = {
    **{name: exchange(row) for name, row in EDGE_ROWS.items()},
    "blank response": exchange(("Say little.", "", " \n")),
    "blank instruction": exchange((" \n", "\t", "An answer to blanks.")),
    **{f"talk {place}": talk for place, talk in enumerate(TALKS)},
}
"""Rows of which some cannot be scored, by name."""


def losses(
    *means: float, flags: Sequence[int] = (), reasons: Sequence[int] = (), count: float = 4
) -> LogProbs:
    """Return rows of some mean losses, NaN for none, of so many tokens each."""
    number = len(means)
    frame = pl.DataFrame(
        {
            "sum": -np.array(means, np.float64) * count,
            "count": np.full(number, count),
            "prompt_tokens": np.full(number, 9.0),
            "response_tokens": np.full(number, count),
            "total_tokens": np.full(number, count + 9),
        }
    )
    unscored = np.where(np.isfinite(means), 0, Reason.NO_SCORED_TOKENS)
    return LogProbs.from_frame(
        frame,
        np.array(reasons or unscored, np.uint8),
        np.array(flags or [Flag.NONE] * number, np.uint16),
    )


def score_rows(scorer: Scorer) -> tuple[dict[str, float], dict[str, Reason]]:
    """Return the numbers of `ROWS` that have one, and the reasons of the others."""
    made = pool_of(list(ROWS.values()))
    table: ScoreTable = value_of(scorer, made)
    names = {row: name for name, row in ROWS.items()}
    order = [names[row] for row in made.conversations(np.arange(len(made)))]
    values = dict(zip(order, table.main.values.tolist(), strict=True))
    reasons = dict(zip(order, map(Reason, table.main.reason.tolist()), strict=True))
    return (
        {name: value for name, value in values.items() if reasons[name] == 0},
        {name: reason for name, reason in reasons.items() if reason != 0},
    )


def chosen_rows(scorer: Scorer, engine: Engine) -> list[str]:
    """Return the names of all rows that a selection by a score takes, best first."""
    names = {row: name for name, row in ROWS.items()}
    whole = TopScore(by=scorer, rule="none", budget=len(engine.pool))
    record: SelectionRecord = engine.value(whole)
    rows = engine.pool.conversations(np.arange(len(engine.pool)))
    return [names[rows[place]] for place in record.selection.indices.tolist()]


def seen_texts(model: Letters) -> list[str]:
    """Return what went through a model of letters, special tokens left out."""
    return ["".join(chr(token) for token in ids if token > 3) for ids in model.seen]
