"""What the shell offers for a word: names of methods, and files that may be data."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from assay.wording import one_line

_SUMMARY_LENGTH = 60  # shells break longer ones over lines
_ENDING = re.compile(
    r"\.(json|jsonl|ndjson|csv|tsv|parquet|arrow|feather|ipc|py)(\.gz|\.zst)?$", re.IGNORECASE
)


def complete_words(incomplete: str) -> list[tuple[str, str]]:
    """Return sources and methods that begin so, each with what it is."""
    return [*_paths(incomplete), *complete_methods(incomplete)]


def complete_judge_words(incomplete: str) -> list[tuple[str, str]]:
    """Return what `assay judge` does that begins so, and sources and methods."""
    does = [
        ("probe", "what a judge can do"),
        ("report", "what a score of a judge is worth"),
        ("batch", "requests by batches of the service"),
        ("export", "replies to a file"),
        ("import", "replies from a file"),
    ]
    found = [(word, what) for word, what in does if word.startswith(incomplete)]
    return [*found, *complete_words(incomplete)]


def complete_methods(incomplete: str) -> list[tuple[str, str]]:
    """Return methods that begin so, each with its summary."""
    from assay.components.registry import components
    from assay.components.table import METHOD_KINDS

    found = {
        item.name: one_line(item.summary(), _SUMMARY_LENGTH)
        for item in components()
        if item.kind in METHOD_KINDS and item.name.startswith(incomplete)
    }
    return sorted(found.items())


def _paths(incomplete: str) -> Iterator[tuple[str, str]]:
    folder, _, beginning = incomplete.rpartition("/")
    named = folder or ("/" if incomplete.startswith("/") else ".")
    place = Path(os.path.expanduser(named))  # noqa: PTH111  leaves "~notes" alone
    if not place.is_dir():
        return
    prefix = incomplete[: len(incomplete) - len(beginning)]
    for entry in sorted(place.iterdir()):
        if entry.name.startswith(".") or not entry.name.startswith(beginning):
            continue
        if entry.is_dir():
            kind = "project" if (entry / "load.json").is_file() else "folder"
            yield f"{prefix}{entry.name}/" if kind == "folder" else f"{prefix}{entry.name}", kind
        elif _ENDING.search(entry.name):
            yield f"{prefix}{entry.name}", "file"
