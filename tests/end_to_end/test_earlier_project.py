"""A project and a cache that an earlier version wrote open, and what they hold counts.

`tests/fixtures/make_earlier_project.py` made them; `versions.json` holds the version that every
component had. What a component of another version computed is computed again, all else is reused.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assay.components.base import Component
from assay.components.component import Scorer, Selector, build
from assay.components.walk import walk
from assay.engine.planning import plan
from assay.features.passes import PoolFeature, RowFeature
from assay.methods.text.lexical import MTLD
from assay.progress import Task
from assay.project import Project
from assay.runtime import Runtime

EARLIER = Path(__file__).parents[1] / "fixtures" / "earlier_project"
VERSIONS: dict[str, int] = json.loads((EARLIER / "versions.json").read_text())["versions"]


class Seen:
    """Progress that notes what work was opened."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        self.labels.append(label)
        yield self

    def advance(self, amount: float) -> None:
        pass


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The earlier project, opened in a copy; all names in it are relative."""
    shutil.copytree(EARLIER, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    runtime = Runtime(cache=Path("cache"), workers=1, offline=True, progress=Seen())
    return Project("project", runtime=runtime)


def _labels(project: Project) -> list[str]:
    seen = project.runtime.progress
    assert isinstance(seen, Seen)
    return seen.labels


def _stored(project: Project) -> list[tuple[Component, Path]]:
    """Return what the files of scores and selections say that they hold."""
    found = []
    for path in sorted(EARLIER.glob("project/s*s/*.parquet")):
        described = json.loads(pl.read_parquet_metadata(path)["description"])
        kind = "scorer" if path.parent.name == "scores" else "selector"
        with project.names():
            component = build(described, kind)  # type: ignore[arg-type]
        found.append((project.engine.resolve(component), path))
    return found


def _is_current(project: Project, component: Component) -> bool:
    """Whether a component and all it requires have the version that they had."""
    parts = walk([component], resolve=project.engine.resolve)
    return all(part.version == VERSIONS[part.name] for part in parts if part.name in VERSIONS)


def _values(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path)


def test_the_pool_is_opened_and_not_read_again(project: Project) -> None:
    assert _labels(project) == []
    assert len(project) == 46
    assert int(project.pool.held_out.sum()) == project.load_record.held_out == 10
    assert project.load_record.set_aside == {"null_field": 1, "missing_field": 1}


def test_all_that_was_named_is_found_and_nothing_is_work_for_unchanged_components(
    project: Project,
) -> None:
    stored = _stored(project)
    current = [component for component, _ in stored if _is_current(project, component)]

    assert len(stored) == 13
    assert current, "of some component the version must be what it was"
    # It holds out rows, which what compares rows no longer sees: that is made anew, and no more.
    parts = walk(current, resolve=project.engine.resolve)
    by_row = {part.name for part in parts if isinstance(part, RowFeature)}
    missing = {step.name for step in plan(project.engine, current).steps if step.missing}
    assert not missing & by_row
    project.engine.compute(current)
    assert _labels(project) == []


def test_what_unchanged_components_are_worth_is_what_was_written(project: Project) -> None:
    checked = 0
    for component, path in _stored(project):
        if not _is_current(project, component):
            continue
        before, value = _values(path), project.engine.value(component)
        if isinstance(component, Scorer):
            column = before[next(iter(component.columns))].to_numpy()
            shown = ~project.pool.held_out
            assert value.main.values[shown].tobytes() == column[shown].tobytes()
        else:
            order = before.with_row_index("place").drop_nulls("rank").sort("rank")["place"]
            assert value.selection.indices.tolist() == order.to_list()
        checked += 1
    assert checked


def test_every_value_of_an_unchanged_component_in_the_cache_is_at_hand(project: Project) -> None:
    made = [item for item, _ in _stored(project) if _is_current(project, item)]
    at_hand = set()
    for part in walk(made, resolve=project.engine.resolve):
        if not _is_current(project, part):
            continue
        if isinstance(part, RowFeature):
            assert project.engine.missing_rows(part) == 0, part.label()
            at_hand.add(part.name)
        elif isinstance(part, PoolFeature) and part.stored:
            assert project.engine.is_stored(part), part.label()
            at_hand.add(part.name)
    folders = {path.name for path in (EARLIER / "cache").iterdir()}
    read = {part.name for part in walk(made) if isinstance(part, (RowFeature, PoolFeature))}
    changed = {name for name in folders & read if not _known_version(made, name)}
    assert at_hand >= (folders & read) - changed


def _known_version(made: list[Component], name: str) -> bool:
    return all(part.version == VERSIONS[name] for part in walk(made) if part.name == name)


def test_what_a_component_of_another_version_computed_is_never_given(project: Project) -> None:
    for component, _ in _stored(project):
        if not _is_current(project, component):
            assert not project.engine.is_stored(component), component.label()


def test_a_raised_version_alone_makes_its_values_anew(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    score = MTLD.score

    def counted(self: MTLD, **needs: object) -> object:
        calls.append(self.name)
        return score(self, **needs)  # type: ignore[arg-type]

    monkeypatch.setattr(MTLD, "score", counted)
    monkeypatch.setattr(MTLD, "version", MTLD.version + 1)

    project.score("mtld", "ttr")

    assert calls == ["mtld"]
    assert _labels(project) == []  # what it reads has its old version


def test_a_raised_version_of_a_feature_is_read_again_with_all_that_rests_on_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = project.scorer("longest_response")
    (feature,) = [part for part in walk([scorer]) if isinstance(part, RowFeature)]
    monkeypatch.setattr(type(feature), "version", type(feature).version + 1)
    scorer = project.scorer("longest_response")

    assert not project.engine.is_stored(scorer)
    (value,) = project.score(scorer)

    assert len(_labels(project)) == 1
    (path,) = EARLIER.glob("project/scores/longest_response-*.parquet")
    assert value.main.values.tobytes() == _values(path)["value"].to_numpy().tobytes()


def test_the_selections_of_then_are_made_by_the_lines_of_now(project: Project) -> None:
    for component, _ in _stored(project):
        if isinstance(component, Selector) and _is_current(project, component):
            project.select(component)
    assert _labels(project) == []
