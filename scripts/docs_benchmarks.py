"""The page of benchmarks: what was measured, and on what."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.docs_text import page, table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_INTRODUCTION = """\
Every figure here was written by a script in `benchmarks/` together with the hardware it ran on.
Both sides of a comparison run in turn and medians are compared: of three turns, unless a figure
lists fewer.
`benchmarks/README.md` lists the scripts.
"""

_ELSEWHERE = {
    "default_selection": "What the default selection was chosen by has a [page of its own]"
    "(concepts/default.md).",
    "text_marks": "How often each mark of a text was wrong stands on the page on "
    "[filters](how-to/filter.md).",
}
"""Results that another page shows."""


def benchmarks_page() -> str:
    """Return the page made of every file in benchmarks/results."""
    found = sorted(RESULTS.glob("*.json"))
    blocks: list[list[str] | str] = [
        "# Benchmarks",
        _INTRODUCTION,
    ]
    if not found:
        blocks.append("No result has been recorded yet.")
    for path in found:
        if path.stem in _ELSEWHERE:
            blocks += [f"## {path.stem}", _ELSEWHERE[path.stem]]
            continue
        blocks += _result(path.stem, json.loads(path.read_text(encoding="utf-8")))
    return page(*blocks)


def _result(name: str, content: Mapping[str, Any]) -> list[list[str] | str]:
    hardware = content.get("hardware", {})
    figures = {key: value for key, value in content.items() if key not in ("hardware", "name")}
    return [
        f"## {name}",
        f"`python benchmarks/{name.partition('-')[0]}.py`",
        measured_on(hardware),
        table(["Figure", "Value"], [(f"{key}", value) for key, value in _flat(figures)]),
    ]


def measured_on(hardware: Mapping[str, Any]) -> str:
    """Return what figures were measured on, as a sentence."""
    libraries = hardware.get("libraries", {})
    parts = [
        str(hardware.get("cpu", "")),
        f"{hardware['cores']} cores" if "cores" in hardware else "",
        f"{hardware['memory_gib']} GiB" if "memory_gib" in hardware else "",
        f"Python {hardware['python']}" if "python" in hardware else "",
        *(f"{library} {version}" for library, version in libraries.items()),
    ]
    return "Measured on " + ", ".join(part for part in parts if part) + "."


def _flat(content: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Return the figures of a nested result, one per row."""
    rows: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{before}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name}: ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for place, entry in enumerate(value, start=1):
                rows += _flat(entry, f"{name} {place}: ")
        elif isinstance(value, list):
            rows.append((name, ", ".join(_number(item) for item in value)))
        elif value is not None:
            rows.append((name, _number(value)))
    return rows


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
