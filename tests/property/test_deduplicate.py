"""Duplicates are those that a look at all pairs finds among the rows that may be chosen."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.features.embeddings import Embeddings
from assay.methods.combinations.quota import Quota
from assay.methods.filters.attributes import Where
from assay.methods.filters.cuts import Threshold
from assay.methods.filters.deduplicate import Deduplicate
from assay.outcomes import SelectionRecord
from assay.samples import Reason
from tests.unit.methods.planted import PlantedScore, planted_engine

THRESHOLD = 0.78
_TEXT = (
    "river stone lantern meadow harbour violin copper winter garden letter thunder basket window "
    "candle forest silver market bridge pencil orchard castle desert ribbon engine"
)
_WORDS = _TEXT.split()


def _chain(rng: np.random.Generator, length: int) -> list[str]:
    """Return texts of which each is like the next, and less like those farther away."""
    words = rng.permutation(_WORDS).tolist()
    return [" ".join(words[step : step + 12]) for step in range(length)]


def _rows(seed: int) -> list[tuple[str, str]]:
    """Return rows: the text is in the answer, behind a number that is a score or none."""
    rng = np.random.default_rng(seed)
    answers = [text for _ in range(6) for text in _chain(rng, 5)]
    answers += [str(text) for text in rng.choice(answers, 6)]
    numbers = rng.choice(["1", "2", "3", "none"], len(answers))
    return [(f"q{n}", f"{number} {text}")
            for n, (number, text) in enumerate(zip(numbers, answers, strict=True))]  # fmt: skip


def _runs(text: str) -> set[str]:
    return {text[place : place + 5] for place in range(len(text) - 4)}


def _jaccard(answers: list[str]) -> NDArray[np.float64]:
    sets = [_runs(answer) for answer in answers]
    return np.array([[len(one & other) / len(one | other) for other in sets] for one in sets])


def _cosines(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def _first_of_each(alike: NDArray[np.bool_], rows: Iterable[int]) -> list[int]:
    """Return the lowest row of every group of some rows: all pairs, one step at a time."""
    left, kept = set(rows), []
    while left:
        first = min(left)
        group, border = {first}, [first]
        while border:
            row = border.pop()
            near = {other for other in left - group if alike[row, other]}
            group |= near
            border += sorted(near)
        kept.append(first)
        left -= group
    return kept


def _answers(engine: Engine) -> list[str]:
    return [c.response for c in engine.pool.conversations(np.arange(len(engine.pool)))]


def _numbers(engine: Engine) -> NDArray[np.float64]:
    words = [answer.split()[0] for answer in _answers(engine)]
    return np.array([np.nan if word == "none" else float(word) for word in words])


def _task(engine: Engine, name: str) -> NDArray[np.bool_]:
    return engine.pool.column("task").to_numpy() == name


Eligible = Callable[[Engine], NDArray[np.bool_]]
CASES: dict[str, tuple[dict[str, Any], Eligible]] = {
    "all rows": ({}, lambda e: np.ones(len(e.pool), np.bool_)),
    "a filter": (
        {"within": Where(attribute="task", values=("a", "b"))},
        lambda e: _task(e, "a") | _task(e, "b"),
    ),
    "a threshold": (
        {"within": Threshold(by=PlantedScore(), low=2)}, lambda e: _numbers(e) >= 2,
    ),
    "a score that some rows lack": (
        {"prefer": PlantedScore()}, lambda e: ~np.isnan(_numbers(e)),
    ),
    "a rule of the score": (
        {"prefer": PlantedScore(), "rule": Rule(below=3)}, lambda e: _numbers(e) < 3,
    ),
    "a rule within a filter": (
        {"prefer": PlantedScore(), "rule": Rule(at_least=2),
         "within": Where(attribute="task", values=("c",), keep=False)},
        lambda e: (_numbers(e) >= 2) & ~_task(e, "c"),
    ),
}  # fmt: skip


def _engine(folder: Path, seed: int, *, held_out: bool = False) -> Engine:
    rows = _rows(seed)
    tasks = np.random.default_rng(seed).choice(list("abc"), len(rows)).tolist()
    engine = planted_engine(folder, rows, groups=tasks)
    if held_out:
        engine.pool.held_out[np.random.default_rng(seed).random(len(rows)) < 0.3] = True
    return engine


def _best_of_each(
    engine: Engine, alike: NDArray[np.bool_], rows: NDArray[np.int64], *, prefers: bool
) -> list[int]:
    """Return the row that stays of every group: the highest number, or the lowest position."""
    if not prefers:
        return _first_of_each(alike, rows.tolist())
    numbers = _numbers(engine)
    order = sorted(rows.tolist(), key=lambda row: (-numbers[row], row))
    ranked = alike[np.ix_(order, order)]
    return sorted(order[place] for place in _first_of_each(ranked, range(len(order))))


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", CASES)
def test_near_duplicates_are_those_of_all_pairs_that_may_be_chosen(
    case: str, seed: int, held_out: bool
) -> None:
    settings, eligible = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(Path(folder), seed, held_out=held_out)
        similarity = _jaccard(_answers(engine))
        # No pair lies where the search may miss one, or where rounding decides.
        assert np.abs(similarity - THRESHOLD).min() > 1e-3
        rows = np.flatnonzero(eligible(engine) & ~engine.pool.held_out)
        selector = Deduplicate(match="near", part="response", threshold=THRESHOLD, **settings)

        record: SelectionRecord = engine.value(selector)

        prefers = "prefer" in settings
        expected = _best_of_each(engine, similarity >= THRESHOLD, rows, prefers=prefers)
        assert sorted(record.selection.indices.tolist()) == expected
        dropped = np.flatnonzero(record.reason == Reason.NEAR_DUPLICATE).tolist()
        assert dropped == sorted(set(rows.tolist()) - set(expected))


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_semantic_duplicates_are_those_of_all_pairs_that_may_be_chosen(
    case: str, held_out: bool
) -> None:
    settings, eligible = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(Path(folder), 5, held_out=held_out)
        vectors = np.array(engine.value(Embeddings(part="response")).array, np.float64)
        alike = _cosines(vectors) >= 0.9
        rows = np.flatnonzero(eligible(engine) & ~engine.pool.held_out)
        selector = Deduplicate(match="semantic", part="response", threshold=0.9, **settings)

        record: SelectionRecord = engine.value(selector)

        expected = _best_of_each(engine, alike, rows, prefers="prefer" in settings)
        assert len(expected) < len(rows)
        assert sorted(record.selection.indices.tolist()) == expected


def test_a_chain_ends_where_its_middle_may_not_be_chosen() -> None:
    words = _WORDS[:17]
    texts = [" ".join(words[step : step + 15]) for step in range(3)]
    similarity = _jaccard([f"1 {text}" for text in texts])
    assert min(similarity[0, 1], similarity[1, 2]) > THRESHOLD > similarity[0, 2]
    with tempfile.TemporaryDirectory() as folder:
        rows = [(f"q{n}", f"{2 if n == 1 else 1} {text}") for n, text in enumerate(texts)]
        engine = planted_engine(Path(folder), rows)
        ends = Threshold(by=PlantedScore(), high=1)
        dedup = Deduplicate(match="near", part="response", threshold=THRESHOLD)

        whole: SelectionRecord = engine.value(dedup)
        without: SelectionRecord = engine.value(dedup.model_copy(update={"within": ends}))

    assert len(whole.selection.indices) == 1
    assert len(without.selection.indices) == 2


def test_a_quota_compares_the_rows_that_it_may_choose_from() -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(Path(folder), 3)
        alike = _jaccard(_answers(engine)) >= THRESHOLD
        free = _numbers(engine) >= 2
        selector = Quota(
            by=Deduplicate(match="near", part="response", threshold=THRESHOLD),
            per="source",  # of which there is one
            within=Threshold(by=PlantedScore(), low=2),
            budget="100%",
        )

        record: SelectionRecord = engine.value(selector)

        expected = _first_of_each(alike, np.flatnonzero(free).tolist())
        assert sorted(record.selection.indices.tolist()) == expected


def test_filters_between_the_rows_and_a_method_are_not_kept_as_results() -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(Path(folder), 0)

        engine.value(Deduplicate(prefer=PlantedScore()))

        names = sorted(path.name for path in (Path(folder) / "project" / "names").iterdir())
        assert names == ["deduplicate-prefer-planted_score", "planted_score"]
