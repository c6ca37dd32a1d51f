"""What do methods choose, set beside their pool? Figures of the warnings in the methods' guides.

Of rows with marks of a judge, nested as `{"id": 1, "scores": {"QA": {"All": {"Clarity": 8}}}}`, a
tenth is chosen by `ds2` over each mark and a twentieth by `distilled`, which learns from 200 of
them; beside these stand the rows with the best marks and those with the shortest answers. Of a pool
of single questions a twentieth is chosen by `row_variance`, with its most common beginning of an
instruction; of 800 drawn from them `superfiltering` lets all through that its rule admits; of
conversations a twentieth is chosen by `n_constraints`. Times are not measured.

Run: python benchmarks/chosen_rows.py ROWS.jsonl MARKS.jsonl QUESTIONS.jsonl CONVERSATIONS.jsonl
    --json benchmarks/results/chosen_rows.json
"""

import csv
import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from harness import argument_parser, hardware

from assay import Project, Runtime

LOW = 4
"""Highest mark of ten that is called low."""
BEGINNING_WORDS = 5
JUDGED = 200
READ = 800
"""Rows that the language model reads."""

Rows = list[dict[str, Any]]


class Pool:
    """Rows of a file, and what is chosen of them.

    Args:
        file: the rows.
        folder: where the project lies.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self.rows = list(_lines(file))
        self._project = Project(
            folder / file.stem, data=file, runtime=Runtime(cache=folder / "cache")
        )

    def chosen(self, budget: str | None, **method: Any) -> Rows:
        """Return the rows that a method chooses; without a budget all that its rule admits."""
        wanted = set(self._project.select(method, budget=budget).ids.tolist())
        places = self._project.frame([]).select("id", "record").rows()
        return [self.rows[record] for found, record in places if found in wanted]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _answers(row: dict[str, Any]) -> list[str]:
    if "conversations" in row:
        return [turn["value"] for turn in row["conversations"] if turn["from"] == "gpt"]
    return [row.get("output") or row.get("response") or ""]


def _length(row: dict[str, Any]) -> int:
    return sum(map(len, _answers(row)))


def _shape(rows: Rows) -> dict[str, float]:
    return {
        "rows": len(rows),
        "median_characters": statistics.median(map(_length, rows)),
        "answers_per_row": round(statistics.mean(len(_answers(row)) for row in rows), 1),
    }


def judged(rows: Path, marks: Path, folder: Path) -> dict[str, Any]:
    """Return the marks of what is chosen by them, by mark and way."""
    given = {record["id"]: record["scores"]["QA"]["All"] for record in _lines(marks)}
    names = sorted(next(iter(given.values())))
    table = folder / "marks.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", *names])
        writer.writeheader()
        writer.writerows({"id": each, **scores} for each, scores in given.items())
    pool = Pool(rows, folder)
    found = {}
    for name in names:
        by = {"method": "imported", "file": str(table), "column": name}
        best = sorted(pool.rows, key=lambda row: -given[row["id"]][name])
        short = sorted(pool.rows, key=_length)
        ways = {
            "pool": pool.rows,
            "best tenth": best[: len(best) // 10],
            "ds2, a tenth": pool.chosen("10%", method="ds2", by=by),
            "ds2 without mending, a tenth": pool.chosen("10%", method="ds2", by=by, confidence=1.1),
            "shortest twentieth": short[: len(short) // 20],
            "distilled, a twentieth": pool.chosen("5%", method="distilled", of=by, rows=JUDGED),
        }
        found[name] = {way: _marked(each, given, name) for way, each in ways.items()}
        print(name, found[name], flush=True)
    return found


def _marked(rows: Rows, given: dict[Any, dict[str, float]], name: str) -> dict[str, float]:
    marks = [given[row["id"]][name] for row in rows]
    return {
        "mean": round(statistics.mean(marks), 2),
        "share_low": round(statistics.mean(mark <= LOW for mark in marks), 3),
        "median_characters": statistics.median(map(_length, rows)),
    }


def beginnings(chosen: Rows, pool: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the most common beginning of what was chosen, and how often it is there."""
    began = Counter(map(_beginning, chosen))
    ((text, count),) = began.most_common(1)
    return {
        "most_common_beginning": text,
        "chosen": count,
        "in_the_pool": sum(_beginning(row) == text for row in pool),
    }


def _beginning(row: dict[str, Any]) -> str:
    return " ".join(row["instruction"].split()[:BEGINNING_WORDS])


def beyond_the_rule(questions: Path, folder: Path) -> dict[str, Any]:
    """Return what the rule of `superfiltering` leaves out of rows drawn from a file."""
    few = folder / "few.jsonl"
    lines = questions.read_text(encoding="utf-8").splitlines(keepends=True)
    few.write_text("".join(Random(0).sample(lines, READ)), encoding="utf-8")
    pool = Pool(few, folder)
    admitted = pool.chosen(None, method="superfiltering")
    left = [row for row in pool.rows if row not in admitted]
    kinds, left_kinds = (Counter(row["category"] for row in rows) for rows in (pool.rows, left))
    return {
        "file": questions.name,
        "pool": _shape(pool.rows),
        "left out": _shape(left),
        "left out of each kind": {
            kind: f"{left_kinds[kind]} of {count}" for kind, count in sorted(kinds.items())
        },
    }


def main() -> None:
    """Choose, and write what was chosen."""
    parser = argument_parser(__doc__)
    for name in ("rows", "marks", "questions", "conversations"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        by_mark = judged(arguments.rows, arguments.marks, folder)
        questions = Pool(arguments.questions, folder)
        far = questions.chosen("5%", method="row_variance")
        talks = Pool(arguments.conversations, folder)
        demanding = talks.chosen("5%", method="n_constraints")
        figures = {
            "judged": by_mark,
            "row_variance": {
                "file": arguments.questions.name,
                "pool": _shape(questions.rows),
                "a twentieth": _shape(far) | beginnings(far, questions.rows),
            },
            "superfiltering": beyond_the_rule(arguments.questions, folder),
            "n_constraints": {
                "file": arguments.conversations.name,
                "pool": _shape(talks.rows),
                "a twentieth": _shape(demanding),
            },
        }
    result = {"name": "chosen_rows", "hardware": hardware(), **figures}
    text = json.dumps(result, indent=2, ensure_ascii=False)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
