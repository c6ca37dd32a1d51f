"""Classifiers that are tuned on numbers or words, against transformers and AdamW alone."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import Chosen, FileSet, build
from assay.components.references import name_of
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.errors import ConfigError, DataError, ModelLoadError
from assay.features.classification import Classification
from assay.features.log_probs import ResponseLogProbs
from assay.features.record_field import RecordField
from assay.features.text import RowAttribute
from assay.formats.records import SourceSpec
from assay.methods.judged.imported import Imported
from assay.methods.judged.reward import Reward
from assay.models.recipe import Recipe, Tuned
from assay.models.training import TrainingOrder
from assay.pool.loading import load_pool
from assay.pool.pool import Pool, format_id, leading_words
from assay.progress import Progress, Silent
from assay.random_numbers import generator, row_uniform
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.testing import pool as pool_of
from assay.tuning.tuned_model import TunedModel
from assay.values import Numbers
from tests.causal_rows import exchange, ordinary_rows
from tests.classifiers import PlainClassifier
from tests.tiny_models import CLASSIFIER, tiny_bert, tiny_reward, transformers
from tests.trainings import SMALL, weights_of
from tests.unit.backends.test_trl_trainer import _KilledError, _Killing

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
peft = pytest.importorskip("peft")

_SMALL = Recipe(
    objective="number", weights="full", epochs=2, batch_size=6, device_batch=2, max_length=256,
    learning_rate=5e-4, lora_rank=4, validation=0.25, weight_decay=0.1,
)  # fmt: skip
_ROWS = 16
_WORDS = ("long", "middle", "short")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("model") / "bert")


@pytest.fixture(scope="module")
def rows() -> Pool:
    return pool_of([exchange(row) for row in ordinary_rows(_ROWS)])


def _conversations(rows: Pool) -> list[Conversation]:
    """Return the rows in the order of their texts' hashes, as they are trained on."""
    found = rows.conversations(np.arange(len(rows)))
    return sorted(found, key=lambda each: each.content_hash)


def _number(conversation: Conversation) -> float:
    return len(conversation.response) / 7


def _word(conversation: Conversation) -> str:
    length = len(conversation.response)
    return "short" if length < 40 else "middle" if length < 90 else "long"


def _file(
    path: Path, rows: Pool, label: Callable[[Conversation], Any], *, without: Sequence[int] = ()
) -> Path:
    """Write labels by id; the rows at some places have none."""
    found = zip(rows.ids.tolist(), rows.conversations(np.arange(len(rows))), strict=True)
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "label"])
        for place, (own, row) in enumerate(found):
            if place not in without:
                lines.writerow([format_id(own), label(row)])
    return path


def _model(base: Path, labels: Path, recipe: Recipe = _SMALL, seed: int = 0) -> TunedModel:
    scores = Imported(file=str(labels), column="label")
    return TunedModel(base=str(base), recipe=recipe, labels=scores, seed=seed)


def _engine(cache: Path, rows: Pool, progress: Progress | None = None) -> Engine:
    runtime = Runtime(cache=cache, workers=1, device="cpu", progress=progress or Silent())
    return Engine(rows, runtime, open_file=lambda wanted: _load(Path(name_of(wanted.source))))


def _load(path: Path) -> Pool:
    made, _ = load_pool([SourceSpec(str(path))], Path(f"{path}.pool"))
    return made


# The loop that knows nothing of Assay but the order of the rows and the draw of the new layer


class _Loop:
    def __init__(self, base: Path, recipe: Recipe, labels: int, seed: int) -> None:
        opener = getattr(transformers(), CLASSIFIER)
        self.model = opener.from_pretrained(
            base, num_labels=labels, ignore_mismatched_sizes=True, dtype=torch.float32
        )
        self.tokenizer = transformers().AutoTokenizer.from_pretrained(base)
        self.recipe, self.seed = recipe, seed
        for name, weight in self.model.named_parameters():
            if name.rpartition(".")[0] in ("score", "classifier"):
                drawn = generator(seed=seed, purpose=name).normal(
                    0.0, self.model.config.initializer_range, tuple(weight.shape)
                )
                new = drawn if weight.ndim > 1 else np.zeros(weight.shape)
                with torch.no_grad():
                    weight.copy_(torch.from_numpy(new))

    def logits(self, row: Conversation) -> Any:
        given = self.tokenizer(row.prompt, row.response, return_tensors="pt")
        return self.model(**given).logits[0]

    def train(
        self, rows: Sequence[Conversation], loss: Callable[[Any, Conversation], Any]
    ) -> list[float]:
        recipe = self.recipe
        shaped = [each for each in self.model.parameters() if each.ndim > 1]
        flat = [each for each in self.model.parameters() if each.ndim <= 1]
        optimiser = torch.optim.AdamW(
            [
                {"params": shaped, "weight_decay": recipe.weight_decay},
                {"params": flat, "weight_decay": 0.0},
            ],
            lr=recipe.rate, foreach=False,
        )  # fmt: skip
        lengths = [len(self.tokenizer(row.prompt, row.response)["input_ids"]) for row in rows]
        order = TrainingOrder(np.array(lengths), recipe.batch_size, self.seed)
        total = recipe.epochs * math.ceil(len(rows) / recipe.batch_size)
        warm = math.ceil(recipe.warmup * total)
        losses: list[float] = []
        for epoch in range(recipe.epochs):
            places = order.epoch(epoch).tolist()
            for start in range(0, len(places), recipe.batch_size):
                batch = [rows[place] for place in places[start : start + recipe.batch_size]]
                optimiser.zero_grad()
                mean = sum(loss(self.logits(row), row) for row in batch) / len(batch)
                mean.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.max_gradient_norm)
                step = len(losses)
                height = (step + 1) / warm if step < warm else 0.5 * (
                    1 + math.cos(math.pi * (step - warm) / (total - warm))
                )  # fmt: skip
                for group in optimiser.param_groups:
                    group["lr"] = recipe.rate * height
                optimiser.step()
                losses.append(float(mean.detach()))
        return losses


def _divided(rows: Pool, labelled: Sequence[Conversation], seed: int = 0) -> tuple[list[Any], ...]:
    """Return which rows are trained on and which are not, by hand."""
    words = leading_words(np.array([row.content_hash for row in labelled], "S16"))
    number = row_uniform(words, seed=seed, purpose="validation")
    hidden = set(np.argsort(number, kind="stable")[: math.ceil(0.25 * len(labelled))].tolist())
    return (
        [row for place, row in enumerate(labelled) if place not in hidden],
        [row for place, row in enumerate(labelled) if place in hidden],
    )


@pytest.mark.parametrize("kind", ["bert", "llama_folder"])
def test_numbers_are_learned_as_by_a_plain_loop(
    request: pytest.FixtureRequest, tmp_path: Path, rows: Pool, kind: str
) -> None:
    base = request.getfixturevalue(kind)
    found: Tuned = _engine(tmp_path, rows).value(
        _model(base, _file(tmp_path / "labels.csv", rows, _number), seed=3)
    )

    trained, hidden = _divided(rows, _conversations(rows), seed=3)
    values = np.array([_number(row) for row in trained])
    mean, deviation = values.mean(), values.std()

    def loss(logits: Any, row: Conversation) -> Any:
        return (logits[0] - (_number(row) - mean) / deviation) ** 2

    loop = _Loop(base, _SMALL, 1, 3)
    expected = loop.train(trained, loss)
    assert found.losses == pytest.approx(expected, abs=2e-4, rel=1e-4)
    assert (found.rows, found.steps, found.left_out) == (12, 4, {})
    assert found.held_out is not None
    assert found.held_out.rows == len(hidden) == 4
    assert found.held_out.interval is None
    with torch.no_grad():
        last = float(np.mean([float(loss(loop.logits(row), row)) for row in hidden]))
    assert found.held_out.losses[-1] == pytest.approx(last, abs=2e-3)
    plain = np.mean([((_number(row) - mean) / deviation) ** 2 for row in hidden])
    assert found.held_out.plain == pytest.approx(plain)


def test_words_are_learned_as_by_a_plain_loop(tmp_path: Path, bert: Path) -> None:
    rows = pool_of([exchange(row) for row in ordinary_rows(24)])
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for row in _conversations(rows):
            record = {"instruction": row.prompt, "output": row.response, "kind": _word(row)}
            file.write(json.dumps(record) + "\n")
    recipe = _SMALL.model_copy(update={"objective": "class"})
    pool = _load(path)
    labels = RecordField(field="kind")
    feature = TunedModel(base=str(bert), recipe=recipe, labels=labels)
    engine = _engine(tmp_path, pool)
    found: Tuned = engine.value(feature)

    trained, hidden = _divided(pool, _conversations(pool))
    words = sorted({_word(row) for row in pool.conversations(np.arange(len(pool)))})

    def loss(logits: Any, row: Conversation) -> Any:
        return -torch.log_softmax(logits, -1)[words.index(_word(row))]

    loop = _Loop(bert, recipe, len(words), 0)
    expected = loop.train(trained, loss)
    assert len(words) > 1
    assert found.losses == pytest.approx(expected, abs=2e-4, rel=1e-4)
    assert found.held_out is not None
    with torch.no_grad():
        right = [words[int(loop.logits(row).argmax())] == _word(row) for row in hidden]
    assert len(found.held_out.losses) == 2
    if found.held_out.best == 2:
        assert found.held_out.agreement == pytest.approx(np.mean(right))
    read: Numbers = engine.value(Classification(model=feature))
    assert list(read.columns) == words
    counts = np.array([sum(_word(row) == word for row in trained) for word in words])
    shares = (counts + 1) / (counts.sum() + len(words))
    plain = -np.mean([np.log(shares[words.index(_word(row))]) for row in hidden])
    assert found.held_out.plain == pytest.approx(plain)


# What comes of it


@pytest.mark.parametrize("weights", ["full", "lora"])
@pytest.mark.parametrize("kind", ["bert", "llama_folder"])
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_what_it_gives_a_row_is_what_transformers_gives_on_the_scale_of_the_labels(
    request: pytest.FixtureRequest, tmp_path: Path, rows: Pool, kind: str, weights: Any
) -> None:
    base = request.getfixturevalue(kind)
    recipe = _SMALL.model_copy(update={"weights": weights})
    feature = _model(base, _file(tmp_path / "labels.csv", rows, _number), recipe)
    engine = _engine(tmp_path, rows)
    found: Tuned = engine.value(feature)
    reward = engine.value(Reward(model=feature)).main

    trained, _ = _divided(rows, _conversations(rows))
    values = np.array([_number(row) for row in trained])
    if weights == "full":
        loop = PlainClassifier.open(found.last)
    else:
        opener = getattr(transformers(), CLASSIFIER)
        settings = transformers().AutoConfig.from_pretrained(found.last)
        whole = opener.from_pretrained(base, config=settings, ignore_mismatched_sizes=True)
        beside = peft.PeftModel.from_pretrained(whole, str(found.last)).eval()
        loop = PlainClassifier(transformers().AutoTokenizer.from_pretrained(base), beside)
    alone = np.array([
        loop.of(row.prompt, row.response)[0] for row in rows.conversations(np.arange(len(rows)))
    ])  # fmt: skip
    assert reward.values == pytest.approx(alone * values.std() + values.mean(), abs=1e-3)
    assert not reward.reason.any()
    assert len(set(reward.values.round(3).tolist())) > _ROWS // 2


def test_the_best_epoch_is_what_comes_of_it_and_two_worse_ones_end_it(
    tmp_path: Path, bert: Path, rows: Pool
) -> None:
    changed = {"epochs": 9, "learning_rate": 3e-2, "patience": 2}
    labels = _file(tmp_path / "labels.csv", rows, _number)
    engine = _engine(tmp_path, rows)
    feature = _model(bert, labels, _SMALL.model_copy(update=changed))
    found: Tuned = engine.value(feature)

    assert found.held_out is not None
    losses, best = found.held_out.losses, found.held_out.best
    assert losses[best - 1] == min(losses)
    assert len(losses) == best + 2 < 9
    assert found.steps == 2 * len(losses) == len(found.losses)
    assert found.epochs == (best, best + 2)
    assert found.last == found.after(best)
    kept = {path.name for path in found.folder.iterdir() if path.is_dir()}
    assert kept == {f"epoch-{best}", f"epoch-{best + 2}"}
    every = feature.model_copy(
        update={"recipe": feature.recipe.model_copy(update={"patience": None})}
    )
    to_the_end: Tuned = engine.value(every)
    assert to_the_end.held_out is not None
    assert len(to_the_end.held_out.losses) == 9
    assert to_the_end.losses[: found.steps] == found.losses


def test_without_validation_the_last_epoch_is_what_comes_of_it(
    tmp_path: Path, bert: Path, rows: Pool
) -> None:
    recipe = _SMALL.model_copy(update={"validation": 0.0})
    found: Tuned = _engine(tmp_path, rows).value(
        _model(bert, _file(tmp_path / "labels.csv", rows, _number), recipe)
    )

    assert (found.held_out, found.rows, found.epochs) == (None, _ROWS, (2,))


def test_labels_of_rows_that_are_not_trained_on_change_no_weight(
    tmp_path: Path, bert: Path, rows: Pool
) -> None:
    _, hidden = _divided(rows, _conversations(rows))
    other = {row.content_hash for row in hidden}
    recipe = _SMALL.model_copy(update={"checkpoints": "all"})
    first, second = (
        _engine(tmp_path, rows).value(_model(bert, _file(tmp_path / name, rows, label), recipe))
        for name, label in (
            ("one.csv", _number),
            ("other.csv", lambda row: -500 if row.content_hash in other else _number(row)),
        )
    )

    assert first.folder != second.folder
    assert first.held_out.losses != second.held_out.losses
    assert weights_of(first.after(1)) == weights_of(second.after(1))
    assert weights_of(first.after(2)) == weights_of(second.after(2))


def test_rows_without_a_label_are_left_out_and_counted(
    tmp_path: Path, bert: Path, rows: Pool
) -> None:
    labels = _file(tmp_path / "labels.csv", rows, _number, without=(1, 5, 6))
    found: Tuned = _engine(tmp_path, rows).value(_model(bert, labels))

    assert found.left_out == {"NOT_LABELLED": 3}
    assert found.held_out is not None
    assert found.rows + found.held_out.rows == _ROWS - 3


def test_rows_of_one_text_are_all_trained_on_or_none(tmp_path: Path, bert: Path) -> None:
    rows = [exchange(row) for row in ordinary_rows(_ROWS)]
    twice = pool_of([*rows, *rows])
    recipe = _SMALL.model_copy(update={"validation": 0.28, "epochs": 1})
    labels = _file(tmp_path / "labels.csv", twice, _number)

    found: Tuned = _engine(tmp_path, twice).value(_model(bert, labels, recipe))

    assert found.held_out is not None
    assert (found.rows, found.held_out.rows) == (22, 10)


@pytest.mark.parametrize("weights", ["full", "lora"])
def test_one_that_is_killed_again_and_again_ends_in_the_same_bytes(
    tmp_path: Path, bert: Path, rows: Pool, weights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"weights": weights, "lora_dropout": 0.2, "epochs": 4, "learning_rate": 1e-2}
    feature = _model(
        bert,
        _file(tmp_path / "labels.csv", rows, _number),
        _SMALL.model_copy(update=changed | {"patience": None}),
    )
    whole: Tuned = _engine(tmp_path / "whole", rows).value(feature)
    monkeypatch.setattr("assay.backends.training_run.SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr("assay.backends.training_run.SAVING_SHARE", 1e9)

    reused = []
    for steps in (2, 3, 2, 2):
        killing = _Killing(steps)
        with pytest.raises(_KilledError):
            _engine(tmp_path / "cut", rows, killing).value(feature)
        reused.append(killing.reused)
    last = _Killing()
    found: Tuned = _engine(tmp_path / "cut", rows, last).value(feature)

    assert [*reused, last.reused] == [0, 1, 3, 4, 5]
    assert found.losses == whole.losses
    assert found.held_out == whole.held_out
    assert weights_of(found.last) == weights_of(whole.last)
    names = {path.name for path in found.folder.iterdir()}
    assert names == {path.name for path in whole.folder.iterdir()}


def test_the_order_of_the_files_changes_no_byte(tmp_path: Path, bert: Path, rows: Pool) -> None:
    labels = _file(tmp_path / "labels.csv", rows, _number)
    head, *lines = labels.read_text().splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([head, *reversed(lines)]) + "\n")
    other = pool_of(list(reversed(rows.conversations(np.arange(len(rows))))))

    first, second = (
        _engine(tmp_path / name, pool).value(_model(bert, file))
        for name, pool, file in (("a", rows, labels), ("b", other, turned))
    )

    assert weights_of(first.last) == weights_of(second.last)
    assert first.held_out == second.held_out


def test_a_text_is_read_as_it_was_trained_on(tmp_path: Path, bert: Path, rows: Pool) -> None:
    changed = {"input": "text", "part": "instruction", "max_length": 24}
    feature = _model(
        bert, _file(tmp_path / "labels.csv", rows, _number), _SMALL.model_copy(update=changed)
    )
    engine = _engine(tmp_path, rows)

    found = engine.value(Classification(model=feature))

    asked: dict[str, Any] = {"input": "text", "part": "instruction", "max_tokens": 24}
    same = engine.value(Classification(model=feature, **asked))
    other = engine.value(Classification(model=feature, input="pair"))
    assert found["reward"].tolist() == same["reward"].tolist() != other["reward"].tolist()
    folder = str(engine.value(feature).last)
    alone = engine.value(Classification(model=folder))
    assert alone["reward"].tolist() == found["reward"].tolist()


def test_a_reward_model_is_trained_on_in_its_own_format(tmp_path: Path, rows: Pool) -> None:
    base = tiny_reward(tmp_path / "reward")
    labels = _file(tmp_path / "labels.csv", rows, _number)
    recipe = _SMALL.model_copy(update={"learning_rate": 1e-9, "max_length": 512})
    engine = _engine(tmp_path, rows)

    found = engine.value(Classification(model=_model(base, labels, recipe)))

    # Its own layer stays, and it has hardly been changed.
    trained, _ = _divided(rows, _conversations(rows))
    values = np.array([_number(row) for row in trained])
    before = engine.value(Classification(model=str(base)))["reward"]
    assert found["reward"] == pytest.approx(before * values.std() + values.mean(), abs=1e-2)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_a_tuned_model_becomes_a_classifier(tmp_path: Path, llama_folder: Path, rows: Pool) -> None:
    labels = _file(tmp_path / "labels.csv", rows, _number)
    first = TunedModel(base=str(llama_folder), recipe=SMALL)
    second = _model(llama_folder, labels).model_copy(update={"base": first})
    third = second.model_copy(
        update={"recipe": _SMALL.model_copy(update={"weights": "lora", "learning_rate": 1e-9})}
    )
    engine = _engine(tmp_path, rows)

    full, beside = (engine.value(Classification(model=each)) for each in (second, third))

    alone = engine.value(Classification(model=_model(llama_folder, labels)))
    assert not np.allclose(full["reward"], alone["reward"], atol=1e-3)
    opener = getattr(transformers(), CLASSIFIER)
    settings = transformers().AutoConfig.from_pretrained(engine.value(third).last)
    whole = opener.from_pretrained(llama_folder, config=settings)
    for folder in (engine.value(first).last, engine.value(third).last):
        adapter = peft.PeftConfig.from_pretrained(str(folder))
        adapter.task_type = None
        with_adapter = peft.PeftModel.from_pretrained(whole, str(folder), config=adapter)
        whole = with_adapter.merge_and_unload()
    loop = PlainClassifier(transformers().AutoTokenizer.from_pretrained(llama_folder), whole.eval())
    trained, _ = _divided(rows, _conversations(rows))
    values = np.array([_number(row) for row in trained])
    expected = [loop.of(r.prompt, r.response)[0] for r in rows.conversations(np.arange(len(rows)))]
    assert beside["reward"] == pytest.approx(
        np.array(expected) * values.std() + values.mean(), abs=1e-3
    )


def test_an_epoch_of_it_is_a_classifier_too(tmp_path: Path, bert: Path, rows: Pool) -> None:
    feature = _model(bert, _file(tmp_path / "labels.csv", rows, _number))
    engine = _engine(tmp_path, rows)

    first = engine.value(Classification(model=feature.after(1)))
    second = engine.value(Classification(model=feature.after(2)))

    assert not np.allclose(first["reward"], second["reward"], atol=1e-4)
    assert len(list((tmp_path / "tuned_model").glob("*/*"))) == 1


# Labels


def test_rows_of_another_file_carry_their_labels(tmp_path: Path, bert: Path, rows: Pool) -> None:
    judged = pool_of([exchange(row) for row in ordinary_rows(30)[_ROWS:]])
    path = tmp_path / "judged.jsonl"
    with path.open("w") as file:
        for row in judged.conversations(np.arange(len(judged))):
            record = {"instruction": row.prompt, "output": row.response, "score": _number(row)}
            file.write(json.dumps(record) + "\n")
    dataset = FileSet(source=str(path), role="held_out")
    feature = TunedModel(
        base=str(bert), recipe=_SMALL, labels=RecordField(field="score"), dataset=dataset
    )
    found = _engine(tmp_path, rows).value(Reward(model=feature)).main

    own = _load(path)
    alone = TunedModel(base=str(bert), recipe=_SMALL, labels=RecordField(field="score"))
    engine = _engine(tmp_path / "alone", own)
    folder = str(engine.value(alone).last)
    expected = _engine(tmp_path / "other", rows).value(Reward(model=folder)).main
    assert found.values == pytest.approx(expected.values, abs=1e-4)


def test_labels_by_place_follow_the_place(tmp_path: Path, bert: Path) -> None:
    records = [
        {"instruction": row.prompt, "output": row.response}
        for row in map(exchange, ordinary_rows(_ROWS))
    ]
    labels = tmp_path / "labels.csv"
    labels.write_text("label\n" + "\n".join(str(place % 5) for place in range(_ROWS)) + "\n")
    found = []
    for turned in (records, records[::-1]):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in turned))
        scores = Imported(file=str(labels), column="label", match="row")
        feature = TunedModel(base=str(bert), recipe=_SMALL, labels=scores)
        found.append(_engine(tmp_path / "cache", _load(path)).value(feature))

    assert found[0].folder != found[1].folder
    assert found[0].losses != found[1].losses


def test_a_chosen_part_has_the_labels_of_its_rows(tmp_path: Path, bert: Path, rows: Pool) -> None:
    labels = _file(tmp_path / "labels.csv", rows, _number)
    by = build({"method": "longest_response", "budget": 9}, "selector")
    chosen = _model(bert, labels).model_copy(update={"dataset": Chosen(by=by)})
    engine = _engine(tmp_path, rows)
    record = engine.value(by)
    left = [place for place in range(_ROWS) if place not in record.selection.indices]
    only = _file(tmp_path / "only.csv", rows, _number, without=left)

    found: Tuned = engine.value(chosen)

    expected: Tuned = engine.value(_model(bert, only))
    assert weights_of(found.last) == weights_of(expected.last)
    assert found.held_out == expected.held_out


def test_a_word_of_the_row_is_a_label(tmp_path: Path, bert: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for row in map(exchange, ordinary_rows(12)):
            task = "write" if len(row.response) > 60 else "say"
            record = {"instruction": row.prompt, "output": row.response, "task": task}
            file.write(json.dumps(record) + "\n")
    feature = TunedModel(
        base=str(bert),
        recipe=_SMALL.model_copy(update={"objective": "class"}),
        labels=RowAttribute(attribute="task"),
    )

    read: Numbers = _engine(tmp_path, _load(path)).value(Classification(model=feature))

    assert list(read.columns) == ["say", "write"]


@pytest.mark.parametrize(
    ("label", "changed", "message"),
    [
        (lambda row: 3, {}, "all 16 rows with a label have the same, 3"),
        (lambda row: 3 if len(row.response) else "", {"objective": "class"}, "have the same, 3"),
    ],
)
def test_labels_that_teach_nothing_are_refused(
    tmp_path: Path, bert: Path, rows: Pool, label: Any, changed: Mapping[str, Any], message: str
) -> None:
    feature = _model(
        bert, _file(tmp_path / "labels.csv", rows, label), _SMALL.model_copy(update=changed)
    )

    with pytest.raises(DataError, match=message):
        _engine(tmp_path, rows).value(feature)


def test_a_single_label_is_refused(tmp_path: Path, bert: Path, rows: Pool) -> None:
    labels = _file(tmp_path / "labels.csv", rows, _number, without=range(1, _ROWS))

    with pytest.raises(DataError, match="1 of 16 rows have a label"):
        _engine(tmp_path, rows).value(_model(bert, labels))


def test_words_are_no_numbers(tmp_path: Path, bert: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for row in map(exchange, ordinary_rows(8)):
            record = {"instruction": row.prompt, "output": row.response, "kind": "fine"}
            file.write(json.dumps(record) + "\n")
    feature = TunedModel(base=str(bert), recipe=_SMALL, labels=RecordField(field="kind"))

    with pytest.raises(DataError, match="labels such as 'fine' are no numbers"):
        _engine(tmp_path, _load(path)).value(feature)


def test_recipe_and_labels_go_together(tmp_path: Path) -> None:
    labels = Imported(file="labels.csv", column="label")

    with pytest.raises(ConfigError, match="a recipe for a number needs labels"):
        TunedModel(base="b", recipe=_SMALL)
    with pytest.raises(ConfigError, match=r"where recipe\.objective is number or class"):
        TunedModel(base="b", labels=labels)
    with pytest.raises(ConfigError, match="scores are of the project's own rows"):
        TunedModel(base="b", recipe=_SMALL, labels=labels, dataset=FileSet(source="rows.jsonl"))


def test_a_model_stands_where_its_kind_is_wanted(tmp_path: Path) -> None:
    classifier = TunedModel(
        base="b", recipe=_SMALL, labels=Imported(file="labels.csv", column="label")
    )

    with pytest.raises(ConfigError, match="makes no language model"):
        ResponseLogProbs(model=classifier)
    with pytest.raises(ConfigError, match="makes no language model"):
        ResponseLogProbs(model=classifier.after(1))
    with pytest.raises(ConfigError, match="makes no classifier"):
        Classification(model=TunedModel(base="b"))


def test_an_adapter_of_a_language_model_is_no_classifier(
    tmp_path: Path, llama_folder: Path, rows: Pool
) -> None:
    engine = _engine(tmp_path, rows)
    folder = engine.value(TunedModel(base=str(llama_folder), recipe=SMALL)).last

    with pytest.raises(ModelLoadError, match="holds an adapter, and no whole model"):
        engine.value(Classification(model=str(folder)))
    settings = json.loads((llama_folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelLoadError, match=r"it has no weights for score\.weight"):
        _engine(tmp_path, rows).value(Classification(model=str(folder)))


def test_what_is_not_here_cannot_be_trained(tmp_path: Path, rows: Pool) -> None:
    labels = _file(tmp_path / "labels.csv", rows, _number)

    with pytest.raises(ModelLoadError, match="assay:lm cannot be trained"):
        _engine(tmp_path, rows).value(_model(Path("assay:lm"), labels))


# The price


def test_rows_without_a_label_are_not_paid_for(tmp_path: Path, bert: Path, rows: Pool) -> None:
    every = _file(tmp_path / "every.csv", rows, _number)
    few = _file(tmp_path / "few.csv", rows, _number, without=range(4, _ROWS))
    engine = _engine(tmp_path, rows)

    def seconds(labels: Path) -> float:
        (step,) = (
            each
            for each in plan(engine, [_model(bert, labels)]).steps
            if each.name.startswith("tuned_model")
        )
        assert step.seconds is not None
        return step.seconds

    whole, part = seconds(every), seconds(few)
    assert part == pytest.approx(whole / 4, rel=0.05)
    assert part > 0


@pytest.mark.parametrize("kind", ["bert", "llama_folder"])
def test_what_reads_it_is_priced_before_it_is_made(
    request: pytest.FixtureRequest, tmp_path: Path, rows: Pool, kind: str
) -> None:
    labels = _file(tmp_path / "labels.csv", rows, _number)
    feature = _model(request.getfixturevalue(kind), labels)

    for model in (feature, feature.after(1)):
        found = plan(_engine(tmp_path, rows), [Reward(model=model)])

        steps = {step.name.partition(" ")[0]: step for step in found.steps}
        assert {"tuned_model", "classification"} <= set(steps)
        assert all(step.seconds is not None for step in steps.values())
        assert steps["classification"].missing == _ROWS
        assert not found.refusals
    assert not list((tmp_path / "tuned_model").glob("*/*"))


# What is said of it


def test_how_well_it_tells_what_it_has_not_seen_is_said(tmp_path: Path, bert: Path) -> None:
    rows = pool_of([exchange(row) for row in ordinary_rows(64)])
    recipe = _SMALL.model_copy(update={"validation": 0.5, "checkpoints": "all"})
    feature = _model(bert, _file(tmp_path / "labels.csv", rows, _number), recipe)
    engine = _engine(tmp_path, rows)
    reward = engine.resolve(Reward(model=feature))
    engine.value(reward)
    found: Tuned = engine.value(feature)

    (remark,) = engine.remarks([reward])

    held_out = found.held_out
    assert held_out is not None
    assert held_out.interval is not None
    assert held_out.agreement is not None
    low, high = held_out.interval
    assert low < held_out.agreement < high
    words = leading_words(np.array([row.content_hash for row in _conversations(rows)], "S16"))
    order = np.argsort(row_uniform(words, seed=0, purpose="validation"), kind="stable")
    hidden = [_conversations(rows)[place] for place in order[:32]]
    loop = PlainClassifier.open(found.last)
    told = [loop.of(row.prompt, row.response)[0] for row in hidden]
    ranks = [np.argsort(np.argsort(each)) for each in (told, [_number(row) for row in hidden])]
    apart = float(((ranks[0] - ranks[1]) ** 2).sum())
    assert held_out.agreement == pytest.approx(1 - 6 * apart / (32 * (32**2 - 1)), abs=0.02)
    share = held_out.losses[held_out.best - 1] / held_out.plain
    assert remark == (
        f"tuned on 32 labelled rows; agreement {held_out.agreement:.2f} [{low:.2f}, {high:.2f}] "
        f"and loss {share:.2f} of the labels' own on 32 rows held out; best after {held_out.best} "
        "of 2 epochs"
    )
    assert engine.remarks([engine.resolve(TunedModel(base=str(bert)))]) == []
