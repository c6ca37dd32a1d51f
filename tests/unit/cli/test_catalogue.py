"""Every method can be found, explained and cited."""

from typing import Annotated, Literal

import pytest

from assay.cli.catalogue import (
    _FAMILIES,
    bibtex_entry,
    describe_method,
    family,
    find_all,
    type_text,
)
from assay.component import AnyScorer, Component
from assay.errors import UnknownMethodError
from assay.references import EncoderRef
from assay.registry import find


@pytest.mark.parametrize("method", find_all([]), ids=lambda method: f"{method.kind}-{method.name}")
def test_every_method_has_a_family_and_explained_parameters(method: type[Component]) -> None:
    described = describe_method(method)

    assert family(method) in _FAMILIES
    assert described["summary"]
    assert all(parameter["description"] for parameter in described["parameters"])


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("compression_ifd", "scores of the text"),
        ("rank_mean", "scores of scores"),
        ("imported", "scores from elsewhere"),
        ("top_score", "selections by a score"),
        ("k_center", "selections by geometry"),
        ("facility_location", "selections by geometry"),
        ("random", "selections by chance"),
        ("where", "filters and quotas"),
    ],
)
def test_a_family_follows_from_what_a_method_requires(name: str, heading: str) -> None:
    assert family(find(name)) == heading


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
    ("annotation", "text"),
    [
        (Literal["a", "b"], "a | b"),
        (float | None, "number"),
        (tuple[AnyScorer, ...], "list of score"),
        (tuple[tuple[str, float], ...], "list of name=value"),
        (EncoderRef, "encoder"),
        (Annotated[bool, "x"], "yes or no"),
        (int, "whole number"),
    ],
)
def test_types_are_told_in_words(annotation: object, text: str) -> None:
    assert type_text(annotation) == text


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UnknownMethodError):
        find_all(["nothing_like_it"])
