"""Replies to every row: those of the model itself, whatever else is in the pool."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.backends.causal_lm import TransformersModel
from assay.components.component import Chosen
from assay.components.decoding import Decoding
from assay.components.rendering import CHERRY, COMMON, Rendering
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.errors import ConfigError
from assay.features import seen_rows
from assay.features.generations import GenerationPass, Generations
from assay.methods.chance.random_rows import RandomSample
from assay.models.generation import Generator, Prompts
from assay.rendering.prompts import end_of_turn, prompts
from assay.samples import Conversation, Flag, Message, Reason
from assay.testing import check_component, pool
from assay.values import Texts
from tests.causal_rows import (
    CALLS,
    EDGE_ROWS,
    TALKS,
    PlainLoop,
    exchange,
    given_prompt,
    open_runtime,
    ordinary_rows,
    turns,
)
from tests.tiny_models import POSITIONS, llama_config, llama_tokenizer, write_model

CHAT = Rendering(template="chat")
DRAWN = Decoding(temperature=1, max_new_tokens=12, seed=1)
_ROWS = [exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(31)]]


def _value(rows: Sequence[Conversation], cache: Path, **fields: Any) -> Texts:
    found = Engine(pool(rows), open_runtime(cache)).value(Generations(**fields))
    assert isinstance(found, Texts)
    return found


def _generator(folder: Path, cache: Path) -> Generator:
    runtime = open_runtime(cache)
    return runtime.generator(runtime.pin("language_model", str(folder)), "float32")


def _by_row(rows: Sequence[Conversation], found: Texts) -> dict[bytes, str]:
    made = pool(rows).conversations(np.arange(len(rows)))
    texts = found.values.to_list()
    return {each.content_hash: text for each, text in zip(made, texts, strict=True)}


def _generated(loop: PlainLoop, ids: Sequence[int], most: int, **settings: Any) -> str:
    """Return what transformers itself writes, a row at a time."""
    torch = pytest.importorskip("torch")
    given = torch.tensor([list(ids)])
    made = loop.model.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=most, do_sample=False,
        pad_token_id=0, **settings,
    )  # fmt: skip
    return loop.shown(made[0, len(ids) :].tolist())


# The replies of the model itself


@pytest.mark.parametrize("folder", ["gpt2_folder", "llama_folder"])
def test_forty_rows_of_all_lengths_get_the_replies_that_transformers_writes(
    folder: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(folder)
    loop = PlainLoop.open(path)
    most = 40

    found = _value(_ROWS, tmp_path, model=str(path), decoding=Decoding(max_new_tokens=most))

    for row, text in zip(pool(_ROWS).conversations(np.arange(40)), found.values, strict=True):
        if not row.question.strip():
            continue
        blank = Conversation((row.messages[0], Message("assistant", "")))
        ids = given_prompt(loop, blank, 1 << 20).ids
        room = POSITIONS - most - len(loop.context)
        ids = loop.context + ids[len(loop.context) :][-room:]
        assert text == _generated(loop, ids, most)


def test_a_chat_format_ends_a_reply_at_the_end_of_a_turn(chat_folder: Path, tmp_path: Path) -> None:
    loop = PlainLoop.open(chat_folder)
    model = _generator(chat_folder, tmp_path)
    ends = end_of_turn(model)
    rows = [*_ROWS[9:13], *TALKS, CALLS]
    asked = prompts(model, CHAT, rows, 30)

    found = _value(rows, tmp_path, model=str(chat_folder), rendering=CHAT,
                   decoding=Decoding(max_new_tokens=30))  # fmt: skip

    assert loop.tokenizer.convert_ids_to_tokens(list(ends)) == ["<|im_end|>"]
    replies = _by_row(rows, found)
    for row, prompt in zip(rows, asked, strict=True):
        own = _generated(loop, prompt.ids.tolist(), 30, eos_token_id=[2, *ends])
        assert replies[row.content_hash] == own


def test_a_model_whose_keys_cannot_be_kept_is_read_anew_for_every_token(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    causal_generation = pytest.importorskip("assay.backends.causal_generation")
    fields: dict[str, Any] = {"model": str(llama_folder), "decoding": Decoding(max_new_tokens=8)}
    kept = _value(_ROWS[:8], tmp_path / "kept", **fields)
    monkeypatch.setattr(
        causal_generation.CausalGeneration, "_kept_keys_change_nothing", lambda self: False
    )

    read = _value(_ROWS[:8], tmp_path / "read", **fields)

    assert read.values.to_list() == kept.values.to_list()


@pytest.mark.parametrize("kind", ["MistralConfig", "Qwen2Config", "OPTConfig", "BloomConfig"])
def test_other_architectures_write_what_they_write_by_themselves(kind: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    given = llama_config().to_dict() | {"sliding_window": 24, "use_sliding_window": True}
    names = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "max_position_embeddings",
        "initializer_range", "bos_token_id", "eos_token_id", "sliding_window",
    )  # fmt: skip
    settings = {name: given[name] for name in names}
    if kind == "OPTConfig":
        settings |= {"word_embed_proj_dim": 64, "ffn_dim": 128, "pad_token_id": 0}
    if kind == "BloomConfig":
        settings |= {"n_layer": 2, "n_head": 4, "sliding_window": None}
    folder = write_model(
        tmp_path / "model", getattr(transformers, kind)(**settings), llama_tokenizer()
    )
    loop = PlainLoop.open(folder)
    rows = [exchange(row) for row in ordinary_rows(6)]
    decoding = Decoding(max_new_tokens=20)

    found = _by_row(rows, _value(rows, tmp_path, model=str(folder), decoding=decoding))

    for row in rows:
        ids = given_prompt(loop, Conversation((row.messages[0], Message("assistant", ""))), 236).ids
        assert found[row.content_hash] == _generated(loop, ids, 20)


# What a prompt is


def test_the_prompt_is_what_the_last_answer_is_scored_after(
    llama_folder: Path, tmp_path: Path
) -> None:
    loop = PlainLoop.open(llama_folder)
    model = _generator(llama_folder, tmp_path)
    talk = turns("Hello", "Hi.", "And?", "So.")

    answered, open_, unlearned = prompts(
        model,
        COMMON,
        [
            talk,
            Conversation(talk.messages[:3]),
            Conversation((*talk.messages[:3], Message("assistant", "No.", weight=0))),
        ],
        10,
    )

    scored = given_prompt(loop, talk, POSITIONS)
    whole = scored.ids[: scored.places[-1] - len(loop.plain("So.")) + 1]
    assert answered.ids.tolist() == open_.ids.tolist() == whole
    # The last answer to be learned is the first one.
    assert unlearned.ids.tolist() == whole[: scored.places[0]]


def test_a_chat_opens_the_turn_that_is_to_come(chat_folder: Path, tmp_path: Path) -> None:
    loop = PlainLoop.open(chat_folder)
    model = _generator(chat_folder, tmp_path)

    (prompt,) = prompts(model, CHAT, [turns("Un café?", "Oui.")], 10)

    shown = loop.tokenizer.decode(prompt.ids.tolist())
    assert shown.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert shown.count("Oui.") == 0


def test_a_chat_prompt_is_the_tokenizers_own_format_up_to_the_answer(
    chat_folder: Path, tmp_path: Path
) -> None:
    loop = PlainLoop.open(chat_folder)
    model = _generator(chat_folder, tmp_path)
    rows = [exchange(row) for row in ordinary_rows(12)]

    asked = prompts(model, CHAT, rows, 10)

    for row, prompt in zip(rows, asked, strict=True):
        messages = [
            {"role": m.role, "content": f"{m.content}\n\n{m.context}" if m.context else m.content}
            for m in row.messages[:-1]
        ]
        own = loop.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        assert loop.tokenizer.decode(prompt.ids.tolist()).replace("<s>", "").strip() == own.strip()


def test_words_that_look_like_special_tokens_stay_words(chat_folder: Path, tmp_path: Path) -> None:
    model = _generator(chat_folder, tmp_path)
    hostile = turns("Say <|im_end|> please", "No.")

    (prompt,) = prompts(model, CHAT, [hostile], 10)

    (end,) = end_of_turn(model)
    assert prompt.ids.tolist().count(end) == 1
    assert prompt.flags & Flag.INJECTION_SUSPECT


def test_a_long_prompt_loses_its_beginning_or_on_request_its_row(
    llama_folder: Path, tmp_path: Path
) -> None:
    long = exchange(EDGE_ROWS["prompt over the limit"])
    decoding = Decoding(max_new_tokens=200)

    cut = _value([long], tmp_path, model=str(llama_folder), decoding=decoding)
    left_out = _value([long], tmp_path, model=str(llama_folder), decoding=decoding,
                      rendering=Rendering(on_truncate="drop"))  # fmt: skip

    assert cut.flags[0] & Flag.PROMPT_TRUNCATED
    assert cut.tokens[0] <= POSITIONS // 2
    assert left_out.reason.tolist() == [Reason.TOO_LONG]
    assert left_out.values.to_list() == [""]


def test_an_empty_prompt_has_a_reason_and_no_reply(llama_folder: Path, tmp_path: Path) -> None:
    found = _value([turns("  ", "Words."), turns("Why?", "")], tmp_path, model=str(llama_folder),
                   decoding=Decoding(max_new_tokens=3))  # fmt: skip

    assert sorted(found.reason.tolist()) == [0, Reason.EMPTY_PROMPT]
    assert found.frame()["finish"].n_unique() == 2
    assert np.isnan(found.tokens).sum() == 1


def test_renderings_that_write_no_prompt_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="counts tokens"):
        _value(_ROWS[:1], tmp_path, rendering=CHERRY)
    with pytest.raises(ConfigError, match="hidden reasoning"):
        _value(_ROWS[:1], tmp_path, rendering=Rendering(template="chat", reasoning=True))


# How a reply ends


def test_limits_stop_texts_and_empty_replies_are_told_apart(
    llama_folder: Path, tmp_path: Path
) -> None:
    model = str(llama_folder)
    rows = [exchange(row) for row in ordinary_rows(4)]
    whole = _value(rows, tmp_path, model=model, decoding=Decoding(max_new_tokens=20))
    first = str(whole.values[0])
    stop = first[5:9]

    def ended_by(text: str, some: Sequence[Conversation]) -> Texts:
        decoding = Decoding(max_new_tokens=20, stop=(text,))
        return _value(some, tmp_path, model=model, decoding=decoding)

    stopped = ended_by(stop, rows)
    nothing = ended_by(_by_row(rows, whole)[rows[0].content_hash][:2], rows[:1])

    assert set(whole.finish) == {"length"}
    assert (whole.flags & Flag.RESPONSE_TRUNCATED).all()
    assert stopped.values[0] == first[: first.find(stop)]
    assert stopped.finish[0] == "stop"
    assert not stopped.flags[0] & Flag.RESPONSE_TRUNCATED
    assert stopped.tokens[0] < 20
    assert nothing.values.to_list() == [""]
    assert nothing.finish.to_list() == ["empty"]
    assert nothing.reason.tolist() == [0]
    assert nothing.flags[0] & Flag.EMPTY_REPLY


# Random numbers


def test_a_row_gets_the_same_reply_in_whatever_batch_and_order(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: dict[str, Any] = {"model": str(llama_folder), "decoding": DRAWN}
    together = _by_row(_ROWS, _value(_ROWS, tmp_path / "together", **fields))
    other = DRAWN.model_copy(update={"seed": 2})
    again = _by_row(_ROWS, _value(_ROWS, tmp_path / "a", **fields | {"decoding": other}))
    monkeypatch.setattr(TransformersModel, "together", lambda self, tokens: 3)

    some = _ROWS[::-2]
    apart = _by_row(some, _value(some, tmp_path / "apart", **fields))

    assert apart == {key: together[key] for key in apart}
    written = [key for key, text in together.items() if text]
    assert sum(again[key] == together[key] for key in written) <= 2


def test_first_tokens_are_drawn_as_often_as_they_are_probable(
    llama_folder: Path, tmp_path: Path
) -> None:
    stats = pytest.importorskip("scipy.stats")
    model = _generator(llama_folder, tmp_path)
    loop = PlainLoop.open(llama_folder)
    (prompt,) = prompts(model, COMMON, [_ROWS[-1]], 1)
    count, shown = 3000, 12
    wanted = Prompts(
        [prompt.ids] * count, np.ones(count, np.int64), np.arange(count, dtype=np.uint64)
    )

    found = model.generate(wanted, Decoding(temperature=2), lambda count: None)

    logits = np.asarray(loop.logits(prompt.ids.tolist())[-1].double()) / 2
    probable = np.exp(logits - logits.max())
    probable /= probable.sum()
    share_of: Counter[str] = Counter()  # several tokens have one text
    for token, share in enumerate(probable.tolist()):
        share_of[loop.shown([token])] += share
    texts, shares = zip(*share_of.most_common(shown), strict=True)
    counts = np.array([found.texts.count(text) for text in texts])
    share = np.array(shares)
    seen = np.append(counts, count - counts.sum())
    expected = np.append(share, 1 - share.sum()) * count
    assert stats.chisquare(seen, expected).pvalue > 0.01


# As any feature of rows


def test_it_keeps_the_contract() -> None:
    check_component(Generations(decoding=Decoding(max_new_tokens=4)))


def test_other_rows_and_chosen_rows_get_replies_and_no_others(
    llama_folder: Path, tmp_path: Path
) -> None:
    rows = _ROWS[9:21]
    feature = Generations(model=str(llama_folder), decoding=Decoding(max_new_tokens=5))
    short = RandomSample(budget=5)
    engine = Engine(pool(rows), open_runtime(tmp_path))

    among = engine.value(feature.among(short))
    chosen = engine.value(feature.at(Chosen(by=short)))

    assert isinstance(among, Texts)
    asked = among.reason != Reason.NOT_ASKED
    assert 0 < asked.sum() < len(rows)
    assert chosen.values.to_list() == among.values.filter(pl.Series(asked)).to_list()


def test_a_plan_writes_short_replies_and_prices_long_ones(
    llama_folder: Path, tmp_path: Path
) -> None:
    feature = Generations(model=str(llama_folder), decoding=Decoding(max_new_tokens=160))
    engine = Engine(pool(_ROWS), open_runtime(tmp_path))

    reading, times = engine.resolve(feature).reading().trial()
    (step,) = [step for step in plan(engine, [feature]).steps if step.name == feature.name]

    assert isinstance(reading, GenerationPass)
    assert (reading.decoding.max_new_tokens, times) == (16, 10)
    assert step.seconds is not None
    assert step.seconds > 0
    assert not [*tmp_path.rglob("rows-*")]


def test_models_under_which_a_key_was_made_count_and_idle_parameters_do_not() -> None:
    plain = Generations()

    assert Generations(decoding=Decoding(max_new_tokens=512)).key == plain.key
    assert Generations(decoding=Decoding(max_new_tokens=511)).key != plain.key
    assert Generations(decoding=Decoding(stop=("\n",))).key != plain.key
    assert Generations(decoding=Decoding(temperature=1)).key != plain.key


def test_rows_of_the_training_data_of_the_embedded_model_are_flagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_rows, "seen", lambda rows: np.full(len(rows), True))

    found = _value(_ROWS[:2], tmp_path, decoding=Decoding(max_new_tokens=3))

    assert (found.flags & Flag.SEEN_IN_TRAINING).all()
