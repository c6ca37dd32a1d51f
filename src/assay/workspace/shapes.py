"""How long rows are and how many turns they have: what was chosen beside all that could be."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from assay.files.columnar import parquet_types, scan_parquet
from assay.pool.pool import Pool, learned_answers
from assay.samples import FloatArray, IndexArray
from assay.wording import percent, times

TINY = 20
"""Characters; a shorter answer is a word or two."""
VERY_LONG = 2000
_LONGER = 3.0
_MORE_TINY = 0.05
_MUCH = 0.2
_LITTLE = 0.25

Shares = Mapping[str, Mapping[str, float]]
"""Share of rows, by attribute and word."""


@dataclass(frozen=True)
class Shape:
    """Some rows in five numbers.

    Attributes:
        median_characters: of the answers of a row, all turns together.
        tiny: share of rows whose answers have fewer than `TINY` characters.
        very_long: share of rows whose answers have more than `VERY_LONG`.
        turns: of the assistant in a row, the mean.
        text_bytes: of all messages of a row in UTF-8, the mean.
    """

    median_characters: float
    tiny: float
    very_long: float
    turns: float
    text_bytes: float


@dataclass(frozen=True)
class Shapes:
    """What was chosen, and the pool that it was chosen from."""

    chosen: Shape
    pool: Shape

    def facts(self) -> dict[str, dict[str, float]]:
        """Return the numbers for a program."""
        return {"chosen": asdict(self.chosen), "pool": asdict(self.pool)}


def shapes(pool: Pool, chosen: IndexArray) -> Shapes:
    """Return the shape of the rows at `chosen`, some at least, and of all that are not held out."""
    measured = row_measures(pool)
    return Shapes(_shape(measured, chosen), _shape(measured, np.flatnonzero(~pool.held_out)))


def row_measures(pool: Pool) -> dict[str, FloatArray]:
    """Return of every row the characters of its answers and its prompts, answers, bytes of text.

    Columns characters, prompt, turns, bytes; shape (n,) each.
    """
    message = pl.element()
    answers = learned_answers(parquet_types(pool.path)["messages"])
    content = message.struct.field("content")
    by_message = {
        "characters": pl.when(answers).then(content.str.strip_chars().str.len_chars()).otherwise(0),
        "prompt": pl.when(message.struct.field("role") == "user")
        .then(content.str.len_chars() + message.struct.field("context").str.len_chars())
        .otherwise(0),
        "turns": answers.cast(pl.UInt32),
        "bytes": content.str.len_bytes() + message.struct.field("context").str.len_bytes(),
    }
    messages = pl.col("messages")
    frame = (
        scan_parquet(pool.path)
        .select(**{name: messages.list.eval(of).list.sum() for name, of in by_message.items()})
        .collect(engine="streaming")
    )
    places = pool.file_places(np.arange(len(pool)))
    return {name: frame[name].cast(pl.Float64).to_numpy()[places] for name in by_message}


def _shape(measured: Mapping[str, FloatArray], rows: IndexArray) -> Shape:
    characters = measured["characters"][rows]
    return Shape(
        float(np.median(characters)),
        float((characters < TINY).mean()),
        float((characters > VERY_LONG).mean()),
        float(measured["turns"][rows].mean()),
        float(measured["bytes"][rows].mean()),
    )


def word_shares(words: pl.Series) -> dict[str, float]:
    """Return the share of each word."""
    counts = words.cast(pl.String).value_counts(sort=True)
    return {str(word): count / len(words) for word, count in counts.iter_rows()}


def lopsided(found: Shapes, chosen: Shares, pool: Shares) -> list[str]:
    """Return sentences on what is very different in a selection from the pool; mostly none.

    Args:
        found: both shapes.
        chosen: share of the rows chosen that have a word.
        pool: share of all rows, for attributes for which it is known.
    """
    reported = []
    mine, all_rows = found.chosen, found.pool
    if mine.tiny > max(2 * all_rows.tiny, all_rows.tiny + _MORE_TINY):
        reported.append(
            f"{percent(mine.tiny)} of the answers chosen have fewer than {TINY} characters "
            f"({percent(all_rows.tiny)} of the pool's)"
        )
    longer = (mine.median_characters + 1) / (all_rows.median_characters + 1)
    if longer >= _LONGER:
        reported.append(f"the answers chosen are {times(longer)} times as long as the pool's")
    elif longer <= 1 / _LONGER:
        reported.append(f"the answers chosen are {times(1 / longer)} times shorter than the pool's")
    for attribute, words in pool.items():
        mine_of = chosen.get(attribute, {})
        for word in {**words, **mine_of}:
            before, after = words.get(word, 0.0), mine_of.get(word, 0.0)
            if (before >= _MUCH and after < _LITTLE * before) or (
                after >= _MUCH and before < _LITTLE * after
            ):
                reported.append(
                    f"{attribute} {word or '(none)'} is {percent(after)} of what was chosen and "
                    f"{percent(before)} of the pool"
                )
    return reported
