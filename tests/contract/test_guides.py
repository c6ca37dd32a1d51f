"""Every method teaches: formula, when to choose it, what it was compared with, how it differs."""

import re
from pathlib import Path

import pytest

from assay.components.base import Component, NoPaper, Paper
from assay.components.guide import Absent, Guide
from assay.components.references import pinned_fields
from assay.components.registry import components
from assay.components.table import METHOD_KINDS
from assay.components.walk import walk
from tests.contract.test_components import _instance, _ours

_ROOT = Path(__file__).parents[2]
_WIDEST = 76
METHODS = [method for method in _ours() if method.kind in METHOD_KINDS]
every_method = pytest.mark.parametrize(
    "method", METHODS, ids=lambda method: f"{method.kind}-{method.name}"
)


def _guide(method: type[Component]) -> Guide:
    assert method.guide is not None
    return method.guide


def _is_sentence(text: str) -> bool:
    return text[:1] in {*"`", text[:1].upper()} and text.endswith(".") and len(text) > 15


@every_method
def test_it_has_a_guide_of_its_own(method: type[Component]) -> None:
    assert "guide" in method.__dict__, "what a base class says is not what this method does"
    assert _guide(method)


@every_method
def test_its_formula_fits_a_terminal(method: type[Component]) -> None:
    formula = _guide(method).formula

    if isinstance(formula, Absent):
        assert len(formula.reason) > 10
        return
    lines = formula.splitlines()
    assert lines == [line.rstrip() for line in lines]
    assert max(map(len, lines)) <= _WIDEST
    assert formula.isascii()
    assert "`" not in formula, "it is shown as it stands"


@every_method
def test_it_says_when_to_choose_it_and_when_not(method: type[Component]) -> None:
    guide = _guide(method)

    assert _is_sentence(guide.choose)
    assert _is_sentence(guide.avoid)
    assert guide.choose != guide.avoid


@every_method
def test_what_it_was_compared_with_is_a_test_or_a_reason(method: type[Component]) -> None:
    compared = _guide(method).compared

    if isinstance(compared, Absent):
        assert len(compared.reason) > 10
        return
    assert compared
    for comparison in compared:
        path = _ROOT / comparison.test
        assert path.is_file(), comparison.test
        assert "def test_" in path.read_text(encoding="utf-8")
        assert comparison.tolerance
        assert len(comparison.compared) > 5


@every_method
def test_it_says_where_it_differs_from_its_paper(method: type[Component]) -> None:
    differences = _guide(method).differences

    if isinstance(differences, Absent):
        assert isinstance(method.paper, NoPaper), "a paper leaves something to differ from"
        assert len(differences.reason) > 10
        return
    assert differences
    assert all(map(_is_sentence, differences.values()))


@every_method
def test_a_method_with_a_paper_names_its_encoder_and_its_model(method: type[Component]) -> None:
    if not isinstance(method.paper, Paper):
        return
    reads = {
        kind for part in walk([_instance(method)]) for kind in pinned_fields(type(part)).values()
    }
    differences = _guide(method).differences
    assert not isinstance(differences, Absent)

    assert "encoder" not in reads or "encoder" in differences
    assert "language_model" not in reads or "model" in differences


@every_method
def test_names_in_back_ticks_are_closed(method: type[Component]) -> None:
    guide = _guide(method)
    said = [guide.choose, guide.avoid]
    said += [] if isinstance(guide.differences, Absent) else list(guide.differences.values())

    assert [text for text in said if text.count("`") % 2] == []


@every_method
def test_methods_that_a_guide_points_to_exist(method: type[Component]) -> None:
    known = {component.name for component in components()}
    known |= {field for component in components() for field in component.model_fields}
    guide = _guide(method)
    named = re.findall(r"`([a-z_]+)`", guide.choose + guide.avoid)

    assert [name for name in named if name not in known] == []


@every_method
def test_a_guide_is_no_part_of_a_key(
    method: type[Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = _instance(method)
    monkeypatch.setattr(method, "guide", None)
    without = _instance(method)

    assert without.key == with_it.key
    assert "guide" not in method.model_fields
