"""The pages of methods and features, made from the components themselves."""

import functools
import inspect
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from assay.cli.printing.catalogue import (
    bibtex_entry,
    by_family,
    describe_method,
    family,
    family_summary,
    find_all,
    read_fields,
    takes_flags,
)
from assay.cli.printing.method_guide import has_example
from assay.cli.printing.parameter_words import KINDS
from assay.cli.printing.worked_example import WorkedExample, worked_example
from assay.components.base import Component, Paper
from assay.components.component import Feature, Scorer, Selector
from assay.components.guide import Absent, Guide
from assay.components.references import EMBEDDED_MODEL
from assay.components.registry import components
from assay.config.writing import yaml_text
from scripts.docs_text import page, table

_DIFFERENCES = "Differs from the reference:"
_COSTS = {
    "text": "one reading of the text, shared with every other method that needs it, and kept",
    "encoder": "one run of a sentence encoder, shared with every other method that needs it, and "
    "kept",
    "language model": "a language model over every row, shared by equal passes and kept; the "
    "slowest kind of method, and the reason for [the causal pass](../concepts/causal-pass.md)",
    "judge": "replies of a judge, which may cost money; `-n` tells how much before anything is "
    "sent. They are kept, and none is asked for twice; see [Judges](../how-to/judges.md)",
    "nothing": "none of its own",
}
_METHODS = """\
A *score* gives every row a number; named where a selection is wanted, it stands for the rows that
it prefers. A *selection* chooses rows. `assay methods` prints this list, and `assay methods NAME`
the page of one.

Every page has the formula, says when to choose the method and when another, what it was compared
with and how near it came, and where it differs from its paper. Pages of the methods that are used
most work out three rows.
"""
_FEATURES = """\
A feature is what methods read: costly, computed once, kept in the cache and shared by every method
that needs an equal one. A feature of scope *row* is kept row by row, under the content of the row;
one of scope *pool* needs all rows and is kept under what it read. Methods hold their features;
nobody has to ask for one.
"""
_EXAMPLES: dict[str, object] = {
    "attribute": "language",
    "values": ["en", "de"],
    "against": "questions.jsonl",
    "file": "ratings.csv",
    "column": "stars",
    "of": ["compression_ifd", "mtld"],
    "by": "compression_ifd",
    "keep": "mid",
    "field": "meta.source",
    "condition": {"pattern": "wiki"},
    "labels": {"method": "imported", "file": "ratings.csv", "column": "stars"},
    "tags": {"method": "tag_field", "field": "tags"},
}
"""Values for the examples of methods that cannot do without."""

_JUDGE = "http://localhost:8000/v1#model"
_A_JUDGE = {"method": "alpagasus", "judge": _JUDGE}
_OWN_EXAMPLES: dict[str, dict[str, object]] = {
    "distilled": {"of": _A_JUDGE},
    "rows_to_judge": {"of": _A_JUDGE},
    "scored_among": {"of": _A_JUDGE, "by": {"method": "random", "budget": 50}},
    "classes": {"of": ["good", "bad"]},
    "ds2": {"by": {"method": "imported", "file": "ratings.csv", "column": "stars"}},
}
"""The same of one method, where a parameter means something else than with others."""


def ours() -> list[type[Component]]:
    """Return the methods that Assay itself brings, in the order of the catalogue."""
    return [method for method in find_all([]) if _is_ours(method)]


def features() -> list[type[Component]]:
    """Return the features that Assay itself brings."""
    return [feature for feature in components("feature") if _is_ours(feature)]


def _is_ours(component: type[Component]) -> bool:
    # A class made inside a function is a score that a project of this process imported.
    return component.__module__.startswith("assay.") and "<locals>" not in component.__qualname__


def method_pages() -> dict[Path, Callable[[], str]]:
    """Return what makes every page on methods, by its place under docs/."""
    folder = Path("methods")
    pages: dict[Path, Callable[[], str]] = {
        folder / f"{method.name}.md": functools.partial(_method_page, method) for method in ours()
    }
    return pages | {folder / "index.md": _index_page, folder / "features.md": _features_page}


def _index_page() -> str:
    blocks: list[list[str] | str] = [
        "# Methods",
        _METHODS,
    ]
    for name, members in by_family(ours()).items():
        blocks += [f"## {name.capitalize()}", f"{family_summary(name)}."]
        rows = [
            (f"[`{method.name}`]({method.name}.md)", KINDS[method.kind], method.summary())
            for method in members
        ]
        blocks.append(table(["Method", "Kind", "What it gives"], rows))
    return page(*blocks)


def _method_page(method: type[Component]) -> str:
    described = describe_method(method)
    text, differences = split_differences(_documentation(method))
    guide = method.guide
    assert guide is not None
    better = f", {described['prefer']} is better" if issubclass(method, Scorer) else ""
    kind = "A score" if issubclass(method, Scorer) else "A selection"
    blocks: list[list[str] | str] = [
        f"# {method.name}",
        f"*{kind}{better}; family: {family(method)}.*",
        text,
        *_formula(guide),
        "## When to choose it",
        f"**Choose it:** {guide.choose}",
        f"**Choose another:** {guide.avoid}",
    ]
    blocks += ["## Parameters", *_parameters(method, described["parameters"])]
    blocks += ["## What it needs", _needs(described)]
    blocks += ["## Use", *_use(method)]
    blocks += _example(method)
    blocks += ["## Compared with", *_compared(guide)]
    blocks += [
        "## Differs from the paper and the published code",
        *_differences(guide, differences),
    ]
    blocks += ["## Source", *_source(method)]
    return page(*blocks)


def _formula(guide: Guide) -> Iterator[list[str] | str]:
    # Plain text in a block: it needs no script from elsewhere, and is what the terminal prints.
    if not isinstance(guide.formula, Absent):
        yield "## Formula"
        yield ["```text", *guide.formula.splitlines(), "```"]


def _compared(guide: Guide) -> Iterator[list[str] | str]:
    if isinstance(guide.compared, Absent):
        yield f"With nothing: {guide.compared.reason}."
        return
    rows = [
        (entry.against, entry.compared, entry.tolerance, f"`{entry.test}`")
        for entry in guide.compared
    ]
    yield table(["With", "What", "Tolerance", "Test"], rows)


def _differences(guide: Guide, paragraph: str) -> Iterator[list[str] | str]:
    """Yield what the docstring says, as that of a plugin may, and what the guide does."""
    if paragraph:
        yield paragraph
    if isinstance(guide.differences, Absent):
        yield f"Not at all: {guide.differences.reason}."
        return
    yield [f"- **{subject.capitalize()}.** {text}" for subject, text in guide.differences.items()]


def _example(method: type[Component]) -> list[list[str] | str]:
    if not has_example(method):
        return []
    example = _worked(method)
    rows = [(row.name, row.asked, row.answered) for row in example.rows]
    numbers = [(row.name, *row.cells) for row in example.rows]
    return [
        "## An example",
        table(["Row", "Asked", "Answered"], rows),
        table(["Row", *example.headings], numbers),
        example.reading,
        f"`assay methods {method.name} --example` computes it.",
    ]


# A language model is asked for some, and the pages are made several times in a run.
@functools.cache
def _worked(method: type[Component]) -> WorkedExample:
    return worked_example(method)


def _documentation(component: type[Component]) -> str:
    return inspect.cleandoc(component.__doc__ or "").replace("``", "`")


def split_differences(text: str) -> tuple[str, str]:
    """Return a docstring without its paragraph on differences, and that paragraph."""
    before, found, after = text.partition(_DIFFERENCES)
    if not found:
        return text, ""
    paragraph, _, rest = after.strip().partition("\n\n")
    described = paragraph[:1].upper() + paragraph[1:]
    return "\n\n".join(part.strip() for part in (before, rest) if part.strip()), described


def _parameters(method: type[Component], entries: list[dict[str, object]]) -> Iterator[list[str]]:
    of_all = {"seed", "rule", "without_flags", "with_flags"}
    shared = of_all if issubclass(method, Selector) else set()
    own = [entry for entry in entries if entry["name"] not in shared]
    if own:
        rows = [
            (
                f"`{entry['name']}`",
                entry["type"],
                "required" if entry["required"] else f"`{entry['default']}`",
                entry["description"],
            )
            for entry in own
        ]
        yield table(["Parameter", "Type", "Default", "Meaning"], rows)
    else:
        yield ["It has no parameters of its own."]
    if issubclass(method, Selector):
        taken = (
            "`budget`, `seed`, `within`, `rule`,\n`without_flags` and `with_flags`;"
            if takes_flags(method)
            else "`budget`, `seed`, `within` and `rule`,\nbut no flags, for it reads nothing that "
            "carries any;"
        )
        told = "see [Selections](../concepts/selections.md)."
        yield [f"It also takes what every selection does, {taken} {told}"]


def _needs(described: dict[str, object]) -> list[str]:
    needs = described["needs"]
    assert isinstance(needs, list)
    named = ", ".join(f"[`{name}`](features.md#{name})" for name in needs)
    lines = [f"Features: {named}." if needs else "No feature by default."]
    passes = described["passes"]
    assert isinstance(passes, list)
    count = "one pass" if len(passes) == 1 else f"{len(passes)} passes"
    read = f"{count} ({', '.join(passes)}) of " if passes else ""
    lines += ["", f"Cost: {read}{_COSTS[str(described['cost'])]}."]
    if described["extra"]:
        lines += ["", f"Install: `pip install 'assay[{described['extra']}]'`."]
    elif described["extra_for_other_models"]:
        line = f"`pip install 'assay[{described['extra_for_other_models']}]'`"
        lines += ["", f"Install: nothing for `{EMBEDDED_MODEL}`; {line} for other models."]
    return lines


def _use(method: type[Component]) -> Iterator[list[str]]:
    required = [name for name, info in method.model_fields.items() if info.is_required()]
    examples = _EXAMPLES | _OWN_EXAMPLES.get(method.name, {})
    values = {name: examples[name] for name in required}
    settings = "".join(f" --set {name}={_word(value)}" for name, value in values.items())
    needs_budget = not issubclass(method, Selector) or method.needs_budget or method.name == "quota"
    budget = " --budget 5%" if needs_budget else ""
    asks = "judge" in read_fields(method).values()
    judge = f" --judge {_JUDGE}" if asks or _A_JUDGE in values.values() else ""
    lines = [f"assay select data.json {method.name}{settings}{judge}{budget} -o subset.json"]
    if issubclass(method, Scorer):
        lines.insert(0, f"assay score data.json {method.name}{settings}{judge}")
    yield ["```console", *(f"$ {line}" for line in lines), "```"]
    entry: dict[str, object] = {"method": method.name}
    entry |= values | ({"judge": _JUDGE} if asks else {})
    if needs_budget:
        entry["budget"] = "5%"
    yield ["```yaml", yaml_text({"selections": {"chosen": entry}}).strip(), "```"]


def _word(value: object) -> str:
    if value == _A_JUDGE:
        return _A_JUDGE["method"]  # and the judge is an option
    if isinstance(value, dict):
        return shlex.quote(json.dumps(value))
    return ",".join(value) if isinstance(value, list) else str(value)


def _source(method: type[Component]) -> Iterator[list[str]]:
    paper = method.paper
    if not isinstance(paper, Paper):
        yield [f"No paper: {paper.reason}."]
        return
    place = f"[arXiv {paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})" if paper.arxiv else ""
    if paper.doi:
        place = f"[doi {paper.doi}](https://doi.org/{paper.doi})"
    parts = [paper.authors, f"*{paper.title}*", str(paper.year), place]
    yield [", ".join(part for part in parts if part) + "."]
    if paper.code:
        yield [f"Code of the authors: <{paper.code}>."]
    key = bibtex_key(bibtex_entry(method))
    yield ["```bibtex", bibliography()[key], "```"]


@functools.cache
def bibliography() -> dict[str, str]:
    """Return the entries of docs/references.bib by their key."""
    text = (Path(__file__).parents[1] / "docs" / "references.bib").read_text(encoding="utf-8")
    return {bibtex_key(entry): entry.strip() for entry in text.split("\n\n") if entry.strip()}


def bibtex_key(entry: str) -> str:
    """Return the key of an entry."""
    found = re.match(r"\s*@\w+\{([^,\s]+),", entry)
    if found is None:
        raise ValueError(f"no BibTeX entry: {entry[:40]!r}")
    return found[1]


def navigation() -> list[str]:
    """Return the lines of mkdocs.yml that list the pages of methods."""
    return [f"      - {method.name}: methods/{method.name}.md" for method in ours()]


def _features_page() -> str:
    blocks: list[list[str] | str] = [
        "# Features",
        _FEATURES,
    ]
    for feature in features():
        assert issubclass(feature, Feature)
        described = describe_method(feature)
        own = [
            entry
            for entry in described["parameters"]
            if entry["name"] not in ("dataset", "chosen_by")
        ]
        blocks += [f"## {feature.name}", _documentation(feature)]
        blocks.append(f"Scope: {feature.scope}.")
        if own:
            rows = [(f"`{e['name']}`", f"`{e['default']}`", e["description"]) for e in own]
            blocks.append(table(["Parameter", "Default", "Meaning"], rows))
        blocks += [*_source(feature)]
    return page(*blocks)


def golden_names(path: Path) -> set[str]:
    """Return the names of the methods whose keys are on record."""
    keys = json.loads(path.read_text(encoding="utf-8"))
    return {
        name for kind, name in (key.split("/") for key in keys) if kind in ("scorer", "selector")
    }
