"""What ``assay evaluate import`` says of a table of results."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.console import Column, facts, table
from assay.wording import NOTHING, interval, jsonable, nats, number_of, p_value, signed, times

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.evaluation.grid import Grid, Row


def describe_grid(found: "Grid", path: Path) -> dict[str, Any]:
    """Return all figures, as data."""
    described: dict[str, Any] = jsonable(
        {
            "file": str(path),
            "verdict": found.verdict,
            "reference": found.reference,
            "better": found.better,
            "claims": found.claims,
            "rows": [asdict(row) for row in found.rows],
            "optimism": [asdict(each) for each in found.optimism],
            "agreement": found.agreement,
            "notes": list(found.notes),
        }
    )
    return described


def grid_parts(found: "Grid") -> "Iterator[RenderableType]":
    """Yield the answer, a table per base model, and what choosing by dev scores promises."""
    yield found.verdict
    yield ""
    for base in dict.fromkeys(row.base for row in found.rows):
        rows = [row for row in found.rows if row.base == base]
        yield table(_columns(found, rows), map(_cells(rows), rows), title=base, names=2)
        yield ""
    yield facts(_facts(found))


def _columns(found: "Grid", rows: "list[Row]") -> "list[Column]":
    columns: list[Column] = [
        "method", "budget", ("runs", "right"), ("mean", "right"), ("between runs", "right"),
        (f"to {found.reference}", "right"), ("95 %", "right"), ("Holm p", "right"),
        ("worth", "right"),
    ]  # fmt: skip
    return [*columns, *(heading for heading, _ in _optional(rows))]


def _optional(rows: "list[Row]") -> list[tuple[Column, str]]:
    """Return the columns that a table has if any of its rows has a number there."""
    named: list[tuple[Column, str]] = [(("dev", "right"), "dev"), (("cost", "right"), "cost")]
    return [(heading, field) for heading, field in named
            if any(not math.isnan(getattr(row, field)) for row in rows)]  # fmt: skip


def _cells(rows: "list[Row]") -> Any:
    optional = [field for _, field in _optional(rows)]

    def cells(row: "Row") -> tuple[object, ...]:
        found = row.difference
        sure = found is not None and not math.isnan(found.low)
        return (
            row.method + ("*" if row.pareto and "cost" in optional else ""),
            row.budget or NOTHING,
            row.runs,
            nats(row.mean),
            nats(row.spread),
            "" if found is None else signed(found.value),
            interval(found.low, found.high) if found is not None and sure else "",
            "" if found is None or math.isnan(found.p_holm) else p_value(found.p_holm),
            "" if row.efficiency is None else times(row.efficiency),
            *(_number(getattr(row, field)) for field in optional),
        )

    return cells


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.4g}"


def _facts(found: "Grid") -> Iterator[tuple[str, object]]:
    yield "mean", "over runs, of the means over data sets; runs are what intervals are about"
    paired = {row.difference.pairing for row in found.rows if row.difference}
    if paired == {"same seeds"}:
        yield "interval", "Student's t over pairs of runs with the same seed"
    elif "own seeds" in paired:
        yield "interval", "Student's t over runs, by Welch where methods have seeds of their own"
    if found.claims > 1:
        yield "Holm p", f"corrected over {number_of(found.claims, 'difference')}"
    if any(row.efficiency is not None for row in found.rows):
        yield "worth", f"budget at which {found.reference} does as well, by the row's own"
    if any(row.pareto for row in found.rows):
        yield "*", "nothing else is as good for as little cost"
    for each in found.optimism:
        where = " ".join(word for word in (each.base, each.budget) if word)
        what = (
            f"{each.method} has {nats(each.dev)} on dev and {nats(each.test)} in the test, where "
            f"the best has {nats(each.best)}"
        )
        yield f"chosen by dev{f', {where}' if where else ''}", what
    if not math.isnan(found.agreement):
        yield "dev and test", f"rank correlation {found.agreement:.2f} over methods and budgets"
