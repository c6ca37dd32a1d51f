"""What all benchmark scripts share: hardware, both sides in turn, a ratio, a JSON file.

A script reads

    parser = argument_parser(__doc__)
    arguments = parser.parse_args()
    comparison = in_turn(ours, baseline)
    report("k_center", {"rows": 52_000}, comparison, arguments.json)
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TURNS = 3
_LIBRARIES = ("numpy", "polars", "faiss-cpu", "tokenizers", "torch", "datasketch")
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Comparison:
    """Wall-clock seconds of both sides, one entry per turn, and their medians' ratio.

    Attributes:
        ours: seconds of each of our turns.
        baseline: seconds of each of the baseline's turns; empty if there is none.
        scale: by how much the baseline was made smaller, so that a turn stays short; its
            seconds are multiplied by it for the ratio.
    """

    ours: Sequence[float]
    baseline: Sequence[float] = ()
    scale: float = 1.0

    @property
    def ratio(self) -> float | None:
        """How many times as fast we are; None without a baseline."""
        if not self.baseline:
            return None
        return self.scale * statistics.median(self.baseline) / statistics.median(self.ours)


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows ``--json``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the result to this file")
    return parser


def hardware() -> dict[str, object]:
    """Return what figures depend on: processor, cores, memory, threads, versions."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "threads": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes by the clock on the wall."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_turn(
    ours: Callable[[], object],
    baseline: Callable[[], object] | None = None,
    *,
    turns: int = TURNS,
    scale: float = 1.0,
) -> Comparison:
    """Return the times of both, measured alternately in this process."""
    ours_seconds: list[float] = []
    baseline_seconds: list[float] = []
    for _ in range(turns):
        ours_seconds.append(seconds(ours))
        if baseline is not None:
            baseline_seconds.append(seconds(baseline))
    return Comparison(ours_seconds, baseline_seconds, scale)


def peak_memory_gib() -> float:
    """Return the largest resident size this process has had, mapped files included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 2**30


def report(
    name: str, facts: Mapping[str, object], comparison: Comparison, target: Path | None
) -> None:
    """Print hardware, facts, times and ratio; write all of it to `target` if there is one."""
    result: dict[str, object] = {
        "name": name,
        "hardware": hardware(),
        **facts,
        "comparison": {**asdict(comparison), "ratio": comparison.ratio},
        "peak_memory_gib": round(peak_memory_gib(), 2),
    }
    for key, value in result.items():
        print(f"{key}: {value}")
    if target is not None:
        target.write_text(json.dumps(result, indent=2) + "\n")
