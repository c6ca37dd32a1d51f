"""How much processor time does `assay --help` take?

Each turn is a process of its own; processor time is user and system time of that process. The
baselines are an empty Python program, and one that only imports what draws the help, Typer and
Rich: how often `assay --help` takes the time of that hardly depends on the machine.

Run: python benchmarks/startup.py [--most 4] [--json results/startup.json]
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

from harness import argument_parser, hardware

TURNS = 5
PROGRAM = "import sys; from assay.cli import main; main(sys.argv[1:])"
LINES: dict[str, Sequence[str]] = {
    "assay --help": ("-c", PROGRAM, "--help"),
    "assay select --help": ("-c", PROGRAM, "select", "--help"),
    "python -c pass": ("-c", "pass"),
    "import typer, rich": ("-c", "import typer, rich.console"),
}


def processor_seconds(arguments: Sequence[str]) -> float:
    """Return user and system time of one process."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--most", type=float, help="fail if help takes more than so many times Typer's import"
    )
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(TURNS):
        for name, arguments in LINES.items():
            seconds[name].append(processor_seconds(arguments))
    medians = {name: round(statistics.median(turns), 3) for name, turns in seconds.items()}
    typer = medians["import typer, rich"]
    result = {
        "name": "startup",
        "hardware": hardware(),
        "processor_seconds": medians,
        "ratio_to_empty_program": round(medians["assay --help"] / medians["python -c pass"], 1),
        "ratio_to_typer_and_rich": round(medians["assay --help"] / typer, 1),
    }
    for key, value in result.items():
        print(f"{key}: {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    # The best turns, because a busy machine makes a process slower and never faster.
    best = min(seconds["assay --help"]) / min(seconds["import typer, rich"])
    if options.most is not None and best > options.most:
        sys.exit(f"assay --help takes {best:.1f} times the import of Typer and Rich")


if __name__ == "__main__":
    main()
