"""The command line as a person or a program calls it: a process of its own."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fork_server import start

COMMAND_LINE = "from assay.cli import main; main()"


@dataclass(frozen=True)
class Called:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def assay(folder: Path, *words: str, stdin: str = "", **environment: str) -> Called:
    """Run one command line in a folder, without a terminal."""
    process = start(
        COMMAND_LINE,
        words,
        folder=folder,
        environment=os.environ | {"ASSAY_CACHE": str(folder / "cache")} | environment,
        stdin=stdin.encode(),
    )
    out, err = process.communicate()
    return Called(process.wait(), out, err)


def write_dolly(path: Path, count: int) -> list[dict[str, str]]:
    """Write rows in Dolly's layout, two of them equal, of two tasks; longer and longer answers."""
    rows = [
        {
            "instruction": f"Tell me about the number {max(place, 1)}, please",
            "context": "",
            "response": f"It is {max(place, 1)}. " + "It follows the one before. " * max(place, 1),
            "category": "open_qa" if place % 3 else "summarization",
        }
        for place in range(count)
    ]
    rows[1]["category"] = rows[0]["category"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows
