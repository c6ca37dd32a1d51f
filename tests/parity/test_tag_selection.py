"""MIG against what the authors' own code picked of the same rows and vectors of tags."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.budget import Allowance
from assay.features.tag_field import TagField
from assay.methods.judged.mig import MIG
from assay.solvers.nearest import neighbors_above
from assay.tags import Tags
from assay.testing import scores

_REFERENCE = Path(__file__).parents[2] / "../shared/data/parity/reference/mig"
_OURS = {
    "default_norm_b0": {"per_tag": "divided"},
    "default_norm_b17": {"per_tag": "divided"},
    "cli_norm_false_b0": {},
    "exp_phi_b0": {"per_tag": "divided", "growth": "exponential"},
    "prop05_b0": {"per_tag": "divided", "propagation": 0.5},
}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not _REFERENCE.is_dir(), reason="needs the reference values of ../shared/data/parity"
    ),
]


def _read(name: str) -> Any:
    return json.loads((_REFERENCE / name).read_text())


def test_every_recorded_run_is_one_of_these() -> None:
    assert set(_read("expected.json")["runs"]) == set(_OURS)


@pytest.mark.parametrize("run", _OURS)
def test_the_picks_are_the_authors_in_order(run: str) -> None:
    inputs, expected = _read("inputs.json"), _read("expected.json")["runs"][run]
    tags = Tags.of([point["labels"] for point in inputs["points"]])
    graph = neighbors_above(np.load(_REFERENCE / "tag_embeddings_24x16.npy"), 0.9)
    quality = scores([point["score"] for point in inputs["points"]])
    method = MIG(tags=TagField(field="tags"), quality="longest_response", **_OURS[run])  # type: ignore[arg-type]

    found = method.select(
        Allowance(np.ones(len(tags), np.bool_), len(expected["ids_in_order"])),
        np.random.Generator(np.random.Philox(0)),
        tags=tags,
        graph=graph,
        quality=quality,
    )

    assert list(tags.names) == inputs["tags"]
    assert found.indices.tolist() == expected["ids_in_order"]
