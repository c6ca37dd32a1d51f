"""Probabilities of classes, against transformers a row at a time and a softmax in float64."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.components.component import build
from assay.engine.engine import Engine
from assay.errors import ConfigError, FeatureError
from assay.features.text import RowAttribute
from assay.formats.records import Block
from assay.methods.combinations.top_score import TopScore
from assay.methods.judged.classes import Classes
from assay.models.recipe import Recipe, Tuned
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.building import build_pool
from assay.samples import Conversation, FloatArray, Origin, Reason, Sample
from assay.stores.results import Results
from assay.testing import pool as pool_of
from assay.tuning.tuned_model import TunedModel
from tests.causal_rows import exchange, open_runtime, ordinary_rows, set_budget
from tests.classifiers import PlainClassifier
from tests.tiny_models import tiny_bert, tiny_reward
from tests.unit.methods.planted import numbers

torch = pytest.importorskip("torch")

_ROWS = [*(exchange(row) for row in ordinary_rows(12)), exchange(("Say nothing at all.", "", ""))]
_LABELS = ("0", "1.5", "flags", "id")
"""Three of them are like a column of what is stored, or like one beside another."""


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"), _LABELS)


def _engine(cache: Path, folder: Path) -> Engine:
    runtime = open_runtime(cache)
    set_budget(runtime, folder, 1024)
    return Engine(pool_of(_ROWS), runtime, results=Results(cache / "project"))


def _all(engine: Engine) -> list[Conversation]:
    return engine.pool.conversations(np.arange(len(engine.pool)))


def _logits(folder: Path, row: Conversation) -> FloatArray:
    return PlainClassifier.open(folder).of(row.prompt, row.response)


def _softmax(logits: FloatArray) -> FloatArray:
    powers = np.exp(np.asarray(logits, np.float64))
    shares: FloatArray = powers / powers.sum()
    return shares


def test_probabilities_are_those_of_a_softmax_over_all_labels(bert: Path, tmp_path: Path) -> None:
    engine = _engine(tmp_path, bert)

    found: ScoreTable = engine.value(Classes(model=str(bert), of=("flags", "0", "id")))

    assert list(found.columns) == ["flags", "0", "id"]
    for place, row in enumerate(_all(engine)):
        read = [found.columns[name].values[place] for name in ("flags", "0", "id")]
        if not row.response.strip():
            assert found.main.reason[place] == Reason.EMPTY_RESPONSE
            assert np.isnan(read).all()
            continue
        shares = dict(zip(_LABELS, _softmax(_logits(bert, row)).tolist(), strict=True))
        assert read == pytest.approx([shares["flags"], shares["0"], shares["id"]], abs=1e-5)


def test_an_expected_number_is_taken_over_the_classes_named(bert: Path, tmp_path: Path) -> None:
    engine = _engine(tmp_path, bert)
    scorer = Classes(model=str(bert), of=("0", "1.5", "id"), expected=(0, 1.5, 7))

    found: ScoreTable = engine.value(scorer)

    assert list(found.columns) == ["value"]
    for place, row in enumerate(_all(engine)):
        if row.response.strip():
            shares = _softmax(_logits(bert, row)[[0, 1, 3]])
            expected = 0 * shares[0] + 1.5 * shares[1] + 7 * shares[2]
            assert found.main.values[place] == pytest.approx(expected, abs=1e-5)


def test_a_text_of_the_row_is_read_alone(bert: Path, tmp_path: Path) -> None:
    engine = _engine(tmp_path, bert)

    scorer = Classes(model=str(bert), of=("id",), input="text", part="instruction", max_tokens=24)
    found: ScoreTable = engine.value(scorer)

    plain = PlainClassifier.open(bert)
    for place, row in enumerate(_all(engine)):
        share = _softmax(plain.of(row.instruction, truncation=True, max_length=24))[3]
        assert found.main.values[place] == pytest.approx(share, abs=1e-5)


def test_columns_of_any_name_come_back_after_a_restart(bert: Path, tmp_path: Path) -> None:
    scorer = Classes(model=str(bert), of=_LABELS, input="text", part="response")
    made: ScoreTable = _engine(tmp_path, bert).value(scorer)

    again = _engine(tmp_path, bert)
    read: ScoreTable = again.value(scorer)

    assert again.is_stored(again.resolve(scorer))
    assert list(read.columns) == list(_LABELS)
    for name in _LABELS:
        assert read.columns[name].values.tobytes() == made.columns[name].values.tobytes()
        assert read.columns[name].reason.tolist() == made.columns[name].reason.tolist()
    sums = np.sum([column.values for column in made.columns.values()], axis=0)
    assert sums[made.main.reason == 0] == pytest.approx(1)


def test_rows_are_chosen_by_the_class_that_is_named(bert: Path, tmp_path: Path) -> None:
    engine = _engine(tmp_path, bert)
    scorer = Classes(model=str(bert), of=_LABELS)

    record: SelectionRecord = engine.value(TopScore(by=scorer, column="1.5", budget=3))
    least: SelectionRecord = engine.value(
        TopScore(by=Classes(model=str(bert), of=_LABELS, better="low"), column="1.5", budget=3)
    )

    table: ScoreTable = engine.value(scorer)
    values = table.columns["1.5"].values
    order = np.argsort(-values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    assert record.selection.indices.tolist() == order[:3].tolist()
    assert record.selection.gains.tolist() == values[order[:3]].tolist()
    assert least.selection.indices.tolist() == order[::-1][:3].tolist()


def test_a_classifier_that_is_tuned_on_words_is_one(bert: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    rows = [exchange(row) for row in ordinary_rows(12)]
    samples = [Sample(row, task="write" if len(row.response) > 60 else "say") for row in rows]
    origins = [Origin(0, place) for place in range(len(rows))]
    recipe = Recipe(
        objective="class", weights="full", epochs=1, batch_size=6, device_batch=2, max_length=256,
        learning_rate=5e-4, validation=0.25,
    )  # fmt: skip
    run = TunedModel(base=str(bert), recipe=recipe, labels=RowAttribute(attribute="task"))
    engine = Engine(build_pool([Block(samples, origins)], tmp_path), open_runtime(tmp_path))

    found: ScoreTable = engine.value(Classes(model=run, of=("write", "say")))

    tuned: Tuned = engine.value(run)
    for place, row in enumerate(_all(engine)):
        say, write = _softmax(_logits(Path(tuned.last), row))
        read = [found.columns[name].values[place] for name in ("write", "say")]
        assert read == pytest.approx([write, say], abs=1e-5)


# What is refused


def test_a_class_that_the_model_has_not_is_refused_with_those_that_it_has() -> None:
    scorer = Classes(model="judge", of=("good", "bad"))  # with a capital there is one

    with pytest.raises(FeatureError, match="judge has no class 'good'") as error:
        scorer.score(found=numbers(Good=[0.0], awful=[1.0]))

    assert error.value.hint == "did you mean 'Good'? it has Good, awful"


def test_a_reward_model_is_refused(tmp_path: Path) -> None:
    folder = tiny_reward(tmp_path / "reward")

    with pytest.raises(FeatureError, match="has a single label, and no classes") as error:
        _engine(tmp_path, folder).value(Classes(model=str(folder), of=("reward",)))

    assert "`reward` reads it" in str(error.value.hint)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "needs a value for 'of'"),
        ({"of": []}, "of = "),
        ({"of": ["a", "a"]}, "each class is named, and once"),
        ({"of": ["a", ""]}, "each class is named, and once"),
        ({"of": ["a", "b"], "expected": [1]}, "1 numbers for the 2 classes"),
        ({"of": ["a"], "expected": [float("nan")]}, "expected"),
    ],
)
def test_parameters_that_make_no_columns_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build({"method": "classes", **wrong}, "scorer")


def test_large_numbers_do_not_overflow_and_an_unread_row_has_none() -> None:
    found = numbers(a=[1000.0, np.nan], b=[990.0, np.nan])

    table = pl.DataFrame(dict(Classes(model="m", of=("b", "a")).score(found=found)))

    small = float(np.exp(-10.0) / (1 + np.exp(-10.0)))
    assert table.row(0) == pytest.approx((small, 1 - small), rel=1e-12)
    assert np.isnan(table.row(1)).all()
