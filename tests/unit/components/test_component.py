import pytest

from assay.components.component import build
from assay.errors import ConfigError
from assay.methods.combinations.top_score import TopScore


def test_a_score_asked_for_as_a_selection_is_its_top() -> None:
    made = build({"method": "longest_response", "unit_of_length": "words", "budget": 5}, "selector")

    assert isinstance(made, TopScore)
    assert made.by.label() == "longest_response(unit_of_length=words)"
    assert str(made.budget) == "5 samples"


@pytest.mark.parametrize("description", [{}, {"method": 3}, {"budget": 5}])
def test_a_description_without_a_name_is_refused(description: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="names no method"):
        build(description)
