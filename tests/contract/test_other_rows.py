"""Rows of another dataset never speak for the pool's own, however many they are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from assay.agreement.sample_reading import SampleReading
from assay.components.base import Component, NoPaper, Paper
from assay.components.component import FileSet, Scorer, Selector, build
from assay.components.registry import components
from assay.engine import settling
from assay.engine.engine import Engine
from assay.methods.combinations.top_score import TopScore
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.pool import Pool
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import FloatArray, Reason
from assay.values import Numbers
from tests.contract.test_components import (
    _MINIMUM,
    NAMES_NO_MODEL,
    skip_where_it_cannot_run,
)
from tests.judge_servers import NAME, OLD_OLLAMA, StubJudge, serving_judge
from tests.rows import make_pool
from tests.toys import ToyLength

ROWS = 36  # as many as a head needs
_PAIRS = [(f"Question {n} about the sea", f"an answer of {'many ' * n}words") for n in range(ROWS)]
_ELSEWHERE = FileSet(source="elsewhere.jsonl")
_OTHER_SIZES = (ROWS - 5, ROWS)
_TAGS = {"tags": {"method": "tag_field", "file": "tags.jsonl", "match": "text"}}
"""The rows are made of questions and answers, so their tags stand in a file."""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = [{"instruction": f"Ask {n}", "response": "so"} for n in range(4)]
    Path("questions.jsonl").write_text("\n".join(map(json.dumps, asked)) + "\n")
    Path("elsewhere.jsonl").write_text(json.dumps({"instruction": "a", "response": "b"}) + "\n")
    Path("ratings.csv").write_text("id,rating\nn1,2\n")
    tagged = [{"id": asked, "tags": ["sea", "question", asked]} for asked, _ in _PAIRS[1:]]
    Path("tags.jsonl").write_text("\n".join(map(json.dumps, tagged)) + "\n")


class Pools(NamedTuple):
    """The pool, a file of other rows of each size, and a file of questions."""

    own: Pool
    other: Mapping[int, Pool]
    asked: Pool


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Pools:
    folder = tmp_path_factory.mktemp("pools")
    # No other row has an answer, so each has a reason; and every one of them is flagged otherwise.
    other = {
        count: make_pool(folder / f"other-{count}", [(f"other {n}", "") for n in range(count)])
        for count in _OTHER_SIZES
    }
    asked = make_pool(folder / "asked", [("What is the sea", "so")])
    return Pools(make_pool(folder / "own", _PAIRS), other, asked)


class _Judge(StubJudge):
    """Finds every row worth three."""

    def answer(self, route: str, question: Mapping[str, Any]) -> tuple[int, Any]:
        """Return status and JSON."""
        if "[BEGIN " not in json.dumps(question):
            return super().answer(route, question)
        choice = {"message": {"content": "3\nSo it is."}, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}


@pytest.fixture(scope="module")
def judge() -> Iterator[str]:
    with serving_judge(_Judge(OLD_OLLAMA)) as base:
        yield f"{base}#{NAME}@1"


def _asking(described: Any, judge: str) -> Any:
    """Return a description whose judges are one that answers."""
    if isinstance(described, dict):
        return {name: _asking(value, judge) for name, value in described.items()}
    return judge if isinstance(described, str) and described.startswith("http") else described


def _engine(tmp_path: Path, pools: Pools, other_rows: int) -> Engine:
    files: Mapping[bool, Pool] = {True: pools.other[other_rows], False: pools.asked}
    return Engine(
        pools.own,
        Runtime(cache=tmp_path / "cache", workers=1, max_unscored=1.0),
        open_file=lambda dataset: files["elsewhere" in dataset.source],
    )


def _methods(kind: type[Component]) -> list[Any]:
    return [
        pytest.param(_described(found), id=found.name)
        for found in components()
        if issubclass(found, kind)
        and found.__module__.startswith("assay.")
        and found.name not in NAMES_NO_MODEL
    ]


def _described(method: type[Component]) -> dict[str, Any]:
    tags = _TAGS if "tags" in method.model_fields else {}
    return {"method": method.name, **_MINIMUM.get(method.name, {}), **tags}


def _reading_elsewhere(component: Component, extra: str) -> Any:
    """Return a component that also requires a feature of other rows, and leaves it alone."""
    kind: Any = type(component)

    class Beside(kind):  # type: ignore[misc]
        def requires(self) -> dict[str, Component | Sequence[Component]]:
            return {extra: ToyLength().at(_ELSEWHERE), **super().requires()}

        def score(self, **needs: Any) -> Any:
            assert len(needs.pop(extra)) in _OTHER_SIZES
            return super().score(**needs)

        def select(self, allowance: Any, rng: Any, **needs: Any) -> Any:
            assert len(needs.pop(extra)) in _OTHER_SIZES
            return super().select(allowance, rng, **needs)

    return Beside(**{name: getattr(component, name) for name in kind.model_fields})


@pytest.mark.parametrize("other_rows", _OTHER_SIZES)
@pytest.mark.parametrize("described", _methods(Scorer))
def test_a_score_takes_no_reason_from_other_rows(
    described: dict[str, Any], other_rows: int, pools: Pools, tmp_path: Path, judge: str
) -> None:
    scorer = build(_asking(described, judge), "scorer")
    assert isinstance(scorer, Scorer)
    skip_where_it_cannot_run(scorer)

    plain: ScoreTable = _engine(tmp_path / "plain", pools, other_rows).value(scorer)
    beside: ScoreTable = _engine(tmp_path / "beside", pools, other_rows).value(
        _reading_elsewhere(scorer, "elsewhere")
    )

    for name, column in plain.columns.items():
        found = beside.columns[name]
        assert np.array_equal(found.values, column.values, equal_nan=True)
        assert found.reason.tolist() == column.reason.tolist()
        assert np.array_equal(found.flags, column.flags)  # type: ignore[arg-type]


@pytest.mark.parametrize("other_rows", _OTHER_SIZES)
@pytest.mark.parametrize("described", _methods(Selector))
def test_a_selection_takes_no_reason_from_other_rows(
    described: dict[str, Any], other_rows: int, pools: Pools, tmp_path: Path, judge: str
) -> None:
    selector = build(_asking(described, judge) | {"budget": 4}, "selector")
    skip_where_it_cannot_run(selector)

    plain: SelectionRecord = _engine(tmp_path / "plain", pools, other_rows).value(selector)
    beside: SelectionRecord = _engine(tmp_path / "beside", pools, other_rows).value(
        _reading_elsewhere(selector, "elsewhere")
    )

    assert beside.selection.indices.tolist() == plain.selection.indices.tolist()
    assert beside.reason.tolist() == plain.reason.tolist()
    assert beside.eligible == plain.eligible


class AboveTarget(Scorer):
    """The length of the answer over the mean length of another file's answers."""

    name = "above_target"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    def requires(self) -> dict[str, Component]:
        return {"own": ToyLength(), "target": ToyLength().at(_ELSEWHERE)}

    def score(self, *, own: Numbers, target: Numbers) -> FloatArray:
        assert len(target) == np.count_nonzero(target.reason) + 1
        length: FloatArray = own["length"]
        return length / float(np.nanmean(target["length"]))


class BesideTarget(Scorer):
    """The same, where what it requires comes as a sequence of both."""

    name = "beside_target"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    def requires(self) -> dict[str, Sequence[Component]]:
        return {"both": [ToyLength().at(_ELSEWHERE), ToyLength()]}

    def score(self, *, both: Sequence[Numbers]) -> FloatArray:
        target, own = both
        length: FloatArray = own["length"]
        return length / float(np.nanmean(target["length"]))


def _target_engine(tmp_path: Path) -> Engine:
    own = [("a", ""), *((f"q{n}", "x" * (n + 1)) for n in range(7))]
    target = make_pool(tmp_path / "target", [*((f"t{n}", "") for n in range(7)), ("t", "y" * 4)])
    return Engine(
        make_pool(tmp_path / "own", own),
        Runtime(cache=tmp_path / "cache", workers=1),
        open_file=lambda dataset: target,
    )


def _expected(engine: Engine) -> list[float]:
    answers = [c.response for c in engine.pool.conversations(np.arange(8))]
    return [len(answer) / 4 if answer else float("nan") for answer in answers]


@pytest.mark.parametrize("scorer", [AboveTarget(), BesideTarget()])
def test_a_target_of_as_many_rows_is_a_target_and_not_the_pool(
    scorer: Scorer, tmp_path: Path
) -> None:
    engine = _target_engine(tmp_path)

    table: ScoreTable = engine.value(scorer)
    picks: SelectionRecord = engine.value(TopScore(by=scorer, budget=8))

    assert table.main.values == pytest.approx(_expected(engine), nan_ok=True)
    assert np.count_nonzero(table.main.reason == Reason.EMPTY_RESPONSE) == 1
    assert (picks.eligible, len(picks.selection.indices)) == (7, 7)


def test_a_target_is_handed_whole_to_every_block_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_SCORE_ROWS", 3)
    engine = _target_engine(tmp_path)

    table: ScoreTable = engine.value(AboveTarget())

    assert table.main.values == pytest.approx(_expected(engine), nan_ok=True)


def test_a_sample_of_the_rows_is_held_against_the_whole_target(tmp_path: Path) -> None:
    rows = [{"instruction": f"q{n}", "response": "x" * (n + 1)} for n in range(9)]
    Path("own.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    goal = [{"instruction": "t", "response": "y" * 4}]
    Path("elsewhere.jsonl").write_text("\n".join(map(json.dumps, goal)) + "\n")
    project = Project(
        tmp_path / "p", data="own.jsonl", runtime=Runtime(cache=tmp_path / "cache", workers=1)
    )
    sample = np.array([1, 4, 6])

    found = SampleReading(project, sample).reader("toy", AboveTarget(), timed=False)

    answers = [c.response for c in project.pool.conversations(sample)]
    assert found.scores.values.tolist() == [len(answer) / 4 for answer in answers]
