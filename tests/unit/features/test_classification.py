"""Rows as classifiers read them, against transformers a row at a time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.sequence_classifier import SequenceClassifier
from assay.errors import ConfigError
from assay.features.classification import Classification
from assay.models.classifier import Framed
from assay.samples import Conversation, Flag, Message, Reason
from assay.testing import pool as pool_of
from assay.testing import value_of
from assay.values import Numbers
from tests.causal_rows import (
    EDGE_ROWS,
    TALKS,
    exchange,
    open_runtime,
    ordinary_rows,
    set_budget,
    turns,
    value_in_order,
)
from tests.classifiers import PlainClassifier
from tests.rows import conversation
from tests.tiny_models import tiny_bert, tiny_reward

_ROWS = [*(exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(12)]), *TALKS]
_LIMIT = 256


@pytest.fixture(scope="module")
def reward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reward(tmp_path_factory.mktemp("reward"))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def _value(
    folder: Path, cache: Path, rows: Sequence[Conversation], *, tokens: int = 1024, **asked: Any
) -> Numbers:
    """Return the value of some rows, in their order."""
    runtime = open_runtime(cache)
    set_budget(runtime, folder, tokens)
    feature = Classification(model=str(folder), **asked)
    found: Numbers = value_in_order(feature, rows, runtime=runtime)
    return found


def _messages(row: Conversation) -> list[dict[str, str]]:
    learned = [place for place, message in enumerate(row.messages) if message.learned]
    return [
        {
            "role": m.role,
            "content": f"{m.content}\n\n{m.context}" if m.context else m.content,
        }
        for m in row.messages[: learned[-1] + 1]
    ]


def test_rewards_of_conversations_are_those_of_the_models_own_format(
    reward: Path, tmp_path: Path
) -> None:
    plain = PlainClassifier.open(reward)

    found = _value(reward, tmp_path, _ROWS)

    assert list(found.columns) == ["reward"]
    for row, number, reason, flags in zip(
        _ROWS, found["reward"], found.reason, found.flags, strict=True
    ):
        if not row.response.strip():
            assert reason == Reason.EMPTY_RESPONSE
            assert np.isnan(number)
            continue
        ids = plain.tokenizer.apply_chat_template(_messages(row))["input_ids"]
        cut = Flag(int(flags)) & Flag.PROMPT_TRUNCATED
        assert bool(cut) == (len(ids) > _LIMIT)
        expected = plain.of_ids(*ids[-_LIMIT:])[0]
        assert number == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_rewards_of_pairs_are_those_of_question_and_answer(bert: Path, tmp_path: Path) -> None:
    plain = PlainClassifier.open(bert)

    found = _value(bert, tmp_path, _ROWS)

    assert list(found.columns) == ["low", "middle", "high"]
    for place, row in enumerate(_ROWS):
        numbers = [found[name][place] for name in found.columns]
        if not row.response.strip():
            assert found.reason[place] == Reason.EMPTY_RESPONSE
            assert np.isnan(numbers).all()
            continue
        if found.flags[place] & (Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED):
            assert len(plain.tokenizer(row.prompt, row.response).input_ids) > _LIMIT
            continue
        assert numbers == pytest.approx(plain.of(row.prompt, row.response).tolist(), abs=1e-5)
    cut = Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED | Flag.EMPTY_PROMPT
    flagged = {name: Flag(int(f)) & cut for name, f in zip(EDGE_ROWS, found.flags, strict=False)}
    assert {name: flag for name, flag in flagged.items() if flag} == {
        "empty instruction": Flag.EMPTY_PROMPT,
        "prompt over the limit": Flag.PROMPT_TRUNCATED,
        "response over the limit": Flag.RESPONSE_TRUNCATED,
    }


@pytest.mark.parametrize("part", ["response", "prompt", "instruction", "conversation"])
def test_qualities_of_texts_are_those_of_the_texts(bert: Path, tmp_path: Path, part: str) -> None:
    plain = PlainClassifier.open(bert)

    found = _value(bert, tmp_path, _ROWS, input="text", part=part)

    for place, row in enumerate(_ROWS):
        text = {"response": row.responses, "conversation": row.text}.get(part) or getattr(row, part)
        numbers = [found[name][place] for name in found.columns]
        if not text.strip():
            assert found.reason[place] == Reason.NO_WORDS
            continue
        cut = plain.of(text, truncation=True, max_length=_LIMIT)
        assert numbers == pytest.approx(cut.tolist(), abs=1e-5)
        long = len(plain.tokenizer(text).input_ids) > _LIMIT
        assert bool(found.flags[place] & Flag.TEXT_TRUNCATED) == long


def test_numbers_do_not_depend_on_what_is_beside_them_in_a_batch(
    reward: Path, tmp_path: Path
) -> None:
    wide = _value(reward, tmp_path / "wide", _ROWS, tokens=8192)
    narrow = _value(reward, tmp_path / "narrow", _ROWS[::-1], tokens=1)

    assert wide.reason.tolist() == narrow.reason.tolist()[::-1]
    assert wide["reward"] == pytest.approx(narrow["reward"][::-1], rel=1e-5, nan_ok=True)


def test_what_follows_the_last_answer_does_not_count(reward: Path, tmp_path: Path) -> None:
    whole = turns("Hello?", "Hello.")
    asked = turns("Hello?", "Hello.", "And now?")
    unlearned = Conversation(
        (*whole.messages, Message("user", "No."), Message("assistant", "Bad.", weight=0))
    )

    found = _value(reward, tmp_path, [whole, asked, unlearned])

    assert found["reward"] == pytest.approx([found["reward"][0]] * 3)


def test_a_format_that_refuses_a_row_is_its_reason(tmp_path: Path) -> None:
    folder = tiny_reward(tmp_path / "model")
    file = folder / "chat_template.jinja"
    refusal = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    file.write_text(refusal + file.read_text())

    plain = conversation("No", "Yes")
    rows = [replace(plain, messages=(Message("system", "Be brief."), *plain.messages)), plain]
    found = _value(folder, tmp_path / "cache", rows)

    assert found.reason.tolist() == [Reason.FORMAT_REFUSED, 0]


def test_words_that_look_like_special_tokens_are_words_and_flagged(
    reward: Path, tmp_path: Path
) -> None:
    rows = [conversation("Hello", "Yes<|im_end|>"), conversation("Hello", "Yes")]

    found = _value(reward, tmp_path, rows)

    assert [bool(flag & Flag.INJECTION_SUSPECT) for flag in found.flags] == [True, False]
    assert found["reward"][0] != found["reward"][1]


def test_the_format_is_asked_for_where_there_is_none(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no chat template"):
        _value(bert, tmp_path, [conversation("Q", "A")], input="chat")


def test_one_text_of_an_input_of_another_form_does_not_make_another_pass() -> None:
    asked = [Classification(model="x", part=part) for part in ("response", "prompt")]

    assert asked[0].reading() == asked[1].reading()


def test_a_stopped_run_goes_on_behind_what_it_has_read(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = open_runtime(tmp_path)
    runtime.keep_seconds = 0.0
    set_budget(runtime, bert, 64)
    rows = pool_of([exchange(row) for row in ordinary_rows(30)])
    feature = Classification(model=str(bert))
    run: list[int] = []
    plain = SequenceClassifier._run

    def stopping(model: SequenceClassifier, members: Sequence[Framed]) -> Any:
        if len(run) == 12:
            raise KeyboardInterrupt
        run.append(len(members))
        return plain(model, members)

    monkeypatch.setattr(SequenceClassifier, "_run", stopping)
    with pytest.raises(KeyboardInterrupt):
        value_of(feature, rows, runtime=runtime)
    before = sum(run)
    run.clear()

    def counting(model: SequenceClassifier, members: Sequence[Framed]) -> Any:
        run.append(len(members))
        return plain(model, members)

    monkeypatch.setattr(SequenceClassifier, "_run", counting)

    found = value_of(feature, rows, runtime=runtime)

    assert 0 < sum(run) <= 30 - before + 3  # 3 to see that padding changes nothing
    fresh = _value(bert, tmp_path / "fresh", list(rows.conversations(np.arange(len(rows)))))
    assert found.difference(fresh) < 1e-5
