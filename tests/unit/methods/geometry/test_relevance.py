from pathlib import Path

import numpy as np
import pytest

from assay.methods.geometry.relevance import Relevance
from assay.samples import Reason
from assay.values import Matrix
from tests.unit.methods.planted import planted_engine, scores_by_name


def _vectors(*rows: tuple[float, float]) -> Matrix:
    array = np.array(rows, np.float16)
    return Matrix(np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint16), array)


def test_it_is_the_cosine_of_what_was_asked_and_what_was_answered() -> None:
    asked = _vectors((1, 0), (1, 0), (0, 2), (3, 4))
    answered = _vectors((1, 0), (0, 1), (0, -1), (4, 3))

    found = Relevance().score(asked=asked, answered=answered)

    assert found.values.tolist() == pytest.approx([1, 0, -1, 24 / 25])
    assert found.reason.tolist() == [0, 0, 0, 0]


def test_a_text_without_words_has_no_number() -> None:
    found = Relevance().score(
        asked=_vectors((0, 0), (1, 0), (1, 0)), answered=_vectors((1, 0), (0, 0), (1, 0))
    )

    assert np.isnan(found.values).tolist() == [True, True, False]
    assert found.reason.tolist() == [Reason.NO_WORDS, Reason.NO_WORDS, 0]


def test_more_than_enough_counts_for_nothing() -> None:
    asked = _vectors((1, 0), (1, 0), (1, 0), (0, 0))
    answered = _vectors((1, 0), (3, 4), (0, 1), (0, 1))

    found = Relevance(enough=0.5).score(asked=asked, answered=answered)

    assert found.values[:3].tolist() == [0.5, 0.5, 0.0]
    assert np.isnan(found.values[3])


def test_an_answer_to_another_question_is_less_relevant(tmp_path: Path) -> None:
    bread, stock = "How do I bake a loaf of bread?", "Why did the stock market fall?"
    baked = "Knead the dough, let the bread rise, and bake the loaf in a hot oven."
    fell = "Investors sold shares because the market feared higher rates."
    right = planted_engine(tmp_path / "right", [(bread, baked), (stock, fell)])
    wrong = planted_engine(tmp_path / "wrong", [(bread, fell), (stock, baked)])

    whole, swapped = scores_by_name(right, Relevance()), scores_by_name(wrong, Relevance())

    assert whole[bread][0] > 0.3 > swapped[bread][0]
    assert whole[stock][0] > 0.3 > swapped[stock][0]
