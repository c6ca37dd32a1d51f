"""How fast is a large file loaded, in how much memory, against parsing it and nothing else?

Writes one file per container with rows like Alpaca's, made of the word lists below, then reads
each in a process of its own, ours and the baseline in turn, three times. The baseline of JSON is
`json.load`, of JSON lines `json.loads` of each line, of Parquet `polars.read_parquet` and
`to_dicts`; none of them makes samples, checks rows or keeps places. A side called pool is all that
`assay load` does: rows are read, hashed, numbered, put in order and written.

Memory that a pool takes is told for a quarter of the rows, too, less what the process takes before
it loads anything; their ratio says whether ten times the rows will fit.

Run: python benchmarks/load.py [--rows 1000000] [--turns 3] [--only rows.jsonl] [--folder DIR]
     [--json result.json]
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from harness import hardware

from assay.formats import ReadReport, SourceSpec, read_sources
from assay.pool.loading import load_pool

TURNS = 3
NAMES = ("rows.jsonl", "rows.json", "rows.parquet", "rows.csv")
PART = 4
VERBS = ("Describe", "Explain", "List", "Compare", "Rewrite", "Summarise", "Übersetze", "解释")
NOUNS = (
    "river", "engine", "poem", "recipe", "theorem", "market", "garden", "letter", "planet",
    "bridge", "history", "café", "música", "árbol", "городок", "天气", "voyage", "stone",
)  # fmt: skip
LINKS = ("and", "or", "because of", "without", "near", "before", "after", "inside", "beyond")
OUTPUT_WORDS = 24


def made_rows(count: int) -> Iterator[dict[str, str]]:
    """Yield rows whose texts are drawn from the word lists; the same rows for every call."""
    rng = np.random.default_rng(7)
    nouns = np.array(NOUNS)
    links = np.array(LINKS)
    for row in range(count):
        words = int(rng.integers(1, 2 * OUTPUT_WORDS))
        picks = nouns[rng.integers(0, len(nouns), words)]
        joins = links[rng.integers(0, len(links), words)]
        text = " ".join(f"{noun} {link}" for noun, link in zip(picks, joins, strict=True))
        yield {
            "instruction": f'{VERBS[row % len(VERBS)]} the {picks[0]} number {row} "as it is".',
            "input": "" if row % 5 < 3 else f"{text[:60]}",
            "output": f"1. {text}.\n2. {row}",
        }


def write_files(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(made_rows(count))
    with (folder / NAMES[0]).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with (folder / NAMES[1]).open("w", encoding="utf-8") as file:
        json.dump(rows, file, indent=4, ensure_ascii=False)
    pl.DataFrame(rows).write_parquet(folder / NAMES[2], row_group_size=100_000)
    pl.DataFrame(rows).write_csv(folder / NAMES[3])


def read_ours(path: Path) -> int:
    report = ReadReport()
    for _ in read_sources([SourceSpec(str(path))], report=report):
        pass
    return report.samples


def read_and_hash(path: Path) -> int:
    count = 0
    for block in read_sources([SourceSpec(str(path))], report=ReadReport()):
        count += len({sample.conversation.content_hash for sample in block.samples})
    return count


def load(path: Path) -> int:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        pool, _ = load_pool([SourceSpec(str(path))], Path(folder))
        return len(pool)


def read_nothing(path: Path) -> int:
    return 0


def read_plain(path: Path) -> int:
    if path.suffix == ".parquet":
        return len(pl.read_parquet(path).to_dicts())
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            return sum(len(row) > 0 for row in csv.DictReader(file))
        if path.suffix == ".jsonl":
            return sum(len(json.loads(line)) > 0 for line in file)
        return len(json.load(file))


SIDES = {"ours": read_ours, "ours with hash": read_and_hash, "pool": load, "plain": read_plain}
OTHER_SIDES = {"nothing": read_nothing}


def peak_megabytes() -> float:
    """Return the most memory this process held; getrusage would count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure_here(side: str, path: Path) -> None:
    """Print seconds, peak memory in MB and rows of one reading in this process."""
    begin = time.perf_counter()
    rows = (SIDES | OTHER_SIDES)[side](path)
    seconds = time.perf_counter() - begin
    print(json.dumps([seconds, peak_megabytes(), rows]))


def measure(side: str, path: Path) -> tuple[float, float, int]:
    command = [sys.executable, __file__, "--side", side, "--file", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, memory, rows = json.loads(done.stdout)
    return seconds, memory, rows


def compare(path: Path, smaller: Path, turns: int) -> dict[str, float]:
    """Return seconds, memory and ratios of all sides; `smaller` holds a part of the rows."""
    runs: dict[str, list[tuple[float, float, int]]] = {side: [] for side in SIDES}
    for _ in range(turns):
        for side in SIDES:
            runs[side].append(measure(side, path))
    result: dict[str, float] = {"megabytes_on_disk": path.stat().st_size / 2**20}
    for side, measured in runs.items():
        result[f"{side}: seconds"] = statistics.median(run[0] for run in measured)
        result[f"{side}: peak MB"] = max(run[1] for run in measured)
    rows = runs["ours"][0][2]
    for side in ("ours", "pool"):
        result[f"{side}: rows per second"] = rows / result[f"{side}: seconds"]
        result[f"{side}: seconds, ratio to plain"] = (
            result[f"{side}: seconds"] / result["plain: seconds"]
        )
    base = measure("nothing", path)[1]
    of_part = measure("pool", smaller)[1]
    result["before loading: MB"] = base
    result["pool: peak MB, ratio to plain"] = result["pool: peak MB"] / result["plain: peak MB"]
    result[f"pool: peak MB of 1/{PART} of the rows"] = of_part
    result[f"pool: growth of memory with {PART} times the rows"] = (
        (result["pool: peak MB"] - base) / (of_part - base)
    )  # fmt: skip
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keeps the files; made anew where absent")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--side", choices=[*SIDES, *OTHER_SIDES], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        measure_here(options.side, options.file)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for place, rows in ((folder, options.rows), (folder / "part", options.rows // PART)):
            if not all((place / name).exists() for name in NAMES):
                write_files(place, rows)
        results = {
            name: compare(folder / name, folder / "part" / name, options.turns)
            for name in options.only
        }
    print(hardware())
    for name, result in results.items():
        print(name, {key: round(value, 2) for key, value in result.items()})
    if options.json:
        report = {
            "name": "load", "hardware": hardware(), "rows": options.rows, "results": results
        }  # fmt: skip
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
