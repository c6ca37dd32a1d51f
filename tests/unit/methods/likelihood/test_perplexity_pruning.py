from pathlib import Path
from typing import Any

import pytest

from assay.errors import ConfigError, PlanError
from assay.methods.combinations.quota import Quota
from assay.methods.likelihood.perplexity import Perplexity
from assay.methods.likelihood.perplexity_pruning import PerplexityPruning
from assay.samples import Reason
from assay.testing import check_component
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    allowance,
    chosen,
    given,
    names,
    planted_engine,
    reasons,
    stream,
)

_ROWS = [(f"r{value}", f"{value}") for value in range(1, 11)]


def _prune(keep: Any, **parameters: Any) -> PerplexityPruning:
    return PerplexityPruning(**({"by": PlantedLoss(), "keep": keep} | parameters))


@pytest.mark.parametrize("by", [PlantedLoss(), PlantedScore()])
@pytest.mark.parametrize(
    ("keep", "share", "found"),
    [
        ("low", 0.3, ["r1", "r2", "r3"]),
        ("high", 0.3, ["r10", "r9", "r8"]),
        ("mid", 0.4, ["r5", "r6", "r4", "r7"]),
        ("mid", 0.3, ["r5", "r4", "r6"]),  # [0.35, 0.65) of ten rows, rounded down: 3 to 6
        ("mid", 1.0, ["r5", "r6", "r4", "r7", "r3", "r8", "r2", "r9", "r1", "r10"]),
    ],
)
def test_a_share_keeps_its_band_whatever_the_score_prefers(
    tmp_path: Path, by: Any, keep: str, share: float, found: list[str]
) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    method = _prune(keep, by=by, share=share)

    assert chosen(engine, method) == found
    fate = reasons(engine, method)
    assert {name for name, why in fate.items() if why == Reason.BELOW_RULE} == (
        {name for name, _ in _ROWS} - set(found)
    )


@pytest.mark.parametrize(
    ("keep", "found"),
    [
        ("low", ["r1", "r2", "r3"]),
        ("high", ["r10", "r9", "r8"]),
        ("mid", ["r5", "r6", "r4"]),
    ],
)
def test_a_budget_is_a_band_of_its_size(tmp_path: Path, keep: str, found: list[str]) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, _prune(keep, budget=3)) == found
    assert chosen(engine, _prune(keep, budget="30%")) == found
    assert engine.value(_prune(keep, budget=3)).selection.nested


def test_a_budget_within_a_share_takes_the_heart_of_the_band(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, _prune("mid", share=0.6, budget=2)) == ["r5", "r6"]
    assert chosen(engine, _prune("high", share=0.6, budget=2)) == ["r10", "r9"]


def test_tokens_are_spent_from_the_middle_on_what_fits() -> None:
    found = _prune("mid").select(
        allowance(5, costs=[1.0, 1.0, 9.0, 2.0, 1.0], limit=4.0),
        stream(),
        by=given(10.0, 20.0, 30.0, 40.0, 50.0),
    )

    assert found.indices.tolist() == [1, 3, 0]
    assert found.gains.tolist() == [20.0, 40.0, 10.0]
    assert (found.stop, found.gain_unit) == ("budget", "score")


def test_the_middle_is_that_of_the_rows_that_may_be_chosen() -> None:
    found = _prune("mid").select(
        allowance(7, 1, barred=[0, 1]), stream(), by=given(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    )

    assert found.indices.tolist() == [4]


def test_rows_without_a_score_are_in_no_band(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS[:4], ("without", "none")])

    for keep in ("low", "mid", "high"):
        method = _prune(keep, share=1.0)
        assert sorted(chosen(engine, method)) == ["r1", "r2", "r3", "r4"]
        assert reasons(engine, method)["without"] == Reason.ZERO_DENOMINATOR


def test_equal_values_are_told_apart_by_id(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [(f"r{place}", "7 same") for place in range(5)])
    known = names(engine)

    assert chosen(engine, _prune("low", budget=2)) == known[:2]
    assert chosen(engine, _prune("high", budget=2)) == [known[4], known[3]]
    assert chosen(engine, _prune("mid", budget=3)) == [known[2], known[1], known[3]]


def test_neither_share_nor_budget_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    with pytest.raises(PlanError, match="perplexity_pruning needs a budget"):
        engine.value(_prune("low"))
    with pytest.raises(ConfigError, match="perplexity_pruning needs a share or a budget"):
        _prune("low").select(allowance(2), stream(), by=given(1.0, 2.0))


def test_a_budget_is_only_needed_without_a_share() -> None:
    assert _prune("low").needs_budget
    assert not _prune("low", share=0.5).needs_budget


def test_there_is_no_default_band() -> None:
    with pytest.raises(ConfigError, match="needs a value for 'keep'"):
        PerplexityPruning(share=0.5)  # type: ignore[call-arg]


@pytest.mark.parametrize("share", [0.0, 1.1, -0.2])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="share"):
        _prune("low", share=share)


def test_a_quota_takes_the_middle_of_each_group(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=["a"] * 5 + ["b"] * 5)

    found = chosen(engine, Quota(by=_prune("mid"), per="task", budget=2))

    assert sorted(found) == ["r3", "r8"]


def test_the_score_is_perplexity_unless_another_is_named() -> None:
    assert PerplexityPruning(keep="low", share=0.5).by == Perplexity()


@pytest.mark.parametrize("keep", ["low", "mid", "high"])
def test_it_keeps_the_contract(keep: Any) -> None:
    check_component(PerplexityPruning(by="compression_ifd", keep=keep))
    check_component(PerplexityPruning(by="compression_ifd", keep=keep, share=0.5))


def test_a_band_of_tokens_passes_over_rows_that_no_longer_fit() -> None:
    # In the middle the second row is too long for what the first leaves, and the third is not.
    among = allowance(5, costs=[1, 1, 4, 9, 1], limit=6)

    found = _prune("mid").select(among, stream(), by=given(1, 2, 3, 4, 5))

    assert found.indices.tolist() == [2, 1, 0]
    in_rows = _prune("mid").select(allowance(5, 3), stream(), by=given(1, 2, 3, 4, 5))
    assert in_rows.indices.tolist() == [2, 1, 3]
