"""A demonstration before every row: what is read is the plain text of both, and it is read once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import Chosen, FileSet, Given
from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.engine.row_steps import rows_of
from assay.errors import ConfigError, DataError
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_rows import Dropped, WithDemonstration, with_demonstration
from assay.methods.chance.random_rows import RandomSample
from assay.pool.pool import Pool, format_id
from assay.runtime import Runtime
from assay.samples import Conversation, Message, Reason, Tool
from assay.testing import pool as pool_of
from assay.values import LogProbs
from tests.causal_rows import ALPACA, ALPACA_WITH_INPUT, PlainLoop, exchange, ordinary_rows
from tests.tiny_models import small_settings
from tests.watching import forwards

_ROWS = [exchange(row) for row in ordinary_rows(6)]
_ASKED = [exchange(row) for row in ordinary_rows(20, seed=4)]
_FILE = FileSet(source=__file__, role="anchors")
_HEADING = "\n\n### Response:"


def _engine(
    cache: Path,
    rows: Sequence[Conversation] | Pool = _ROWS,
    asked: Sequence[Conversation] = _ASKED,
) -> Engine:
    pool = rows if isinstance(rows, Pool) else pool_of(list(rows))
    runtime = Runtime(cache=cache, workers=1, device="cpu", offline=True, max_unscored=1.0)
    other = pool_of(list(asked))
    return Engine(pool, runtime, open_file=lambda dataset: other)


def _id(engine: Engine, shown: Conversation) -> str:
    rows = engine.pool.conversations(np.arange(len(engine.pool)))
    return format_id(int(engine.pool.ids[rows.index(shown)]))


def _wording(conversation: Conversation, *, first: bool) -> str:
    message = conversation.messages[0]
    wording = ALPACA_WITH_INPUT if message.context else ALPACA
    if not first:
        wording = wording[wording.index("\n\n### Instruction") :]
    return wording.replace("{q}", message.content).replace("{i}", message.context)


@pytest.mark.parametrize("place", [0, 1])
def test_numbers_are_those_of_the_plain_text_of_both(
    place: int, llama_folder: Path, tmp_path: Path
) -> None:
    engine, loop, shown = _engine(tmp_path), PlainLoop.open(llama_folder), _ROWS[place]
    rows = WithDemonstration(of=_FILE, row=_id(engine, shown))

    found: LogProbs = engine.value(ResponseLogProbs(model=str(llama_folder)).at(rows))

    before = [*loop.context, *loop.plain(_wording(shown, first=True)), *loop.plain(shown.response)]
    expected, counts = [], []
    for row in engine.view(engine.resolve(_FILE)).conversations():
        ids = [*before, *loop.plain(_wording(row, first=False)), *loop.plain(row.response)]
        answer = len(loop.plain(row.response))
        expected.append(loop.log_probs(ids)[-answer:].mean())
        counts.append(answer)
    assert found.reason.tolist() == [0] * len(_ASKED)
    assert found.count.tolist() == counts
    assert np.abs(found.mean() - expected).max() < 1e-5


def test_the_demonstration_is_read_once_for_all_rows(llama_folder: Path, tmp_path: Path) -> None:
    shown = _ROWS[0]
    engine, loop = _engine(tmp_path), PlainLoop.open(llama_folder)
    rows = WithDemonstration(of=_FILE, row=_id(engine, shown))
    feature = ResponseLogProbs(model=str(llama_folder))
    engine.value(feature)  # the model is open, and how many tokens it reads at once is known

    with forwards(small_settings()["vocab_size"]) as seen:
        engine.value(feature.at(rows))

    whole = loop.plain(_wording(shown, first=True)) + loop.plain(shown.response)
    own = [len(loop.plain(_wording(row, first=False)) + loop.plain(row.response)) for row in _ASKED]
    read = sum(count * tokens for count, tokens in seen)
    assert len(whole) < read < 1.3 * sum(own) + 2 * len(whole)
    assert read < 0.6 * (sum(own) + len(whole) * len(own))


def test_the_embedded_model_reads_the_whole_text(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    rows = WithDemonstration(of=_FILE, row=_id(engine, _ROWS[2]))
    plain = _engine(tmp_path / "plain", [with_demonstration(row, _ROWS[2]) for row in _ASKED])

    found: LogProbs = engine.value(ResponseLogProbs().at(rows))
    expected: LogProbs = plain.value(ResponseLogProbs())

    assert np.abs(np.sort(found.mean()) - np.sort(expected.mean())).max() < 1e-5


def test_every_demonstration_gives_numbers_that_stand_beside_those_without(
    llama_folder: Path, tmp_path: Path
) -> None:
    engine = _engine(tmp_path, [*_ROWS, _ROWS[1], _ROWS[1]])
    feature = ResponseLogProbs(model=str(llama_folder))
    shown = [WithDemonstration(row=_id(engine, row)) for row in _ROWS[:3]]

    without, *others = engine.compute([feature, *(feature.at(rows) for rows in shown)])

    twice = [n for n, c in enumerate(engine.view(Given()).conversations()) if c == _ROWS[1]]
    assert len(twice) == 3
    for value in others:
        assert value.count.tolist() == without.count.tolist()
        assert len({value.mean()[place] for place in twice}) == 1
        assert (value.mean() != without.mean()).all()


def test_in_a_models_own_chat_format_no_answer_of_the_demonstration_is_scored(
    chat_folder: Path, tmp_path: Path
) -> None:
    asked = [exchange((f"Why is {n}?", "", f"So is {n}.")) for n in range(4)]
    engine = _engine(tmp_path, [*asked[:1], *_ROWS], asked)
    feature = ResponseLogProbs(model=str(chat_folder), rendering=Rendering(template="chat"))

    without, shown = engine.compute(
        [feature.at(_FILE), feature.at(WithDemonstration(of=_FILE, row=_id(engine, asked[0])))]
    )

    assert shown.reason.tolist() == [0] * 4
    assert shown.count.tolist() == without.count.tolist()
    assert (shown.prompt_tokens > without.prompt_tokens).all()


def test_prompts_without_answers_say_so(tmp_path: Path) -> None:
    asked = [Conversation((Message("user", f"Why {n}?"),)) for n in range(3)]
    engine = _engine(tmp_path, asked=asked)
    rows = WithDemonstration(of=_FILE, row=_id(engine, _ROWS[0]))

    found = engine.value(ResponseLogProbs().at(rows))

    assert found.reason.tolist() == [Reason.EMPTY_RESPONSE] * 3


# Texts


def test_nothing_of_the_demonstration_is_to_be_learned_and_a_system_prompt_stands_first() -> None:
    plain = Conversation((Message("user", "a"), Message("assistant", "b")), (Tool("t"),))
    named = Conversation((Message("system", "s"), *plain.messages), (Tool("t"), Tool("u")))
    asked = Conversation((Message("user", "c", "d"), Message("assistant", "e")))
    asked_named = Conversation((Message("system", "r"), *asked.messages))

    def roles(conversation: Conversation) -> list[str]:
        return [f"{message.role[0]}:{message.content}" for message in conversation.messages]

    assert roles(with_demonstration(asked, plain)) == ["u:a", "a:b", "u:c", "a:e"]
    assert roles(with_demonstration(asked, named)) == ["s:s", "u:a", "a:b", "u:c", "a:e"]
    assert roles(with_demonstration(asked_named, named)) == ["s:r", "u:a", "a:b", "u:c", "a:e"]
    made = with_demonstration(asked, named)
    assert [message.learned for message in made.messages] == [False] * 4 + [True]
    assert made.response == made.responses == "e"
    assert made.messages[-2:] == asked.messages
    assert made.tools == (Tool("t"), Tool("u"))


def test_words_are_dropped_of_what_is_asked_and_not_of_what_is_shown(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    shown = WithDemonstration(of=_FILE, row=_id(engine, _ROWS[0]))

    before = engine.view(engine.resolve(shown)).conversations()
    after = engine.view(engine.resolve(Dropped(of=shown, rate=0.6))).conversations()

    assert [row.messages[:2] for row in after] == [row.messages[:2] for row in before]
    assert all(
        replace(a.messages[2], content="") == replace(b.messages[2], content="")
        for a, b in zip(after, before, strict=True)
    )
    assert sum(a != b for a, b in zip(after, before, strict=True)) > 15


# What is shown


def test_a_row_is_shown_by_the_first_digits_of_its_id(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    row = _id(engine, _ROWS[0])

    whole, begun = (
        engine.view(engine.resolve(WithDemonstration(of=_FILE, row=text))).conversations()
        for text in (row, row[:8])
    )

    assert whole == begun
    assert all(each.messages[0] == _ROWS[0].messages[0] for each in whole)


def _shown_of(engine: Engine, row: str, **fields: Any) -> Any:
    return engine.view(engine.resolve(WithDemonstration(of=_FILE, row=row, **fields)))


def test_what_cannot_be_shown_says_why(tmp_path: Path) -> None:
    mute = exchange(("Say nothing.", "", " "))
    engine = _engine(tmp_path, [*_ROWS, mute])
    held_out = _engine(tmp_path / "held out")
    held_out.pool.held_out[:] = [
        row == _ROWS[0] for row in held_out.pool.conversations(np.arange(len(held_out.pool)))
    ]
    held_out = Engine(held_out.pool, held_out.runtime, open_file=held_out.open_file)

    with pytest.raises(DataError, match="no row has 0000000000000000"):
        _shown_of(engine, "0" * 16)
    with pytest.raises(DataError, match="has no answer that it could demonstrate"):
        _shown_of(engine, _id(engine, mute))
    with pytest.raises(DataError, match="no row has"):
        _shown_of(held_out, _id(engine, _ROWS[0]))
    with pytest.raises(ConfigError, match="row"):
        WithDemonstration(row="first")


def test_a_demonstration_may_be_one_of_other_rows(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    file = pool_of(_ASKED)
    among = Chosen(by=RandomSample(budget=len(_ASKED)), of=_FILE)
    row = format_id(int(file.ids[3]))

    view = _shown_of(engine, row, among=among)

    assert {each.messages[0].content for each in view.conversations()} == {
        file.conversations(np.array([3]))[0].instruction
    }
    assert rows_of(_engine(tmp_path), WithDemonstration(of=_FILE, row=row, among=among)) == 20


def test_a_plan_prices_the_questions_and_what_a_demonstration_is_chosen_among(
    tmp_path: Path,
) -> None:
    engine = _engine(tmp_path)
    among = Chosen(by=RandomSample(budget=4))
    rows = WithDemonstration(of=_FILE, row=_id(engine, _ROWS[0]), among=among)

    found = plan(engine, [ResponseLogProbs().at(rows)])

    steps = [(step.name, step.rows) for step in found.steps]
    assert steps == [("identity", 6), ("random", 6), ("response_log_probs", 20)]
    assert found.seconds is not None
    assert not (tmp_path / "with_demonstration").exists()


def test_a_plan_says_that_there_is_no_such_row(tmp_path: Path) -> None:
    rows = WithDemonstration(of=_FILE, row="0" * 16)

    found = plan(_engine(tmp_path), [ResponseLogProbs().at(rows)])

    assert found.steps == []
    assert ["no row has 0000000000000000" in str(text) for text in found.refusals] == [True]


@pytest.fixture(autouse=True)
def _torch() -> Iterator[None]:
    pytest.importorskip("torch")
    yield
