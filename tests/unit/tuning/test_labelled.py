"""Which rows are trained on with which labels, in which order."""

import numpy as np
import polars as pl

from assay.features.record_field import RecordField
from assay.models.recipe import Recipe
from assay.pool.view import PoolView
from assay.testing import pool as pool_of
from assay.tuning.labelled import Targets, targets_of
from tests.rows import conversation


def _taught(labels: list[str], recipe: Recipe) -> Targets:
    """Return what rows learn of which the first three have one text."""
    texts = [conversation("Which?", "This."), conversation("What?", "That.")]
    view = PoolView(pool_of([texts[0], texts[0], texts[0], texts[1]]))
    order = np.argsort(view.pool.content_hashes, kind="stable")
    same = order[order != _alone(view)]
    named = dict(zip([*same.tolist(), _alone(view)], labels, strict=True))
    values = pl.Series([named[place] for place in range(len(view))])
    return targets_of(RecordField(field="stars"), values, view, order, recipe)


def _alone(view: PoolView) -> int:
    hashes = view.pool.content_hashes.tolist()
    return next(place for place, own in enumerate(hashes) if hashes.count(own) == 1)


def test_rows_of_one_text_are_read_in_the_order_of_their_labels() -> None:
    recipe = Recipe(objective="number")

    every = [
        _taught([*labels, "4"], recipe).values.tolist()
        for labels in (("9", "10", "2"), ("2", "9", "10"), ("10", "2", "9"))
    ]

    assert every[0] == every[1] == every[2]
    assert [each for each in every[0] if each != 4.0] == [2.0, 9.0, 10.0]


def test_words_of_one_text_are_read_in_their_order_with_their_rows() -> None:
    recipe = Recipe(objective="class")

    first = _taught(["b", "a", "b", "c"], recipe)
    second = _taught(["a", "b", "b", "c"], recipe)

    assert first.words == second.words == ("a", "b", "c")
    assert first.values.tolist() == second.values.tolist()
    assert sorted(first.places.tolist()) == [0, 1, 2, 3]
    assert first.places.tolist() != second.places.tolist()
