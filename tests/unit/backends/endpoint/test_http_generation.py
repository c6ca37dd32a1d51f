"""Replies of models behind HTTP: those that the server gives, or a reason."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.endpoint.http_generation import EndpointGenerator
from assay.components.decoding import Decoding
from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.errors import ConfigError, ModelLoadError, UnfinishedError
from assay.features.generations import Generations
from assay.samples import Conversation, Flag, Reason
from assay.testing import pool
from assay.values import Texts
from tests.causal_rows import CALLS, TALKS, PlainLoop, exchange, open_runtime, ordinary_rows
from tests.impatience import ask_again_at_once
from tests.model_server import Fault, ModelServer, serving

pytest.importorskip("torch")

CHAT = Rendering(template="chat")
SHORT = Decoding(max_new_tokens=12)
DRAWN = Decoding(temperature=1, max_new_tokens=8, seed=1)
_ROWS = [exchange(row) for row in ordinary_rows(6)]
_COMPLETIONS, _CHATS = "/v1/completions", "/v1/chat/completions"


@pytest.fixture(scope="module")
def chatting(chat_folder: Path) -> PlainLoop:
    return PlainLoop.open(chat_folder)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_again_at_once(monkeypatch, 0.01, 0.02)


@pytest.fixture
def server(chatting: PlainLoop) -> Iterator[ModelServer]:
    with serving(chatting) as running:
        yield running


def _engine(rows: Sequence[Conversation], cache: Path) -> Engine:
    return Engine(pool(rows), open_runtime(cache))


def _value(rows: Sequence[Conversation], cache: Path, model: str, **fields: Any) -> Texts:
    fields = {"decoding": SHORT} | fields
    found = _engine(rows, cache).value(Generations(model=model, **fields))
    assert isinstance(found, Texts)
    return found


def _texts_of(rows: Sequence[Conversation], found: Texts) -> dict[bytes, str]:
    made = pool(rows).conversations(np.arange(len(rows)))
    return {
        each.content_hash: text for each, text in zip(made, found.values.to_list(), strict=True)
    }


# The same replies


def test_a_served_model_gives_the_replies_of_the_model_itself(
    server: ModelServer, chat_folder: Path, tmp_path: Path
) -> None:
    rows = [*_ROWS, *TALKS, CALLS]
    own = _value(rows, tmp_path / "own", str(chat_folder))

    served = _value(rows, tmp_path / "served", server.address)

    assert served.values.to_list() == own.values.to_list()
    assert served.finish.to_list() == own.finish.to_list()
    np.testing.assert_array_equal(served.tokens, own.tokens)
    assert served.flags.tolist() == own.flags.tolist()
    assert _CHATS not in server.requests


def test_a_chat_is_rendered_by_the_server(
    server: ModelServer, chatting: PlainLoop, tmp_path: Path
) -> None:
    found = _value([*TALKS, CALLS], tmp_path, server.address, rendering=CHAT)

    assert _COMPLETIONS not in server.requests
    assert "/tokenize" not in server.requests
    texts = _texts_of([*TALKS, CALLS], found)
    asked = chatting.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello, who are you?"},
         {"role": "assistant", "content": "A small model."},
         {"role": "user", "content": "How small?"}],
        add_generation_prompt=True, return_dict=False,
    )  # fmt: skip
    reply = chatting.reply(asked, 12, ends=("<|im_end|>",))
    assert texts[TALKS[0].content_hash] == chatting.shown(reply.ids)


def test_a_drawn_reply_is_a_rows_own_whatever_else_is_asked(
    server: ModelServer, tmp_path: Path
) -> None:
    whole = _texts_of(_ROWS, _value(_ROWS, tmp_path / "a", server.address, decoding=DRAWN))
    some = _texts_of(
        _ROWS[::-2], _value(_ROWS[::-2], tmp_path / "b", server.address, decoding=DRAWN)
    )
    other = DRAWN.model_copy(update={"seed": 2})
    again = _texts_of(_ROWS, _value(_ROWS, tmp_path / "c", server.address, decoding=other))

    assert some == {key: whole[key] for key in some}
    assert all(again[key] != text for key, text in whole.items())


def test_equal_prompts_are_asked_for_once(server: ModelServer, tmp_path: Path) -> None:
    rows = [
        exchange((f"Why?{'' if place else '!'}", "", f"Because {place}.")) for place in range(5)
    ]

    found = _value(rows, tmp_path, server.address)

    opening = 2
    assert server.requests.count(_COMPLETIONS) - opening <= 3
    assert found.values.n_unique() == 2


# How they end


def test_stop_texts_and_limits_are_told_apart(server: ModelServer, tmp_path: Path) -> None:
    whole = _value(_ROWS[:1], tmp_path, server.address)
    stop = str(whole.values[0])[4:7]

    ended = _value(_ROWS[:1], tmp_path, server.address,
                   decoding=Decoding(max_new_tokens=12, stop=(stop,)))  # fmt: skip

    assert whole.finish.to_list() == ["length"]
    assert whole.flags[0] & Flag.RESPONSE_TRUNCATED
    assert ended.finish.to_list() == ["stop"]
    assert ended.values[0] == str(whole.values[0]).partition(stop)[0]


def _saying(**choice: Any) -> Any:
    """Answer every row, and no opening, in one way."""

    def wrong(route: str, body: Any, count: int) -> Fault | None:
        if route != _COMPLETIONS or body["max_tokens"] != SHORT.max_new_tokens:
            return None
        return Fault(200, {"choices": [choice]})

    return wrong


@pytest.mark.parametrize(
    ("choice", "reason", "text", "finish"),
    [
        ({"text": "Yes.", "finish_reason": "stop"}, 0, "Yes.", "stop"),
        ({"text": " \n", "finish_reason": "stop"}, 0, " \n", "empty"),
        ({"text": None, "finish_reason": "tool_calls"}, 0, "", "empty"),
        ({"text": "Halves: \ud83d.", "finish_reason": "length"}, 0, "Halves: ?.", "length"),
        ({"text": "", "finish_reason": "content_filter"}, Reason.REFUSED, "", ""),
        ({"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"},
         Reason.REFUSED, "", ""),
    ],
)  # fmt: skip
def test_what_a_server_says_of_an_end_counts(
    server: ModelServer, tmp_path: Path, choice: Any, reason: int, text: str, finish: str
) -> None:
    server.wrong = _saying(**choice)

    found = _value(_ROWS[:2], tmp_path, server.address)

    assert found.reason.tolist() == [reason] * 2
    assert found.values.to_list() == [text] * 2
    assert found.finish.to_list() == [finish] * 2
    assert np.isnan(found.tokens).all()


@pytest.mark.parametrize(
    "choice", [{"text": "Yes."}, {"text": 3, "finish_reason": "stop"}, {"finish_reason": "abort"}]
)
def test_what_is_no_reply_is_asked_for_another_time(
    server: ModelServer, tmp_path: Path, choice: Any
) -> None:
    server.wrong = _saying(**choice)

    with pytest.raises(UnfinishedError, match="left 2 texts without a reply"):
        _value(_ROWS[:2], tmp_path, server.address)

    server.wrong = lambda route, body, count: None
    assert not _value(_ROWS[:2], tmp_path, server.address).reason.any()


# When it fails


@pytest.mark.parametrize("status", [429, 500, 0])
def test_a_busy_server_is_asked_again(server: ModelServer, tmp_path: Path, status: int) -> None:
    opening = 2
    server.wrong = lambda route, body, count: (
        Fault(status) if route == _COMPLETIONS and count in (opening, opening + 1) else None
    )

    assert not _value(_ROWS, tmp_path, server.address).reason.any()


def test_rows_without_an_answer_are_asked_for_by_the_next_run_and_no_others(
    server: ModelServer, tmp_path: Path
) -> None:
    lost: list[Any] = []

    def wrong(route: str, body: Any, count: int) -> Fault | None:
        if route != _COMPLETIONS or isinstance(body["prompt"], str) or body["max_tokens"] == 4:
            return None
        if not lost:
            lost.append(body["prompt"])
        return Fault(503) if body["prompt"] == lost[0] else None

    server.wrong = wrong
    with pytest.raises(UnfinishedError, match="left 1 text without a reply: 503"):
        _value(_ROWS, tmp_path, server.address)
    server.wrong = lambda route, body, count: None
    server.asked.clear()

    found = _value(_ROWS, tmp_path, server.address)

    assert not found.reason.any()
    long = [ids for ids in server.asked if len(ids) > 30]
    # Those that were stored are written again to see whether the server is the same.
    assert long.count(tuple(lost[0])) == 1


def test_a_text_that_is_refused_for_its_own_sake_has_a_reason(
    server: ModelServer, tmp_path: Path
) -> None:
    server.wrong = lambda route, body, count: (
        Fault(400, {"error": {"message": "not on this server"}})
        if route == _CHATS and "Does it?" in str(body["messages"])
        else None
    )

    found = _value(TALKS, tmp_path, server.address, rendering=CHAT)

    assert sorted(found.reason.tolist()) == [0, 0, 0, 0, Reason.REFUSED]


def test_a_chat_that_is_too_long_for_the_server_has_a_reason(
    server: ModelServer, tmp_path: Path
) -> None:
    long = exchange(("word " * 300, "", "Yes."))

    found = _value([long, *_ROWS[:2]], tmp_path, server.address, rendering=CHAT)

    assert sorted(found.reason.tolist()) == [0, 0, Reason.TOO_LONG]


def test_a_server_that_does_not_write_is_refused_before_any_row(
    server: ModelServer, tmp_path: Path
) -> None:
    server.routes = frozenset({"/v1/models"})

    with pytest.raises(ModelLoadError, match="chat/completions gives no reply: 404"):
        _value(_ROWS, tmp_path, server.address, rendering=CHAT)


def test_a_tokenizer_of_another_model_is_found_out(
    server: ModelServer, gpt2_folder: Path, tmp_path: Path
) -> None:
    other = f"{server.base}?tokenizer={gpt2_folder}#tiny"

    with pytest.raises(ModelLoadError, match="cuts texts into other tokens"):
        _value(_ROWS, tmp_path, other)


def test_its_number_format_is_its_own(server: ModelServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="number format"):
        _value(_ROWS, tmp_path, server.address, dtype="bfloat16")


def test_the_numbers_of_prompts_are_not_asked_of_a_model_that_writes(
    server: ModelServer, tmp_path: Path
) -> None:
    server.forms = frozenset()
    runtime = open_runtime(tmp_path)

    model = runtime.generator(runtime.pin("language_model", server.address), "float32")

    assert isinstance(model, EndpointGenerator)
    assert not _value(_ROWS, tmp_path, server.address).reason.any()
