from pathlib import Path

import pytest

from assay.cli.options.grammar import parse_words
from assay.cli.options.groups import Everywhere, Loading, Working
from assay.cli.options.opening import open_words, runtime_of
from assay.processors import usable_processors


@pytest.fixture(autouse=True)
def _this_process_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.runtime.limit_threads", lambda count: None)


def test_threads_are_what_may_be_used_unless_the_options_say_otherwise() -> None:
    plain = runtime_of(Everywhere(), Working())
    few = runtime_of(Everywhere(), Working(threads=1))
    both = runtime_of(Everywhere(), Working(threads=1, workers=3))

    assert (plain.threads, plain.workers) == (usable_processors(), usable_processors())
    assert (few.threads, few.workers) == (1, 1)
    assert (both.threads, both.workers) == (1, 3)


_METHOD = """
from typing import ClassVar
from assay import NoPaper, Scorer
class Own(Scorer):
    name = "opened_by_words"
    paper: ClassVar[NoPaper] = NoPaper(reason="an example")
"""


def test_a_project_is_opened_with_the_files_and_the_notes_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.jsonl").write_text('{"instruction": "What?", "output": "This."}\n' * 3)
    Path("mtld").touch()
    for name in ("one.py", "two.py"):
        Path(name).write_text(_METHOD)

    words = parse_words(["data.jsonl", "mtld", "one.py"])
    project, files = open_words(
        words, Everywhere(), Loading(), Working(), settings=["by=two.py", "seed=1"]
    )

    assert files == [Path("one.py"), Path("two.py")]
    assert project.runtime.plugin_files == tuple(files)
    assert "mtld is read as the method" in capsys.readouterr().err
