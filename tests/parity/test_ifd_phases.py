"""IFD in both its phases, against plain parts alone: transformers, scikit-learn and AdamW."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assay.engine.engine import Engine
from assay.methods.likelihood.ifd import IFD
from assay.outcomes import ScoreTable
from assay.samples import FloatArray
from assay.testing import pool as pool_of
from tests.causal_rows import (
    PlainLoop,
    Scored,
    alone,
    exchange,
    given_prompt,
    open_runtime,
    ordinary_rows,
    set_budget,
)
from tests.tiny_models import POSITIONS
from tests.trainings import SMALL, closed_sequences, plain_losses

pytest.importorskip("torch")
pytest.importorskip("trl")

_ROWS = [exchange(row) for row in ordinary_rows(40)]
_CLUSTERS, _EACH = 4, 3
_BRIEF = SMALL.model_copy(update={"weights": "full", "epochs": 1})


def _loss(loop: PlainLoop, read: Scored) -> float:
    """The mean loss of the scored places of one sequence."""
    logits = np.asarray(loop.logits(read.ids).double())
    table = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -float(np.mean([table[place - 1, read.ids[place]] for place in read.places]))


def _ratios(
    loop: PlainLoop, given: Sequence[Scored], by_themselves: Sequence[Scored]
) -> FloatArray:
    pairs = zip(given, by_themselves, strict=True)
    return np.array([_loss(loop, one) / _loss(loop, other) for one, other in pairs])


def _some_of_all(loop: PlainLoop, given: Sequence[Scored]) -> list[int]:
    """The rows that the first phase is tuned on, as the published code finds them."""
    cluster = pytest.importorskip("sklearn.cluster")
    prompts = [Scored(read.ids[: read.places[0]], []) for read in given]
    vectors = [loop.states(prompt.ids).mean(axis=0) for prompt in prompts]
    perplexity = np.exp([_loss(loop, Scored(p.ids, list(range(1, len(p.ids))))) for p in prompts])
    found = cluster.KMeans(n_clusters=_CLUSTERS, random_state=0).fit(np.array(vectors, np.float32))
    rows: list[int] = []
    for label in range(_CLUSTERS):
        own = np.flatnonzero(found.labels_ == label)
        if len(own) >= _EACH:
            low, high = np.percentile(perplexity[own], [25, 75])
            own = own[(perplexity[own] >= low) & (perplexity[own] <= high)]
        step = max(1, len(own) // _EACH)
        rows += own[::step][:_EACH].tolist()
    return rows


def test_both_phases_are_those_of_plain_parts(llama_folder: Path, tmp_path: Path) -> None:
    loop = PlainLoop.open(llama_folder)
    pool = pool_of(_ROWS)
    rows = pool.conversations(np.arange(len(pool)))
    given = [given_prompt(loop, row, POSITIONS) for row in rows]
    by_themselves = [alone(loop, row, POSITIONS)[0] for row in rows]
    runtime = open_runtime(tmp_path)
    set_budget(runtime, llama_folder, 1024)
    fields = {"model": str(llama_folder), "clusters": _CLUSTERS, "each": _EACH}
    full = IFD(**fields, phases="full", experience=_BRIEF)

    found: ScoreTable = Engine(pool, runtime).value(full)

    chosen = _some_of_all(loop, given)
    before = _ratios(loop, given, by_themselves)
    plain_losses(loop.model, closed_sequences(loop, pool_of([rows[r] for r in chosen])), _BRIEF, 0)
    loop.model.eval()
    expected = _ratios(loop, given, by_themselves)
    assert 5 < len(chosen) < len(rows)
    assert not found.main.reason.any()
    assert np.abs(expected - before).max() > 0.05
    assert np.abs(found.main.values - expected).max() < 1e-3
