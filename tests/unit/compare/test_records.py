from dataclasses import replace

import numpy as np
import pytest

from assay.compare.records import Arm, EvaluationSet
from tests.unit.compare.synthetic import synthetic

SMALL = synthetic(questions=6, seeds=1, draws=2, budgets=("5%",), others=())


def test_an_id_occurs_once_in_a_set() -> None:
    with pytest.raises(ValueError, match="an id occurs twice"):
        EvaluationSet("a", "held_out", np.array([1, 1], np.uint64), np.array([3, 3]))


def test_every_question_has_its_tokens() -> None:
    with pytest.raises(ValueError, match="2 ids, 1 token counts"):
        EvaluationSet("a", "held_out", np.array([1, 2], np.uint64), np.array([3]))


def test_arms_have_different_names() -> None:
    arms = (*SMALL.arms, Arm("ifd", "method", "another"))

    with pytest.raises(ValueError, match="arms must have different names"):
        replace(SMALL, arms=arms)


def test_the_primary_set_is_one_of_the_sets() -> None:
    with pytest.raises(ValueError, match="primary set 'lima'"):
        replace(SMALL, primary="lima")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arm": "deita"}, "no arm is called 'deita'"),
        ({"budget": "10%"}, "'10%' is not one of the budgets"),
        ({"budget": ""}, "'' is not one of the budgets"),
        ({"status": "failed"}, "an error if, and only if, it failed"),
        ({"error": "odd"}, "an error if, and only if, it failed"),
        ({"values": {"held out": np.zeros(5)}}, "have shape"),
        ({"values": {"lima": np.zeros(6)}}, "no evaluation set is called 'lima'"),
    ],
)
def test_a_trial_fits_its_comparison(changes: dict[str, object], message: str) -> None:
    trial = replace(SMALL.trials[0], **changes)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=message):
        replace(SMALL, trials=(trial,))


def test_the_base_model_has_no_budget() -> None:
    trial = replace(SMALL.trials[-1], budget="5%")

    with pytest.raises(ValueError, match="not one of the budgets"):
        replace(SMALL, trials=(trial,))


def test_trials_of_an_arm_are_those_of_one_budget() -> None:
    both = synthetic(questions=4, seeds=2, draws=3, others=())

    assert len(both.trials_of("random", "5%")) == 3
    assert len(both.trials_of("ifd", "5%")) == 2
    assert len(both.trials_of("full")) == 2
