"""Rows that a filter leaves out are never chosen, and scores are the same without it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from assay.components.component import Selector, build
from assay.engine.engine import Engine
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.attributes import Where
from assay.methods.filters.cuts import Band
from assay.methods.text.lexical import MTLD
from assay.methods.text.longest import LongestResponse
from assay.outcomes import ScoreTable, SelectionRecord
from assay.samples import Reason
from tests.property.test_held_out import _descriptions, _files, _pair

_AT_SEA = Where(attribute="task", values=("sea",))
_BARE = {
    name: described
    for name, described in _descriptions(Selector).items()
    if "within" not in described and "start" not in described
}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.chdir(_files())
        yield


def _at_sea(engine: Engine) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return engine.pool.column("task").to_numpy() == "sea"


@pytest.mark.parametrize("described", _BARE.values(), ids=_BARE.keys())
def test_no_method_chooses_what_a_filter_leaves_out(described: dict[str, Any]) -> None:
    engine = _pair(0).hiding
    wanted, out = _at_sea(engine), engine.pool.held_out
    selector = build(described | {"budget": 9, "within": _AT_SEA}, "selector")

    record: SelectionRecord = engine.value(selector)

    assert wanted[record.selection.indices].all()
    assert record.eligible <= np.count_nonzero(wanted & ~out)
    assert set(record.reason[~wanted & ~out].tolist()) == {Reason.FILTERED}
    assert set(record.reason[out].tolist()) == {Reason.HELD_OUT}


def test_ranks_and_quantiles_are_of_all_rows_whatever_a_filter_leaves() -> None:
    engine = _pair(0).without
    mean = RankMean(of=(MTLD(), LongestResponse()))
    upper = Band(by=LongestResponse(), low=0.5)

    table: ScoreTable = engine.value(mean)
    best: SelectionRecord = engine.value(TopScore(by=mean, budget=5, within=_AT_SEA))
    longer: SelectionRecord = engine.value(upper.model_copy(update={"within": _AT_SEA}))
    everywhere: SelectionRecord = engine.value(upper)

    assert best.selection.gains.tolist() == table.main.values[best.selection.indices].tolist()
    both = set(everywhere.selection.indices.tolist()) & set(np.flatnonzero(_at_sea(engine)))
    assert set(longer.selection.indices.tolist()) == both
