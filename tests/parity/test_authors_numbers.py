"""IFD and Superfiltering in reference mode, against numbers that the authors' own code gave.

Rows that the limit cuts are where token counts differ most, so small limits are compared, too.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.components.rendering import CHERRY, SUPERFILTERING, Rendering
from assay.engine.engine import Engine
from assay.methods.combinations.top_score import TopScore
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.likelihood import PromptComparison
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.outcomes import ScoreTable
from assay.samples import Flag, FloatArray, Reason
from assay.testing import pool as pool_of
from assay.values import LogProbs
from tests.causal_rows import exchange, open_runtime, set_budget

_SHARED = Path(__file__).parents[2] / "../shared"
_MODEL = _SHARED / "models/tinystories-llama-3.3m"
_NUMBERS = _SHARED / "data/parity/reference"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not (_MODEL.exists() and _NUMBERS.exists()),
        reason="needs ../shared/models and ../shared/data/parity/reference",
    ),
]


class Read(NamedTuple):
    """What we make of the rows, in the order of their numbers."""

    engine: Engine
    method: PromptComparison
    given: LogProbs
    alone: LogProbs
    values: FloatArray
    place: list[int]

    def expected(self, folder: str) -> dict[str, Any]:
        """Return the authors' numbers at the same limit."""
        limit = self.method.rendering.max_tokens
        file = _NUMBERS / folder / f"expected_maxlen{limit}.json"
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found

    def number_of(self, index: int) -> int:
        """Return the number of the row at a place of the pool."""
        return self.place.index(index)


def _read(method: type[PromptComparison], rendering: Rendering, cache: Path) -> Read:
    pytest.importorskip("torch")
    rows = json.loads((_NUMBERS / "pool/pool.json").read_text(encoding="utf-8"))
    runtime = open_runtime(cache)
    set_budget(runtime, _MODEL, 1024)
    asked = [exchange((row["instruction"], row["input"], row["output"])) for row in rows]
    made = pool_of(asked)
    assert len(made) == len(rows)
    places = {c.content_hash: i for i, c in enumerate(made.conversations(np.arange(len(made))))}
    order = [places[conversation.content_hash] for conversation in asked]
    engine = Engine(made, runtime)
    asking = method(model=str(_MODEL), rendering=rendering)
    table: ScoreTable = engine.value(asking)
    given, alone = (engine.value(asking.log_probs(each)) for each in ("prompt", "nothing"))
    index = np.array(order)
    return Read(
        engine, asking, given.take(index), alone.take(index), table.main.values[index], order
    )


def _column(rows: list[dict[str, Any]], name: str) -> FloatArray:
    return np.array([float(row.get(name, "NaN")) for row in rows])


@pytest.fixture(scope="module", params=[512, 256])
def cherry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Read:
    rendering = CHERRY.model_copy(update={"max_tokens": request.param})
    return _read(IFD, rendering, tmp_path_factory.mktemp("cherry"))


@pytest.fixture(scope="module", params=[512, 128])
def superfiltering(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Read:
    rendering = SUPERFILTERING.model_copy(update={"max_tokens": request.param})
    return _read(Superfiltering, rendering, tmp_path_factory.mktemp("superfiltering"))


def test_ifd_is_that_of_the_authors_on_every_row(cherry: Read) -> None:
    found = cherry
    rows = found.expected("cherry_ifd")["rows"]

    scored = np.array([row["fate"] in ("kept", "ratio>1") for row in rows])
    for value, count, loss in (
        (found.given, "n_cond", "mean_loss_cond"),
        (found.alone, "n_direct", "mean_loss_direct"),
    ):
        assert value.count[scored].tolist() == _column(rows, count)[scored].tolist()
        assert np.abs(-value.mean() - _column(rows, loss))[scored].max() < 1e-5
    known = ~np.isnan(found.values)
    # The authors' code scores a row that asks nothing; we give a reason instead.
    nothing_asked = found.given.flags & np.uint16(Flag.EMPTY_PROMPT) != 0
    assert (known | nothing_asked).tolist() == scored.tolist()
    assert np.abs(found.values - _column(rows, "ratio"))[known].max() < 1e-5


def test_ifd_keeps_the_rows_of_the_authors_in_their_order(cherry: Read) -> None:
    found = cherry
    expected = found.expected("cherry_ifd")

    record = found.engine.value(TopScore(by=found.method, budget=len(expected["rows"])))

    chosen = [found.number_of(index) for index in record.selection.indices.tolist()]
    asked = [number for _, number in expected["ratio_index_sorted"][::-1] if number != 122]
    assert chosen == asked


def test_superfiltering_is_that_of_the_authors_on_every_row(superfiltering: Read) -> None:
    found = superfiltering
    rows = found.expected("superfiltering")["rows"]

    for value, count, loss in (
        (found.given, "n_condition", "loss_A_condition"),
        (found.alone, "n_direct", "loss_A_direct"),
    ):
        losses = _column(rows, loss)
        known = ~np.isnan(losses) & (value.reason == Reason.OK)
        assert known.sum() > 120
        assert value.count[known].tolist() == _column(rows, count)[known].tolist()
        assert np.abs(-value.mean() - losses)[known].max() < 3e-5
    ratios = _column(rows, "ifd_ppl")
    known = ~np.isnan(found.values)
    nothing_asked = found.given.flags & np.uint16(Flag.EMPTY_PROMPT) != 0
    assert (known | nothing_asked).tolist() == (~np.isnan(ratios)).tolist()
    assert np.abs(found.values / ratios - 1)[known].max() < 1e-4
