import itertools
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from safetensors.numpy import load_file

from assay.compare.ledger import Ledger
from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer, Selector
from assay.engine.engine import Engine
from assay.features.text import TextFeature
from assay.methods.combinations.top_score import TopScore
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.likelihood.perplexity import Perplexity
from assay.methods.text.longest import LongestResponse
from assay.runtime import Runtime
from assay.samples import Conversation, FloatArray
from assay.testing import pool
from assay.values import Numbers, RowValue
from tests.causal_rows import PlainLoop, exchange, given_prompt, open_runtime, ordinary_rows
from tests.model_server import serving
from tests.taken_model import TakenModel

_ROWS = [exchange(row) for row in ordinary_rows(12)]
_NOTHING = NoPaper(reason="a toy for tests")


class BrokenText(TextFeature):
    """Shares its pass with all that reads text, and fails."""

    name = "broken_text_for_ledgers"
    paper: ClassVar[Paper | NoPaper] = _NOTHING
    value: ClassVar[type[RowValue]] = Numbers

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        raise ZeroDivisionError


class BrokenTextScore(Scorer):
    """A score of it."""

    name = "broken_text_score_for_ledgers"
    paper: ClassVar[Paper | NoPaper] = _NOTHING

    def requires(self) -> dict[str, Any]:
        return {"numbers": BrokenText()}

    def score(self, *, numbers: Numbers) -> FloatArray:
        return numbers["number"]


def _engine(folder: Path) -> Engine:
    return Engine(pool([*_ROWS, _ROWS[0]]), open_runtime(folder / "cache"))


def _cost(engine: Engine, folder: Path, selector: Selector, *others: Selector) -> Any:
    return Ledger(engine, folder / "costs").choose(
        engine.resolve(selector), [engine.resolve(other) for other in others]
    )


def test_a_pass_of_a_language_model_costs_two_operations_per_parameter_and_token(
    tmp_path: Path, llama_folder: Path
) -> None:
    cost = _cost(
        _engine(tmp_path), tmp_path, TopScore(by=Perplexity(model=str(llama_folder)), budget=3)
    )

    parameters = sum(each.size for each in load_file(llama_folder / "model.safetensors").values())
    loop = PlainLoop.open(llama_folder)
    tokens = sum(len(given_prompt(loop, row, 256).ids) for row in _ROWS)  # the equal row once
    assert cost.flops == 2 * parameters * tokens
    assert cost.seconds > 0


def test_reading_by_a_model_that_is_made_on_the_way_costs_what_reading_by_its_base_costs(
    tmp_path: Path, llama_folder: Path
) -> None:
    base = str(llama_folder)
    plain, made = (
        TopScore(by=Perplexity(model=model), budget=3) for model in (base, TakenModel(base=base))
    )
    engine = _engine(tmp_path / "made")

    cost = _cost(engine, tmp_path / "made", made)
    at_hand = _cost(engine, tmp_path / "again", made)

    assert cost.flops == _cost(_engine(tmp_path), tmp_path, plain).flops
    assert at_hand.flops == cost.flops
    assert at_hand.seconds > 0


def test_text_costs_no_arithmetic_and_geometry_what_it_says(tmp_path: Path) -> None:
    engine = _engine(tmp_path)

    text = _cost(engine, tmp_path, TopScore(by=LongestResponse(), budget=3))
    far = _cost(engine, tmp_path, KCenterGreedy(budget=3))

    assert text.flops == 0
    assert far.flops == KCenterGreedy(budget=3).operations(13, 3, engine.runtime)


def test_an_entry_that_was_written_is_told_again(tmp_path: Path) -> None:
    first = _cost(_engine(tmp_path), tmp_path, TopScore(by=LongestResponse(), budget=3))
    again = _cost(_engine(tmp_path), tmp_path, TopScore(by=LongestResponse(), budget=3))

    assert first == again


def test_every_arm_pays_for_all_that_it_reads_whatever_another_has_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr("assay.compare.ledger.time", clock)  # every part takes a second
    engine = _engine(tmp_path)
    ledger = Ledger(engine, tmp_path / "costs")
    selectors: list[Selector] = [TopScore(by=LongestResponse(), budget=n) for n in (2, 5)]
    selectors.append(TopScore(by=LongestResponse(unit_of_length="words"), budget=2))

    costs = [ledger.choose(engine.resolve(selector), selectors) for selector in selectors]

    assert [cost.seconds for cost in costs] == [3.0, 3.0, 3.0]  # lengths, score, choice


def test_what_fails_in_a_shared_pass_fails_nobody_else(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    broken = TopScore(by=BrokenTextScore(), budget=3)

    cost = _cost(engine, tmp_path, TopScore(by=LongestResponse(), budget=3), broken)

    assert np.isfinite(cost.seconds)
    with pytest.raises(ZeroDivisionError):
        _cost(engine, tmp_path, broken)


def test_a_service_is_not_asked_again_to_tell_what_it_costs(
    tmp_path: Path, llama_folder: Path
) -> None:
    with serving(PlainLoop.open(llama_folder)) as server:
        chosen = TopScore(by=Perplexity(model=server.address), budget=3)
        first = _cost(_engine(tmp_path), tmp_path / "first", chosen)
        asked = len(server.requests)
        again = _cost(_engine(tmp_path), tmp_path / "again", chosen)
        read = _cost(_engine(tmp_path), tmp_path / "again", chosen)

        assert first.seconds > 0
        assert np.isnan([again.seconds, read.seconds, again.flops]).all()
        assert len(server.requests) == asked > 0
