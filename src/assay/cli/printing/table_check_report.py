"""What ``assay evaluate check`` says of a table: what cannot be right, and what it rests on."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.console import facts, table
from assay.wording import listed, number_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.evaluation.table_check import Checked


def describe_check(found: "Checked", path: Path) -> dict[str, Any]:
    """Return all findings, as data."""
    return {
        "file": str(path),
        "lines": len(found.lines),
        "possible": found.is_possible,
        "questions": {
            name: {"questions": size, "assumed": name in found.assumed}
            for name, size in found.sizes.items()
        },
        "findings": [
            {"kind": each.kind, "lines": list(each.lines), "words": each.words}
            for each in found.findings
        ],
    }


def check_parts(found: "Checked") -> "Iterator[RenderableType]":
    """Yield the answer, the findings, and what was reckoned with."""
    wrong = [each for each in found.findings if each.kind in ("impossible", "contradiction")]
    count = number_of(len(found.lines), "line")
    yield (
        f"{number_of(len(wrong), 'finding')} in {count} cannot be right"
        if wrong
        else f"{count}: nothing in the table contradicts itself"
    )
    yield ""
    if found.findings:
        rows = [(each.kind, _lines(each.lines), each.words) for each in found.findings]
        yield table(["finding", "lines", "what"], rows)
        yield ""
    yield facts([("questions", _sizes(found))])


def _lines(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def _sizes(found: "Checked") -> str:
    told = [f"{name} {size:,}" for name, size in found.sizes.items() if name not in found.assumed]
    usual = [f"{name} {size:,}" for name, size in found.sizes.items() if name in found.assumed]
    parts = [listed(told)] if told else []
    if usual:
        parts.append(f"{listed(usual)} by its usual size" if len(usual) == 1
                     else f"{listed(usual)} by their usual sizes")  # fmt: skip
    return "; ".join(parts) or "not told, so scores are checked against nothing"
