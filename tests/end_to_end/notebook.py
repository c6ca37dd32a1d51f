"""Cells run by a kernel, as a notebook runs them."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.patience import run

# In a process of its own: what a notebook's client warns of is none of our warnings.
_RUN = """
import json, sys
import nbclient, nbformat
cells = [nbformat.v4.new_code_cell(cell) for cell in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
json.dump([cell.outputs for cell in notebook.cells], sys.stdout)
"""


def run_cells(folder: Path, cells: Sequence[str], **environment: str) -> list[list[dict[str, Any]]]:
    """Return the outputs of every cell, run in a folder one after the other.

    Raises:
        AssertionError: if a cell fails.
    """
    pytest.importorskip("nbclient", reason="no notebook can be run")
    done = run(
        [sys.executable, "-c", _RUN], folder=folder, stdin=json.dumps(list(cells)),
        environment=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def printed(outputs: Sequence[dict[str, Any]], stream: str = "stdout") -> str:
    """Return what a cell wrote to a stream."""
    found = (each["text"] for each in outputs if each["output_type"] == "stream"
             and each["name"] == stream)  # fmt: skip
    return "".join(found)


def shown(outputs: Sequence[dict[str, Any]], kind: str) -> list[str]:
    """Return what a cell shows in one form, such as text/html."""
    return [each["data"][kind] for each in outputs if kind in each.get("data", {})]
