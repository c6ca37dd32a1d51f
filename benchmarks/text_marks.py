"""How often is what a filter calls a refusal, a stock phrase, HTML or an address none?

Counts the answers that show each mark, and draws 40 of them to be read, or all where they are few.
Each stands in the result by its file and record. Those that are none are written into the result by
hand, under `wrong`; another run keeps that, and prints what has not been read yet.

A refusal is right where the answer itself says that it will not or cannot do some of what was
asked, even if it then goes on to answer; wrong where somebody in a story or a dialogue says it, or
where the question asked for one. A stock phrase is right where the answer says it to whoever asked.
HTML is right where it is HTML, addresses where they are addresses, real or made up.

Run: python benchmarks/text_marks.py FILE... --json benchmarks/results/text_marks.json
"""

import hashlib
import json
import tempfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from harness import argument_parser

from assay import Project, Runtime
from assay.texts.marks import Marks, marks

MOST_READ = 40
READ_WHOLE = ("refusals", "phones")
"""Marks of which every place is read."""
_BEFORE = 200
_AFTER = 150
"""Characters shown around a mark."""
Places: TypeAlias = dict[str, list[int]]
"""Records by the name of their file."""


def answers(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the record of every row of a file, and all its answers together."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(cache=Path(folder) / "cache")
        pool = Project(Path(folder) / "project", data=path, runtime=runtime).pool
        rows = pool.conversations(np.arange(len(pool)))
        for record, conversation in zip(pool.row.tolist(), rows, strict=True):
            yield record, conversation.responses


def drawn(places: Sequence[tuple[str, int]], mark: str) -> list[tuple[str, int]]:
    """Return the places that are read: of many, some whose turn depends on nothing else."""
    most = len(places) if mark in READ_WHOLE else MOST_READ
    return sorted(places, key=_turn)[:most]


def _turn(place: tuple[str, int]) -> bytes:
    return hashlib.blake2b(f"{place[0]}:{place[1]}".encode()).digest()


def around(text: str, mark: str) -> str:
    """Return what stands around the first place of a text that shows a mark, in one line."""
    end = bisect_left(range(len(text)), 1, key=lambda end: getattr(marks(text[:end]), mark))
    return " ".join(text[max(0, end - _BEFORE) : end + _AFTER].split())


def by_file(places: Iterable[tuple[str, int]]) -> Places:
    """Return places as a result holds them."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for file, record in sorted(places):
        found[file].append(record)
    return dict(found)


def _judged(earlier: Mapping[str, Any], mark: str, what: str) -> set[tuple[str, int]]:
    places: Places = earlier.get("marks", {}).get(mark, {}).get(what, {})
    return {(file, record) for file, records in places.items() for record in records}


def main() -> None:
    """Count, draw, and say what is still to be read."""
    parser = argument_parser(__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    target: Path | None = arguments.json
    earlier = json.loads(target.read_text()) if target is not None and target.exists() else {}
    texts: dict[tuple[str, int], str] = {}
    for path in arguments.files:
        texts |= {(path.name, record): text for record, text in answers(path)}
    counted = {place: marks(text) for place, text in texts.items()}
    found: dict[str, Any] = {}
    for mark in Marks._fields:
        places = [place for place, each in counted.items() if getattr(each, mark)]
        read = drawn(places, mark)
        wrong = _judged(earlier, mark, "wrong") & {*read}
        found[mark] = {
            "texts": len(places),
            "read": by_file(read),
            "wrong": by_file(wrong),
        }
        print(f"{mark}: in {len(places):,} texts, {len(read)} read, {len(wrong)} wrong")
        for file, record in sorted({*read} - _judged(earlier, mark, "read")):
            print(f"  {file} {record}: {around(texts[file, record], mark)}")
    rows = {path.name: sum(file == path.name for file, _ in texts) for path in arguments.files}
    result = {"name": "text_marks", "rows": rows, "marks": found}
    if target is not None:
        target.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
