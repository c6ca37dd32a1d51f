"""What does a selection of 5 % cost by each method, from nothing, on two cores?

Each is the line that a user types, in a new process, with an empty cache and without a project. So
a method pays for all that it reads; where another one has run before, it pays less. What has been
measured is kept: the same line goes on where it was stopped.

The data are Alpaca's 52,002 rows where ../shared/data holds them, else the repository's example.

Run: python benchmarks/method_costs.py [FILE] [--only NAME] [--json FILE]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import argument_parser, hardware
from main_job import PROGRAM, data_file

LINES = {
    "random": ["random", "--budget", "5%"],
    "default": ["--budget", "5%"],
    "longest_response": ["longest_response", "--budget", "5%"],
    "mtld": ["mtld", "--budget", "5%"],
    "compression_ifd": ["compression_ifd", "--budget", "5%"],
    "substance": ["substance", "--budget", "5%"],
    "random in the better half": [
        "random", "--budget", "5%", "--set",
        'within={"method": "band", "by": "substance", "low": 0.5}',
    ],
    "k_center": ["k_center", "--budget", "5%"],
    "facility_location": ["facility_location", "--budget", "5%"],
    "graph_cut": ["graph_cut", "--budget", "5%"],
    "log_det": ["log_det", "--budget", "5%"],
    "coverage": ["coverage", "--budget", "5%"],
    "dataset_quantization": ["dataset_quantization", "--budget", "5%"],
    "deita_filter": ["deita_filter", "--set", "by=substance", "--budget", "5%"],
    "semdedup": ["semdedup"],
    "deduplicate near": ["everything", "--dedup", "near"],
    "deduplicate exact": ["everything", "--dedup", "exact"],
    "decontaminate": ["everything", "--against", "{evaluation}"],
    "coreset": ["coreset", "--set", "target={evaluation}"],
    "filter by text": ["everything", "--where", "response.refusals=0"],
}  # fmt: skip
EVALUATION = Path(__file__).parents[1] / "examples" / "data" / "evaluation.jsonl"


def measure(line: list[str], data: Path) -> dict[str, float]:
    """Run a line from nothing; return seconds by the clock and of the processor, and memory."""
    for project in data.parent.glob("*.assay"):
        shutil.rmtree(project)
    cache = data.parent / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    words = [word.replace("{evaluation}", str(EVALUATION)) for word in line]
    output = data.with_name(f"subset{data.suffix}")
    command = ["select", str(data), *words, "-o", str(output), "--quiet"]
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command], env=os.environ | {"ASSAY_CACHE": str(cache)}
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "wall_seconds": round(time.perf_counter() - begin, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_memory_gib": round(used.ru_maxrss * 1024 / 2**30, 2),
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="data; Alpaca by default")
    parser.add_argument("--only", help="measure this one alone, even if it has been measured")
    options = parser.parse_args()
    result = {"name": "method_costs", "hardware": hardware(), "methods": {}}
    if options.json is not None and options.json.exists():
        result["methods"] = json.loads(options.json.read_text())["methods"]
    with tempfile.TemporaryDirectory() as name:
        data = data_file(options.file, Path(name))
        result["data"] = data.name
        for method, line in LINES.items():
            if options.only not in (None, method):
                continue
            if options.only is None and method in result["methods"]:
                continue
            measured = measure(line, data)
            result["methods"][method] = measured
            print(method, json.dumps(measured), flush=True)
            if options.json is not None:
                options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
