from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.component import Selector, build
from assay.engine.engine import Engine
from assay.engine.planning import Plan, plan
from assay.features import duplicates
from assay.features.duplicates import DuplicateGroups
from assay.features.embeddings import Embeddings
from assay.features.passes import Sampled
from assay.features.similar_rows import SimilarRows
from assay.features.text import CompressedLengths, Lengths
from assay.runtime import Runtime
from tests.rows import make_pool

_WORDS = np.array(
    ["river", "tea", "book", "stone", "lamp", "cloud", "bread", "glass", "wheel", "garden"]
)


def _texts(*, copies: int, rows: int = 200) -> list[tuple[str, str]]:
    """Return rows of random words, each of them `copies` times with another last word."""
    stream = np.random.Generator(np.random.Philox(2))
    found: list[tuple[str, str]] = []
    while len(found) < rows:
        question = " ".join(stream.choice(_WORDS, 12))
        answer = " ".join(stream.choice(_WORDS, 60))
        found += [(f"{question} {len(found)}", f"{answer} {n}") for n in range(copies)]
    return found[:rows]


def _engine(folder: Path, *, copies: int = 1, rows: int = 200) -> Engine:
    pool = make_pool(folder, _texts(copies=copies, rows=rows))
    return Engine(pool, Runtime(cache=folder / "cache", workers=1))


def _seconds(found: Plan, name: str) -> float:
    (step,) = [step for step in found.steps if step.name == name]
    assert step.seconds is not None
    return step.seconds


@pytest.mark.parametrize(
    "feature", [DuplicateGroups(match="near"), DuplicateGroups(match="semantic"), SimilarRows()]
)
def test_a_pool_of_near_copies_is_known_from_some_of_its_rows(
    tmp_path: Path, feature: DuplicateGroups | SimilarRows
) -> None:
    engine = _engine(tmp_path, copies=20)
    feature = engine.resolve(feature)
    view = engine.view_shown(feature.dataset)
    needs = {name: engine.value(need) for name, need in feature.requires().items()}

    told = feature.sample(view, engine.runtime, **needs)

    assert told.alike >= 19 / 199 * 0.95  # all pairs of one text; others may be alike as well
    assert feature.work(10_000, engine.runtime, alike=told.alike) > 1.5 * feature.work(
        10_000, engine.runtime
    )


def test_near_copies_make_the_price_of_duplicates_higher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "_PER_NEAR_PAIR", 1e9)
    wanted = [DuplicateGroups(match="near")]

    plain = _seconds(plan(_engine(tmp_path / "plain"), wanted), "duplicate_groups")
    copied = _seconds(plan(_engine(tmp_path / "copied", copies=20), wanted), "duplicate_groups")

    assert copied > 3 * plain > 0


def test_what_a_sample_needs_is_read_and_not_kept(tmp_path: Path) -> None:
    engine = _engine(tmp_path)

    found = plan(engine, [SimilarRows()])

    assert _seconds(found, "similar_rows") > 0
    assert list((tmp_path / "cache").rglob("*")) == []


def test_where_reading_the_sample_takes_long_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: SimilarRows, *given: object, **needs: object) -> None:
        raise AssertionError("looked at")

    monkeypatch.setattr(SimilarRows, "sample", broken)
    monkeypatch.setattr("assay.engine.sampling._MOST_SECONDS", 0.0)

    assert _seconds(plan(_engine(tmp_path), [SimilarRows()]), "similar_rows") > 0


def test_vectors_at_hand_are_looked_at_without_their_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = _engine(tmp_path, copies=20)
    engine.value(Embeddings())
    seen: list[Sampled] = []
    looked = SimilarRows.sample

    def watched(*given: Any, **needs: Any) -> Sampled:
        seen.append(looked(*given, **needs))
        return seen[-1]

    monkeypatch.setattr(SimilarRows, "sample", watched)
    monkeypatch.setattr("assay.engine.sampling._MOST_SECONDS", 0.0)

    plan(engine, [SimilarRows()])

    assert [told.alike > 0 for told in seen] == [True]


def test_a_pass_of_which_one_feature_is_at_hand_is_timed_for_the_other(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    engine.value(Lengths())

    found = plan(_engine(tmp_path), [Lengths(), CompressedLengths()])

    assert _seconds(found, "lengths") == 0
    assert _seconds(found, "compressed_lengths") > 0


_CHOICES = [
    {"method": "facility_location"},
    {"method": "coverage"},
    {"method": "coreset"},
    {"method": "k_center"},
    {"method": "graph_cut"},
    {"method": "log_det"},
    {"method": "deita_filter", "by": "longest_response"},
    {"method": "semdedup"},
    {"method": "quota", "by": "k_center"},
    {"method": "superfiltering_diversity", "quality": "longest_response"},
]


@pytest.mark.parametrize("described", _CHOICES, ids=lambda described: described["method"])
def test_a_choice_among_many_rows_has_a_price_that_grows_with_them(
    tmp_path: Path, described: dict[str, str]
) -> None:
    selector = build(described | {"budget": "5%"}, "selector")
    assert isinstance(selector, Selector)
    runtime = Runtime(cache=tmp_path)
    engine = _engine(tmp_path)
    selector = engine.resolve(selector)

    few, many = (selector.work(rows, rows // 20, runtime) for rows in (10_000, 100_000))

    assert few > 1e6
    assert many > 5 * few
