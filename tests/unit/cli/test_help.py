"""Help fits a narrow screen, and nothing of it is cut off."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.cli.console import Settings, configure
from assay.cli.entry import VERBS
from assay.folding import display_width
from tests.end_to_end.in_process import Here, calls_in


@pytest.fixture
def shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str, int], str]]:
    """Return the help of a verb on a screen of some columns."""
    for call in calls_in(tmp_path, monkeypatch, capsys):

        def help_of(verb: str, columns: int, call: Here = call) -> str:
            monkeypatch.setenv("COLUMNS", str(columns))
            configure(Settings())  # a terminal of this width
            called = call(*verb.split(), "--help")
            assert called.code == 0
            return called.out

        yield help_of


def _options(text: str) -> set[str]:
    """Return the options that a help lists; others name their options in its sentences only."""
    listed = (re.match(r"[│ ]*((?:--?[a-z][-a-z]*(?:,? +|$)(?:/ +)?)+)", line)
              for line in text.splitlines())  # fmt: skip
    return {name for found in listed if found for name in re.findall(r"--?[a-z][-a-z]*", found[1])}


@pytest.mark.parametrize("verb", [*(verb.replace("_", "-") for verb in VERBS), ""])
def test_no_name_and_no_word_is_cut_off(shown: Callable[[str, int], str], verb: str) -> None:
    wide = shown(verb, 120)
    for columns in (40, 60, 80):
        narrow = shown(verb, columns)

        assert "…" not in narrow
        assert max(map(display_width, narrow.splitlines())) <= columns
        assert _options(wide) - _options(narrow) == set()


def test_examples_paste(shown: Callable[[str, int], str]) -> None:
    typed = shown("select", 60).replace("\\\n", " ").splitlines()

    example = (
        "assay select a.json b.json --budget '2M tokens' --per source --format trl -o mix.jsonl"
    )
    assert example in [" ".join(line.split()) for line in typed]
