"""What methods do when all that is left are copies of chosen rows, whatever a budget is given in.

Six directions that are at right angles, each four times, at ten tokens a row: six rows add
something, and 24 are all.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.components.component import Selector
from assay.methods.combinations.quota import Quota
from assay.methods.geometry.coreset import Coreset
from assay.methods.geometry.coverage import Coverage
from assay.methods.geometry.facility_location import FacilityLocation
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.geometry.log_det import LogDet
from assay.methods.pipelines.superfiltering_diversity import SuperfilteringDiversity
from tests.unit.methods.planted import PlantedScore, PlantedVectors, chosen, planted_engine

_VECTORS = PlantedVectors()
_DIRECTIONS = 6
_COPIES = 4
_BYTES = 40  # ten tokens

METHODS: dict[str, Callable[..., Selector]] = {
    "k_center": lambda **given: KCenterGreedy(vectors=_VECTORS, **given),
    "coreset": lambda **given: Coreset(vectors=_VECTORS, clusters=2, **given),
    "coreset without centres": lambda **given: Coreset(
        vectors=_VECTORS, clusters=2, centre_rule="all", **given
    ),
    "facility_location": lambda **given: FacilityLocation(vectors=_VECTORS, **given),
    "dense facility_location": lambda **given: FacilityLocation(
        vectors=_VECTORS, coverage="dense", **given
    ),
    "coverage": lambda **given: Coverage(vectors=_VECTORS, **given),
    "log_det": lambda **given: LogDet(vectors=_VECTORS, ridge=0.0, **given),
    "rbf log_det": lambda **given: LogDet(vectors=_VECTORS, ridge=0.0, kernel="rbf", **given),
    "superfiltering_diversity": lambda **given: SuperfilteringDiversity(
        quality=PlantedScore(), vectors=_VECTORS, prefilter_count=24, **given
    ),
}
STARTING = {name: make for name, make in METHODS.items() if "start" in type(make()).model_fields}
every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS.keys())


def _rows() -> list[tuple[str, str]]:
    rows = []
    for direction in range(_DIRECTIONS):
        vector = " ".join(str(int(place == direction)) for place in range(_DIRECTIONS))
        for copy in range(_COPIES):
            question = f"{direction}{copy} | {vector}"
            rows.append((question, "1 ".ljust(_BYTES - len(question) - 1, "x")))
    return rows


@every_method
@pytest.mark.parametrize(
    ("budget", "without", "filled"),
    [
        (12, 6, 12),
        ("50%", 6, 12),
        ("120 tokens", 6, 12),
        ("239 tokens", 6, 23),
        ("50 tokens", 5, 5),
        ("240 tokens", 24, 24),
        ("1k tokens", 24, 24),
        (24, 24, 24),
    ],
)
def test_copies_end_the_selection_unless_it_is_to_be_filled_or_all_can_be_had(
    tmp_path: Path, make: Callable[..., Selector], budget: Any, without: int, filled: int
) -> None:
    engine = planted_engine(tmp_path, _rows())

    short, full = (
        chosen(engine, make(budget=budget)),
        chosen(engine, make(budget=budget, fill=True)),
    )

    assert (len(short), len(full)) == (without, filled)
    assert len({name[0] for name in short}) == min(without, _DIRECTIONS)
    assert len({name[0] for name in full}) == min(filled, _DIRECTIONS)
    stop = engine.value(make(budget=budget)).selection.stop
    assert stop == ("no_gain" if without == 6 else "budget" if without == 5 else "exhausted")


@every_method
def test_a_quota_hands_on_what_a_group_of_copies_does_not_want(
    tmp_path: Path, make: Callable[..., Selector]
) -> None:
    # The group "few" holds one direction four times, the group "many" five directions.
    groups = ["few"] * 4 + ["many"] * 20
    engine = planted_engine(tmp_path, _rows(), groups=groups)

    for budget in (6, "60 tokens"):
        quota = Quota(by=make(budget=None), per="task", divide="equal", budget=budget)
        found = chosen(engine, quota)
        assert sorted({name[0] for name in found}) == [str(d) for d in range(_DIRECTIONS)]
        assert len(found) == _DIRECTIONS


@pytest.mark.parametrize("make", STARTING.values(), ids=STARTING.keys())
def test_a_start_that_leaves_nothing_to_add_is_gone_on_with_only_to_fill(
    tmp_path: Path, make: Callable[..., Selector]
) -> None:
    start = KCenterGreedy(vectors=_VECTORS, budget=6)
    engine = planted_engine(tmp_path, _rows())
    begun = chosen(engine, start)

    for budget in (9, "90 tokens"):
        assert chosen(engine, make(budget=budget, start=start)) == begun
        filled = chosen(engine, make(budget=budget, start=start, fill=True))
        assert (filled[:6], len(set(filled))) == (begun, 9)
