"""The main job as a user's command line, in processes that can be killed; and what it leaves."""

import contextlib
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.end_to_end.cli_helpers import COMMAND_LINE
from tests.fork_server import Process, start
from tests.patience import happens, hung

PLUGIN = Path(__file__).with_name("hashed_vectors.py")
GEOMETRY = (
    "facility_location",
    str(PLUGIN),
    "--set",
    "vectors=hashed_vectors",
    "--set",
    "quality=compression_ifd",
)
"""The default recipe with vectors that need no model."""
ENCODER = Path(__file__).parents[2] / "src/assay/assets/encoder"
_WORDS = ("data", "model", "train", "answer", "question", "list", "write", "explain", "capital",
          "river", "sum", "code", "python", "story", "poem", "tea", "health", "advice", "number",
          "city", "country", "music", "film", "book", "tree", "light", "water")  # fmt: skip

MANY_SHARDS = """
import assay.features.text, assay.engine.row_shards
assay.features.text.TextReading.rows_per_shard = 64
"""
"""Cuts a small pool into shards, as a large one would be."""
SPAWNING = MANY_SHARDS + "assay.engine.row_shards._SPAWN_ROWS = 0\n"
"""Hands the shards to worker processes, too."""

_SLOW_WRITE = """
import fnmatch, time, assay.files
flush = assay.files._flush
def slowly(path):
    if fnmatch.fnmatch(path.name, {pattern!r}):
        time.sleep(3600)
    flush(path)
assay.files._flush = slowly
"""


def write_rows(path: Path, count: int, *, seed: int = 0) -> list[dict[str, str]]:
    """Write an Alpaca file of made-up rows: some equal, some without an answer, some Chinese."""
    generator = np.random.Generator(np.random.Philox(seed))
    rows: list[dict[str, str]] = []
    for place in range(count):
        length = int(generator.integers(3, 60))
        text = " ".join(generator.choice(_WORDS, length))
        question = f"{' '.join(generator.choice(_WORDS, 6))} {place}?"
        answer = "" if place % 97 == 5 else "你好,世界。" * 5 if place % 50 == 7 else text
        rows.append({"instruction": question, "input": "", "output": answer})
        if place % 60 == 11:
            rows[-1] = dict(rows[place // 2])
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return rows


_OF_RUNS = {"runs", "written"}
"""Folders of what is kept about runs, which goes by time and place."""


@dataclass(frozen=True)
class Job:
    """`assay select` over some files, in a folder of its own."""

    folder: Path
    sources: Sequence[Path | str]
    method: Sequence[str] = GEOMETRY
    options: Sequence[str] = ()
    cache: Path | None = None
    project: Path | None = None
    prelude: str = MANY_SHARDS
    budget: str = "5%"

    @property
    def output(self) -> Path:
        """The exported subset."""
        return self.folder / "out.json"

    @property
    def project_folder(self) -> Path:
        """The project's folder."""
        return self.project or self.folder / "project"

    @property
    def cache_folder(self) -> Path:
        """The folder of cached values."""
        return self.cache or self.folder / "cache"

    def arguments(self) -> list[str]:
        """Return the words after ``assay``."""
        return [
            "select",
            *map(str, self.sources),
            *self.method,
            *("--budget", self.budget, "-o", str(self.output), "-p", str(self.project_folder)),
            *self.options,
        ]

    def environment(self) -> dict[str, str]:
        """Return the variables of its process."""
        return os.environ | {
            "ASSAY_CACHE": str(self.cache_folder),
            "OMP_NUM_THREADS": "1",
            "POLARS_MAX_THREADS": "1",
        }

    def start(self) -> Process:
        """Start the job as the leader of a process group of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return start(self.prelude + COMMAND_LINE, self.arguments(), environment=self.environment())

    def run(self) -> "Ended":
        """Run the job to its end."""
        process = self.start()
        output, errors = process.communicate()
        return Ended(process.wait(), output, errors)

    def finish(self) -> None:
        """Run the job and insist that it ends well."""
        ended = self.run()
        assert ended.code == 0, ended.errors

    def slowed(self, pattern: str) -> "Job":
        """Return the job on a disk that stalls before files of a name are complete."""
        prelude = self.prelude + _SLOW_WRITE.format(pattern=pattern)
        return Job(
            self.folder, self.sources, self.method, self.options, self.cache, self.project, prelude
        )

    def left_behind(self) -> dict[str, str]:
        """Return the digest of every file that a finished job leaves, apart from its log.

        Temporary files of killed processes are left out.
        """
        roots = {
            "project": self.project_folder,
            "cache": self.cache_folder,
            "output": self.folder,
        }
        found: dict[str, str] = {}
        for name, root in roots.items():
            for path in sorted(root.rglob("*") if name != "output" else root.glob("out.json*")):
                if path.is_file() and not _OF_RUNS & {*path.parts} and not is_temporary(path):
                    content = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
                    found[f"{name}/{path.relative_to(root)}"] = content
        return found


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    output: str
    errors: str


def is_temporary(path: Path) -> bool:
    """Whether a file is one that a writer had not finished."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def temporary_files(folder: Path, pattern: str = "*") -> list[Path]:
    """Return unfinished files under a folder."""
    return [path for path in folder.rglob(f".{pattern}.tmp") if path.is_file()]


def kill_group(process: Process) -> None:
    """End a process and all that it started, at once, and wait until they are gone."""
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(condition: Callable[[], bool], process: Process) -> None:
    """Wait until a condition holds while a process runs."""

    def came(seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not condition():
            if process.poll() is not None:
                raise AssertionError(f"the job ended early: {process.communicate()[1]}")
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    if not happens(came, process.pid):
        raise AssertionError(hung(*process.communicate()))
