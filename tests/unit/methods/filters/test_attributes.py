from pathlib import Path

import numpy as np
import pytest

from assay.methods.filters.attributes import Everything, Where
from assay.samples import Reason
from tests.unit.methods.planted import (
    allowance,
    chosen,
    names,
    planted_engine,
    reasons,
    stream,
)

_ROWS = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]
_TASKS = ["qa", "code", "qa", ""]


def test_everything_is_every_row_that_may_be_chosen_in_order_of_id() -> None:
    selection = Everything().select(allowance(4, barred=[2]), stream())

    assert selection.indices.tolist() == [0, 1, 3]
    assert np.isnan(selection.gains).all()


def test_everything_up_to_a_budget_is_the_first_rows(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, Everything(budget=3)) == names(engine)[:3]


@pytest.mark.parametrize(
    ("values", "keep", "passing"),
    [
        (("qa",), True, {"a", "c"}),
        (("qa", "code"), True, {"a", "b", "c"}),
        (("qa",), False, {"b", "d"}),
        (("",), True, {"d"}),
        (("poetry",), True, set()),
    ],
)
def test_rows_pass_by_their_word(
    tmp_path: Path, values: tuple[str, ...], keep: bool, passing: set[str]
) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_TASKS)

    fate = reasons(engine, Where(attribute="task", values=values, keep=keep))

    assert {name for name, reason in fate.items() if reason == Reason.OK} == passing
    assert {reason for name, reason in fate.items() if name not in passing} <= {Reason.FILTERED}


def test_a_language_is_detected_where_the_data_does_not_say(tmp_path: Path) -> None:
    rows = [
        ("What is the capital of France, and why is it famous?", "Paris is famous for its art."),
        ("法国的首都是哪里?为什么很有名?", "巴黎以艺术闻名于世。"),
    ]
    engine = planted_engine(tmp_path, rows)

    assert chosen(engine, Where(attribute="language", values=("zh",))) == [rows[1][0]]


def test_filters_inside_each_other_keep_the_first_reason(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=_TASKS)
    inner = Where(attribute="task", values=("qa",))

    fate = reasons(engine, Everything(budget=1, within=inner))

    assert fate["b"] == fate["d"] == Reason.FILTERED
    assert sorted([fate["a"], fate["c"]]) == [Reason.OK, Reason.NOT_CHOSEN]
