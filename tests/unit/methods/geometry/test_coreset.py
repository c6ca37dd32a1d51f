import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.engine.engine import Engine
from assay.errors import ConfigError, DataError
from assay.features.clusters import Clusters
from assay.features.text import TokenCounts
from assay.methods.filters.cuts import Threshold
from assay.methods.geometry.coreset import Coreset
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import FloatArray, Reason
from tests.unit.methods.planted import (
    PlantedScore,
    PlantedVectors,
    chosen,
    names,
    planted_engine,
    reasons,
)

_VECTORS = PlantedVectors()
# Three clusters on the axes, of four, three and two rows; x1, y1 and z1 are their middles.
_DIRECTIONS = {
    "x0": (1, 0.3, 0), "x1": (1, 0, 0), "x2": (1, -0.2, 0.1), "x3": (1, -0.1, -0.1),
    "y0": (-0.3, 1, 0), "y1": (0, 1, 0.02), "y2": (0.3, 1, 0),
    "z0": (0, 0.3, 1), "z1": (0, 0.05, 1),
}  # fmt: skip
_ROWS = [
    (f"{name} | {' '.join(map(str, direction))}", str(place))
    for place, (name, direction) in enumerate(_DIRECTIONS.items())
]


def _coreset(**parameters: Any) -> Coreset:
    return Coreset(**{"vectors": _VECTORS, "clusters": 3, "budget": 5, **parameters})


def _project(folder: Path, targets: list[str]) -> Project:
    rows = [{"instruction": prompt, "output": answer} for prompt, answer in _ROWS]
    (folder / "rows.json").write_text(json.dumps(rows))
    lines = [json.dumps({"instruction": f"t | {target}", "output": "1"}) for target in targets]
    (folder / "targets.jsonl").write_text("\n".join(lines) + "\n")
    runtime = Runtime(cache=folder / "cache", workers=1)
    return Project(folder / "p", data=folder / "rows.json", runtime=runtime)


def _distances(engine: Engine) -> FloatArray:
    vectors = np.array([_DIRECTIONS[name] for name in names(engine)], np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances: FloatArray = 1.0 - unit @ unit.T
    return distances


def test_it_begins_with_the_middles_of_clusters_largest_first(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = chosen(engine, _coreset())

    assert found[:2] == ["x1", "y1"]
    assert found[2] in ("z0", "z1")  # both are as near to the mean of the two
    assert len(found) == 5


def test_it_goes_on_with_the_row_farthest_from_all_chosen(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    selection = engine.value(_coreset(budget=9)).selection

    between = _distances(engine)
    assert np.isnan(selection.gains[:3]).all()
    for place in range(3, 9):
        nearest = between[:, selection.indices[:place]].min(axis=1)
        assert nearest[selection.indices[place]] == pytest.approx(nearest.max(), abs=2e-3)
        assert selection.gains[place] == pytest.approx(nearest.max(), abs=2e-3)
    assert selection.stop == "exhausted"


def test_half_a_per_cent_is_chosen_unless_told_and_one_row_at_least(tmp_path: Path) -> None:
    rows = [(f"r{place} | {place + 1} {(place * 7) % 400}", "1") for place in range(400)]
    large = planted_engine(tmp_path / "large", rows)
    small = planted_engine(tmp_path / "small", _ROWS)

    assert len(chosen(large, Coreset(vectors=_VECTORS))) == 2
    assert chosen(small, Coreset(vectors=_VECTORS, clusters=3)) == ["x1"]


def test_a_budget_below_the_number_of_clusters_takes_the_largest(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    record = engine.value(_coreset(budget=2))

    assert chosen(engine, _coreset(budget=2)) == ["x1", "y1"]
    assert record.selection.stop == "budget"


def test_without_a_centre_rule_it_is_k_center_from_the_middle_of_all(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    selection = engine.value(_coreset(centre_rule="all")).selection

    between = _distances(engine)
    for place in range(1, 5):
        nearest = between[:, selection.indices[:place]].min(axis=1)
        assert nearest[selection.indices[place]] == pytest.approx(nearest.max(), abs=2e-3)
    assert np.isnan(selection.gains).tolist() == [True, False, False, False, False]


@pytest.mark.parametrize("rule", ["nearest_to_centroid", "all"])
def test_a_smaller_budget_gives_a_prefix(tmp_path: Path, rule: str) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    whole = engine.value(_coreset(budget=9, centre_rule=rule)).selection

    parts = [
        engine.value(_coreset(budget=count, centre_rule=rule)).selection for count in range(1, 9)
    ]

    assert whole.nested
    for count, part in enumerate(parts, start=1):
        assert part.indices.tolist() == whole.indices[:count].tolist()


@pytest.mark.parametrize(
    ("target", "share", "kept"),
    [("0 0 1", 0.1, "z"), ("0 0.4 1", 0.5, "yz"), ("1 0.2 0", 0.4, "x"), ("1 0.2 0", 0.5, "xy"),
     ("1 0.2 0", 1.0, "xyz")],
)  # fmt: skip
def test_only_the_clusters_nearest_to_the_target_are_kept(
    tmp_path: Path, target: str, share: float, kept: str
) -> None:
    project = _project(tmp_path, [target])
    selector = _coreset(target=str(tmp_path / "targets.jsonl"), kept_share=share, budget=9)

    fate = reasons(project.engine, selector)

    assert {name[0] for name, reason in fate.items() if reason == Reason.OK} == {*kept}
    left_out = {reason for name, reason in fate.items() if name[0] not in kept}
    assert left_out <= {Reason.OFF_TARGET}


def test_the_target_is_the_mean_of_its_rows_and_empty_ones_do_not_count(tmp_path: Path) -> None:
    # Lengths do not count either: two rows towards y outweigh a long one towards x.
    project = _project(tmp_path, ["9 0 0", "0 1 0.1", "0 0 0", "0 1 0"])
    selector = _coreset(target=str(tmp_path / "targets.jsonl"), kept_share=0.3)

    assert {name[0] for name in chosen(project.engine, selector)} == {"y"}


def test_a_target_without_a_vector_is_refused(tmp_path: Path) -> None:
    project = _project(tmp_path, ["0 0 0"])

    with pytest.raises(DataError, match=r"targets\.jsonl has no row with a vector"):
        project.engine.value(_coreset(target=str(tmp_path / "targets.jsonl")))


def test_a_task_of_the_pool_is_as_good_as_a_target(tmp_path: Path) -> None:
    tasks = [{"x": "chat", "y": "sums", "z": "rhymes"}[prompt[0]] for prompt, _ in _ROWS]
    engine = planted_engine(tmp_path, _ROWS, groups=tasks)

    found = chosen(engine, _coreset(task="rhymes", budget=2))

    assert sorted(found) == ["z0", "z1"]


def test_rows_like_the_task_are_kept_whatever_they_are_called(tmp_path: Path) -> None:
    tasks = ["sums" if prompt.startswith("y1") else "" for prompt, _ in _ROWS]
    engine = planted_engine(tmp_path, _ROWS, groups=tasks)

    assert sorted(chosen(engine, _coreset(task="sums", budget=9))) == ["y0", "y1", "y2"]


def test_rows_that_may_not_be_chosen_do_not_tell_what_the_task_is(tmp_path: Path) -> None:
    tasks = ["sums" if prompt[:2] in ("x0", "x1", "y1") else "" for prompt, _ in _ROWS]
    engine = planted_engine(tmp_path, _ROWS, groups=tasks)
    inner = Threshold(by=PlantedScore(), low=2)  # leaves out x0 and x1

    found = chosen(engine, _coreset(task="sums", budget=3, within=inner))

    assert sorted(found) == ["y0", "y1", "y2"]


def test_a_task_that_no_row_has_is_refused_with_the_nearest(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=["sums"] * 9)

    with pytest.raises(ConfigError) as error:
        engine.value(_coreset(task="sum"))

    assert "'sum'" in error.value.message
    assert error.value.hint == "did you mean 'sums'?"


@pytest.mark.parametrize(("groups", "hint"), [(["far"] * 9, "'far'"), ([], "no row has one")])
def test_a_task_unlike_all_others_is_refused_with_those_there_are(
    tmp_path: Path, groups: list[str], hint: str
) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=groups)

    with pytest.raises(ConfigError) as error:
        engine.value(_coreset(task="multiplication"))

    assert hint in str(error.value.hint)


def test_target_and_task_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="not by both"):
        Coreset(target="a.jsonl", task="sums")


def test_only_rows_that_may_be_chosen_are_kept_and_covered(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    inner = Threshold(by=PlantedScore(), low=2)  # leaves out x0 and x1

    found = chosen(engine, _coreset(budget=7, within=inner))

    assert sorted(found) == ["x2", "x3", "y0", "y1", "y2", "z0", "z1"]
    # The largest cluster is now that of y.
    assert chosen(engine, _coreset(budget=1, within=inner)) == ["y1"]


def test_rows_without_a_vector_are_never_chosen(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS, ("w0 | 0 0 0", "1"), ("w1 | 0 0 0", "2")])

    record = engine.value(_coreset(budget=11))

    fate = reasons(engine, _coreset(budget=11))
    assert (fate["w0"], fate["w1"]) == (Reason.NO_WORDS, Reason.NO_WORDS)
    assert (len(record.selection.indices), record.selection.stop) == (9, "exhausted")


def test_copies_end_the_selection_unless_it_is_to_be_filled(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [(f"r{place} | 1 0", "1") for place in range(5)])

    short = engine.value(_coreset(budget=3)).selection
    full = engine.value(_coreset(budget=3, fill=True)).selection

    assert (short.indices.tolist(), short.stop) == ([0], "no_gain")
    assert (full.indices.tolist(), full.stop) == ([0, 1, 2], "budget")


def test_every_prefix_is_the_answer_for_its_own_cost_in_tokens(tmp_path: Path) -> None:
    rows = [(prompt, f"{answer} {'x' * (9 * int(answer) % 40)}") for prompt, answer in _ROWS]
    engine = planted_engine(tmp_path, rows)
    costs = engine.value(TokenCounts())["total"]
    whole = engine.value(_coreset(budget="70 tokens"))

    indices = whole.selection.indices
    assert 5 < len(indices) < 9
    assert whole.facts["tokens"] == costs[indices].sum() <= 70
    for length in range(1, len(indices)):
        spent = int(costs[indices[:length]].sum())
        part = engine.value(_coreset(budget=f"{spent} tokens")).selection
        assert part.indices.tolist() == indices[:length].tolist()


def test_every_chosen_row_lies_in_a_cluster_that_is_kept(tmp_path: Path) -> None:
    generator = np.random.Generator(np.random.Philox(8))
    vectors = generator.standard_normal((200, 6)).round(3)
    rows = [(f"r{place} | {' '.join(map(str, row))}", "1") for place, row in enumerate(vectors)]
    tasks = ["wanted" if row[0] > 1 else "" for row in vectors]
    engine = planted_engine(tmp_path, rows, groups=tasks)

    record = engine.value(Coreset(vectors=_VECTORS, clusters=12, task="wanted", budget=30))

    groups = engine.value(Clusters(vectors=_VECTORS, count=12))
    order = [int(name[1:]) for name in names(engine)]
    unit = vectors[order] / np.linalg.norm(vectors[order], axis=1, keepdims=True)
    mean = unit[vectors[order][:, 0] > 1].sum(axis=0)
    nearest = np.argsort(-(groups.centroids @ mean)).tolist()
    sizes = np.bincount(groups.labels)
    kept = [label for place, label in enumerate(nearest) if sizes[nearest[:place]].sum() < 20]
    assert set(groups.labels[record.selection.indices].tolist()) <= set(kept)
    inside = np.isin(groups.labels, kept)
    assert (record.reason == Reason.OFF_TARGET).tolist() == (~inside).tolist()


def test_price_is_that_of_the_kept_rows(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path)
    whole, part = _coreset(), _coreset(task="sums", kept_share=0.1)

    assert whole.operations(1000, 50, runtime) == 2.0 * 1000 * 50 * 768
    assert part.operations(1000, 50, runtime) == pytest.approx(2.0 * 100 * 50 * 768)
