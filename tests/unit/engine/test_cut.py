"""What a score's cut leaves to ids, and what bounds a selection that has no budget."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from assay.components.component import Selector
from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.errors import ConfigError, PlanError
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.top_score import TopScore
from assay.outcomes import SelectionRecord
from assay.samples import Flag
from tests.unit.methods.planted import PlantedRubric, chosen, names, planted_engine

# "!" is suspected of an injection; b, c and d have the same number.
_ROWS = [("a!", "6 1"), ("b", "5 1"), ("c", "5 1"), ("d", "5 1"), ("e", "2 1"), ("f", "1 1")]
_BY = PlantedRubric()


class _Judged(PlantedRubric):
    """Leaves out rows that speak to the judge."""

    name = "planted_judged"
    shuns: ClassVar[Flag] = Flag.INJECTION_SUSPECT

    def default_rule(self) -> Rule:
        """Return a cut-off."""
        return Rule(at_least=2.0)


def _tied(engine: Engine, selector: Selector) -> Any:
    record: SelectionRecord = engine.value(selector)
    return record.facts.get("tied"), record.ties


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (1, None),
        (2, {"score": 5.0, "rows": 3, "chosen": 1}),
        (3, {"score": 5.0, "rows": 3, "chosen": 2}),
        (4, None),
        (6, None),
        ("4 tokens", {"score": 5.0, "rows": 3, "chosen": 1}),
    ],
)
def test_rows_that_share_the_score_at_the_cut_are_counted(
    tmp_path: Path, budget: Any, expected: dict[str, float] | None
) -> None:
    tied, words = _tied(planted_engine(tmp_path, _ROWS), TopScore(by=_BY, budget=budget))

    assert tied == expected
    assert bool(words) is bool(expected)


def test_only_rows_that_could_be_chosen_count_as_tied(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS, ("g!", "5 1")])
    selector = TopScore(by=_BY, budget=2, without_flags=("injection_suspect",))

    assert _tied(engine, selector)[0] == {"score": 5.0, "rows": 3, "chosen": 2}


def test_of_ties_the_lowest_ids_are_taken(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    lowest = [name for name in names(engine) if name in ("b", "c", "d")]

    assert chosen(engine, TopScore(by=_BY, budget=3)) == ["a!", *lowest[:2]]


def test_without_a_budget_all_rows_that_a_rule_admits_are_taken(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert set(chosen(engine, TopScore(by=_BY, rule=Rule(at_least=2.0)))) == set("bcde") | {"a!"}


def test_without_a_budget_and_a_rule_it_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    for rule in ("default", "none"):
        with pytest.raises(PlanError, match="needs a budget"):
            engine.value(TopScore(by=_BY, rule=rule))


def test_flags_to_take_are_refused_where_nothing_carries_any() -> None:
    with pytest.raises(ConfigError, match="so with_flags is about no row"):
        RandomSample(budget=1, with_flags=("injection_suspect",))


def test_a_score_may_leave_out_flagged_rows_by_itself(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert set(chosen(engine, TopScore(by=_Judged()))) == set("bcde")
    taken = TopScore(by=_Judged(), with_flags=("injection_suspect",))
    assert set(chosen(engine, taken)) == set("bcde") | {"a!"}
