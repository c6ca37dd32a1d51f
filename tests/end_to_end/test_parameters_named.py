"""Whoever reads an error reads the parameter as they write it."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

import assay
from assay.cli import entry  # noqa: F401  registers the verbs
from assay.cli.app import app
from assay.cli.spelling import OPTIONS
from tests.end_to_end.in_process import Here, calls_in

SOURCE = Path(assay.__file__).parent
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*|(?<=\s)-[nopqy]\b")


@pytest.fixture
def called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _options() -> set[str]:
    """Return every option of the command line."""
    command = typer.main.get_command(app)
    verbs = command.commands.values()  # type: ignore[attr-defined]
    return {word for verb in verbs for option in verb.params for word in option.opts}


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts below a node, those of docstrings and of the guides left out."""
    for child in ast.iter_child_nodes(node):
        is_guide = isinstance(child, ast.Call) and getattr(child.func, "id", "") == "Guide"
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if is_guide or is_docstring:
            continue  # a guide says of an option that it is one of the command line
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.lineno, child.value
        yield from _texts(child)


def test_nothing_below_the_command_line_knows_its_options() -> None:
    options = _options()
    below = [path for path in SOURCE.rglob("*.py") if "cli" not in path.relative_to(SOURCE).parts]
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {text}"
        for path in sorted(below)
        for line, text in _texts(ast.parse(path.read_text()))
        if any(word in options for word in _OPTION.findall(text))
    ]

    assert len(below) > 100
    assert {"--model", "-p", "--max-unscored"} <= options
    assert found == []


def test_a_text_with_an_option_would_be_found() -> None:
    tree = ast.parse('"""--model"""\nraise E("no", hint=f"use --model {x}")\nGuide(a="--model")')

    assert [text for _, text in _texts(tree)] == ["no", "use --model "]


def test_every_parameter_stands_for_an_option_that_there_is() -> None:
    assert set(OPTIONS.values()) <= _options()


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text(json.dumps(rows))


def _rows(count: int) -> list[dict[str, object]]:
    return [{"instruction": f"Say {place}", "output": "word " * place} for place in range(1, count)]


def _without_budget(folder: Path) -> Callable[[], object]:
    _write(folder / "data.json", _rows(20))
    return lambda: assay.Project(data="data.json").select()


def _many_broken(folder: Path) -> Callable[[], object]:
    _write(folder / "data.json", [*_rows(20), {"instruction": 3, "output": 3}])
    return lambda: assay.Project(data="data.json")


def _of_other_fields(folder: Path) -> Callable[[], object]:
    _write(folder / "data.json", [{"titel": f"Title {n}", "vers": f"Verse {n}"} for n in range(9)])
    return lambda: assay.Project(data="data.json")


def _of_a_server(folder: Path) -> Callable[[], object]:
    _write(folder / "data.json", _rows(20))
    runtime = assay.Runtime(offline=True)
    return lambda: assay.Project(data="data.json", runtime=runtime).score(
        {"method": "perplexity", "model": "http://192.0.2.1:8000/v1#some"}
    )


_SELECT = "data: data.json\nselections: {few: {method: random}}\n"
_SCORE = "data: data.json\nscores: [{method: perplexity, model: 'http://192.0.2.1:8000/v1#some'}]\n"


@pytest.mark.parametrize(
    ("setup", "line", "file", "words"),
    [
        (_without_budget, "select data.json random", _SELECT,
         ('budget="5%"', "--budget 5%", "defaults.budget: 5%")),
        (_many_broken, "load data.json", _SELECT,
         ("Project(max_set_aside=0.06)", "--max-set-aside 6%", "data.max_set_aside: 6%")),
        (_of_other_fields, "load data.json", _SELECT,
         ('SourceSpec(mapping={"instruction": "{titel}", "response": "{vers}"})',
          "--map 'instruction={titel}' 'response={vers}'",
          'data.map: {instruction: "{titel}", response: "{vers}"}')),
        (_of_a_server, "score data.json perplexity --model http://192.0.2.1:8000/v1#some --offline",
         _SCORE, ("Runtime(offline=True)", "--offline", "--offline")),
    ],
)  # fmt: skip
def test_python_the_command_line_and_a_file_each_read_their_own(
    tmp_path: Path, called: Here, setup: Callable[[Path], Callable[[], object]],
    line: str, file: str, words: tuple[str, str, str],
) -> None:  # fmt: skip
    in_python, on_the_line, in_the_file = words
    work = setup(tmp_path)
    (tmp_path / "run.yaml").write_text(file)

    with pytest.raises(assay.AssayError) as raised:
        work()
    typed = called(*line.split())
    offline = ["--offline"] if "--offline" in line else []
    ran = called("run", "run.yaml", *offline)

    assert in_python in str(raised.value)
    assert _options().isdisjoint(_OPTION.findall(str(raised.value)))
    for ended, spelled in ((typed, on_the_line), (ran, in_the_file)):
        told = " ".join(ended.err.split())
        assert ended.code == 1
        assert spelled in told
        assert told.count("hint:") == 1


def test_a_file_that_python_runs_tells_of_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _many_broken(tmp_path)
    (tmp_path / "run.yaml").write_text(_SELECT)

    with pytest.raises(assay.AssayError, match=r"data\.max_set_aside: 6%"):
        assay.load_config("run.yaml").run()
