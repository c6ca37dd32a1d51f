"""Parameters are told as a person reads them."""

from typing import Annotated, Literal

import pytest

from assay.cli.printing.parameter_words import type_text
from assay.components.component import AnyScorer
from assay.components.references import EncoderRef


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
