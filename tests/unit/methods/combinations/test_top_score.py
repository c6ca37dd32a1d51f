from pathlib import Path

from assay.methods.combinations.top_score import TopScore
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    allowance,
    chosen,
    given,
    planted_engine,
    stream,
)


def test_gains_of_the_top_are_the_scores_themselves() -> None:
    selection = TopScore(by=PlantedLoss(), budget=2).select(
        allowance(3, 2), stream(), by=given(5.0, 2.0, 4.0)
    )

    assert selection.indices.tolist() == [1, 2]
    assert selection.gains.tolist() == [2.0, 4.0]
    assert selection.gain_unit == "score"


def test_a_token_budget_is_spent_on_the_best_that_fit(tmp_path: Path) -> None:
    # The estimate is a token for every four bytes of question, line break and answer.
    rows = [("aaa", "9 " + "x" * 33), ("bbb", "8 x"), ("ccc", "7 x")]
    engine = planted_engine(tmp_path, rows)

    record = engine.value(TopScore(by=PlantedScore(), budget="4 tokens"))

    assert chosen(engine, TopScore(by=PlantedScore(), budget="4 tokens")) == ["bbb", "ccc"]
    assert record.facts["tokens"] == 4.0
