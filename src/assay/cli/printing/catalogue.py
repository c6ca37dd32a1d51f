"""Methods as a person looks them up: by family, and one at a time."""

import importlib
import inspect
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assay.cli.console import facts, table
from assay.cli.printing import method_guide
from assay.cli.printing.parameter_words import KINDS, parameters_of
from assay.components.base import Component, Paper
from assay.components.building import component_fields
from assay.components.component import Feature, Scorer, Selector
from assay.components.extras import needed_extra
from assay.components.parts import changed_fields
from assay.components.references import EMBEDDED_MODEL, named_fields, pinned_fields
from assay.components.registry import components, find
from assay.components.table import METHOD_KINDS, is_known
from assay.components.walk import walk
from assay.errors import AssayError
from assay.features.passes import RowFeature

if TYPE_CHECKING:
    from rich.console import RenderableType

_BY_OPTION = ("budget", "within")
_FREE = {"identity", "attribute", "imported_column"}
"""Features that cost nothing."""
_SHARED = {
    "seed": "--seed",
    "rule": "--set rule=none",
    "without_flags": "--set without_flags=FLAG",
    "with_flags": "--set with_flags=FLAG",
}
_OTHERS = "others"
_CHOOSE_COLUMN = "--set column=NAME selects by another than the first"
_FAMILIES = (
    "text",
    "likelihood",
    "judged",
    "indicators",
    "geometry",
    "gradients",
    "pipelines",
    "filters",
    "combinations",
    "chance",
)
_COSTS = {
    "text": "low: one reading of the text, shared and kept; no model",
    "encoder": "medium: one run of a sentence encoder, shared and kept",
    "language model": "high: a language model over every row, shared by equal passes and kept",
    "judge": "replies of a judge, which may cost money: -n tells how much; kept, and never asked "
    "for twice",
    "nothing": "none of its own",
}


def find_all(names: Sequence[str]) -> list[type[Component]]:
    """Return the methods of some names, every kind of a name; all methods without names.

    Raises:
        UnknownMethodError: if a name is not known.
    """
    if not names:
        return [method for method in components() if method.kind in METHOD_KINDS]
    for name in names:
        find(name)
    return [find(name, kind) for name in names for kind in METHOD_KINDS if is_known(name, kind)]


def catalogue(methods: Sequence[type[Component]]) -> Iterator["RenderableType"]:
    """Yield one table per family."""
    from rich.text import Text

    for place, (name, members) in enumerate(by_family(methods).items()):
        if place:
            yield Text()
        rows = [(m.name, KINDS[m.kind], m.summary().rstrip(".")) for m in members]
        yield table([name, "", family_summary(name)], rows)


def _family_order(name: str) -> tuple[int, str]:
    return (_FAMILIES.index(name) if name in _FAMILIES else len(_FAMILIES)), name


def by_family(methods: Sequence[type[Component]]) -> dict[str, list[type[Component]]]:
    """Return methods under the headings of their families, in the order of the catalogue."""
    found: dict[str, list[type[Component]]] = {}
    for method in methods:
        found.setdefault(family(method), []).append(method)
    return dict(sorted(found.items(), key=lambda pair: _family_order(pair[0])))


def family(method: type[Component]) -> str:
    """Return the folder of `methods` that a method, or what it builds on, lies in."""
    for parent in method.__mro__:
        package, _, module = parent.__module__.partition("assay.methods.")
        if not package and "." in module:
            return module.partition(".")[0]
    return _OTHERS


def family_summary(name: str) -> str:
    """Return what the methods of a family have in common."""
    if name == _OTHERS:
        return "Of plugins and of files"
    text = importlib.import_module(f"assay.methods.{name}").__doc__ or ""
    return text.partition("\n")[0].rstrip(".")


def needs_of(method: type[Component]) -> list[Feature]:
    """Return the features a method requires with its default parameters, as far as they tell."""
    try:
        probe = method()
    except AssayError:
        defaults = [info.default for info in method.model_fields.values()]
        held = [
            part for each in defaults for part in (each if isinstance(each, tuple) else (each,))
        ]
        return [item for item in walk([part for part in held if isinstance(part, Component)])
                if isinstance(item, Feature)]  # fmt: skip
    return [item for item in walk([probe]) if isinstance(item, Feature)]


def _class_of(reads: Sequence[Feature]) -> str:
    if any("judge" in pinned_fields(type(feature)).values() for feature in reads):
        return "judge"
    if any(_reads_language_model(feature) for feature in reads):
        return "language model"
    if any("encoder" in pinned_fields(type(feature)).values() for feature in reads):
        return "encoder"
    return "text" if {feature.name for feature in reads} - _FREE else "nothing"


def _reads_language_model(component: Component) -> bool:
    return "language_model" in pinned_fields(type(component)).values()


def _passes(reads: Sequence[Feature]) -> list[str]:
    """Return the passes of language models that some features need, each named once."""
    found = (
        feature.reading().label().partition(" (")[0]
        for feature in reads
        if isinstance(feature, RowFeature) and _reads_language_model(feature)
    )
    return list(dict.fromkeys(found))


def describe_method(method: type[Component]) -> dict[str, Any]:
    """Return all that is known about a method, for programs."""
    described: dict[str, Any] = {
        "name": method.name,
        "kind": method.kind,
        "family": family(method),
        "version": method.version,
        "summary": method.summary(),
        "description": inspect.cleandoc(method.__doc__ or ""),
        "parameters": [
            entry
            for name, info in method.model_fields.items()
            if name not in _BY_OPTION
            for entry in parameters_of(method, name, info)
        ],
        "needs": sorted({feature.name for feature in needs_of(method)}),
        "cost": _class_of(needs_of(method)),
        "passes": _passes(needs_of(method)),
        "extra": _extra(method) or None,
        "extra_for_other_models": _extra_for_other_models(method) or None,
        "paper": method.paper.model_dump(),
        "guide": method_guide.describe_guide(method),
    }
    if issubclass(method, Scorer):
        described |= {"prefer": _prefer(method), "columns": _columns(method)}
    return described


def _extra(method: type[Component]) -> str:
    """Return the optional group that a method needs with its default parameters."""
    try:
        return needed_extra(method())
    except AssayError:
        return method.extra


def _extra_for_other_models(method: type[Component]) -> str:
    """Return the optional group that it needs with language models that are not embedded."""
    extras = (reads.extra for reads in needs_of(method) if _reads_language_model(reads))
    return next(extras, "")


def _prefer(method: type[Scorer]) -> str:
    """Return which values are better; some scores say so by a parameter, or go by another score."""
    prefer: Any = method.prefer
    if isinstance(prefer, str):
        return prefer
    said = method.model_fields.get("better")
    other = "of" if "of" in method.model_fields else "by"
    return f"what `{other}` prefers" if said is None else str(said.default)


def _columns(method: type[Scorer]) -> list[str] | None:
    """Return the columns of a score, the main one first; None where parameters say which."""
    columns: Any = method.columns
    return None if isinstance(columns, property) else list(columns)


def explanation(method: type[Component]) -> Iterator["RenderableType"]:
    """Yield what a person reads about one method."""
    from rich.padding import Padding
    from rich.text import Text

    described = describe_method(method)
    kind = "selection" if method.kind == "selector" else f"score, {described['prefer']} is better"
    yield Text.assemble((method.name, "bold"), f"  ({kind})", style="")
    for paragraph in re.split(r"\n\s*\n", described["description"]):
        yield Padding(Text(" ".join(paragraph.split())), (0, 0, 1, 0))
    if method.guide is not None:
        yield from method_guide.formula_part(method.guide)
        yield facts(method_guide.advice(method.guide))
        yield Text()
    own = [entry for entry in described["parameters"] if not _shared(method, entry["name"])]
    if own:
        yield table(
            ["parameter", "type", "default", "meaning"],
            [
                (e["name"], e["type"], "required" if e["required"] else e["default"],
                 e["description"])
                for e in own
            ],
        )  # fmt: skip
        yield Text()
    yield facts(_facts(method, described, own))


def _shared(method: type[Component], name: str) -> bool:
    return issubclass(method, Selector) and name in _SHARED


def takes_flags(method: type[Selector]) -> bool:
    """Return whether a selection reads what may carry flags, or can be given what does."""
    if component_fields(method).keys() - {"within"}:
        return True
    try:
        return method().reads_flags()
    except AssayError:
        return True


def _facts(
    method: type[Component], described: dict[str, Any], own: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, object]]:
    example = next(
        (entry for entry in own if entry["type"] not in ("language model", "judge")), None
    )
    if example is not None:
        yield "set them by", f"--set {example['name']}=VALUE"
    if described["cost"] == "language model":
        yield "model", f"{EMBEDDED_MODEL}; --model NAME, --dtype and --device choose otherwise"
    if described["cost"] == "judge":
        yield "judge", "--judge http://host:8000/v1#model, a GGUF file, or package:NAME"
    if issubclass(method, Selector):
        shared = [option for name, option in _SHARED.items()
                  if not name.endswith("_flags") or takes_flags(method)]  # fmt: skip
        yield "also takes", ", ".join(["--budget", *shared, "filters and quotas"])
    if described["needs"]:
        yield "needs", ", ".join(described["needs"])
    yield "cost", _cost_text(described)
    install = _install_text(described)
    if install:
        yield "install", install
    columns = described.get("columns", ())
    if columns is None:
        yield "columns", f"its parameters say which; {_CHOOSE_COLUMN}"
    elif len(columns) > 1:
        yield "columns", f"{', '.join(columns)}; {_CHOOSE_COLUMN}"
    rule = _rule_text(method)
    if rule:
        yield "leaves out", rule
    yield "source", _source_text(method)
    if isinstance(method.paper, Paper) and method.paper.code:
        yield "code", method.paper.code
    if method.guide is not None:
        yield from method_guide.trust(method.guide)
    if method_guide.has_example(method):
        yield "example", f"assay methods {method.name} --example"
    yield "try", f"assay select data.json {method.name}{_required(method)} -o subset.json"


def _install_text(described: dict[str, Any]) -> str:
    if described["extra"]:
        return f"pip install 'assay[{described['extra']}]'"
    if described["extra_for_other_models"]:
        line = f"pip install 'assay[{described['extra_for_other_models']}]'"
        return f"nothing for {EMBEDDED_MODEL}; {line} for other models"
    return ""


def _cost_text(described: dict[str, Any]) -> str:
    passes = described["passes"]
    if not passes:
        return _COSTS[described["cost"]]
    count = "1 pass" if len(passes) == 1 else f"{len(passes)} passes"
    named = ", ".join(passes)
    return f"high: {count} of a language model over every row ({named}), shared and kept"


def read_fields(method: type[Component]) -> dict[str, str]:
    """Return the fields of a method that name something outside and that it reads by default."""
    try:
        return named_fields(method())
    except (AssayError, ValueError):  # it cannot do without a parameter
        return pinned_fields(method)


def _required(method: type[Component]) -> str:
    parts = [
        f" --set {name}={'compression_ifd' if name == 'by' else name.upper()}"
        for name, info in method.model_fields.items()
        if info.is_required()
    ]
    needs_budget = not issubclass(method, Selector) or method.needs_budget
    if "judge" in read_fields(method).values():
        parts.append(" --judge http://localhost:8000/v1#model")
    return "".join(parts) + (" --budget 5%" if needs_budget else "")


def _rule_text(method: type[Component]) -> str:
    if not issubclass(method, Scorer):
        return ""
    try:
        rule = method().default_rule()
    except AssayError:
        return ""
    words = changed_fields(rule)
    if not words:
        return ""
    kept = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in words.items())
    return f"rows that are not {kept} (--set rule=none keeps them)"


def _source_text(method: type[Component]) -> str:
    paper = method.paper
    if not isinstance(paper, Paper):
        return paper.reason
    place = f"arXiv {paper.arxiv}" if paper.arxiv else paper.doi and f"doi {paper.doi}"
    parts = [paper.authors, f"{paper.title}, {paper.year}", place or paper.url]
    return "; ".join(part for part in parts if part)


def in_tex(text: str) -> str:
    """Return a text in which signs that TeX reads as its own are text."""
    return re.sub(r"[#%&_$]", r"\\\g<0>", text)


def bibtex_entry(method: type[Component]) -> str:
    """Return the BibTeX entry of a method's paper; a comment where there is none."""
    paper = method.paper
    if not isinstance(paper, Paper):
        return f"% {method.name} has no paper: {paper.reason}"
    authors = re.sub(r",? et al\.?", " and others", paper.authors)
    authors = re.sub(r",\s*(and\s+)?", " and ", authors)
    words = [word for word in re.findall(r"[A-Za-z]+", paper.title) if len(word) > 3]
    surname = (re.findall(r"[A-Za-z]+", paper.authors) or [method.name])[0]
    key = f"{surname.lower()}{paper.year}{(words or [method.name])[0].lower()}"
    fields = {
        "title": f"{{{in_tex(paper.title)}}}",
        "author": authors,
        "year": str(paper.year),
        "eprint": paper.arxiv,
        "archivePrefix": "arXiv" if paper.arxiv else "",
        "doi": paper.doi,
        "url": paper.url,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    kind = "misc" if paper.arxiv or not paper.doi else "article"
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
