"""Every method can be found, explained and cited."""

from io import StringIO

import pytest
from rich.console import Console

from assay.cli.printing.catalogue import (
    _FAMILIES,
    bibtex_entry,
    describe_method,
    explanation,
    family,
    find_all,
    in_tex,
)
from assay.components.base import Component
from assay.components.registry import find
from assay.errors import UnknownMethodError

# Other tests of the same process may have registered methods of their own.
_OWN = [method for method in find_all([]) if method.__module__.startswith("assay.")]


@pytest.mark.parametrize("method", _OWN, ids=lambda method: f"{method.kind}-{method.name}")
def test_every_method_has_a_family_and_explained_parameters(method: type[Component]) -> None:
    described = describe_method(method)

    assert family(method) in _FAMILIES
    assert described["summary"]
    assert all(parameter["description"] for parameter in described["parameters"])


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("compression_ifd", "text"),
        ("ifd", "likelihood"),
        ("rank_mean", "combinations"),
        ("imported", "judged"),
        ("top_score", "combinations"),
        ("k_center", "geometry"),
        ("facility_location", "geometry"),
        ("random", "chance"),
        ("where", "filters"),
    ],
)
def test_a_family_is_the_folder_that_a_method_lies_in(name: str, heading: str) -> None:
    assert family(find(name)) == heading


def test_parameters_inside_a_parameter_are_listed_as_they_are_set() -> None:
    entries = {entry["name"]: entry for entry in describe_method(find("ifd"))["parameters"]}

    assert "rendering" not in entries
    assert entries["rendering.turns"] == {
        "name": "rendering.turns", "type": "all | last | first | each", "default": "all",
        "required": False,
        "description": 'Assistant turns that are scored; with "each", a row\'s mean is that of its '
        "turns' means.",
    }  # fmt: skip
    assert entries["rendering.reference"]["type"] == "none | superfiltering | cherry"
    assert entries["model"]["type"] == "language model"


def test_a_method_that_reads_a_language_model_names_its_passes_and_a_line_that_works() -> None:
    console = Console(file=StringIO(), width=300)
    for part in explanation(find("ifd")):
        console.print(part)

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert (
        "high: 2 passes of a language model over every row "
        "(answers given prompt, answers given nothing), shared and kept"
    ) in shown
    assert "assay select data.json ifd --budget 5% -o subset.json" in shown
    assert "set them by  --set rendering.template=VALUE" in shown
    assert "assay:lm; --model NAME, --dtype and --device choose otherwise" in shown


@pytest.mark.parametrize(
    "name", ["ifd", "token_rank", "perplexity_pruning", "superfiltering_diversity"]
)
def test_the_embedded_model_needs_nothing_and_others_an_install_line(name: str) -> None:
    described = describe_method(find(name))
    console = Console(file=StringIO(), width=300)
    for part in explanation(find(name)):
        console.print(part)

    assert (described["extra"], described["extra_for_other_models"]) == (None, "models")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "nothing for assay:lm; pip install 'assay[models]' for other models" in shown


@pytest.mark.parametrize("method", _OWN, ids=lambda method: f"{method.kind}-{method.name}")
def test_an_explanation_teaches_and_fits_80_columns(method: type[Component]) -> None:
    console = Console(file=StringIO(), width=80)
    for part in explanation(method):
        console.print(part)

    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    shown = "\n".join(line.rstrip() for line in lines)
    assert max(map(len, lines)) <= 80
    assert method.guide is not None
    assert isinstance(method.guide.formula, str)
    for line in method.guide.formula.splitlines():
        assert f"\n  {line}\n" in shown
    labels = [line.partition("  ")[0].strip() for line in lines]
    assert {"choose it", "avoid it", "compared", "differs"} <= set(labels)


def test_a_method_without_a_language_model_has_no_install_line() -> None:
    described = describe_method(find("compression_ifd"))

    assert (described["extra"], described["extra_for_other_models"]) == (None, None)


def test_a_citation_of_a_preprint() -> None:
    entry = bibtex_entry(find("longest_response"))

    assert entry.startswith("@misc{zhao2024long,\n")
    assert "  author = {Zhao and Andriushchenko and Croce and Flammarion}," in entry
    assert "  eprint = {2402.04833}," in entry


def test_et_al_becomes_and_others() -> None:
    assert "  author = {Lee and others}," in bibtex_entry(find("deduplicate", "selector"))


def test_a_citation_by_doi() -> None:
    entry = bibtex_entry(find("mtld"))

    assert entry.startswith("@article{mccarthy2010mtld,")
    assert "  doi = {10.3758/BRM.42.2.381}," in entry


def test_a_method_without_paper_says_why() -> None:
    assert bibtex_entry(find("random", "selector")) == "% random has no paper: chance"


@pytest.mark.parametrize(
    ("name", "takes"),
    [("random", False), ("top_score", True), ("k_center", True), ("deduplicate", True)],
)
def test_a_selection_that_reads_nothing_with_flags_does_not_offer_to_leave_rows_out_by_them(
    name: str, takes: bool
) -> None:
    assert ("without_flags" in _told(name)) == takes


def _told(name: str) -> str:
    console = Console(file=StringIO(), width=200)
    for part in explanation(find(name, "selector")):
        console.print(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("name", "better"),
    [("mtld", "high"), ("imported", "high"), ("ds2", "what `by` prefers")],
)
def test_what_is_better_may_be_said_by_a_parameter_or_by_another_score(
    name: str, better: str
) -> None:
    assert describe_method(find(name))["prefer"] == better


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UnknownMethodError):
        find_all(["nothing_like_it"])


def test_signs_that_tex_reads_as_its_own_are_text() -> None:
    assert in_tex("#1: 5% of A & B_c for $2") == r"\#1: 5\% of A \& B\_c for \$2"
