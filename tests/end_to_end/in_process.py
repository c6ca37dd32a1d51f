"""The command line called in this process, so that torch is imported once for all calls."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.cli import main
from assay.cli.console import Settings, configure
from tests.end_to_end.cli_helpers import Called

Here = Callable[..., Called]


def calls_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    """Yield a function that runs one command line in a folder, with a cache of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ASSAY_CACHE", str(folder / "cache"))

    def call(*words: str) -> Called:
        captured.readouterr()
        monkeypatch.setattr(sys, "argv", ["assay", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = captured.readouterr()
        assert isinstance(ended.value.code, int)
        return Called(ended.value.code, shown.out, shown.err)

    yield call
    configure(Settings())
