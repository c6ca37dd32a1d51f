"""Which rows are trained on and as which tokens, and under what a training is kept."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.model_size import count_parameters
from assay.components.budget import Budget
from assay.components.component import Chosen, Selector, build
from assay.components.rendering import Rendering
from assay.components.walk import walk
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.errors import ConfigError, DataError, MissingExtraError, ModelLoadError
from assay.models.recipe import Recipe, Tuned
from assay.models.training import TrainingOrder
from assay.runtime import Runtime
from assay.samples import Conversation, Message
from assay.testing import pool as pool_of
from assay.testing import value_of
from assay.tuning.rows import training_rows
from assay.tuning.tuned_model import TunedModel
from tests.causal_rows import (
    TALKS,
    PlainLoop,
    exchange,
    given_prompt,
    open_model,
    ordinary_rows,
    turns,
)
from tests.tiny_models import tiny_chat
from tests.trainings import SMALL, rows_to_train_on, training, weights_of

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

_ROWS = [exchange(row) for row in ordinary_rows(8)]
_EMPTY = exchange(("Say nothing at all.", "", ""))


def _shortest(count: int) -> Selector:
    selector = build({"method": "longest_response", "rule": "none", "budget": count}, "selector")
    assert isinstance(selector, Selector)
    return selector


# Tokens


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
def test_the_tokens_are_those_of_scoring_and_then_the_end(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    folder = request.getfixturevalue(name)
    model, loop = open_model(folder, tmp_path), PlainLoop.open(folder)
    conversations = [*_ROWS, *TALKS]

    found = training_rows(model, Rendering(), [conversations[:3], conversations[3:]])

    end = loop.tokenizer.eos_token_id
    for ids, learned, conversation in zip(
        found.sequences, found.learned, conversations, strict=True
    ):
        expected, places = given_prompt(loop, conversation, 1 << 20)
        stop = places[-1] + 1
        assert ids.tolist() == [*expected[:stop], end]
        assert learned.tolist() == [*places, stop]
    assert (found.rows, found.left_out, found.noted) == (len(conversations), {}, {})


def test_a_chat_format_ends_every_turn_by_itself(chat_folder: Path, tmp_path: Path) -> None:
    model, loop = open_model(chat_folder, tmp_path), PlainLoop.open(chat_folder)
    (end,) = loop.tokenizer.convert_tokens_to_ids(["<|im_end|>"])

    found = training_rows(model, Rendering(template="chat"), [[TALKS[0]]])

    (ids,), (learned,) = found.sequences, found.learned
    answers = [loop.plain("A small model."), loop.plain("Two layers, 64 wide.")]
    assert ids[learned].tolist() == [*answers[0], end, *answers[1], end]
    assert ids[-1] == end


def test_it_is_told_why_a_row_cannot_be_written_in_the_chat_format(tmp_path: Path) -> None:
    alternating = (
        "{% for m in messages %}{% if loop.index0 % 2 != (m.role == 'assistant') | int %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{{ m.content }};{% endfor %}"
    )
    model = open_model(tiny_chat(tmp_path / "model", alternating), tmp_path)
    two_questions = Conversation((Message("user", "Q"), *turns("Q", "A").messages))

    found = training_rows(model, Rendering(template="chat"), [[two_questions, TALKS[0]]])

    assert (found.rows, found.left_out) == (1, {"FORMAT_REFUSED": 1})
    assert found.why.endswith(": roles must alternate")


def test_answers_that_are_not_learned_are_context_and_other_weights_are_noted(
    llama_folder: Path, tmp_path: Path
) -> None:
    model = open_model(llama_folder, tmp_path)
    slip = Conversation(
        (
            Message("user", "Two and two?"),
            Message("assistant", "Five.", weight=0.0),
            Message("user", "No."),
            Message("assistant", "Four."),
        )
    )
    half = Conversation((Message("user", "Q"), Message("assistant", "A.", weight=0.5)))
    rejected = Conversation((Message("user", "Q"), Message("assistant", "B.", weight=0.0)))

    found = training_rows(model, Rendering(), [[slip, half, rejected]])

    learned = found.sequences[0][found.learned[0]].tolist()
    (four,) = model.encode(["Four."])
    (five,) = model.encode(["Five."])
    assert learned[: len(four)] == four
    assert len(learned) == len(four) + 1
    assert set(five) <= set(found.sequences[0].tolist())
    assert (found.rows, found.left_out) == (2, {"EMPTY_RESPONSE": 1})
    assert found.noted == {"WEIGHT_UNUSED": 1}


def test_rows_without_an_answer_are_left_out_and_long_ones_are_cut_with_a_count(
    llama_folder: Path, tmp_path: Path
) -> None:
    model = open_model(llama_folder, tmp_path)
    long_prompt = exchange(("Why? " * 200, "", "Because."))
    long_answer = exchange(("Why?", "", "Because of this. " * 100))
    talk = turns(*("A question of some words.", "An answer of some more words, and more.") * 12)

    found = training_rows(
        model, Rendering(max_tokens=128), [[*_ROWS[:1], _EMPTY, long_prompt, long_answer, talk]]
    )

    assert found.left_out == {"EMPTY_RESPONSE": 1}
    assert found.rows == 4
    assert len(found.sequences) > 4  # the talk is read in several windows
    assert found.noted["PROMPT_TRUNCATED"] == 3
    assert found.noted["RESPONSE_TRUNCATED"] == 1
    assert max(map(len, found.sequences)) <= 128
    ends = [ids[-1] == model.eos for ids in found.sequences]
    assert len(ends) - sum(ends) == found.noted["NOT_CLOSED"] >= 1


def test_an_epoch_is_every_sequence_once_in_an_order_of_its_own() -> None:
    lengths = np.array([5, 9, 2, 7, 7, 1, 3], np.int64)
    order = TrainingOrder(lengths, 3, 4)

    first, second = order.epoch(0), order.epoch(1)

    assert sorted(first) == sorted(second) == list(range(7))
    assert first.tolist() != second.tolist()
    assert first.tolist() == TrainingOrder(lengths, 3, 4).epoch(0).tolist()
    assert first.tolist() != TrainingOrder(lengths, 3, 5).epoch(0).tolist()
    for start in (0, 3, 6):
        batch = lengths[first[start : start + 3]]
        assert batch.tolist() == sorted(batch, reverse=True)
    # Two whole steps of three, the short one, and the first of the next epoch.
    assert order.total(lengths, 4) == lengths.sum() + lengths[second[:3]].sum()
    assert order.total(np.ones(7, np.int64), 3) == 7


# What is kept


def test_rows_added_to_the_pool_train_nothing_anew(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Chosen(by=_shortest(3))
    small = training(llama_folder, tmp_path, _ROWS, dataset=chosen)
    longest = max(len(row.response) for row in _ROWS)
    assert longest > 20
    monkeypatch.setattr("assay.backends.trl_trainer.train", _refuse)

    grown = [*_ROWS[::-1], exchange(("A new question?", "", "Short."))]
    again = training(llama_folder, tmp_path, grown, dataset=chosen)

    assert again == small
    with pytest.raises(AssertionError, match="trains anew"):
        training(llama_folder, tmp_path, grown, dataset=Chosen(by=_shortest(4)))
    with pytest.raises(AssertionError, match="trains anew"):
        training(llama_folder, tmp_path, _ROWS, dataset=chosen, seed=1)


def _refuse(*args: Any) -> None:
    raise AssertionError("trains anew")


def test_the_same_model_under_another_name_is_the_same_training(
    llama_folder: Path, tmp_path: Path
) -> None:
    first = training(llama_folder, tmp_path, _ROWS)
    shutil.copytree(llama_folder, tmp_path / "copy")

    again = training(tmp_path / "copy", tmp_path, _ROWS)

    assert again.folder == first.folder
    assert again.after(0) == tmp_path / "copy"


def test_what_is_at_hand_needs_no_plan_and_no_trainer(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(pool_of(_ROWS), Runtime(cache=tmp_path, workers=1, device="cpu"))
    feature = TunedModel(base=str(llama_folder), recipe=SMALL)
    (step,) = plan(engine, [feature]).steps
    assert (step.name, step.rows) == ("tuned_model", 8)
    assert step.seconds is not None
    tuned = engine.value(feature)

    later = Engine(pool_of(_ROWS), Runtime(cache=tmp_path, workers=1, device="cpu"))
    monkeypatch.setitem(sys.modules, "trl", None)

    assert plan(later, [feature]).steps == []
    assert later.value(feature) == tuned
    assert list(walk([later.resolve(feature)], skip=later.is_stored)) == []


def test_rows_held_out_are_not_trained_on(llama_folder: Path, tmp_path: Path) -> None:
    pool = pool_of(_ROWS)
    pool.held_out[[1, 4]] = True
    kept = [
        row for place, row in enumerate(pool.conversations(np.arange(8))) if place not in (1, 4)
    ]

    found = training(llama_folder, tmp_path, pool)

    assert (found.rows, found.left_out) == (6, {"HELD_OUT": 2})
    alone = training(llama_folder, tmp_path, kept)
    assert alone.folder == found.folder


def test_one_row_is_enough(llama_folder: Path, tmp_path: Path) -> None:
    found = training(llama_folder, tmp_path, _ROWS[:1], recipe=Recipe(max_length=256))

    assert (found.rows, found.steps, len(found.losses)) == (1, 3, 3)
    assert found.losses[-1] < found.losses[0]


@pytest.mark.parametrize("rows", [[_EMPTY], [_EMPTY, exchange(("And this?", "", " \n"))]])
def test_rows_without_any_answer_are_refused(
    llama_folder: Path, tmp_path: Path, rows: Sequence[Conversation]
) -> None:
    with pytest.raises(DataError, match=f"no row to train .*EMPTY_RESPONSE: {len(rows)}"):
        training(llama_folder, tmp_path, rows)


def test_an_empty_selection_is_refused(llama_folder: Path, tmp_path: Path) -> None:
    nothing = build({"method": "where", "attribute": "source", "values": ["nowhere"]}, "selector")

    with pytest.raises(DataError, match="no row to train"):
        training(llama_folder, tmp_path, _ROWS, dataset=Chosen(by=nothing))


# What is chosen of it


def test_weights_after_the_epochs_chosen_are_kept(gpt2_folder: Path, tmp_path: Path) -> None:
    recipe = SMALL.model_copy(update={"epochs": 4, "checkpoints": (2,), "weights": "full"})
    every = recipe.model_copy(update={"checkpoints": "all"})

    found = training(gpt2_folder, tmp_path, _ROWS, recipe=recipe)
    whole = training(gpt2_folder, tmp_path, _ROWS, recipe=every)

    assert (found.epochs, whole.epochs) == ((2, 4), (1, 2, 3, 4))
    assert found.after(0) == gpt2_folder
    assert found.last == found.after(4)
    for epoch in (2, 4):
        assert weights_of(found.after(epoch)) == weights_of(whole.after(epoch))
    with pytest.raises(ConfigError, match="after epoch 3 were not kept; those after 2, 4 were"):
        found.after(3)
    settings = [(folder / "config.json").read_text() for folder in (found.last, gpt2_folder)]
    assert settings[0] == settings[1]


def test_a_record_is_read_as_it_was_written(llama_folder: Path, tmp_path: Path) -> None:
    found = training(llama_folder, tmp_path, _ROWS)

    assert Tuned.read(found.folder) == found
    assert str(tmp_path) not in (found.folder / "tuned.json").read_text().replace(found.base, "")


def test_a_recipe_refuses_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no epoch 4 of 3 to keep"):
        Recipe(checkpoints=(1, 4))
    with pytest.raises(ValueError, match="float16 loses small gradients"):
        Recipe(dtype="float16")
    assert Recipe(batch_size=12, device_batch=5).micro_batch == 4
    assert (Recipe().rate, Recipe(weights="full").rate) == (2e-4, 2e-5)


# What goes wrong


def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = training(llama_folder, tmp_path, _ROWS)
    monkeypatch.setitem(sys.modules, "peft", None)
    for name in ("trl_trainer", "training_run"):
        monkeypatch.delitem(sys.modules, f"assay.backends.{name}")

    with pytest.raises(MissingExtraError) as raised:
        training(llama_folder, tmp_path, _ROWS[:2])
    assert raised.value.hint == "pip install 'assay[tune]'"
    runtime = Runtime(cache=tmp_path, workers=1, device="cpu")
    with pytest.raises(MissingExtraError, match="the adapter in"):
        runtime.language_model(runtime.pin("language_model", str(found.last)), "float32")


def test_a_folder_that_cannot_be_written_to_is_named(llama_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "tuned_model").write_text("a file")

    with pytest.raises(DataError, match="cannot write"):
        training(llama_folder, tmp_path / "cache", _ROWS)


def test_no_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="none is named"):
        value_of(TunedModel(), pool_of(_ROWS))


def test_parameters_are_counted_from_the_files(
    gpt2_folder: Path, llama_folder: Path, tmp_path: Path
) -> None:
    for folder in (gpt2_folder, llama_folder):
        model = PlainLoop.open(folder).model
        expected = sum(each.numel() for each in model.parameters())
        assert count_parameters(f"{folder}@{'0' * 12}", offline=True) == expected
    found = training(llama_folder, tmp_path, _ROWS)
    assert count_parameters(f"{found.last}@{'0' * 12}", offline=True) == found.parameters
    assert count_parameters(f"org/nothing@{'0' * 40}", offline=True) == 0


def test_a_budget_is_not_part_of_what_is_kept(llama_folder: Path, tmp_path: Path) -> None:
    three = _shortest(3)
    share = three.model_copy(update={"budget": Budget.model_validate("38%")})

    first = training(llama_folder, tmp_path, _ROWS, dataset=Chosen(by=three))
    second = training(llama_folder, tmp_path, _ROWS, dataset=Chosen(by=share))

    assert second.folder == first.folder


def test_training_lowers_the_loss_of_answers_that_were_not_seen(
    llama_folder: Path, tmp_path: Path
) -> None:
    rows = rows_to_train_on(20).conversations(np.arange(20))
    recipe = SMALL.model_copy(update={"learning_rate": 1e-2, "epochs": 3})

    found = training(llama_folder, tmp_path, rows[:14], recipe=recipe)

    def loss(folder: Path) -> float:
        loop = PlainLoop.open(folder)
        parts = [loop.scored([given_prompt(loop, row, 256)]) for row in rows[14:]]
        return float(-np.concatenate(parts).mean())

    whole = recipe.model_copy(update={"weights": "full"})
    full = training(llama_folder, tmp_path, rows[:14], recipe=whole)
    assert loss(full.last) < loss(llama_folder) - 1
    assert found.losses[-1] < found.losses[0] - 1
