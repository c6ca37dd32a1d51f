import pytest
from assay_example_plugin import (  # type: ignore[import-not-found]  # found once installed
    ColemanLiau,
    TextStatistics,
)

from assay import Component
from assay.testing import check_component, numbers, pool, value_of


@pytest.mark.parametrize(
    "component", [TextStatistics, ColemanLiau, ColemanLiau(part="instruction")]
)
def test_it_keeps_the_contract(component: Component | type[Component]) -> None:
    check_component(component)


def test_three_short_sentences_are_counted() -> None:
    counts = value_of(TextStatistics(), pool([("Say it.", "One two. Three! And four")]))

    assert [counts[name].item() for name in ("letters", "words", "sentences")] == [18, 5, 3]


def test_the_grade_is_the_published_formula() -> None:
    # 639 letters, 119 words and 5 sentences: L = 537, S = 4.20 per hundred words.
    grade = ColemanLiau().score(counts=numbers(letters=[639], words=[119], sentences=[5]))

    assert grade[0] == pytest.approx(14.5, abs=0.05)
