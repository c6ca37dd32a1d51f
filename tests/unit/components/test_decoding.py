"""What decides on a reply, and what is refused because it decides on nothing."""

import pytest
from pydantic import ValidationError

from assay.components.decoding import Decoding


@pytest.mark.parametrize("idle", [{"seed": 1}, {"top_p": 0.9}, {"top_k": 3}])
def test_what_cannot_count_in_greedy_decoding_is_refused(idle: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="nothing is drawn"):
        Decoding(**idle)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"top_p": 0, "temperature": 1},
        {"max_new_tokens": 0},
        {"stop": ("",)},
    ],
)
def test_what_is_no_decoding_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Decoding(**wrong)


def test_it_is_told_by_what_differs_from_the_default() -> None:
    assert str(Decoding()) == "greedy"
    assert str(Decoding(temperature=1, seed=3)) == "temperature=1.0 seed=3"
