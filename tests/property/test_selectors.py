"""What every selector must keep, whatever the rows: budget, no repeats, reasons, order, nesting."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.components.component import Selector
from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.combination import RankMean, WeightedSum
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.attributes import Everything, Where
from assay.methods.filters.cuts import Band, Threshold
from assay.methods.filters.deduplicate import Deduplicate
from assay.methods.filters.semdedup import SemDeDup
from assay.methods.geometry.coverage import Coverage
from assay.methods.geometry.dataset_quantization import DatasetQuantization
from assay.methods.geometry.facility_location import FacilityLocation
from assay.methods.geometry.graph_cut import GraphCut
from assay.methods.geometry.k_center import KCenterGreedy
from assay.methods.geometry.log_det import LogDet
from assay.methods.likelihood.perplexity_pruning import PerplexityPruning
from assay.methods.pipelines.deita_filter import DeitaFilter
from assay.methods.pipelines.superfiltering_diversity import SuperfilteringDiversity
from assay.outcomes import SelectionRecord
from assay.samples import Reason
from tests.unit.methods.planted import PlantedLoss, PlantedScore, PlantedVectors, planted_engine

_VECTORS = PlantedVectors()
_BOTH = (PlantedScore(), PlantedLoss())
Make = Callable[[Any], Selector]

METHODS: dict[str, Make] = {
    "random": lambda budget: RandomSample(budget=budget, seed=3),
    "top_score": lambda budget: TopScore(by=PlantedScore(), budget=budget),
    "ruled": lambda budget: TopScore(by=PlantedLoss(), budget=budget, rule=Rule(at_least=2)),
    "rank_mean": lambda budget: TopScore(by=RankMean(of=_BOTH, weights=(2, 1)), budget=budget),
    "weighted_sum": lambda budget: TopScore(by=WeightedSum(of=_BOTH), budget=budget),
    "threshold": lambda budget: Threshold(by=PlantedScore(), low=1, high=4, budget=budget),
    "band": lambda budget: Band(by=PlantedScore(), low=0.2, high=0.9, budget=budget),
    "everything": lambda budget: Everything(budget=budget),
    "where": lambda budget: Where(attribute="task", values=("a",), budget=budget),
    "deduplicate": lambda budget: Deduplicate(prefer=PlantedScore(), budget=budget),
    "quota": lambda budget: Quota(by=TopScore(by=PlantedScore()), per="task", budget=budget),
    "equal_quota": lambda budget: Quota(
        by=RandomSample(), per="task", divide="equal", budget=budget
    ),
    "k_center": lambda budget: KCenterGreedy(vectors=_VECTORS, budget=budget),
    "filled_k_center": lambda budget: KCenterGreedy(vectors=_VECTORS, budget=budget, fill=True),
    "facility_location": lambda budget: FacilityLocation(vectors=_VECTORS, budget=budget),
    "dense_facility_location": lambda budget: FacilityLocation(
        vectors=_VECTORS, coverage="dense", budget=budget
    ),
    "quality": lambda budget: FacilityLocation(
        vectors=_VECTORS, quality=PlantedScore(), budget=budget
    ),
    "graph_cut": lambda budget: GraphCut(vectors=_VECTORS, budget=budget),
    "dataset_quantization": lambda budget: DatasetQuantization(
        vectors=_VECTORS, bins=3, budget=budget
    ),
    "log_det": lambda budget: LogDet(vectors=_VECTORS, budget=budget),
    "coverage": lambda budget: Coverage(vectors=_VECTORS, budget=budget),
    "semdedup": lambda budget: SemDeDup(vectors=_VECTORS, clusters=2, budget=budget),
    "deita_filter": lambda budget: DeitaFilter(by=PlantedScore(), vectors=_VECTORS, budget=budget),
    "superfiltering_diversity": lambda budget: SuperfilteringDiversity(
        quality=PlantedScore(), vectors=_VECTORS, budget=budget
    ),
    "perplexity_pruning": lambda budget: PerplexityPruning(
        by=PlantedScore(), keep="mid", budget=budget
    ),
    "within": lambda budget: TopScore(
        by=PlantedScore(), budget=budget, within=Threshold(by=PlantedScore(), low=2)
    ),
}
every_method = pytest.mark.parametrize("make", METHODS.values(), ids=METHODS.keys())
few = settings(max_examples=6, derandomize=True)

_SMALL = st.integers(-2, 2)
_ROW = st.tuples(_SMALL, _SMALL, st.integers(0, 5), st.sampled_from("ab"), st.booleans())
Rows = list[tuple[int, int, int, str, bool]]
ROWS = st.lists(_ROW, min_size=1, max_size=12)


def _engine(folder: Path, rows: Rows) -> Engine:
    """Return an engine over rows: two coordinates, a score, a task; some without a score."""
    texts = [
        # Rows of equal numbers have equal text: they are copies, not namesakes.
        (f"{task}{x}{y} | {x} {y} 1", "none" if missing and score == 0 else f"{score} x")
        for x, y, score, task, missing in rows
    ]
    return planted_engine(folder, texts, groups=[task for *_, task, _ in rows])


def _select(rows: Rows, selector: Selector) -> tuple[Engine, SelectionRecord]:
    with tempfile.TemporaryDirectory() as folder:
        engine = _engine(Path(folder), rows)
        return engine, engine.value(selector)


@every_method
@few
@given(ROWS, st.integers(0, 14))
def test_the_budget_is_kept_and_no_row_repeats(make: Make, rows: Rows, budget: int) -> None:
    budget = min(budget, len(rows))

    _, record = _select(rows, make(budget))

    indices = record.selection.indices
    assert len(indices) <= budget
    assert len(set(indices.tolist())) == len(indices) == len(record.selection.gains)
    if record.selection.stop == "budget":
        assert len(indices) == budget
    if record.selection.stop == "exhausted" and not record.selection.rejected:
        assert len(indices) == record.eligible


@every_method
@few
@given(ROWS, st.integers(1, 60))
def test_a_token_budget_is_kept(make: Make, rows: Rows, tokens: int) -> None:
    _, record = _select(rows, make(f"{tokens} tokens"))

    assert 0 <= record.facts["tokens"] <= tokens


@every_method
@few
@given(ROWS, st.integers(1, 12))
def test_every_row_has_a_reason_unless_it_was_chosen(make: Make, rows: Rows, budget: int) -> None:
    _, record = _select(rows, make(min(budget, len(rows))))

    chosen = set(record.selection.indices.tolist())
    assert {place for place, reason in enumerate(record.reason) if reason == 0} == chosen
    counts = np.bincount(record.reason, minlength=256)
    assert counts.sum() == len(rows)
    allowed = {reason for reason in Reason if reason.kind in ("nature", "selection")}
    assert {Reason(reason) for reason in record.reason if reason} <= allowed


@every_method
@few
@given(ROWS, st.integers(1, 12), st.integers(1, 12))
def test_a_nested_selection_begins_with_the_one_of_a_smaller_budget(
    make: Make, rows: Rows, one: int, other: int
) -> None:
    sizes = sorted((min(one, len(rows)), min(other, len(rows))))

    (_, small), (_, large) = (_select(rows, make(size)) for size in sizes)

    if large.selection.nested:
        count = len(small.selection.indices)
        assert large.selection.indices[:count].tolist() == small.selection.indices.tolist()


@every_method
@few
@given(ROWS, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_the_file_changes_nothing(
    make: Make, rows: Rows, budget: int, random: Any
) -> None:
    _is_the_same_in_another_order(make(min(budget, len(rows))), rows, random)


@pytest.mark.parametrize(
    "name",
    ["quota", "equal_quota", "facility_location", "coverage", "superfiltering_diversity"],
)
@few
@given(ROWS, st.integers(1, 60), st.randoms(use_true_random=False))
def test_the_order_of_the_file_changes_nothing_under_a_token_budget(
    name: str, rows: Rows, tokens: int, random: Any
) -> None:
    _is_the_same_in_another_order(METHODS[name](f"{tokens} tokens"), rows, random)


def _is_the_same_in_another_order(selector: Selector, rows: Rows, random: Any) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)

    (engine, record), (other, again) = _select(rows, selector), _select(shuffled, selector)

    ids = engine.pool.ids[record.selection.indices].tolist()
    assert other.pool.ids[again.selection.indices].tolist() == ids
    assert again.reason.tolist() == record.reason.tolist()
    assert np.array_equal(again.selection.gains, record.selection.gains, equal_nan=True)
    assert (again.selection.stop, again.eligible) == (record.selection.stop, record.eligible)
