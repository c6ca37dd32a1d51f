"""Heads that saw different labels disagree, and the length alone is told beside them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from assay.components.component import build
from assay.engine.engine import Engine
from assay.features.folds import fold_of
from assay.features.head_doubt import HeadDoubt
from assay.features.length_alone import LengthAlone
from assay.methods.judged.scored_among import ScoredAmong
from assay.models.head import Lesson, Shape
from assay.pool.pool import leading_words
from assay.runtime import Runtime
from tests.unit.methods.planted import PlantedScore, PlantedVectors, chosen, planted_engine

pytest.importorskip("sklearn")


def _engine(folder: Path, *, alike: bool = False) -> Engine:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        first, second = rng.normal(size=2).round(3)
        mark = 2.0 if alike else first + rng.normal()
        rows.append((f"r{number} | {first} {second}", f"{mark} {'w ' * (number % 9)}"))
    return planted_engine(folder, rows)


def _doubt(engine: Engine, among: int) -> tuple[np.ndarray, np.ndarray]:
    by = build({"method": "random", "budget": among}, "selector")
    labels = ScoredAmong(of=PlantedScore(), by=by)
    found = engine.value(HeadDoubt(labels=labels, inputs=(PlantedVectors(),)))
    return found["value"], engine.value(by).selection.indices


def test_it_is_the_deviation_of_what_the_heads_say(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    found, taught = _doubt(engine, 25)
    inputs = engine.value(PlantedVectors()).rows(np.arange(60)).astype(np.float64)
    marks = engine.value(PlantedScore()).main.values
    hashes = engine.pool.content_hashes
    taught = taught[np.argsort(hashes[taught])]
    words = leading_words(hashes[taught])
    parts = fold_of(words, 5, seed=0, purpose="folds of a head")
    inner = fold_of(words, 5, seed=0, purpose="strength of a head")
    head, told = Runtime(workers=1).head("linear"), []
    for part in np.unique(parts):
        kept = parts != part
        lesson = Lesson(
            inputs[taught][kept], (2,), marks[taught][kept], 0, inner[kept], kept[kept], 0
        )
        told.append(head.predict(head.fit(lesson).arrays, inputs, Shape((2,)))[:, 0])

    assert len(told) == 5
    np.testing.assert_allclose(found, np.std(told, axis=0), atol=1e-12)
    assert found.max() > 0


@pytest.mark.parametrize(("among", "alike"), [(9, False), (25, True)])
def test_where_nothing_was_learned_nothing_is_doubted(
    tmp_path: Path, among: int, alike: bool
) -> None:
    found, _ = _doubt(_engine(tmp_path, alike=alike), among)

    assert found.tolist() == [0.0] * 60


def test_the_length_of_the_answer_is_told_beside_it(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    by = build({"method": "random", "budget": 40}, "selector")
    feature = LengthAlone(labels=ScoredAmong(of=PlantedScore(), by=by))
    found = engine.value(feature)
    rows = engine.value(by).selection.indices
    texts = engine.pool.conversations(np.arange(60))
    sizes = np.array([len(text.response) for text in texts])
    wanted = spearmanr(sizes[rows], engine.value(PlantedScore()).main.values[rows])[0]

    assert len(chosen(engine, by)) == 40
    assert found[0] == pytest.approx(wanted, abs=1e-12)
    assert found[1] < found[0] < found[2]
    assert f"has Spearman {wanted:.2f} [" in feature.told(found)
    few = LengthAlone(labels=ScoredAmong(of=PlantedScore(), by=_of(29)))
    assert np.isnan(engine.value(few)).all()
    assert few.told(engine.value(few)) == ""


def _of(count: int) -> object:
    return build({"method": "random", "budget": count}, "selector")
