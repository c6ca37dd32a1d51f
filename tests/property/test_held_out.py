"""Rows that are held out change nothing: results are those of a pool that never had them."""

import json
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.cli.printing.catalogue import read_fields
from assay.components.base import Component
from assay.components.component import Given, Scorer, Selector, build
from assay.components.references import name_of
from assay.components.registry import components
from assay.components.walk import walk
from assay.engine.engine import Engine
from assay.features.clusters import Clusters
from assay.features.duplicates import DuplicateGroups
from assay.features.embeddings import Embeddings
from assay.features.neighbors import NearestNeighbors
from assay.features.passes import PoolFeature
from assay.formats.records import Block
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.building import build_pool
from assay.pool.pool import Pool
from assay.runtime import Runtime
from assay.samples import Origin, Reason, Sample, Scores
from tests.contract.test_components import _MINIMUM, NAMES_NO_MODEL
from tests.rows import conversation, make_pool

SEEDS = (0, 1)
ROWS = 64
HOLD_OUT = 0.35
BUDGETS: tuple[Any, ...] = (
    9, "20%", {"amount": "35%", "of": "eligible", "rounding": "nearest"}, "260 tokens",
)  # fmt: skip

_TALK = {
    "sea": "wave shore tide gull harbour salt anchor reef sail storm island current",
    "kitchen": "flour oven butter whisk dough sugar simmer garlic pepper crust spoon recipe",
    "music": "chord violin rhythm tempo drum melody choir octave bass tune echo stage",
}
_MORE: dict[str, dict[str, Any]] = {
    "band/middle": {"by": "longest_response", "low": 0.2, "high": 0.7},
    "band/of ranks": {"by": {"method": "rank_mean", "of": ["mtld", "longest_response"]},
                      "low": 0.5},
    "cluster_band/few": {"by": "longest_response", "clusters": 4, "each": 3},
    "coreset/half of it": {"clusters": 6, "centre_rule": "all"},
    "coreset/task": {"task": "sea", "kept_share": 0.3, "clusters": 5},
    "coreset/target": {"target": "questions.jsonl", "kept_share": 0.4},
    "coverage/quality": {"quality": "longest_response", "threshold": 0.4, "fill": True},
    "dataset_quantization/bins": {"bins": 3},
    "decontaminate/share": {"against": "questions.jsonl", "ngram": 3, "share": 0.2},
    "deduplicate/near": {"match": "near", "threshold": 0.6, "part": "response"},
    "deduplicate/semantic": {"match": "semantic", "threshold": 0.8},
    "deduplicate/preferring": {"match": "near", "threshold": 0.6, "part": "response",
                               "prefer": {"method": "rank_mean",
                                          "of": ["mtld", "longest_response"]}},
    "ds2/scale": {"by": "longest_response", "compress": [40, 60], "neighbors": 4, "rounds": 5},
    "facility_location/quality": {"quality": {"method": "weighted_sum",
                                              "of": ["mtld", "longest_response"]}},
    "facility_location/dense": {"coverage": "dense", "quality": "mtld", "neighbors": 5},
    "facility_location/few neighbours": {"neighbors": 3},
    "graph_cut/start": {"start": {"method": "random", "budget": 3}},
    "gumbel_sample/inverse": {"by": "longest_response", "inverse": True, "seed": 3},
    "lift/few": {"by": "mtld", "share": 0.4, "components": 3},
    "lift_quality/one": {"of": ["longest_response"], "length_weight": 1},
    "log_det/rbf": {"kernel": "rbf", "quality": "mtld"},
    "perplexity_pruning/share": {"by": "longest_response", "keep": "mid", "share": 0.5},
    "quota/per task": {"by": {"method": "top_score", "by": {"method": "weighted_sum",
                                                            "of": ["mtld", "ttr"]}},
                       "per": "task"},
    "quota/of clusters": {"by": {"method": "semdedup", "eps": 0.4, "clusters": 4}, "per": "task"},
    "quota/of bins": {"by": {"method": "dataset_quantization", "bins": 3}, "per": "source",
                      "within": {"method": "where", "attribute": "task", "values": ["sea"]}},
    "quota/of groups": {"by": {"method": "deduplicate", "match": "near", "threshold": 0.6},
                        "per": "task",
                        "within": {"method": "where", "attribute": "task",
                                   "values": ["sea", "music"]}},
    "row_variance/share": {"components": None, "explained": 0.6},
    "semdedup/close": {"eps": 0.4, "clusters": 4},
    "top_score/ranks": {"by": {"method": "rank_mean", "of": ["mtld", "longest_response"]}},
    "top_score/sum": {"by": {"method": "weighted_sum", "of": ["mtld", "longest_response"]}},
    "top_score/rule": {"by": "longest_response", "rule": {"low_quantile": 0.3,
                                                          "high_quantile": 0.8}},
    "top_score/within": {"by": "mtld", "within": {"method": "deduplicate", "match": "semantic",
                                                  "threshold": 0.8}},
}  # fmt: skip
"""Beside every method's defaults: parameters under which it looks at rows beside each other."""


class Pair(NamedTuple):
    """One engine over rows of which some are held out, one over a pool without them."""

    hiding: Engine
    without: Engine
    everything: Engine


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.chdir(_files())
        yield


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="assay-held-out-")


def _files() -> Path:
    """Return a folder with the files that components of the registry name by default."""
    folder = Path(_folder().name)
    asked = [{"instruction": f"Tell me about the {word}", "response": f"{word} wave of salt"}
             for word in ("harbour", "storm", "dough", "reef")]  # fmt: skip
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)) + "\n")
    ratings = [f"n{place // 2},{place % 7}" for place in range(0, ROWS, 2)]
    (folder / "ratings.csv").write_text("\n".join(["id,rating", *ratings]) + "\n")
    words = [words.split() for words in _TALK.values()]
    tags = [
        {"id": f"n{place // 2}", "tags": [*words[place % 3][place % 5 : place % 5 + 3], "talk"]}
        for place in range(0, ROWS, 2)
    ]
    (folder / "tags.jsonl").write_text("\n".join(map(json.dumps, tags)) + "\n")
    return folder


def _samples(seed: int) -> list[Sample]:
    """Return rows with copies, near copies in chains, ties, and some without an answer."""
    rng = np.random.default_rng(seed)
    samples: list[Sample] = []
    for place in range(ROWS):
        topic = sorted(_TALK)[place % 3]
        words = rng.choice(_TALK[topic].split(), int(rng.integers(1, 22))).tolist()
        prompt = f"Tell me about the {words[0]} and the {words[-1]}"
        answer = " ".join(words)
        if place % 4 == 1:  # one word more than the row before: chains of likeness
            before = samples[-1].conversation
            prompt, answer = before.prompt, f"{before.response} {words[0]}"
        elif place % 16 == 2:
            prompt, answer = "Say nothing.", ""
        elif place % 16 == 7:
            prompt, answer = samples[-3].conversation.prompt, samples[-3].conversation.response
        external = f"n{place // 2}"
        samples.append(Sample(conversation(prompt, answer), f"source{place % 2}",
                              task=topic, external_id=external))  # fmt: skip
    return samples


def _pool(folder: Path, samples: list[Sample], origins: list[Origin], share: float = 0.0) -> Pool:
    return build_pool([Block(samples, origins)], folder, hold_out=share)


def _engine(folder: Path, pool: Pool) -> Engine:
    # A cache of its own for each: what one computed must not answer for the other.
    runtime = Runtime(cache=folder / "cache", workers=1, max_unscored=1.0)
    return Engine(pool, runtime, open_file=lambda dataset: _questions(folder))


def _questions(folder: Path) -> Pool:
    asked = [json.loads(line) for line in (_files() / "questions.jsonl").read_text().splitlines()]
    samples = [Sample(conversation(row["instruction"], row["response"])) for row in asked]
    origins = [Origin(0, place) for place in range(len(samples))]
    return _pool(folder / "questions", samples, origins)


@lru_cache(maxsize=len(SEEDS))
def _pair(seed: int) -> Pair:
    folder = Path(_folder().name) / str(seed)
    samples = _samples(seed)
    origins = [Origin(0, place) for place in range(ROWS)]
    pool = _pool(folder / "hiding", samples, origins, HOLD_OUT)
    everything = _pool(folder / "everything", samples, origins)
    free = np.flatnonzero(~pool.held_out)
    without = _pool(folder / "without", list(pool.samples(free)), pool.origins(free))
    assert 0.2 * ROWS < len(free) < 0.85 * ROWS
    assert without.ids.tolist() == pool.ids[free].tolist()
    return Pair(
        _engine(folder / "hiding", pool),
        _engine(folder / "without", without),
        _engine(folder / "everything", everything),
    )


def _tags_of(method: type[Component]) -> dict[str, Any]:
    """Return tags of the rows, where a method reads tags; those of few rows count, too."""
    field = {"method": "tag_field", "file": "tags.jsonl"}
    few = {"method": "normalised_tags", "tags": field, "alpha": 1}
    return {"tags": few} if "tags" in method.model_fields else {}


def _descriptions(kind: type[Component]) -> dict[str, dict[str, Any]]:
    """Return every method of a kind in the registry, and those with other parameters."""
    found = {
        method.name: {"method": method.name, **_MINIMUM.get(method.name, {}), **_tags_of(method)}
        for method in components()
        if issubclass(method, kind)
        and method.__module__.startswith("assay.")
        and method.name not in NAMES_NO_MODEL
        # A judge is asked about rows one at a time; `test_other_rows` runs these with one.
        and "judge" not in read_fields(method).values()
    }
    for name, fields in _MORE.items():
        method = name.partition("/")[0]
        if method in found:
            found[name] = {"method": method, **fields}
    return found


def _choices() -> list[Any]:
    """Return every selector with every budget, and without one if it takes none."""
    cases = []
    for name, described in _descriptions(Selector).items():
        without = build(described, "selector")
        assert isinstance(without, Selector)
        none = [] if without.needs_budget or without.name == "quota" else [None]
        for budget in [*BUDGETS, *none]:
            cases.append(pytest.param(described, budget, id=f"{name} {budget}"))
    return cases


every_scorer = pytest.mark.parametrize(
    "described", _descriptions(Scorer).values(), ids=_descriptions(Scorer).keys()
)


def _gains(engine: Engine, record: SelectionRecord) -> dict[int, float]:
    ids = engine.pool.ids[record.selection.indices].tolist()
    return dict(zip(ids, record.selection.gains.tolist(), strict=True))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("described", "budget"), _choices())
def test_picks_are_those_of_a_pool_that_never_had_the_rows(
    described: dict[str, Any], budget: Any, seed: int
) -> None:
    selector = build(described | {"budget": budget, "seed": seed}, "selector")
    pair = _pair(seed)

    hiding: SelectionRecord = pair.hiding.value(selector)
    without: SelectionRecord = pair.without.value(selector)

    mine, theirs = _gains(pair.hiding, hiding), _gains(pair.without, without)
    assert list(mine) == list(theirs)
    assert list(mine.values()) == pytest.approx(list(theirs.values()), rel=1e-3, nan_ok=True)
    free = ~pair.hiding.pool.held_out
    assert hiding.reason[free].tolist() == without.reason.tolist()
    assert set(hiding.reason[~free].tolist()) == {Reason.HELD_OUT}
    assert (hiding.eligible, hiding.selection.stop) == (without.eligible, without.selection.stop)
    assert hiding.facts == without.facts


@pytest.mark.parametrize("seed", SEEDS)
@every_scorer
def test_scores_are_those_of_a_pool_that_never_had_the_rows(
    described: dict[str, Any], seed: int
) -> None:
    scorer = build(described, "scorer")
    pair = _pair(seed)

    hiding: ScoreTable = pair.hiding.value(scorer)
    without: ScoreTable = pair.without.value(scorer)

    free = ~pair.hiding.pool.held_out
    for name, scores in without.columns.items():
        _check_equal(hiding.columns[name], free, scores)


def _check_equal(scores: Scores, rows: Any, others: Scores) -> None:
    assert scores.values[rows] == pytest.approx(others.values, rel=1e-3, nan_ok=True)
    assert scores.reason[rows].tolist() == others.reason.tolist()
    assert scores.flags is not None
    assert others.flags is not None
    assert scores.flags[rows].tolist() == others.flags.tolist()


@every_scorer
def test_a_held_out_row_keeps_the_number_that_is_its_own_and_has_no_other(
    described: dict[str, Any],
) -> None:
    scorer = build(described, "scorer")
    pair = _pair(0)
    out = pair.hiding.pool.held_out
    looks_around = [
        part
        for part in walk([pair.hiding.resolve(scorer)], resolve=pair.hiding.resolve)
        if (isinstance(part, PoolFeature) and isinstance(part.dataset, Given))
        or (isinstance(part, Scorer) and not part.rowwise)
    ]

    hiding: Scores = pair.hiding.value(scorer).main

    if looks_around:
        assert set(hiding.reason[out].tolist()) == {Reason.HELD_OUT}
        assert np.isnan(hiding.values[out]).all()
        return
    everything: Scores = pair.everything.value(scorer).main
    _check_equal(hiding, slice(None), everything)


@pytest.mark.parametrize(
    "feature", [DuplicateGroups(match="near"), Clusters(), NearestNeighbors(count=3)]
)
def test_what_compares_rows_is_of_the_rows_that_are_shown(feature: PoolFeature) -> None:
    pair = _pair(0)

    mine, theirs = pair.hiding.value(feature), pair.without.value(feature)

    for name, array in feature.pack(theirs).items():
        assert np.array_equal(feature.pack(mine)[name], array, equal_nan=array.dtype.kind == "f")


def test_the_encoder_is_the_one_that_fits_the_rows_that_are_shown(tmp_path: Path) -> None:
    known = [(f"Tell me about the wave and the shore {n}", "The tide is high") for n in range(20)]
    unknown = [(f"qzxv {n} wqkzj xvqq jzkw", "vqxz kjwq zzxq") for n in range(60)]
    pool = make_pool(tmp_path, [*known, *unknown])
    every = _engine(tmp_path / "every", pool).resolve(Embeddings()).model
    prompts = [conversation.prompt for conversation in pool.conversations(np.arange(len(pool)))]
    pool.held_out[[prompt.startswith("qzxv") for prompt in prompts]] = True

    shown = _engine(tmp_path / "shown", pool).resolve(Embeddings()).model

    assert name_of(every) == "assay:encoder-spelled"
    assert name_of(shown) == "assay:encoder"
