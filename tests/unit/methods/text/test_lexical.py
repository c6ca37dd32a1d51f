from pathlib import Path

import numpy as np
import pytest

from assay.methods.text.lexical import HDD, MTLD, CompressionRatio, TypeTokenRatio
from assay.samples import Flag, Reason, Scores
from tests.unit.methods.planted import numbers, planted_engine, scores_by_name

_FOUR_WORDS = "the cat THE dog"


def test_each_score_reads_the_column_of_its_name() -> None:
    columns = numbers(ttr=[0.1], mtld=[20.0], hdd=[0.3], compression_ratio=[0.4])

    values = [
        _values(scorer.score(measures=columns))
        for scorer in (TypeTokenRatio(), MTLD(), HDD(), CompressionRatio())
    ]

    assert values == [[0.1], [20.0], [0.3], [0.4]]


def _values(scores: object) -> list[float]:
    assert isinstance(scores, Scores)
    return scores.values.tolist()


def test_type_token_ratio_ignores_case(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("q", _FOUR_WORDS)])

    assert scores_by_name(engine, TypeTokenRatio())["q"] == (0.75, Reason.OK)


def test_mtld_of_a_text_without_a_repeated_word_is_its_length(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("q", "one two three four five")])

    assert scores_by_name(engine, MTLD())["q"] == (5.0, Reason.OK)


def test_mtld_counts_full_runs_and_the_part_of_the_last(tmp_path: Path) -> None:
    # Forward: "a a" ends a run (1/2), "b b" another, "c" adds nothing: 5 / 2. Backward: "c b b"
    # ends one at 2/3, "a a" another: 5 / 2.
    engine = planted_engine(tmp_path, [("q", "a a b b c")])

    assert scores_by_name(engine, MTLD())["q"][0] == pytest.approx(2.5)


def test_hdd_below_42_words_has_a_reason_and_no_number(tmp_path: Path) -> None:
    distinct = " ".join(f"word{place}" for place in range(42))
    engine = planted_engine(tmp_path, [("short", _FOUR_WORDS), ("long", distinct)])

    found = scores_by_name(engine, HDD())

    assert found["long"][0] == pytest.approx(1.0)
    assert found["long"][1] == Reason.OK
    assert np.isnan(found["short"][0])
    assert found["short"][1] == Reason.TOO_SHORT


def test_repetition_compresses_better(tmp_path: Path) -> None:
    engine = planted_engine(
        tmp_path, [("same", "ab" * 100), ("other", "Sphinx of black quartz, judge my vow.")]
    )

    found = scores_by_name(engine, CompressionRatio())

    assert found["same"][0] < 0.1
    assert found["other"][0] > 0.8


@pytest.mark.parametrize("scorer", [TypeTokenRatio(), MTLD(), HDD(), CompressionRatio()])
def test_a_response_without_words_is_unscored(
    tmp_path: Path, scorer: TypeTokenRatio | MTLD | HDD | CompressionRatio
) -> None:
    engine = planted_engine(tmp_path, [("dots", "..."), ("words", "some words")])

    assert scores_by_name(engine, scorer)["dots"][1] == Reason.NO_WORDS


def test_few_words_are_flagged_and_many_are_not(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("q", "few words"), ("r", "many words " * 25)])

    table = engine.value(TypeTokenRatio())

    assert sorted(table.main.flags.tolist()) == [0, Flag.FEW_WORDS]
