"""Help fits a narrow screen, and nothing of it is cut off."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from assay.cli.app import app
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


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _meanings(verb: str) -> Iterator[str]:
    """Yield what the options and words of a verb mean; without a verb, what all verbs do."""
    every: Any = typer.main.get_command(app)
    command = every.commands[verb] if verb else every
    context = command.make_context(verb, [], resilient_parsing=True)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        yield record[1] if record else ""
    if not verb:
        yield from (each.help.partition("\n\n")[0] for each in command.commands.values())


@pytest.mark.parametrize("verb", [*(verb.replace("_", "-") for verb in VERBS), ""])
def test_meanings_are_whole(shown: Callable[[str, int], str], verb: str) -> None:
    for columns in (40, 60):
        narrow = _squeezed(shown(verb, columns))

        assert [text for text in _meanings(verb) if _squeezed(text) not in narrow] == []


def test_examples_paste(shown: Callable[[str, int], str]) -> None:
    typed = shown("select", 60).replace("\\\n", " ").splitlines()

    example = (
        "assay select a.json b.json --budget '2M tokens' --per source --format trl -o mix.jsonl"
    )
    assert example in [" ".join(line.split()) for line in typed]
