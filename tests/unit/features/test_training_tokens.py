"""How many tokens of a row a training reads, and a budget of such tokens."""

from pathlib import Path

import numpy as np
import pytest

from assay.components.budget import Budget, TrainingReading
from assay.components.component import build
from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.features.training_tokens import TrainingTokens
from assay.outcomes import SelectionRecord
from assay.samples import Reason
from assay.testing import pool as pool_of
from tests.causal_rows import PlainLoop, exchange, given_prompt, open_runtime, ordinary_rows, turns

pytest.importorskip("torch")

_LIMIT = 128
_ROWS = [exchange(row) for row in ordinary_rows(6)]
_EMPTY = exchange(("Say nothing at all.", "", ""))
_LONG_ANSWER = exchange(("Why?", "", "Because of this. " * 100))
_LONG_PROMPT = exchange(("Why? " * 200, "", "Because."))
_TALK = turns("Hello, who are you?", "A small model.", "How small?", "Two layers.", "And why?")


def _engine(folder: Path) -> Engine:
    rows = [*_ROWS, _EMPTY, _LONG_ANSWER, _LONG_PROMPT, _TALK]
    return Engine(pool_of(rows), open_runtime(folder))


def test_every_token_that_the_trainer_is_given_counts_and_none_that_the_limit_cuts_off(
    llama_folder: Path, tmp_path: Path
) -> None:
    engine, loop = _engine(tmp_path), PlainLoop.open(llama_folder)
    feature = TrainingTokens(model=str(llama_folder), rendering=Rendering(max_tokens=_LIMIT))

    found = engine.value(feature)

    numbers = {
        conversation.text: tuple(found[name][place] for name in ("total", "learned", "whole"))
        for place, conversation in enumerate(engine.pool.conversations(np.arange(10)))
    }
    for row in _ROWS:
        ids, places = given_prompt(loop, row, 1 << 20)
        assert len(ids) < _LIMIT
        # The token before everything is counted, and the EOS after the answer, which is learned.
        assert numbers[row.text] == (len(ids) + 1, len(places) + 1, len(ids) + 1)
    # What follows the last answer is not trained on.
    ids, places = given_prompt(loop, _TALK, 1 << 20)
    assert numbers[_TALK.text] == (places[-1] + 2, len(places) + 1, places[-1] + 2)
    # A quarter of the window is kept for the prompt, and an answer that is cut is not closed.
    whole = len(given_prompt(loop, _LONG_ANSWER, 1 << 20).ids) - 1
    assert numbers[_LONG_ANSWER.text] == (_LIMIT, _LIMIT - 1 - _LIMIT // 4, whole)
    whole = len(given_prompt(loop, _LONG_PROMPT, 1 << 20).ids) - 1
    answer = len(loop.plain("Because."))
    assert numbers[_LONG_PROMPT.text] == (_LIMIT, answer, whole)
    assert all(np.isnan(numbers[_EMPTY.text]))
    assert np.count_nonzero(found.reason) == 1


def test_a_budget_of_trained_tokens_takes_no_row_that_is_not_trained_on(
    llama_folder: Path, tmp_path: Path
) -> None:
    engine = _engine(tmp_path)
    reading = TrainingReading(model=str(llama_folder), rendering=Rendering(max_tokens=_LIMIT))
    costs = engine.value(TrainingTokens(**dict(reading)))["total"]
    for amount in (np.nansum(costs), np.nansum(costs) - 1):
        budget = Budget(amount=str(int(amount)), unit="tokens", as_trained=reading)

        record: SelectionRecord = engine.value(
            build({"method": "random", "budget": budget}, "selector")
        )

        chosen = record.selection.indices
        empty = int(np.flatnonzero(np.isnan(costs))[0])
        assert record.reason[empty] == Reason.EMPTY_RESPONSE
        assert empty not in chosen
        assert record.facts["tokens"] == costs[chosen].sum() <= amount
        assert len(chosen) == (9 if amount == np.nansum(costs) else 8)


def test_the_way_of_counting_is_part_of_a_selection_s_key(llama_folder: Path) -> None:
    reading = TrainingReading(model=str(llama_folder), rendering=Rendering(max_tokens=_LIMIT))
    other = reading.model_copy(update={"rendering": Rendering(max_tokens=_LIMIT + 1)})
    budgets = [Budget(amount="100", unit="tokens", as_trained=each)
               for each in (None, reading, other)]  # fmt: skip

    keys = {build({"method": "random", "budget": each}, "selector").key for each in budgets}

    assert len(keys) == 3
    assert build({"method": "random", "budget": "100 tokens"}, "selector").key in keys
