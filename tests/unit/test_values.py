import numpy as np
import polars as pl

from assay.samples import Reason
from assay.values import Texts


def _texts(*texts: str) -> Texts:
    count = len(texts)
    ended = pl.Series(["stop"] * count)
    return Texts(
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint16),
        pl.Series(texts),
        np.ones(count),
        ended,
    )


def test_texts_differ_by_how_they_begin() -> None:
    long = "The same for forty letters, and more of it than that: "
    mine = _texts(long + "one", "Yes.", "No.", "")
    theirs = _texts(long + "other", "Yes.", "Never.", "")

    assert mine.difference(theirs) == 0.25
    assert mine.difference(mine) == 0


def test_texts_come_back_from_their_columns_and_are_empty_where_there_are_none() -> None:
    spread = _texts("a", "b").spread(np.array([2, 0]), 3, Reason.NOT_ASKED)

    again = Texts.from_frame(spread.frame(), spread.reason, spread.flags)

    assert again.values.to_list() == ["b", "", "a"]
    assert again.finish.to_list() == ["stop", "", "stop"]
    assert np.isnan(again.tokens).tolist() == [False, True, False]
    assert again.reason.tolist() == [0, Reason.NOT_ASKED, 0]
