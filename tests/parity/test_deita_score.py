"""DEITA's numbers against what the authors' own code gave for the same logits and levels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.features.label_probabilities import LabelShares
from assay.methods.judged.deita import over_turns

_REFERENCE = Path(__file__).parents[2] / "../shared/data/parity/reference"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not _REFERENCE.is_dir(), reason="needs the reference values of ../shared/data/parity"
    ),
]


def _loaded(place: str) -> Any:
    return json.loads((_REFERENCE / place).read_text())


def test_expectations_are_those_of_the_published_scorers() -> None:
    cases = _loaded("deita_score/expected.json")
    logits = np.array([case["label_logits"] for case in cases], np.float64)
    shares = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    lists = {str(k): pl.Series([[p] for p in column]) for k, column in enumerate(shares.T, 1)}
    value = LabelShares(
        np.zeros(len(cases), np.uint8), np.zeros(len(cases), np.uint16), lists, lists["1"]
    )

    found = [numbers[0] for numbers in value.expected().to_list()]

    assert {case["scorer"] for case in cases} == {"Llama_Scorer", "Mistral_Scorer"}
    assert found == pytest.approx([case["expected_score"] for case in cases], abs=1e-6)


def test_scores_are_the_published_sums_of_products() -> None:
    given = _loaded("deita_filter/inputs.json")
    levels = {
        "complexity": pl.Series([list(map(float, each)) for each in given["complexity_scores"]]),
        "quality": pl.Series([list(map(float, each)) for each in given["quality_scores"]]),
    }
    known = np.ones(len(levels["quality"]), np.bool_)

    found = over_turns(levels, known, "sum")["score"]

    expected = _loaded("deita_filter/expected.json")["final_score"]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)
