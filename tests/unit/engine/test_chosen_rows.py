"""Rows that are chosen from any dataset: as if there were no others."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Chosen, Dataset, FileSet, Given, Scorer, Selector, build
from assay.components.references import name_of
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.engine.row_steps import rows_of
from assay.errors import PlanError, in_python, joined, spelled
from assay.features.embeddings import Embeddings
from assay.features.quantization_bins import QuantizationBins
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.top_score import TopScore
from assay.outcomes import ScoreTable
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.stores.results import Results
from assay.values import Numbers
from tests import toys
from tests.rows import make_pool
from tests.toys import ToyLength, ToyMean, ToyScore, ToyVectors

_PAIRS = [(f"question {n:02d}", "x" * (n + 1)) for n in range(30)]
_OTHERS = [(f"asked {n:02d}", "y" * (2 * n + 1)) for n in range(12)]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    toys.READ.clear()
    toys.COMPUTED.clear()
    yield


@pytest.fixture
def file(tmp_path: Path) -> FileSet:
    path = tmp_path / "others.jsonl"
    path.write_text("stands for the rows that the engine is given\n")
    return FileSet(source=str(path))


def _engine(
    folder: Path,
    rows: Sequence[tuple[str, str]] = _PAIRS,
    *,
    others: Sequence[tuple[str, str]] = _OTHERS,
    hold_out: float = 0.0,
) -> Engine:
    pool = make_pool(folder / "own", rows, hold_out=hold_out)
    other = make_pool(folder / "other", others)
    runtime = Runtime(cache=folder / "cache", workers=1)
    return Engine(
        pool, runtime, results=Results(folder / "project"), open_file=lambda dataset: other
    )


def _texts(engine: Engine, dataset: Dataset) -> list[str]:
    view = engine.view(engine.resolve(dataset))
    return [conversation.instruction for conversation in view.conversations()]


def _longest(count: int | str, **fields: Any) -> Selector:
    return TopScore(by=ToyScore(), budget=count, **fields)


def test_rows_are_chosen_from_a_file_as_an_engine_over_it_would(
    file: FileSet, tmp_path: Path
) -> None:
    engine = _engine(tmp_path)
    dataset = Chosen(by=_longest("25%"), of=file)

    view = engine.view(engine.resolve(dataset))

    assert sorted(_texts(engine, dataset)) == ["asked 09", "asked 10", "asked 11"]
    assert np.all(np.diff(view.positions) > 0)
    assert sorted(set(toys.READ)) == [prompt for prompt, _ in _OTHERS]
    assert not list((tmp_path / "project").rglob("*.parquet"))


def test_a_feature_of_such_rows_is_kept_by_their_texts(file: FileSet, tmp_path: Path) -> None:
    engine = _engine(tmp_path, [*_PAIRS, _OTHERS[11], _OTHERS[3]])
    engine.value(ToyLength())
    toys.READ.clear()

    lengths = engine.value(ToyLength().at(Chosen(by=RandomSample(budget=8, seed=3), of=file)))

    known = {_OTHERS[11][0], _OTHERS[3][0]}
    read = set(toys.READ)
    answers = dict(_OTHERS)
    asked = _texts(engine, Chosen(by=RandomSample(budget=8, seed=3), of=file))
    assert lengths["length"].tolist() == [len(answers[text]) for text in asked]
    assert set(asked) - known <= read


@pytest.mark.parametrize(
    "second", [_longest(4), RandomSample(budget=4, seed=5), _longest(10)], ids=str
)
@pytest.mark.parametrize("hold_out", [0.0, 0.3])
def test_a_number_of_the_rows_that_another_selection_chose_is_what_within_gives(
    second: Selector, hold_out: float, tmp_path: Path
) -> None:
    engine = _engine(tmp_path, [*_PAIRS, *_PAIRS[4:8]], hold_out=hold_out)
    first = RandomSample(budget=10, seed=1)

    apart = engine.view(engine.resolve(Chosen(by=second, of=Chosen(by=first))))
    within = engine.view(engine.resolve(Chosen(by=second.model_copy(update={"within": first}))))

    assert apart.ids.tolist() == within.ids.tolist()
    assert apart.pool is engine.pool
    assert not engine.pool.held_out[apart.positions].any()


def test_a_share_is_one_of_the_rows_that_are_left(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    first = _longest(10)

    half = Chosen(by=_longest("50%"), of=Chosen(by=first))
    half_of_that = Chosen(by=_longest("40%"), of=half)

    assert sorted(_texts(engine, half)) == [f"question {n}" for n in range(25, 30)]
    assert sorted(_texts(engine, half_of_that)) == ["question 28", "question 29"]
    assert [rows_of(engine, engine.resolve(each)) for each in (half, half_of_that)] == [5, 2]


class AboveMean(Scorer):
    """The first number of a row's vector less the mean of all rows."""

    name = "above_mean"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    def requires(self) -> dict[str, Component]:
        return {"vectors": ToyVectors().at(Given()), "mean": ToyMean()}

    def score(self, *, vectors: Any, mean: FloatArray) -> FloatArray:
        return np.abs(vectors.rows(slice(None))[:, 1] - mean[1])


def test_what_compares_rows_sees_these_alone(file: FileSet, tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    alone = Engine(
        make_pool(tmp_path / "again", _OTHERS), Runtime(cache=tmp_path / "cache 2", workers=1)
    )
    farthest = TopScore(by=AboveMean(), budget=3)

    assert engine.view(engine.resolve(Chosen(by=farthest, of=file))).ids.tolist() == sorted(
        alone.pool.ids[alone.value(farthest).selection.indices].tolist()
    )
    # The value over the file's rows is not taken for that over the pool's.
    assert engine.value(ToyMean()).tolist() != alone.value(ToyMean()).tolist()


def test_bins_of_rows_that_were_chosen_twice_are_read_at_their_places(tmp_path: Path) -> None:
    vectors = Embeddings()
    engine = _engine(tmp_path)
    some = Chosen(by=RandomSample(budget=20, seed=2))
    fewer = Chosen(by=RandomSample(budget=12, seed=4), of=some)
    plain = engine.resolve(
        Chosen(by=RandomSample(budget=12, seed=4, within=RandomSample(budget=20, seed=2)))
    )

    twice = engine.value(QuantizationBins(vectors=vectors, bins=3, dataset=fewer))

    once = engine.value(QuantizationBins(vectors=vectors, bins=3, dataset=plain))
    assert [np.asarray(each).tolist() for each in twice] == [
        np.asarray(each).tolist() for each in once
    ]


def test_names_are_pinned_by_the_rows_that_are_chosen_from(file: FileSet, tmp_path: Path) -> None:
    known = [(f"Tell me about the wave and the shore {n}", "The tide is high") for n in range(9)]
    unknown = [(f"qzxv {n} wqkzj xvqq jzkw", "vqxz kjwq zzxq") for n in range(9)]
    engine = _engine(tmp_path, known, others=unknown)
    by = build({"method": "k_center", "budget": 2}, "selector")

    resolved: Any = engine.resolve(Chosen(by=by, of=file))
    own: Any = engine.resolve(Chosen(by=by))

    assert name_of(resolved.by.vectors.model) == "assay:encoder-spelled"
    assert name_of(own.by.vectors.model) == "assay:encoder"
    assert engine.resolve(resolved) == resolved
    assert len(engine.view(resolved)) == 2


class AboveChosen(Scorer):
    """The length of the answer over that of the longest of some other rows."""

    name = "above_chosen"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    others: Dataset
    """Other rows."""

    def requires(self) -> dict[str, Component]:
        return {"own": ToyLength(), "best": ToyLength().at(self.others)}

    def score(self, *, own: Numbers, best: Numbers) -> FloatArray:
        length: FloatArray = own["length"]
        return length / float(best["length"].max())


def test_a_score_that_reads_such_rows_is_kept_and_the_rows_are_not_chosen_again(
    file: FileSet, tmp_path: Path
) -> None:
    scorer = AboveChosen(
        others=Chosen(by=RandomSample(budget=3), of=Chosen(by=_longest(6), of=file))
    )
    first: ScoreTable = _engine(tmp_path).value(scorer)
    toys.READ.clear()

    engine = _engine(tmp_path)
    again: ScoreTable = engine.value(scorer)

    assert again.main.values.tolist() == first.main.values.tolist()
    assert toys.READ == []
    assert not engine.rows_known(engine.resolve(scorer).others)


def test_a_plan_prices_such_rows_by_their_budget_and_what_choosing_them_takes(
    file: FileSet, tmp_path: Path
) -> None:
    engine = _engine(tmp_path)
    of_file = Chosen(by=TopScore(by="longest_response", budget=3), of=file)

    found = plan(engine, [ToyLength().at(of_file), ToyLength().at(Chosen(by=_longest(7)))])

    steps = [(step.name, step.rows) for step in found.steps]
    assert steps == [
        ("lengths", 12),
        ("top_score", 12),
        ("toy_length", 3),
        ("toy_length", 30),
        ("top_score", 30),
        ("toy_length", 7),
    ]
    assert found.seconds is not None
    assert not engine.rows_known(engine.resolve(of_file))


def test_a_plan_of_more_rows_scales_the_pools_own_alone(file: FileSet, tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    own = Chosen(by=_longest("50%"), of=Chosen(by=RandomSample(budget="10%")))
    others = Chosen(by=RandomSample(budget="50%"), of=file)

    found = plan(engine, [ToyVectors().at(own), ToyVectors().at(others)], rows=3000)

    assert [step.rows for step in found.steps if step.name == "toy_vectors"] == [150, 6]


def test_a_plan_tells_what_stands_in_the_way_of_choosing(file: FileSet, tmp_path: Path) -> None:
    engine = _engine(tmp_path)

    found = plan(engine, [ToyLength().at(Chosen(by=RandomSample(budget=100), of=file))])

    refusals = spelled(joined(found.refusals), in_python)
    assert "asks for 100 samples, the pool has 12" in refusals


def test_what_is_read_of_chosen_rows_alone_cannot_be_of_another_file(
    file: FileSet, tmp_path: Path
) -> None:
    with pytest.raises(PlanError, match="toy_length is to be computed among rows"):
        _engine(tmp_path).value(ToyLength().at(file).among(_longest(3)))


def test_part_of_a_pool_reads_the_rows_it_holds(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, [*_PAIRS, _PAIRS[2]], hold_out=0.2)
    index = np.array([1, 4, 5, 17])

    part = pool.without_held_out().part(index)

    expected = pool.without_held_out().conversations(index)
    assert part.conversations(np.arange(4)) == expected
    assert part.ids.tolist() == pool.without_held_out().ids[index].tolist()
    assert part.column("task").to_list() == pool.without_held_out().column("task")[index].to_list()
    assert part.context != pool.context
    assert part.hidden == 0
