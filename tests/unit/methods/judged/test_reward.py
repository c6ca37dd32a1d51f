"""Rewards of answers and of replies, and MoDS's necessity as a composition of plain parts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import Chosen, Selector, build
from assay.components.decoding import Decoding
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.features.answered import Answered, with_answer
from assay.features.classification import Classification
from assay.features.generations import Generations
from assay.methods.filters.cuts import Threshold
from assay.methods.judged.reward import Reward
from assay.models.recipe import Tuned
from assay.outcomes import ScoreTable, SelectionRecord
from assay.samples import Conversation, FloatArray, Message, Reason
from assay.testing import pool as pool_of
from assay.tuning.tuned_model import TunedModel
from assay.values import Texts
from tests.causal_rows import exchange, open_runtime, ordinary_rows, set_budget, turns
from tests.classifiers import PlainClassifier
from tests.tiny_models import tiny_reward
from tests.trainings import SMALL

pytest.importorskip("torch")
pytest.importorskip("trl")

_ROWS = [
    *(exchange(row) for row in ordinary_rows(14)),
    exchange(("Say nothing at all.", "", "")),
    turns("Hello?", "Hello.", "What is a river?", "Water on its way."),
]
_SHORT = Decoding(max_new_tokens=12)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reward(tmp_path_factory.mktemp("reward"))


def _engine(cache: Path, judge: Path, rows: Sequence[Conversation] = _ROWS) -> Engine:
    runtime = open_runtime(cache)
    set_budget(runtime, judge, 1024)
    return Engine(pool_of(list(rows)), runtime)


def _all(engine: Engine) -> list[Conversation]:
    return engine.pool.conversations(np.arange(len(engine.pool)))


def _by_hand(judge: Path, rows: Sequence[Conversation]) -> FloatArray:
    """Return the rewards, one row at a time; NaN for a row without an answer."""
    plain = PlainClassifier.open(judge)
    found = []
    for row in rows:
        messages = [
            {"role": m.role, "content": f"{m.content}\n\n{m.context}" if m.context else m.content}
            for m in row.messages
        ]
        number = plain.of_chat(messages)[0] if row.response.strip() else np.nan
        found.append(float(number))
    return np.array(found)


def _near(found: FloatArray, expected: FloatArray) -> bool:
    scale = float(np.nanmax(np.abs(expected)))
    return np.allclose(found, expected, rtol=0, atol=1e-5 * scale, equal_nan=True)


def test_rewards_are_those_of_the_reward_model(judge: Path, tmp_path: Path) -> None:
    engine = _engine(tmp_path, judge)

    found: ScoreTable = engine.value(Reward(model=str(judge)))

    assert _near(found.main.values, _by_hand(judge, _all(engine)))
    assert set(found.main.reason.tolist()) == {0, Reason.EMPTY_RESPONSE}


def test_a_reply_takes_the_place_of_the_last_answer() -> None:
    talk = turns("Hello?", "Hello.", "What is a river?", "Water on its way.")
    open_end = Conversation(talk.messages[:3])

    assert with_answer(talk, "No idea.").messages == (
        *talk.messages[:3], Message("assistant", "No idea."),
    )  # fmt: skip
    assert with_answer(open_end, "No idea.") == with_answer(talk, "No idea.")


def test_replies_are_judged_in_place_of_answers(
    judge: Path, llama_folder: Path, tmp_path: Path
) -> None:
    engine = _engine(tmp_path, judge)
    replies = Generations(model=str(llama_folder), decoding=_SHORT)

    found: ScoreTable = engine.value(Reward(model=str(judge), replies=replies))

    texts: Texts = engine.value(replies)
    rows = _all(engine)
    replied = [with_answer(row, text) for row, text in zip(rows, texts.values, strict=True)]
    assert _near(found.main.values, _by_hand(judge, replied))
    again = _engine(tmp_path, judge)
    assert again.missing_rows(again.resolve(replies)) == 0
    made = again.resolve(Classification(model=str(judge)).at(Answered(by=replies)))
    again.view(made.dataset)
    assert again.missing_rows(made) == 0


def test_necessity_of_mods_is_a_composition(
    judge: Path, llama_folder: Path, tmp_path: Path
) -> None:
    """Good rows, seeds among them, a model tuned on these, and what it still answers poorly."""
    good = Threshold(by=Reward(model=str(judge)), low=_median(judge))
    seeds = _selector("k_center", budget=4, within=good, vectors="embeddings")
    run = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=seeds))
    replies = Generations(model=run, decoding=_SHORT).among(good)
    high = 0.0
    needed = Threshold(by=Reward(model=str(judge), replies=replies), high=high, within=good)
    engine = _engine(tmp_path, judge)
    assert all(step.seconds is not None for step in plan(engine, [good, seeds]).steps)

    record: SelectionRecord = engine.value(needed)

    own = _engine(tmp_path / "own", judge)
    kept: SelectionRecord = own.value(good)
    chosen: SelectionRecord = own.value(seeds)
    assert set(chosen.selection.indices) < set(kept.selection.indices)
    tuned: Tuned = own.value(run)
    texts: Texts = own.value(Generations(model=str(tuned.last), decoding=_SHORT))
    rows = _all(own)
    replied = [with_answer(row, text) for row, text in zip(rows, texts.values, strict=True)]
    rewards = _by_hand(judge, replied)
    expected = [place for place in sorted(kept.selection.indices) if rewards[place] <= high]
    assert sorted(record.selection.indices.tolist()) == expected
    assert 0 < len(expected) < len(kept.selection.indices)


def _median(judge: Path) -> float:
    return float(np.nanmedian(_by_hand(judge, _ROWS)))


def _selector(name: str, **parameters: Any) -> Selector:
    found = build({"method": name, **parameters}, "selector")
    assert isinstance(found, Selector)
    return found
