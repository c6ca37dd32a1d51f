"""What a load found, for people and for programs."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.cli.console import facts, table
from assay.cli.naming import shown_path
from assay.formats.records import SetAside
from assay.texts.language import detect_languages
from assay.wording import one_line, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.workspace.workspace import Workspace

LANGUAGE_ROWS = 10_000
_LISTED = 8
_EXAMPLES_PER_REASON = 1


def describe_load(project: "Workspace") -> dict[str, Any]:
    """Return all that a load found; counts add up."""
    record = project.load_record
    turns, languages = _sampled(project)
    return {
        "project": str(project.folder),
        "files": [
            {
                "path": str(file.path),
                "source": file.source,
                "split": file.split,
                "layout": file.layout,
                "container": file.container,
                "compression": file.compression,
                "bytes": file.size,
            }
            for file in record.files
        ],
        "rows": record.rows,
        "samples": record.samples,
        "set_aside": dict(record.set_aside),
        "set_aside_first": _first_set_aside(project),
        "duplicates": record.duplicates,
        "held_out": record.held_out,
        "sampled_rows": min(LANGUAGE_ROWS, len(project)),
        "turns": turns,
        "languages": languages,
        "pool": record.pool,
        "notes": list(record.notes),
    }


def _sampled(project: "Workspace") -> tuple[dict[str, int], dict[str, int]]:
    """Return turns and languages of evenly spaced rows; ids are hashes, so any are random."""
    count = len(project)
    index = np.unique(np.linspace(0, count - 1, min(LANGUAGE_ROWS, count)).astype(np.int64))
    samples = list(project.pool.samples(index))
    turns = Counter(
        sum(message.role == "assistant" for message in sample.conversation.messages)
        for sample in samples
    )
    unknown = [place for place, sample in enumerate(samples) if not sample.language]
    found = [sample.language for sample in samples]
    texts = [samples[place].conversation.text for place in unknown]
    for place, language in zip(unknown, detect_languages(texts), strict=True):
        found[place] = language
    return (
        {str(number): rows for number, rows in sorted(turns.items())},
        dict(Counter(found).most_common()),
    )


def _first_set_aside(project: "Workspace") -> list[dict[str, Any]]:
    """Return the first record set aside for each reason."""
    path = project.folder / "set_aside.jsonl"
    seen: Counter[str] = Counter()
    first = []
    if project.load_record.set_aside and path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = SetAside(**json.loads(line))
            seen[entry.reason] += 1
            if seen[entry.reason] <= _EXAMPLES_PER_REASON:
                first.append({"reason": entry.reason, "file": entry.file, "row": entry.row,
                              "detail": entry.detail})  # fmt: skip
    return first


def load_tables(project: "Workspace", found: dict[str, Any]) -> Iterator["RenderableType"]:
    """Yield what a person reads about a load."""
    from rich.text import Text

    yield _files(found)
    yield Text()
    yield facts(_counts(project, found))
    if found["set_aside"]:
        first = {entry["reason"]: entry for entry in found["set_aside_first"]}
        yield Text()
        yield table(
            ["set aside because", ("rows", "right"), "first"],
            [
                (reason.replace("_", " "), count, _place(first.get(reason)))
                for reason, count in found["set_aside"].items()
            ],
        )
    for note in found["notes"]:
        yield Text(plain(f"note: {note}"), style="yellow")


def _files(found: dict[str, Any]) -> "RenderableType":
    from pathlib import Path

    several = len({file["source"] for file in found["files"]}) > 1
    splits = any(file["split"] for file in found["files"])
    shown = found["files"][:_LISTED]
    rows = []
    for file in shown:
        container = file["container"]
        if file["compression"] != "none":
            container += f", {file['compression']}"
        row = [shown_path(Path(file["path"])), file["layout"], container]
        rows.append(row + [file["source"]] * several + [file["split"]] * splits)
    if len(found["files"]) > len(shown):
        rows.append([f"and {len(found['files']) - len(shown):,} more files"])
    return table(["file", "layout", "container", *["source"] * several, *["split"] * splits], rows)


def _counts(project: "Workspace", found: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "rows read", found["rows"]
    aside = sum(found["set_aside"].values())
    share = aside / max(found["rows"], 1)
    where = f" ({share:.2%}), in {shown_path(project.folder / 'set_aside.jsonl')}" if aside else ""
    yield "set aside", f"{aside:,}{where}"
    yield "samples", found["samples"]
    yield (
        "duplicates",
        f"{found['duplicates']:,}"
        + (" (kept; --dedup leaves them out of a selection)" if found["duplicates"] else ""),
    )
    if found["held_out"]:
        yield "held out", f"{found['held_out']:,} (selections are made without them)"
    sampled = "" if found["sampled_rows"] == found["samples"] else " (of 10,000 rows)"
    turns = found["turns"]
    yield (
        "answers",
        f"{next(iter(turns))} in every row" if len(turns) == 1 else _answers(turns) + sampled,
    )
    yield "languages", _ranked(found["languages"]) + sampled


def _answers(turns: dict[str, int]) -> str:
    total = sum(turns.values())
    mean = sum(int(number) * rows for number, rows in turns.items()) / total
    return f"{min(map(int, turns))} to {max(map(int, turns))} per row, {mean:.1f} on average"


def _ranked(counts: dict[str, int]) -> str:
    total = max(sum(counts.values()), 1)
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    parts = [f"{word} {count / total:.1%}" for word, count in ordered[:_LISTED]]
    rest = len(ordered) - _LISTED
    return ", ".join(parts) + (f", {rest} others" if rest > 0 else "")


def _place(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return ""
    from pathlib import Path

    return f"{shown_path(Path(entry['file']))} row {entry['row']}: {one_line(entry['detail'], 90)}"
