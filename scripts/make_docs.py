"""Writes the pages of the documentation that are made from the code, and runs its examples.

Run: python -m scripts.make_docs           writes what is out of date
     python -m scripts.make_docs --check   names it and fails
     python -m scripts.make_docs --no-run  leaves the examples alone
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.unit.formats.bad_input_cases import bad_input_table

from scripts import docs_examples
from scripts.docs_benchmarks import benchmarks_page
from scripts.docs_commands import command_page
from scripts.docs_default import default_pages
from scripts.docs_formats import formats_page
from scripts.docs_methods import method_pages, navigation
from scripts.docs_text import GENERATED
from scripts.docs_which_method import PAGE as WHICH_METHOD
from scripts.docs_which_method import which_method_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_NAVIGATION = "      # written by scripts.make_docs\n"
ASSETS = ROOT / "src" / "assay" / "assets"


def generated_pages() -> dict[Path, Callable[[], str]]:
    """Return what makes the text of every page that is made from the code, by place under docs/."""
    pages: dict[Path, Callable[[], str]] = {
        Path("bad-input.md"): bad_input_table,
        Path("reference/command-line.md"): command_page,
        Path("reference/formats.md"): formats_page,
        Path("benchmarks.md"): benchmarks_page,
        WHICH_METHOD: which_method_page,
        Path("how-to/write-a-method.md"): _method_guide,
        Path("../mkdocs.yml"): partial(_with_navigation, _text(ROOT / "mkdocs.yml")),
    }
    for card in sorted(ASSETS.glob("*/CARD.md")):
        pages[Path(f"reference/{card.parent.name}.md")] = partial(_text, card)
    return pages | default_pages() | method_pages()


def _method_guide() -> str:
    """Return the section of CONTRIBUTING on methods as a page of its own."""
    text = _text(ROOT / "CONTRIBUTING.md")
    begin = text.index("## Add a method in one file")
    section = text[begin : text.index("\n## ", begin + 1)].replace("](docs/", "](../")
    return f"{GENERATED}\n\n# Write a method\n{section.partition(chr(10))[2]}"


def _with_navigation(text: str) -> str:
    """Return mkdocs.yml with every method's page between its two marks."""
    before, begin, rest = text.partition(_NAVIGATION)
    _, end, after = rest.partition("      # end\n")
    return before + begin + "".join(f"{line}\n" for line in navigation()) + end + after


def written_pages() -> list[Path]:
    """Return the pages that people write: README, CONTRIBUTING and the rest of docs/."""
    generated = {(DOCS / place).resolve() for place in generated_pages()}
    pages = [path for path in sorted(DOCS.rglob("*.md")) if path.resolve() not in generated]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages]


def stale_pages() -> dict[Path, str]:
    """Return what each generated page should say that says something else, strays as empty."""
    pages = {(DOCS / place).resolve(): make() for place, make in generated_pages().items()}
    stale = {path: text for path, text in pages.items() if _text(path) != text}
    return stale | {
        path: "" for path in sorted((DOCS / "methods").glob("*.md")) if path not in pages
    }


def stale_examples() -> dict[Path, str]:
    """Return what each written page should say whose commands print something else now.

    Raises:
        ExampleError: if an example does not run.
    """
    stale = {}
    for path in written_pages():
        text = _text(path)
        new = docs_examples.refreshed(str(path.relative_to(ROOT)), text)
        if not docs_examples.same(new, text):
            stale[path] = new
    return stale


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _write(pages: Mapping[Path, str]) -> None:
    for path, text in pages.items():
        if not text:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main() -> None:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")
    parser.add_argument("--no-run", action="store_true", help="leave the examples alone")
    options = parser.parse_args()
    try:
        stale = {} if options.no_run else stale_examples()
    except docs_examples.ExampleError as error:
        sys.exit(f"an example fails: {error}")
    if not options.check:
        _write(stale)  # first, because a generated page repeats a part of a written one
    generated = stale_pages()
    if not options.check:
        _write(generated)
    for path in stale | generated:
        print(f"{'stale' if options.check else 'written'}: {path.relative_to(ROOT)}")
    if options.check and stale | generated:
        sys.exit("run: python -m scripts.make_docs")


if __name__ == "__main__":
    main()
