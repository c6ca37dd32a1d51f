from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.methods.filters.cuts import Threshold
from assay.methods.filters.semdedup import SemDeDup
from assay.runtime import Runtime
from assay.samples import Reason
from assay.solvers.k_means import k_means
from assay.testing import matrix
from tests.unit.methods.planted import (
    PlantedScore,
    PlantedVectors,
    allowance,
    chosen,
    names,
    planted_engine,
    reasons,
    stream,
)

_VECTORS = PlantedVectors()


def _row(name: str, angle: float, score: int = 1) -> tuple[str, str]:
    radians = np.radians(angle)
    return f"{name} | {np.cos(radians):.4f} {np.sin(radians):.4f}", str(score)


# Two clusters. In the first, a and b lie 5 degrees apart (cosine 0.996) and c 25 from b (0.906);
# the centroid lies at 11.7 degrees: c is farthest from it, then a, then b.
_ROWS = [_row("a", 0, 1), _row("b", 5, 2), _row("c", 30, 3), _row("d", 120, 4), _row("e", 180, 5)]


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("eps", [0.05, 0.1])
@pytest.mark.parametrize("keep", ["hard", "easy"])
def test_500_rows_in_5_clusters_are_treated_by_definition(
    keep: Literal["hard", "easy"], eps: float, greedy: bool
) -> None:
    generator = np.random.Generator(np.random.Philox(4))
    base = generator.standard_normal((120, 16))
    vectors = base[generator.integers(0, 120, 500)]
    vectors += generator.standard_normal((500, 16)) * generator.uniform(0, 0.6, (500, 1))
    groups = k_means(vectors.astype(np.float32), 5, rng=stream())
    selector = SemDeDup(keep=keep, eps=eps, greedy=greedy)

    selection = selector.select(
        allowance(500, barred=[3, 77]), stream(), vectors=matrix(vectors), groups=groups
    )

    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    to_centroid = (unit * groups.centroids[groups.labels]).sum(axis=1)
    gone: set[int] = set()
    for cluster in range(5):
        members = [row for row in np.flatnonzero(groups.labels == cluster) if row not in (3, 77)]
        members.sort(key=lambda row: to_centroid[row] if keep == "hard" else -to_centroid[row])
        for place, row in enumerate(members):
            earlier = [m for m in members[:place] if not (greedy and m in gone)]
            if earlier and (unit[earlier] @ unit[row]).max() > 1 - eps:
                gone.add(int(row))
    assert 50 < len(gone) < 450
    assert selection.rejected[Reason.NEAR_DUPLICATE].tolist() == sorted(gone)
    assert selection.indices.tolist() == sorted({*range(500)} - gone - {3, 77})


@pytest.mark.parametrize(("keep", "kept"), [("hard", "acde"), ("easy", "bcde")])
def test_of_a_pair_the_one_far_from_or_near_to_the_centroid_stays(
    tmp_path: Path, keep: Literal["hard", "easy"], kept: str
) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    selector = SemDeDup(vectors=_VECTORS, clusters=2, keep=keep)

    assert "".join(sorted(chosen(engine, selector))) == kept
    gone = ({*"abcde"} - {*kept}).pop()
    assert reasons(engine, selector)[gone] == Reason.NEAR_DUPLICATE


def test_a_larger_eps_leaves_less(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    # c comes first, and both others are within 0.2 of it.
    found = chosen(engine, SemDeDup(vectors=_VECTORS, clusters=2, eps=0.2))

    assert sorted(found) == ["c", "d", "e"]


def test_a_row_like_one_that_goes_itself_goes_unless_greedy(tmp_path: Path) -> None:
    # One cluster around 57 degrees, from which a is farther than b and b than c. Within 18
    # degrees, at 0.95, lie a and b, and b and c.
    angles = {"a": 0, "b": 15, "c": 30, "d": 70, "e": 100, "f": 130}
    rows = [_row(name, angle) for name, angle in angles.items()]
    engine = planted_engine(tmp_path, rows)

    plain = chosen(engine, SemDeDup(vectors=_VECTORS, clusters=1))
    greedy = chosen(engine, SemDeDup(vectors=_VECTORS, clusters=1, greedy=True))

    assert "".join(sorted(plain)) == "adef"
    assert "".join(sorted(greedy)) == "acdef"


def test_copies_leave_one_and_rows_without_a_vector_stay(tmp_path: Path) -> None:
    rows = [(f"r{place} | 1 0", str(place)) for place in range(4)]
    empty = [(f"z{place} | 0 0", str(place)) for place in range(3)]
    engine = planted_engine(tmp_path, rows + empty)

    found = chosen(engine, SemDeDup(vectors=_VECTORS))

    assert sorted(name[0] for name in found) == ["r", "z", "z", "z"]
    assert found[[name[0] for name in found].index("r")] == next(
        name for name in names(engine) if name[0] == "r"
    )


def test_rows_that_may_not_be_chosen_repeat_nothing(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    inner = Threshold(by=PlantedScore(), low=2)  # leaves out a, of which b is a repeat

    found = chosen(engine, SemDeDup(vectors=_VECTORS, clusters=2, within=inner))

    assert sorted(found) == ["b", "c", "d", "e"]
    fate = reasons(engine, SemDeDup(vectors=_VECTORS, clusters=2, within=inner))
    assert fate["a"] == Reason.BELOW_RULE


def test_a_budget_takes_what_stays_in_order_of_id(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    stay = [name for name in names(engine) if name != "b"]

    record = engine.value(SemDeDup(vectors=_VECTORS, clusters=2, budget=2))

    assert chosen(engine, SemDeDup(vectors=_VECTORS, clusters=2)) == stay
    assert chosen(engine, SemDeDup(vectors=_VECTORS, clusters=2, budget=2)) == stay[:2]
    assert record.selection.nested
    assert record.reason[names(engine).index(stay[2])] == Reason.NOT_CHOSEN
    assert record.reason[names(engine).index("b")] == Reason.NEAR_DUPLICATE


@pytest.mark.parametrize("eps", [0.0, -0.1, 2.0])
def test_an_eps_that_leaves_all_or_nothing_is_refused(eps: float) -> None:
    with pytest.raises(ConfigError, match="eps"):
        SemDeDup(eps=eps)


def test_price_is_that_of_all_pairs_within_clusters(tmp_path: Path) -> None:
    selector = SemDeDup(vectors=_VECTORS, clusters=10)

    assert selector.operations(1000, 1000, Runtime(cache=tmp_path)) == 2.0 * 1000 * 100 * 768
