"""Rows with a number or a word to learn, as a classifier is trained on them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from assay.components.base import Component
from assay.components.references import short_name
from assay.errors import DataError, Parameter, Phrase, UnfinishedError
from assay.features.classification import ClassificationPass, ClassificationReading
from assay.features.folds import set_aside
from assay.features.row_labels import labels_of
from assay.models.classifier import Classifier, Framed
from assay.models.recipe import Recipe
from assay.models.training import LabelledRows
from assay.outcomes import ScoreTable
from assay.pool.view import PoolView
from assay.samples import Conversation, FloatArray, IdArray, IndexArray, Reason, Scores
from assay.values import RowValue
from assay.wording import number_of

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


def targets_of(
    component: Component, labels: Any, view: PoolView, places: IndexArray, recipe: Recipe
) -> Targets:
    """Return what the rows at some places in view have to learn.

    Args:
        component: what gave the labels.
        labels: scores of the whole pool, or the value of a feature of the rows in view.
        view: the rows.
        places: those that may be trained on.
        recipe: says whether numbers or words are learned.

    Raises:
        UnfinishedError: if rows are to get their label in another run.
        DataError: if fewer than two rows have a label, or all have the same.
        FeatureError: if there is not one number or word per row.
    """
    as_words = recipe.objective == "class"
    found = labels_of(component, labels, view.positions, as_words=as_words)
    if len(found.waiting):
        raise UnfinishedError(
            f"{number_of(len(found.waiting), 'row')} got no label in this run",
            hint="run it again",
        )
    values, known = found.targets[places], found.known[places]
    if not known.any() and isinstance(labels, pl.Series) and labels.null_count() < len(labels):
        some = next(text for text in labels.to_list() if text is not None)
        raise DataError(
            f"labels such as {some[:40]!r} are no numbers",
            hint=Parameter("recipe.objective", "class"),
        )
    if known.sum() < _LEAST_ROWS:
        raise DataError(
            f"{int(known.sum())} of {len(places):,} rows have a label",
            hint=Phrase("other {}", Parameter("labels")),
        )
    if len(np.unique(values[known])) < _LEAST_ROWS:
        first = values[known][0]
        same = found.classes[int(first)] if as_words else f"{first:g}"
        raise DataError(
            f"all {int(known.sum()):,} rows with a label have the same, {same}",
            hint=Phrase("other {}", Parameter("labels")),
        )
    taught = found.taught(places[known], view.pool.content_hashes[view.positions])
    return Targets(*taught, without=int(np.count_nonzero(~known)))


def labelled_share(component: Component, labels: Any, recipe: Recipe) -> float:
    """Return which share of some rows has a label and is trained on.

    Args:
        component: what gave the labels.
        labels: of all rows.
        recipe: says whether numbers or words are learned, and how many rows are not trained on.
    """
    value = labels.main if isinstance(labels, ScoreTable) else labels
    count = len(value.reason) if isinstance(value, (RowValue, Scores)) else len(value)
    as_words = recipe.objective == "class"
    known = labels_of(component, value, np.arange(count), as_words=as_words).known
    return float(known.mean()) * (1 - recipe.validation) if count else 0.0


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

    Which is which depends on the texts and the seed alone; rows of one text stay together.

    Args:
        rows: all of them.
        ids: the first 64 bits of each row's hash.
        recipe: says which share is not trained on.
        seed: of the division.
        base: what is trained, for an error.

    Raises:
        DataError: if too few rows are left to train on.
    """
    aside = np.zeros(len(ids), np.bool_)
    if recipe.validation:
        aside = set_aside(ids, recipe.validation, seed=seed, purpose="validation")
    held_out, trained = np.flatnonzero(aside), np.flatnonzero(~aside)
    if len(np.unique(rows.targets[trained])) < _LEAST_ROWS:
        raise DataError(
            f"{len(trained):,} rows with different labels are left to train "
            f"{short_name(base)} on ({', '.join(f'{k}: {n:,}' for k, n in rows.left_out.items())})",
            hint=Phrase("label more rows, or a smaller {}", Parameter("recipe.validation")),
        )
    return rows.part(trained), rows.part(held_out)
