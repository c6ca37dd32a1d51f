"""The command line: one file per verb, no logic."""

from assay.cli.entry import main

__all__ = ["main"]
