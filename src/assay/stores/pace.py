"""Whether work runs far below the rate that it once had on this machine, and who is told."""

import contextlib
import hashlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from assay.errors import DamagedError
from assay.files.checksums import read_json, write_json
from assay.processors import machine_processors
from assay.progress import Progress, Task, remark

FAR_BELOW = 3.0
"""Times slower than before from which a person is told."""

_FIRST_LOOK_SECONDS = 20.0
_LEAST_SECONDS = 5.0
_FOLDER = "rates"
_log = logging.getLogger("assay.pace")


class Paced:
    """Progress that compares the rate of work with the best that was measured here before.

    Rates are kept in the cache, by what is done and the machine's number of processors. One far
    below is no error: other work may want the machine, or a row may cost more than others did. But
    threads that have to share a processor can take many times as long as a single one, and nothing
    else would tell.

    Args:
        progress: where the work is reported.
        cache: folder of the cache.
        what: names the work; equal work has an equal name.
        threads: that it uses.
        units: letters or tokens in a unit of the work, so that long and short rows compare.
    """

    def __init__(
        self, progress: Progress, cache: Path, what: str, *, threads: int, units: float = 1.0
    ) -> None:
        key = hashlib.blake2b(f"{what}/{machine_processors()}".encode(), digest_size=8).hexdigest()
        self._path = cache / _FOLDER / f"{key}.json"
        self._progress = progress
        self._threads = threads
        self.units = units

    def seconds(self, amount: float) -> float | None:
        """Return how long some work took at the best rate so far; None if there was none."""
        best = _read(self._path)
        return amount * self.units / best if best > 0 else None

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        """Open a stretch of work whose rate is looked at."""
        best = _read(self._path)
        with self._progress.task(label, total, unit=unit, reused=reused) as task:
            timed = _Timed(task, label, self, best, self._threads)
            yield timed
        found = timed.rate()
        if timed.seconds() >= _LEAST_SECONDS and found > best:
            write_json(self._path, {"per_second": found})


class _Timed:
    def __init__(self, task: Task, label: str, paced: Paced, best: float, threads: int) -> None:
        self._task, self._label, self._paced = task, label, paced
        self._best, self._threads = best, threads
        self._started = time.perf_counter()
        self._done = 0.0
        self._said = False

    def advance(self, amount: float) -> None:
        """Pass on what is done, and say once if it is done far too slowly."""
        self._task.advance(amount)
        self._done += amount
        # Who asks a judge also tells that nothing is done yet; then there is no rate to compare.
        begun = self._done > 0 and self.seconds() >= _FIRST_LOOK_SECONDS
        slow = begun and self._best > FAR_BELOW * self.rate()
        if slow and not self._said:
            self._said = True
            fewer = "" if self._threads < 2 else (
                f", and one thread may be faster than {self._threads}"
            )  # fmt: skip
            _log.warning(
                "%s runs at a %s of the rate it had on this machine before: something else may "
                "keep it busy%s",
                self._label, _part(self._best / self.rate()), fewer,
            )  # fmt: skip

    def remark(self, text: str) -> None:
        """Pass on what is said beside it."""
        remark(self._task, text)

    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def rate(self) -> float:
        return self._done * self._paced.units / max(self.seconds(), 1e-9)


def _part(times: float) -> str:
    names = {3: "third", 4: "quarter", 5: "fifth"}
    return names.get(round(times), f"{round(times)}th")


def _read(path: Path) -> float:
    """Return the best rate so far, 0 if there is none."""
    if not path.is_file():
        return 0.0
    try:
        return float(read_json(path)["per_second"])
    except (DamagedError, KeyError, TypeError, ValueError):
        return 0.0
