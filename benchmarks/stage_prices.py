"""What a dry run says of every feature of all rows and of every selection, and what they took."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.components.base import Component
from assay.components.component import Selector, build
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.features.embeddings import Embeddings
from assay.features.passes import PoolFeature
from assay.pool.pool import Pool
from assay.runtime import Runtime

STAGES: Sequence[dict[str, str]] = (
    {"method": "facility_location", "budget": "5%"},
    {"method": "coverage", "budget": "5%"},
    {"method": "coreset", "budget": "5%"},
    {"method": "k_center", "budget": "5%"},
    {"method": "graph_cut", "budget": "5%"},
    {"method": "log_det", "budget": "5%"},
    {"method": "dataset_quantization", "budget": "5%"},
    {"method": "semdedup"},
    {"method": "deita_filter", "budget": "5%", "by": "longest_response"},
    {"method": "superfiltering_diversity", "budget": "2%", "quality": "longest_response"},
    {"method": "deduplicate", "match": "near"},
    {"method": "deduplicate", "match": "semantic"},
)
"""Selections that between them need every feature of all rows."""

FACTOR = 2.0
SECONDS = 1.0
"""A stage of which both price and truth are shorter is not judged: nobody waits for it."""


class Stage(NamedTuple):
    """One stage: what was said beforehand and what it took, in seconds."""

    rows: str
    method: str
    stage: str
    said_seconds: float
    real_seconds: float

    @property
    def holds(self) -> bool:
        """Whether the price was right within the factor, or the stage is short."""
        said, real = self.said_seconds, self.real_seconds
        return max(said, real) < SECONDS or said / FACTOR <= real <= said * FACTOR


def measured(
    pool: Pool, kind: str, cache: Path, stages: Sequence[dict[str, str]] = STAGES
) -> list[Stage]:
    """Return the stages of all selections, each computed anew; vectors are at hand."""
    found: list[Stage] = []
    for described in stages:
        runtime = Runtime(cache=cache / described["method"] / described.get("match", ""), workers=1)
        Engine(pool, runtime).compute([Embeddings(part="prompt"), Embeddings(part="conversation")])
        selector = build(described, "selector")
        said = {
            step.name: step.seconds or 0.0 for step in plan(Engine(pool, runtime), [selector]).steps
        }
        engine = _Timed(pool, runtime)
        engine.compute([selector])
        found += [
            Stage(kind, described["method"], name, round(said.get(name, 0.0), 3), round(real, 3))
            for name, real in engine.seconds.items()
        ]
    return found


class _Timed(Engine):
    """An engine that notes the time of each stage, without that of what it requires."""

    def __init__(self, pool: Pool, runtime: Runtime) -> None:
        super().__init__(pool, runtime)
        self.seconds: dict[str, float] = {}
        self._inside = [0.0]

    def _make(self, component: Component) -> Any:
        started = time.perf_counter()
        self._inside.append(0.0)
        value = super()._make(component)
        seconds = time.perf_counter() - started
        own = seconds - self._inside.pop()
        self._inside[-1] += seconds
        if isinstance(component, (PoolFeature, Selector)):
            self.seconds[component.name] = self.seconds.get(component.name, 0.0) + own
        return value


def near_copies(words: Sequence[str], rows: int, *, each: int = 50) -> list[tuple[str, str]]:
    """Return questions and answers, of which `each` differ in a word or two."""
    generator = np.random.Generator(np.random.Philox(1))
    found: list[tuple[str, str]] = []
    while len(found) < rows:
        question = generator.choice(words, int(generator.integers(5, 20)))
        answer = generator.choice(words, int(generator.integers(10, 90)))
        for _ in range(each):
            asked, answered = question.copy(), answer.copy()
            asked[-1] = generator.choice(words)
            answered[generator.integers(len(answer))] = generator.choice(words)
            found.append((" ".join(asked), " ".join(answered)))
    return found[:rows]


def subjects(words: Sequence[str], rows: int) -> list[tuple[str, str]]:
    """Return questions and answers about sixty-four subjects, each with words of its own."""
    generator = np.random.Generator(np.random.Philox(0))
    own = generator.choice(words, (64, 60))
    found = []
    for _ in range(rows):
        subject = own[generator.integers(len(own))]
        sizes = generator.integers((5, 5), (20, 90))
        asked, answered = (
            np.where(
                generator.random(size) < 0.6,
                generator.choice(subject, size),
                generator.choice(words, size),
            )
            for size in sizes
        )
        found.append((" ".join(asked), " ".join(answered)))
    return found
