"""What ``assay evaluate import`` says of two runs of benchmarks."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.console import facts, table
from assay.wording import interval, jsonable, nats, number_of, p_value, signed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.evaluation.benchmark_pairs import BenchmarkPairs

_TESTS = "exact sign test where questions are right or wrong, or else Student's t"


def describe_pairs(found: "BenchmarkPairs", paths: Sequence[Path]) -> dict[str, Any]:
    """Return all figures, as data."""
    described: dict[str, Any] = jsonable(
        {
            "files": [str(path) for path in paths],
            "verdict": found.verdict,
            "candidate": found.candidate,
            "reference": found.reference,
            "rows": [
                asdict(row) | {"metric": row.metric.name, "filter": row.metric.filter,
                               "difference": row.difference}
                for row in found.rows
            ],
            "terms": {task: dict(terms) for task, terms in found.terms.items()},
            "refused": [{"task": task, "why": why} for task, why in found.refused],
            "notes": list(found.notes),
        }
    )  # fmt: skip
    return described


def benchmark_parts(found: "BenchmarkPairs") -> "Iterator[RenderableType]":
    """Yield the answer, a line per task and metric, and what was refused."""
    yield found.verdict
    yield ""
    columns = [
        "task", "metric", ("questions", "right"), ("candidate", "right"), ("reference", "right"),
        ("difference", "right"), ("95 %", "right"), ("Holm p", "right"),
    ]  # fmt: skip
    rows = [
        (row.task, str(row.metric) + (" (low is better)" if row.low_is_better else ""),
         row.questions, nats(row.candidate), nats(row.reference), signed(row.difference),
         interval(row.low, row.high), p_value(row.p_holm))
        for row in found.rows
    ]  # fmt: skip
    yield table(columns, rows, names=2)  # type: ignore[arg-type]
    yield ""
    yield facts(
        [
            ("candidate", found.candidate),
            ("reference", found.reference),
            ("paired", "by question, each by the hash of its document"),
            ("Holm p", f"{_TESTS}; corrected over {number_of(len(found.rows), 'line')}"),
        ]
    )
    if found.refused:
        yield ""
        yield table(["not comparable", "why"], found.refused)
