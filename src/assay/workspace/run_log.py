"""The folder of one run: what was asked, what came of it, and what was said meanwhile.

``runs/<time>-<verb>-<hex>/`` holds ``manifest.json`` and ``log.jsonl``. They hold ids and names,
never the text of a row, and never a key.
"""

import contextlib
import json
import logging
import platform
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from assay.errors import AssayError
from assay.files.checksums import write_json
from assay.version import __version__
from assay.wording import jsonable

FORMAT_VERSION = 1
PACKAGES = (
    "numpy", "polars", "faiss-cpu", "tokenizers", "torch", "transformers", "trl", "peft",
)  # fmt: skip
"""Packages whose version can change a number, and is therefore written down."""


@dataclass
class Run:
    """A run while it goes on.

    Attributes:
        folder: where it is written down.
        facts: what the manifest tells besides; the verb adds what it made.
        stages: seconds that each stage took, in order.
    """

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the time of a stretch of work."""
        started = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - started
            self.stages[name] = self.stages.get(name, 0.0) + elapsed


@contextlib.contextmanager
def recorded_run(project: Path, verb: str, words: Sequence[str]) -> Iterator[Run]:
    """Write a run down in the project, however it ends.

    Args:
        project: the project's folder.
        verb: what is done.
        words: the command line, or what stands for it.
    """
    started = datetime.now(UTC)
    stamp = started.strftime("%Y%m%dT%H%M%SZ")
    run = Run(project / "runs" / f"{stamp}-{verb}-{secrets.token_hex(3)}")
    run.folder.mkdir(parents=True, exist_ok=True)
    handler = JsonLines(run.folder / "log.jsonl")
    logger = logging.getLogger("assay")
    logger.addHandler(handler)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    outcome = "failed"
    try:
        yield run
        outcome = "done"
    except AssayError as error:
        outcome = type(error).__name__
        raise
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()
        manifest = _manifest(run, verb, words, started, outcome)
        write_json(run.folder / "manifest.json", jsonable(manifest))


def _manifest(
    run: Run, verb: str, words: Sequence[str], started: datetime, outcome: str
) -> dict[str, Any]:
    return {
        "format": FORMAT_VERSION,
        "verb": verb,
        "arguments": list(words),
        "outcome": outcome,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        "stages": {name: round(seconds, 3) for name, seconds in run.stages.items()},
        "assay": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        **run.facts,
    }


def package_versions() -> dict[str, str]:
    """Return the installed versions of the packages that can change a number."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


class JsonLines(logging.Handler):
    """Writes log records to a file, one JSON object per line."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
