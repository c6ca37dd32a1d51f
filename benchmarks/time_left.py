"""Is the time left, told after a tenth of a pass, right within 25 %, and are prices within 2?

Runs the passes of a real command in one process, notes what each would say after every shard, and
compares the estimate at the first shard past a tenth with what the rest really took. A pass whose
first tenth is not yet reached after one shard is judged at that shard.

Then every feature of all rows and every selection is priced as by a dry run and computed, over rows
about some subjects and over rows of which fifty each are nearly equal. What was said should be
within a factor of two of what it took; stages below a second are not judged.
"""

import contextlib
import json
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from harness import argument_parser, hardware
from stage_prices import Stage, measured, near_copies, subjects

from assay.engine.engine import Engine
from assay.features.embeddings import Embeddings
from assay.features.text import CompressedLengths, Lengths, LexicalDiversity
from assay.formats.records import Block, SourceSpec
from assay.pool.building import build_pool
from assay.pool.loading import load_pool
from assay.pool.pool import Pool
from assay.progress import Task, seconds_left
from assay.runtime import Runtime
from assay.samples import Conversation, Message, Origin, Sample

_TENTH = 0.1
_TURNS = 3
_WORDS = ("data", "model", "train", "answer", "river", "story", "tea", "health", "city", "music")


@dataclass
class _Timed:
    """When a pass began, and how much was done at which moment."""

    label: str
    total: float
    started: float
    marks: list[tuple[float, float]] = field(default_factory=list)
    done: float = 0.0

    def advance(self, amount: float) -> None:
        self.done += amount
        self.marks.append((time.perf_counter() - self.started, self.done))

    def judged(self) -> dict[str, float | str]:
        """Return estimate and truth at the first mark past a tenth."""
        end = self.marks[-1][0]
        elapsed, done = next(mark for mark in self.marks if mark[1] >= _TENTH * self.total)
        estimate = seconds_left(done, self.total, elapsed) or 0.0
        rest = end - elapsed
        error = abs(estimate - rest) / rest if rest else 0.0
        return {
            "pass": self.label,
            "rows": self.total,
            "share_done": round(done / self.total, 3),
            "estimated_seconds": round(estimate, 3),
            "real_seconds": round(rest, 3),
            "error": round(error, 3),
        }


class _Recorder:
    """Progress that remembers when each part was done."""

    def __init__(self) -> None:
        self.tasks: list[_Timed] = []

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        timed = _Timed(label, total or 0.0, time.perf_counter())
        yield timed
        if timed.marks and total:
            self.tasks.append(timed)


def _made_up(folder: Path, rows: int) -> Pool:
    generator = np.random.Generator(np.random.Philox(0))
    answers = (
        " ".join(generator.choice(_WORDS, int(generator.integers(5, 120)))) for _ in range(rows)
    )
    return _pool(folder, [(f"Question {place}?", text) for place, text in enumerate(answers)])


def _pool(folder: Path, pairs: Sequence[tuple[str, str]]) -> Pool:
    samples = [
        Sample(Conversation((Message("user", asked), Message("assistant", answered))))
        for asked, answered in pairs
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    return build_pool([Block(samples, origins)], folder)


def _words() -> list[str]:
    """Return the words of the documentation: real ones, that the encoder knows."""
    pages = (Path(__file__).parents[1] / "docs").rglob("*.md")
    text = " ".join(page.read_text(encoding="utf-8") for page in pages)
    return sorted(set(re.findall(r"[a-z]{3,}", text)))


def _stages(folder: Path, rows: int) -> list[Stage]:
    words = _words()
    pools = {"subjects": subjects(words, rows), "near copies": near_copies(words, rows)}
    return [
        stage
        for kind, pairs in pools.items()
        for stage in measured(_pool(folder / kind, pairs), kind, folder / f"cache {kind}")
    ]


def _measure(pool: Pool, folder: Path, workers: int) -> list[dict[str, float | str]]:
    recorder = _Recorder()
    runtime = Runtime(cache=folder, workers=workers, progress=recorder)
    Engine(pool, runtime).compute([CompressedLengths(), Lengths(), LexicalDiversity()])
    Engine(pool, runtime).compute([Embeddings(part="prompt"), Embeddings(part="conversation")])
    return [timed.judged() for timed in recorder.tasks]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", nargs="?", help="a data file; made-up rows if left out")
    parser.add_argument("--rows", type=int, default=40_000, help="how many rows to make up")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--stage-rows", type=int, default=10_000, help="rows of priced stages")
    arguments = parser.parse_args()
    found: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.data:
            pool, _ = load_pool([SourceSpec(arguments.data)], folder)
        else:
            pool = _made_up(folder, arguments.rows)
        for turn in range(_TURNS):
            found += _measure(pool, folder / f"cache-{turn}", arguments.workers)
        stages = _stages(folder, arguments.stage_rows)
    worst = max(float(entry["error"]) for entry in found)
    wrong = [stage for stage in stages if not stage.holds]
    result = {
        "name": "time_left",
        "hardware": hardware(),
        "passes": found,
        "worst_error": worst,
        "stage_rows": arguments.stage_rows,
        "stages": [stage._asdict() for stage in stages],
    }
    print(json.dumps(result, indent=1))
    print("time left: within 25 %" if worst <= 0.25 else "time left: NOT within 25 %")
    print(f"prices: {len(stages) - len(wrong)} of {len(stages)} stages within a factor of two")
    for stage in wrong:
        print(f"  {stage}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
