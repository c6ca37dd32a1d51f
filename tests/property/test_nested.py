"""A selection that calls itself nested begins with what every smaller budget of its kind takes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import Selector, build
from assay.engine.engine import Engine
from assay.methods.chance.random_rows import RandomSample
from assay.outcomes import SelectionRecord
from assay.pool.pool import Pool
from assay.samples import Origin
from assay.stores.results import Results
from tests.property.test_held_out import ROWS, _descriptions, _engine, _files, _pool, _samples

_SHARES = (2, 10, 40, 100)
BUDGETS: dict[str, list[Any]] = {
    "rows": [1, 2, 5, 13, 34, 55, ROWS],
    "share of the pool": [f"{share}%" for share in _SHARES],
    "share of the eligible": [
        {"amount": str(share), "unit": "percent", "of": "eligible"} for share in _SHARES
    ],
    "tokens": [f"{tokens} tokens" for tokens in (5, 40, 60, 130, 300, 3000)],
}
_MORE: dict[str, dict[str, Any]] = {
    "coverage/filled": {"threshold": 0.3, "fill": True},
    "dataset_quantization/reference": {"bins": 3, "mode": "reference"},
    "deita_filter/batches": {"by": "mtld", "mode": "reference", "batch_size": 4, "threshold": 0.5},
    "facility_location/first gain": {"quality": "mtld", "balance": "first_gain"},
    "facility_location/plain sum": {"quality": "mtld", "balance": "none", "coverage": "dense"},
    "facility_location/filled": {"fill": True, "neighbors": 4},
    "graph_cut/far": {"trade_off": 0.1},
    "gumbel_sample/cold": {"by": "longest_response", "temperature": 0.2},
    "k_center/filled": {"fill": True},
    "lift/most": {"by": "longest_response", "share": 0.8},
    "log_det/quality": {"quality": "longest_response", "fill": True},
    "log_det/no ridge": {"ridge": 0},
    "perplexity_pruning/mid": {"by": "longest_response", "keep": "mid"},
    "perplexity_pruning/high": {"by": "longest_response", "keep": "high"},
    "superfiltering_diversity/other": {"quality": "mtld"},
    "superfiltering_diversity/number": {"quality": "mtld", "prefilter_count": 30, "fill": True},
}
"""Beside the defaults and what the test of held-out rows tries: parameters that change the walk."""


def _described() -> dict[str, dict[str, Any]]:
    more = {name: {"method": name.partition("/")[0], **rest} for name, rest in _MORE.items()}
    found = _descriptions(Selector) | more
    # With a score of another kind it walks alike, and no language model has to run.
    del found["superfiltering_diversity"]
    return found


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.chdir(_files())
        yield


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("nested")
    return _engine(folder, _rows(folder))


def _rows(folder: Path) -> Pool:
    return _pool(folder, _samples(0), [Origin(0, place) for place in range(ROWS)])


def _cases() -> list[Any]:
    return [
        pytest.param(described, kind, id=f"{name} {kind}")
        for name, described in _described().items()
        for kind in BUDGETS
        # It divides rows, and says so.
        if not (kind == "tokens" and described.get("mode") == "reference" and "bins" in described)
    ]


@pytest.mark.parametrize(("described", "kind"), _cases())
def test_a_nested_selection_begins_with_that_of_every_smaller_budget(
    described: dict[str, Any], kind: str, engine: Engine
) -> None:
    records: list[SelectionRecord] = [
        engine.value(build(described | {"budget": budget}, "selector")) for budget in BUDGETS[kind]
    ]

    picks = [record.selection.indices.tolist() for record in records]
    for place, record in enumerate(records):
        if record.selection.nested:
            for smaller in picks[:place]:
                assert picks[place][: len(smaller)] == smaller


def test_a_random_sample_is_nested_over_rows_and_not_over_tokens(engine: Engine) -> None:
    one, other, tokens = (
        engine.value(RandomSample(budget=budget)).selection for budget in (20, 40, "300 tokens")
    )

    assert one.nested
    assert other.indices[:20].tolist() == one.indices.tolist()
    assert not tokens.nested
    less = engine.value(RandomSample(budget="60 tokens")).selection
    assert tokens.indices[: len(less.indices)].tolist() != less.indices.tolist()


def test_a_stored_selection_under_tokens_that_called_itself_nested_is_not(
    engine: Engine, tmp_path: Path
) -> None:
    selector = RandomSample(budget="60 tokens")
    record: SelectionRecord = engine.value(selector)
    claimed = replace(record, selection=replace(record.selection, nested=True))
    results = Results(tmp_path)
    results.write_selection(selector, engine.pool.ids, claimed, "rows")

    found = results.read_selection(selector, "rows")

    assert found is not None
    assert np.array_equal(found.selection.indices, record.selection.indices)
    assert not found.selection.nested
