"""A hundred kills of `assay score --judge`: what is asked again, and what is billed beyond a cap?

The whole command line runs in a process of its own against a server in another, which counts what
it is asked and bills it. It is killed at random moments, now while nothing was asked yet, now with
as many requests under way as may be, until a hundred kills have come. After each kill all that has
to hold is checked, and the script fails where it does not. Then the score is finished, and its
files are compared with those of a run that nobody disturbed. The same follows with a cap that is
too small, and against servers that bill more than a request may cost.

Run: python benchmarks/judge_kills.py [--kills 100] [--rows 6000] [--json results/judge_kills.json]
"""

import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import argument_parser, hardware

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.billing_judge import Manners, billing_judge, books_of
from tests.judge_kills import PARALLEL, Killed, Scoring, kill_again_and_again

AMPLE = 40_000_000_000
SMALL = 400_000_000
SEED = 14
GENEROUS = Manners(mean_seconds=0.02)
GREEDY = {
    "ignores the limit": Manners(0.02, written=4000),
    "counts more tokens than bytes": Manners(0.02, letters_per_token=0.1),
    "thinks": Manners(0.02, thought=4000),
    "counts thinking apart": Manners(0.02, thought=4000, told_apart=True),
}


def said(found: Killed) -> None:
    """Tell how it goes."""
    sys.stderr.write(
        f"{found.kills} kills: {found.repeated} asked again, {found.billed / 1e9:.3f} billed, "
        f"{found.committed / 1e9:.3f} counted\n"
    )


def facts(found: Killed) -> dict[str, Any]:
    """Return what came of kills, for the result."""
    kept = asdict(found)
    moments = kept.pop("moments")
    return {**kept, "asked_before_a_kill": {"least": min(moments), "most": max(moments)}}


def ample(folder: Path, kills: int, rows: int) -> dict[str, Any]:
    """Return what comes of kills where money is no bound in practice."""
    with billing_judge(folder, GENEROUS) as port:
        job = Scoring(folder / "killed", port, rows, AMPLE)
        found = kill_again_and_again(job, kills, seed=SEED, told=said)
        job.capped(None).finish()
        books = books_of(port)
        whole = Scoring(folder / "whole", port, rows)
        whole.finish()
    asked = [case for case in books.asked if case >= 0]
    return {
        **facts(found),
        "rows": rows,
        "asked_in_all": len(asked),
        "probes": len(books.asked) - len(asked),
        "files_equal_to_an_undisturbed_run": job.results() == whole.results(),
    }


def capped(folder: Path, kills: int, rows: int) -> dict[str, Any]:
    """Return what comes of kills under a cap that is too small."""
    with billing_judge(folder, GENEROUS) as port:
        job = Scoring(folder / "capped", port, rows, SMALL)
        found = kill_again_and_again(job, kills, seed=SEED + 1, told=said)
        error = job.stop_short()
        billed = books_of(port).billed
    return {
        **facts(found),
        "cap": SMALL,
        "billed_in_all": billed,
        "share_of_the_cap_billed": round(billed / SMALL, 3),
        "said": error.strip().splitlines()[-2:],
    }


def greedy(folder: Path, rows: int, manners: Manners) -> dict[str, Any]:
    """Return by how much a cap is passed where more is billed than a request may cost."""
    with billing_judge(folder, manners) as port:
        job = Scoring(folder / "greedy", port, rows, SMALL)
        error = job.stop_short()
        books = books_of(port)
    beyond = books.billed - SMALL
    assert beyond <= PARALLEL * books.most_billed
    return {
        "cap": SMALL,
        "billed": books.billed,
        "beyond_the_cap": max(beyond, 0),
        "most_for_one_request": books.most_billed,
        "requests_beyond_the_cap": round(max(beyond, 0) / books.most_billed, 2),
        "said": error.strip().splitlines()[-2:],
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rows", type=int, default=6000)
    options = parser.parse_args()
    begun = time.perf_counter()
    result: dict[str, Any] = {
        "name": "judge_kills",
        "hardware": hardware(),
        "at_a_time": PARALLEL,
        "money": "billionths",
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        result["ample"] = ample(folder, options.kills, options.rows)
        result["capped"] = capped(folder, options.kills // 4, options.rows)
        result["greedy"] = {}
        for name, manners in GREEDY.items():
            place = folder / name.replace(" ", "-")
            place.mkdir()
            result["greedy"][name] = greedy(place, options.rows, manners)
    result["seconds"] = round(time.perf_counter() - begun, 1)
    result["load_at_end"] = round(os.getloadavg()[0], 2)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
