from pathlib import Path

import pytest

from assay.errors import ConfigError
from assay.features.tag_field import TagField
from assay.methods.judged.mig import MIG
from assay.samples import Reason
from assay.testing import check_component
from tests.tagged import PlantedTags, tagged_engine
from tests.unit.methods.planted import PlantedLoss, PlantedScore, chosen, names, reasons

_FIELD = TagField(field="tags")
_ROWS = {
    "both": ["poem", "integral"],
    "poem": ["poem"],
    "proof": ["integral"],
    "bread": ["sourdough"],
    "none": [],
    "failed": "no idea",
}
_ANSWERS = {"both": "1", "poem": "3", "proof": "2", "bread": "1.5", "none": "4", "failed": "9"}


def _mig(**parameters: object) -> MIG:
    return MIG(**({"tags": _FIELD, "budget": 3} | parameters))


def test_rows_are_taken_by_what_their_tags_tell(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)

    found = chosen(engine, _mig())

    lower = min(("poem", "proof"), key=names(engine).index)
    assert found == ["both", "bread", lower]
    selection = engine.value(_mig()).selection
    assert (selection.nested, selection.stop, selection.gain_unit) == (
        True,
        "budget",
        "information",
    )
    assert selection.gains[0] == pytest.approx(2 * 0.8 * 1e-6**-0.2)


def test_tags_may_divide_what_a_row_has(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)

    gains = engine.value(_mig(per_tag="divided")).selection.gains

    assert gains[0] == pytest.approx(0.8 * 1e-6**-0.2)


def test_growth_may_be_exponential(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)

    gains = engine.value(_mig(growth="exponential")).selection.gains

    assert gains[:2].tolist() == pytest.approx([2.0, 1.0])


def test_a_score_weighs_rows(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS, answers=_ANSWERS)

    assert chosen(engine, _mig(quality=PlantedScore())) == ["poem", "proof", "bread"]


def test_rows_without_tags_are_left_where_nothing_adds_anything(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS)
    selector = _mig(budget=6)

    assert len(chosen(engine, selector)) == 5, "the budget pays for all, so all that may be"
    assert reasons(engine, selector)["failed"] == Reason.PARSE_FAILED
    within = _mig(budget=4, exponent=0.5)
    assert "none" not in chosen(engine, within)


def test_a_row_without_quality_cannot_be_chosen(tmp_path: Path) -> None:
    answers = dict.fromkeys(_ROWS, "1") | {"both": "none"}
    engine = tagged_engine(tmp_path, _ROWS, answers=answers)
    selector = _mig(quality=PlantedScore())

    assert "both" not in chosen(engine, selector)
    assert reasons(engine, selector)["both"] == Reason.ZERO_DENOMINATOR


def test_tags_that_mean_alike_share_what_they_tell(tmp_path: Path) -> None:
    rows = {"a": ["to write a poem"], "b": ["write the poem to a"], "c": ["integral calculus"]}
    engine = tagged_engine(tmp_path, rows)

    alike = chosen(engine, _mig(threshold=0.5, budget=2))
    apart = chosen(engine, _mig(threshold=0.5, propagation=0.0, budget=2))

    assert "c" in alike
    assert apart == names(engine)[:2]


def test_budgets_in_tokens_are_kept(tmp_path: Path) -> None:
    answers = {"both": "word " * 400}
    engine = tagged_engine(tmp_path, _ROWS, answers=answers)

    record = engine.value(_mig(budget="60 tokens"))

    assert "both" not in chosen(engine, _mig(budget="60 tokens"))
    assert record.facts["tokens"] <= 60
    assert not record.selection.nested


def test_a_score_of_which_less_is_better_is_refused() -> None:
    with pytest.raises(ConfigError, match="less is better") as caught:
        _mig(quality=PlantedLoss())

    assert "rank_mean" in str(caught.value.hint)


def test_a_negative_score_is_refused(tmp_path: Path) -> None:
    engine = tagged_engine(tmp_path, _ROWS, answers=_ANSWERS | {"bread": "-1"})

    with pytest.raises(ConfigError, match="negative for some rows"):
        engine.value(_mig(quality=PlantedScore()))


def test_it_keeps_the_contract_whatever_gives_the_tags() -> None:
    check_component(_mig(tags=PlantedTags()))
