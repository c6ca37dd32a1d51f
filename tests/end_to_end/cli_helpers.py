"""The command line as a person or a program calls it: a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 120.0


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
    done = subprocess.run(
        [sys.executable, "-c", "from assay.cli import main; main()", *words],
        cwd=folder,
        env=os.environ | {"ASSAY_CACHE": str(folder / "cache")} | environment,
        input=stdin.encode(),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return Called(done.returncode, done.stdout.decode(), done.stderr.decode())


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
