"""How long does the main job take: cold, the same line again, and with another budget?

Each is a new process with the command line that a user types. Cold begins with an empty cache and
without a project; again and the other budget find what cold left. A round is all three in turn,
and there are three rounds; medians are compared.

The data are Alpaca's 52,002 rows where ../shared/data holds them, else the repository's example.

Run: python benchmarks/main_job.py [FILE] [--budget 5%] [--other 10%] [--rounds 3] [--json FILE]
"""

import gzip
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import argument_parser, hardware

ROOT = Path(__file__).parents[1]
ALPACA = ROOT.parent / "shared" / "data" / "alpaca_data.json.gz"
EXAMPLE = ROOT / "examples" / "data" / "instructions.json"
PROGRAM = "import sys; from assay.cli import main; main(sys.argv[1:])"


class Job(NamedTuple):
    """One line that was run: seconds by the clock and of the processor, and what it wrote."""

    wall: float
    processor: float
    digest: str


def data_file(named: Path | None, folder: Path) -> Path:
    """Return a copy of the data in a folder, unpacked."""
    source = named or (ALPACA if ALPACA.exists() else EXAMPLE)
    if source.suffix != ".gz":
        return Path(shutil.copy(source, folder / source.name))
    target = folder / source.stem
    with gzip.open(source) as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return target


def select(data: Path, budget: str, cache: Path) -> Job:
    """Run the line that a user types, in a process of its own."""
    output = data.with_name(f"subset{data.suffix}")
    line = ["select", str(data), "--budget", budget, "-o", str(output), "--quiet"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", PROGRAM, *line],
        env=os.environ | {"ASSAY_CACHE": str(cache)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Job(wall, spent, hashlib.blake2b(output.read_bytes(), digest_size=8).hexdigest())


def one_round(data: Path, budget: str, other: str, cache: Path) -> dict[str, Job]:
    """Return the three jobs of a round, begun with nothing at hand."""
    shutil.rmtree(cache, ignore_errors=True)
    for project in data.parent.glob("*.assay"):
        shutil.rmtree(project)
    return {
        "cold": select(data, budget, cache),
        "again": select(data, budget, cache),
        "another budget": select(data, other, cache),
    }


def medians(rounds: Sequence[Mapping[str, Job]], kind: str) -> dict[str, float]:
    """Return the median seconds of each job."""
    jobs = list(rounds[0])
    return {
        job: round(statistics.median(getattr(turn[job], kind) for turn in rounds), 2)
        for job in jobs
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="data; Alpaca by default")
    parser.add_argument("--budget", default="5%")
    parser.add_argument("--other", default="10%")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    machine = hardware()
    with tempfile.TemporaryDirectory() as name:
        data = data_file(options.file, Path(name))
        rounds = [
            one_round(data, options.budget, options.other, Path(name) / "cache")
            for _ in range(options.rounds)
        ]
        megabytes = round(data.stat().st_size / 2**20, 1)
    digests = {job: {turn[job].digest for turn in rounds} for job in rounds[0]}
    result = {
        "name": "main_job",
        "hardware": machine,
        "data": data.name,
        "megabytes": megabytes,
        "budgets": [options.budget, options.other],
        "rounds": options.rounds,
        "wall_seconds": medians(rounds, "wall"),
        "processor_seconds": medians(rounds, "processor"),
        "peak_memory_gib": round(
            resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 2**30, 2
        ),
        "equal_bytes_every_time": digests["cold"] == digests["again"]
        and all(len(found) == 1 for found in digests.values()),
    }
    for key, value in result.items():
        print(f"{key}: {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
