"""What the documentation says exists, works and is complete."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from scripts import docs_examples
from scripts.docs_commands import commands, options
from scripts.docs_methods import bibliography, bibtex_key, features, golden_names, ours
from scripts.make_docs import DOCS, ROOT, stale_pages, written_pages

from assay.backends.endpoint.keys import PROVIDERS
from assay.cli.printing.catalogue import bibtex_entry, in_tex
from assay.components.base import Component, Paper
from assay.config.config import load_config
from assay.export.trainers import TRAINER_LAYOUTS
from assay.formats.detection import LAYOUTS
from tests.end_to_end.cli_helpers import COMMAND_LINE
from tests.fork_server import server

COMMANDS = commands()
WITH_EXAMPLES = [page for page in written_pages() if "<!-- run" in page.read_text(encoding="utf-8")]
CITED = [item for item in [*ours(), *features()] if isinstance(item.paper, Paper)]


def test_generated_pages_say_what_the_code_says() -> None:
    stale = [str(path) for path in stale_pages()]

    assert stale == [], "run: python -m scripts.make_docs"


@pytest.fixture
def forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line of the examples be forked, so that not all are imported one by one."""
    program = tmp_path / "assay"
    program.write_text(
        f"#!{sys.executable} -S\n"
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.fork_server import stand_in\n"
        f"stand_in({COMMAND_LINE!r}, {server()!r})\n"
    )
    program.chmod(0o755)
    found = docs_examples.process_environment

    def first(folder: Path) -> dict[str, str]:
        variables = found(folder)
        return variables | {"PATH": f"{tmp_path}{os.pathsep}{variables['PATH']}"}

    monkeypatch.setattr(docs_examples, "process_environment", first)


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_run_and_print_what_the_page_shows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    now = docs_examples.refreshed(str(path.relative_to(ROOT)), text)

    assert docs_examples.same(now, text), f"run: python -m scripts.make_docs\n{now}"


def test_changed_output_is_noticed_and_times_are_not() -> None:
    page = "<!-- run -->\n```console\n$ assay load x\nrows   26 in 0.3 s\n```\n"

    assert docs_examples.same(page, page.replace("0.3 s", "12 s"))
    assert not docs_examples.same(page, page.replace("26", "27"))


def test_a_failing_example_is_named() -> None:
    page = "<!-- run -->\n```console\n$ assay slect\n```\n"

    with pytest.raises(docs_examples.ExampleError, match="assay slect"):
        docs_examples.refreshed("page.md", page)


def test_the_first_page_names_every_command() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")

    for name in commands():
        assert f"[`assay {name}`](reference/command-line.md#assay-{name})" in text
        assert f"\n## assay {name}\n" in page


def test_every_method_has_a_page_and_a_key_on_record() -> None:
    pages = {path.stem for path in (DOCS / "methods").glob("*.md")} - {"index", "features"}
    golden = golden_names(ROOT / "tests" / "contract" / "golden_keys.json")

    assert pages == {method.name for method in ours()}
    assert pages == golden


@pytest.mark.parametrize("name", [method.name for method in ours()])
def test_the_configuration_on_a_page_is_one(name: str, tmp_path: Path) -> None:
    text = (DOCS / "methods" / f"{name}.md").read_text(encoding="utf-8")
    shown = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "page.yaml").write_text(f"data: data.json\n{shown[0]}", encoding="utf-8")

    (selector,) = load_config(tmp_path / "page.yaml").selections["chosen"]
    named = {selector.name, getattr(getattr(selector, "by", None), "name", "")}
    assert name in named


def test_every_feature_is_described() -> None:
    text = (DOCS / "methods" / "features.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^## (\w+)$", text, re.MULTILINE))

    assert described == {feature.name for feature in features()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    words = set(re.findall(r"(?<![\w-])--?[\w-]+", text))

    assert f"## assay {name}\n" in text
    missing = {word for option in options(COMMANDS[name]) for word in option.opts} - words
    assert missing == set()


def test_every_command_that_a_page_names_exists() -> None:
    known = {*COMMANDS, "--help", "--version", "VERB"}
    used = {
        (path.name, word)
        for path in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        for word in re.findall(
            r"(?:^\$ |`|bin/|&& |\| )assay ([\w-]+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }

    assert {(page, word) for page, word in used if word not in known} == set()


def test_every_option_that_a_page_names_exists() -> None:
    known = {word for verb in COMMANDS.values() for option in options(verb) for word in option.opts}
    known |= {"--help", "--version"}
    unknown = set()
    for path in [*written_pages(), ROOT / "CHANGELOG.md"]:
        if path.name == "CONTRIBUTING.md":
            continue
        text = path.read_text(encoding="utf-8")
        unknown |= {word for word in re.findall(r"(?<=`)--[a-z-]+", text) if word not in known}
        for line in re.findall(r"^\$ assay .*(?:\\\n.*)*", text, re.MULTILINE):
            unknown |= {word for word in re.findall(r"(?<= )--[a-z-]+", line) if word not in known}

    assert unknown == set()


def test_every_layout_is_documented() -> None:
    text = (DOCS / "reference" / "formats.md").read_text(encoding="utf-8")

    names = [layout.name for layout in LAYOUTS] + list(TRAINER_LAYOUTS)
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("component", CITED, ids=lambda item: f"{item.kind}-{item.name}")
def test_every_paper_stands_in_the_bibliography(component: type[Component]) -> None:
    paper = component.paper
    assert isinstance(paper, Paper)

    entry = bibliography()[bibtex_key(bibtex_entry(component))]

    assert f"title = {{{{{in_tex(paper.title)}}}}}" in entry
    assert f"year = {{{paper.year}}}" in entry
    if paper.arxiv:
        assert f"eprint = {{{paper.arxiv}}}" in entry
        assert re.fullmatch(r"\d{4}\.\d{4,5}", paper.arxiv)
    else:
        assert f"doi = {{{paper.doi}}}" in entry


def test_the_bibliography_has_no_entry_twice_and_none_too_many() -> None:
    entries = bibliography()
    identifiers = re.findall(
        r"^  (?:eprint|doi) = \{(.+)\},$", "\n".join(entries.values()), re.MULTILINE
    )

    assert len(identifiers) == len(set(identifiers)) == len(entries)
    assert set(entries) == {bibtex_key(bibtex_entry(component)) for component in CITED}


@pytest.mark.parametrize("key", bibliography())
def test_every_entry_of_the_bibliography_is_well_formed(key: str) -> None:
    entry = bibliography()[key]

    assert re.match(r"@(misc|article|inproceedings)\{", entry)
    assert entry.count("{") == entry.count("}")
    assert all(re.fullmatch(r"  \w+ = \{.+\},", line) for line in entry.splitlines()[1:-1]), entry
    assert re.search(r"^  author = \{.+\},$", entry, re.MULTILINE)


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}

    assert listed == pages


def test_hosts_with_a_variable_of_their_own_for_a_key_are_listed() -> None:
    text = (DOCS / "how-to" / "endpoints.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| ([a-z.]+) \| `(\w+)` \|$", text, re.MULTILINE))

    assert listed == PROVIDERS


def test_every_benchmark_is_listed_with_its_question() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    scripts = {path.name for path in (ROOT / "benchmarks").glob("*.py")}

    assert set(re.findall(r"`(\w+\.py)`", text)) == scripts


def test_the_page_on_filters_says_what_was_read_of_the_marks() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "text_marks.json").read_text("utf-8"))
    text = (DOCS / "how-to" / "filter.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)

    assert found == [
        (name, str(mark["texts"]), *(str(_places(mark[what])) for what in ("read", "wrong")))
        for name, mark in result["marks"].items()
    ]
    assert f"({sum(result['rows'].values()):,} rows)" in text


def _places(by_file: dict[str, list[int]]) -> int:
    return sum(len(records) for records in by_file.values())
