import json
from pathlib import Path

import numpy as np

from assay.solvers.arrays import Candidates
from assay.solvers.k_center import k_center

FIXTURE = Path(__file__).parent / "fixtures" / "farthest_points.json"


def test_picks_equal_farthest_point_sampling_of_fpsample() -> None:
    fixture = json.loads(FIXTURE.read_text())
    generator = np.random.Generator(np.random.Philox(fixture["seed"]))
    centers = generator.standard_normal((fixture["clusters"], fixture["width"]))
    members = generator.integers(0, fixture["clusters"], fixture["rows"])
    noise = generator.standard_normal((fixture["rows"], fixture["width"]))
    vectors = centers[members] + 0.5 * noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    picks = fixture["picks"]

    selection = k_center(vectors.astype(np.float32), Candidates(len(picks)), first=picks[0])

    assert selection.indices.tolist() == picks
