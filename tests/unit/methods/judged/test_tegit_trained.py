"""TeGit's discriminator as the paper has it: a classifier that is tuned on tasks with labels."""

from pathlib import Path

import numpy as np
import pytest

from assay.engine.engine import Engine
from assay.features.text import RowAttribute
from assay.formats.records import Block
from assay.methods.combinations.top_score import TopScore
from assay.methods.judged.classes import Classes
from assay.models.recipe import Recipe, Tuned
from assay.outcomes import ScoreTable
from assay.pool.building import build_pool
from assay.samples import Conversation, Message, Origin, Sample
from assay.tuning.tuned_model import TunedModel
from tests.causal_rows import open_runtime
from tests.classifiers import PlainClassifier
from tests.tiny_models import tiny_bert
from tests.unit.methods.planted import chosen

pytest.importorskip("torch")
pytest.importorskip("trl")

_TASKS = [
    ("Name the longest river that the text tells of.", "The Rhine."),
    ("Sum up the rules of the game.", "Two players take turns, and the last one wins."),
    ("How long does bread take to bake?", "Forty minutes at most."),
    ("Which colour does the dye give?", "A deep blue."),
    ("As the passage above says, what follows?", "See figure 3."),
    ("What does the picture show?", "Click the link below."),
    ("Answer by the table on page 7.", "The second column."),
    ("Continue as in the last chapter.", "See above."),
]
"""Four that stand by themselves, and four that lean on something outside."""
_SOUND = 4


def test_a_tuned_classifier_tells_sound_tasks(tmp_path: Path) -> None:
    samples = [
        Sample(
            Conversation((Message("user", asked), Message("assistant", answered))),
            "test",
            task="sound" if place < _SOUND else "unsound",
        )
        for place, (asked, answered) in enumerate(_TASKS)
    ]
    pool = build_pool([Block(samples, [Origin(0, at) for at in range(len(samples))])], tmp_path)
    engine = Engine(pool, open_runtime(tmp_path / "cache"))
    run = TunedModel(
        base=str(tiny_bert(tmp_path / "bert", ("low", "high"))),
        recipe=Recipe(
            objective="class", weights="full", max_length=64, batch_size=4, device_batch=4,
            learning_rate=2e-3, epochs=20,
        ),
        labels=RowAttribute(attribute="task"),
    )  # fmt: skip
    discriminator = Classes(model=run, of=("sound", "unsound"))

    table: ScoreTable = engine.value(discriminator)
    taken = chosen(engine, TopScore(by=discriminator, budget=_SOUND))

    # Rows that it was tuned on: that it learned them is all that is claimed.
    assert set(taken) == {asked for asked, _ in _TASKS[:_SOUND]}
    tuned: Tuned = engine.value(run)
    plain = PlainClassifier.open(Path(tuned.last))
    rows = engine.pool.conversations(np.arange(len(engine.pool)))
    for place, row in enumerate(rows):
        powers = np.exp(plain.of(row.prompt, row.response))
        found = [table.columns[name].values[place] for name in ("sound", "unsound")]
        assert found == pytest.approx(list(powers / powers.sum()), abs=1e-5)
