"""What do checksums cost: of a warm run, and of reading a large matrix for the first time?

A warm run is another budget of the default selection over a project and a cache that are there
already, in a new process; it is run with the checks and without, in turn. On a machine that does
other work their difference says little; so the processor time that passes inside the checks is
counted as well, as a share of the whole run's.

The data are Alpaca's 52,002 rows where ../shared/data holds them, else the repository's example.

Run: python benchmarks/checksums.py [FILE] [--rounds 5] [--rows 500000] [--json FILE]
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from harness import argument_parser, hardware, seconds
from main_job import data_file

from assay.files import stored_vectors
from assay.files.stored_vectors import StoredVectors, append_sums, write_vectors

CHECKED = "import sys; from assay.cli import main; main(sys.argv[1:])"
UNCHECKED = (
    "import assay.files.checksums as c, assay.files.stored_vectors as v;"
    "c._matches = lambda path: None;"
    "c._content_matches = lambda content: None;"
    "v.StoredVectors._check = lambda self, blocks: None;"
    "import assay.pool.loading as l; l._check_set_aside = lambda path, record: None;" + CHECKED
)
COUNTED = (
    """
import atexit, json, os, time
import assay.files.checksums as checksums, assay.files.stored_vectors as vectors
spent = [0.0]
def counted(place, name):
    function = getattr(place, name)
    def call(*arguments):
        begin = time.process_time()
        try:
            return function(*arguments)
        finally:
            spent[0] += time.process_time() - begin
    setattr(place, name, call)
counted(checksums, "_matches")
counted(vectors.StoredVectors, "_check")
def tell():
    with open(os.environ["TOLD"], "w") as file:
        json.dump([spent[0], time.process_time()], file)
atexit.register(tell)
"""
    + CHECKED
)
_DIMENSION = 256


def run(
    program: str, data: Path, budget: str, cache: Path, **environment: str
) -> tuple[float, float]:
    """Return the seconds by the clock and of the processor of one line."""
    output = data.with_name("subset.json")
    line = ["select", str(data), "--budget", budget, "-o", str(output), "--quiet"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program, *line],
        env=os.environ | {"ASSAY_CACHE": str(cache)} | environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent


def warm_runs(data: Path, rounds: int, cache: Path) -> dict[str, object]:
    """Return the times of warm runs with and without checks, and what share the checks are."""
    run(CHECKED, data, "5%", cache)
    times: dict[str, list[tuple[float, float]]] = {"checked": [], "unchecked": []}
    for turn in range(rounds):
        for name, program in (("checked", CHECKED), ("unchecked", UNCHECKED)):
            # A budget of its own each time, so that the selection is made and not read.
            budget = str(1000 + 2 * turn + (name == "checked"))
            times[name].append(run(program, data, budget, cache))
    told: dict[str, object] = {"share_inside_checks": _counted(data, rounds, cache)}
    for place, kind in enumerate(("wall", "processor")):
        best = {name: min(found[place] for found in all_) for name, all_ in times.items()}
        told[f"{kind}_seconds"] = {name: round(value, 3) for name, value in best.items()}
        told[f"{kind}_share_of_checks"] = round(best["checked"] / best["unchecked"] - 1, 4)
    return told


def _counted(data: Path, rounds: int, cache: Path) -> float:
    """Return the share of a warm run's processor time that passes inside the checks."""
    file = data.with_name("told.json")
    shares = []
    for turn in range(rounds):
        run(COUNTED, data, str(2000 + turn), cache, TOLD=str(file))
        inside, whole = json.loads(file.read_text())
        shares.append(inside / whole)
    return round(statistics.median(shares), 4)


def matrix(folder: Path, rows: int) -> dict[str, float]:
    """Return what it takes to read all of a matrix, and to check all of it."""
    path = folder / "large.npy"
    block = np.random.default_rng(0).standard_normal((rows, _DIMENSION)).astype(np.float16)
    with path.open("wb") as file:
        write_vectors(file, block)
    written = seconds(lambda: append_sums(path))
    gibibytes = block.nbytes / 2**30
    del block

    def opened() -> None:
        stored_vectors._checked.clear()
        StoredVectors(path)

    def checked() -> None:
        stored_vectors._checked.clear()
        StoredVectors(path).whole()

    found = StoredVectors(path)
    product = np.ones(_DIMENSION, np.float32)

    def one_product() -> None:
        for start in range(0, rows, 65_536):
            _ = found._array[start : start + 65_536].astype(np.float32) @ product

    return {
        "gibibytes": round(gibibytes, 3),
        "open_seconds": round(min(seconds(opened) for _ in range(3)), 5),
        "check_all_seconds": round(min(seconds(checked) for _ in range(3)), 4),
        "one_product_seconds": round(min(seconds(one_product) for _ in range(3)), 4),
        "append_seconds": round(written, 4),
    }


def crc_rate() -> float:
    """Return the gibibytes per second of CRC-32 in this Python."""
    content = np.random.default_rng(0).bytes(1 << 27)
    return round(0.125 / min(seconds(lambda: zlib.crc32(content)) for _ in range(3)), 2)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="data; Alpaca by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=500_000)
    options = parser.parse_args()
    machine = hardware()
    with tempfile.TemporaryDirectory() as name:
        data = data_file(options.file, Path(name))
        result: dict[str, object] = {
            "name": "checksums",
            "hardware": machine,
            "data": data.name,
            "rounds": options.rounds,
            "crc32_gib_per_second": crc_rate(),
            "warm_run": warm_runs(data, options.rounds, Path(name) / "cache"),
            "matrix": matrix(Path(name), options.rows),
        }
    for key, value in result.items():
        print(f"{key}: {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
