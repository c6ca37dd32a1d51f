"""Rows with a number or a word to learn, as a classifier is trained on them."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from assay.components.references import short_name
from assay.errors import DataError, Parameter, Phrase
from assay.features.classification import ClassificationPass, ClassificationReading
from assay.models.classifier import Classifier, Framed
from assay.models.recipe import Recipe
from assay.models.training import LabelledRows
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.samples import Conversation, FloatArray, IdArray, IndexArray, Reason, Scores
from assay.values import Labels, Numbers, ScoreTable

_LEAST_ROWS = 2


class Targets(NamedTuple):
    """What some rows have to learn.

    Attributes:
        places: rows in view that have a label, as they are trained on. Shape (n,).
        values: their numbers, or the places of their words. Shape (n,), float64.
        words: all words, ascending; none where they are numbers.
        without: rows that have no label.
    """

    places: IndexArray
    values: FloatArray
    words: tuple[str, ...]
    without: int

    def digest(self) -> bytes:
        """Return 16 bytes over the labels in order."""
        state = hashlib.blake2b(self.values.tobytes(), digest_size=16)
        state.update("\0".join(self.words).encode(errors="surrogatepass"))
        return state.digest()


def targets_of(labels: Any, view: PoolView, places: IndexArray, recipe: Recipe) -> Targets:
    """Return what the rows at some places in view have to learn.

    Args:
        labels: scores of the whole pool, or the value of a feature of the rows in view.
        view: the rows.
        places: those that may be trained on, in order.
        recipe: says whether numbers or words are learned.

    Raises:
        DataError: if fewer than two rows have a label, or all have the same.
    """
    own = view.positions[places] if isinstance(labels, Scores) else places
    if recipe.objective == "number":
        values = _numbers(labels)[own]
        known = np.isfinite(values)
        words: tuple[str, ...] = ()
    else:
        texts = _words(labels)[own]
        known = np.array([bool(text) for text in texts], np.bool_)
        words = tuple(sorted({str(text) for text in texts[known]}))
        place = {word: float(number) for number, word in enumerate(words)}
        values = np.array([place.get(str(text), np.nan) for text in texts])
    found = Targets(places[known], values[known], words, int(np.count_nonzero(~known)))
    if len(found.places) < _LEAST_ROWS:
        raise DataError(
            f"{len(found.places)} of {len(places):,} rows have a label",
            hint=Phrase("other {}", Parameter("labels")),
        )
    if len(np.unique(found.values)) < _LEAST_ROWS:
        same = words[0] if words else f"{found.values[0]:g}"
        raise DataError(
            f"all {len(found.places):,} rows with a label have the same, {same}",
            hint=Phrase("other {}", Parameter("labels")),
        )
    return found


def labelled_share(labels: Any, recipe: Recipe) -> float:
    """Return which share of some rows has a label and is trained on."""
    if isinstance(labels, ScoreTable):
        labels = labels.main
    known = (
        np.isfinite(_numbers(labels))
        if recipe.objective == "number"
        else np.array([bool(word) for word in _words(labels)], np.bool_)
    )
    return float(known.mean()) * (1 - recipe.validation) if len(known) else 0.0


def _numbers(labels: Any) -> FloatArray:
    """Return labels as numbers, NaN where a row has none."""
    if isinstance(labels, Scores):
        return np.where(labels.reason == 0, labels.values, np.nan)
    if isinstance(labels, Numbers):
        if len(labels.columns) != 1:
            raise DataError(
                f"labels are one number a row, and here are {', '.join(labels.columns)}",
                hint=Phrase("a score of one of them as {}", Parameter("labels")),
            )
        return np.asarray(next(iter(labels.columns.values())), np.float64)
    texts = pl.Series(_words(labels), dtype=pl.String)
    numbers = texts.str.strip_chars().cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    if np.isnan(numbers).all() and texts.null_count() < len(texts):
        some = next(text for text in texts.to_list() if text is not None)
        raise DataError(
            f"labels such as {some[:40]!r} are no numbers",
            hint=Parameter("recipe.objective", "class"),
        )
    return np.asarray(numbers, np.float64)


def _words(labels: Any) -> "np.ndarray[Any, Any]":
    """Return labels as words, None where a row has none."""
    if isinstance(labels, Labels):
        words = labels.values.to_list()
        return np.array(
            [
                word if known else None
                for word, known in zip(words, labels.reason == 0, strict=True)
            ],
            dtype=object,
        )
    if isinstance(labels, pl.Series):
        return np.array(labels.to_list(), dtype=object)
    found = _numbers(labels)
    return np.array([None if np.isnan(each) else f"{each:g}" for each in found], dtype=object)


def labelled_rows(
    model: Classifier, recipe: Recipe, blocks: Iterable[Sequence[Conversation]], targets: Targets
) -> tuple[LabelledRows, IndexArray]:
    """Return conversations as sequences with labels, and which of the targets' rows they are.

    They are framed as `Classification` reads them; one that it does not read is left out.

    Args:
        model: whose tokenizer encodes, and whose window is the limit.
        recipe: form, part and limit.
        blocks: the targets' rows, some at a time.
        targets: what each has to learn.
    """
    reading = ClassificationReading(
        model,
        ClassificationPass(
            model="", input=recipe.input, part=recipe.part, max_tokens=recipe.max_length,
            dtype="float32",
        ),
    )  # fmt: skip
    framed: list[Framed] = []
    kept: list[int] = []
    left_out: Counter[str] = Counter()
    place = 0
    for block in blocks:
        for read in reading.prepare(block, []):
            if read.framed is None:
                left_out[Reason(read.reason).name] += 1
            else:
                framed.append(read.framed)
                kept.append(place)
            place += 1
    if targets.without:
        left_out["NOT_LABELLED"] = targets.without
    places = np.array(kept, np.int64)
    return LabelledRows.of(framed, targets.values[places], dict(left_out), ""), places


def divided(
    rows: LabelledRows, ids: IdArray, recipe: Recipe, seed: int, base: str
) -> tuple[LabelledRows, LabelledRows]:
    """Return the rows that are trained on, and those by which the best epoch is chosen.

    Which is which depends on a row's text and the seed alone.

    Args:
        rows: all of them.
        ids: the first 64 bits of each row's hash.
        recipe: says which share is not trained on.
        seed: of the division.
        base: what is trained, for an error.

    Raises:
        DataError: if too few rows are left to train on.
    """
    number = row_uniform(ids, seed=seed, purpose="validation")
    order = np.argsort(number, kind="stable")
    count = round(recipe.validation * len(ids))
    held_out, trained = np.sort(order[:count]), np.sort(order[count:])
    if len(np.unique(rows.targets[trained])) < _LEAST_ROWS:
        raise DataError(
            f"{len(trained):,} rows with different labels are left to train "
            f"{short_name(base)} on ({', '.join(f'{k}: {n:,}' for k, n in rows.left_out.items())})",
            hint=Phrase("label more rows, or a smaller {}", Parameter("recipe.validation")),
        )
    return rows.part(trained), rows.part(held_out)
