from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.errors import CacheError, IncompleteError, PlanError, TooManyUnscoredError
from assay.features.log_probs import ResponseLogProbs
from assay.methods.combinations.combination import RankMean
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.attributes import Everything
from assay.methods.filters.cuts import Band, Threshold
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.pool import Pool
from assay.runtime import Runtime
from assay.samples import Flag, Reason
from assay.stores.results import Results
from assay.testing import pool as pool_of
from tests import toys
from tests.causal_rows import turns
from tests.letters_model import Letters, use
from tests.rows import make_pool
from tests.taken_model import TakenModel
from tests.toys import ToyLength, ToyMean, ToyOdd, ToyScore, ToyVectors
from tests.unit.methods.planted import PlantedRubric

_PAIRS = [(f"question {n:02d}", "x" * (n + 1)) for n in range(30)]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    toys.READ.clear()
    toys.COMPUTED.clear()
    yield


def _engine(tmp_path: Path, pool: Pool, **settings: object) -> Engine:
    runtime = Runtime(cache=tmp_path / "cache", workers=1, **settings)  # type: ignore[arg-type]
    return Engine(pool, runtime, results=Results(tmp_path / "project"))


def _lengths(pool: Pool) -> list[int]:
    return [len(c.response) for c in pool.conversations(np.arange(len(pool)))]


def test_two_features_of_one_pass_cost_one_reading_per_row(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)

    lengths, vectors = _engine(tmp_path, pool).compute([ToyLength(), ToyVectors()])

    assert sorted(toys.READ) == sorted(prompt for prompt, _ in _PAIRS)
    assert lengths["length"].tolist() == _lengths(pool)
    assert vectors.rows(slice(None))[:, 1].tolist() == _lengths(pool)


def test_equal_rows_are_read_once_and_both_get_the_value(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, [*_PAIRS, _PAIRS[4], _PAIRS[4]])

    lengths = _engine(tmp_path, pool).value(ToyLength())

    assert len(toys.READ) == 30
    assert lengths["length"].tolist() == _lengths(pool)


def test_a_second_run_reads_nothing(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)
    first = _engine(tmp_path, pool).value(ToyScore())
    toys.READ.clear()

    again = _engine(tmp_path, pool).value(ToyScore())

    assert toys.READ == []
    assert again.main.values.tolist() == first.main.values.tolist()


def test_an_added_row_costs_one_row_and_the_check_of_eight(tmp_path: Path) -> None:
    _engine(tmp_path, make_pool(tmp_path / "a", _PAIRS)).value(ToyLength())
    toys.READ.clear()
    grown = make_pool(tmp_path / "b", [*_PAIRS, ("new", "row")])

    lengths = _engine(tmp_path, grown).value(ToyLength())

    assert toys.READ.count("new") == 1
    assert len(toys.READ) == 1 + 8
    assert lengths["length"].tolist() == _lengths(grown)


def test_vectors_of_a_grown_pool_are_put_in_canonical_order(tmp_path: Path) -> None:
    _engine(tmp_path, make_pool(tmp_path / "a", _PAIRS[:20])).value(ToyVectors())
    grown = make_pool(tmp_path / "b", _PAIRS)

    vectors = _engine(tmp_path, grown).value(ToyVectors())

    assert vectors.rows(slice(None))[:, 1].tolist() == _lengths(grown)


def test_stored_rows_that_cannot_be_reproduced_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _engine(tmp_path, make_pool(tmp_path / "a", _PAIRS[:20])).value(ToyLength())
    monkeypatch.setattr(toys, "OFFSET", 1.0)
    grown = make_pool(tmp_path / "b", _PAIRS)

    with pytest.raises(CacheError, match="differ by 1") as error:
        _engine(tmp_path, grown).value(ToyLength())
    assert "assay" in error.value.message
    assert str(tmp_path / "cache") in str(error.value.hint)


def test_parameters_that_differ_do_not_share_values(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)
    one, two = _engine(tmp_path, pool).compute([ToyScore(), ToyScore(factor=2.0)])

    assert (two.main.values == 2 * one.main.values).all()


def test_unfinished_rows_say_so_and_are_read_again_by_the_next_run(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, [*_PAIRS, ("asked later", "later")])
    first: ScoreTable = _engine(tmp_path, pool).value(ToyScore())
    toys.READ.clear()

    second: ScoreTable = _engine(tmp_path, pool).value(ToyScore())

    assert [first.main.reason.max(), second.main.reason.max()] == [Reason.TRANSIENT] * 2
    assert np.count_nonzero(first.main.reason) == 1
    assert toys.READ.count("asked later") == 1
    assert len(toys.READ) == 1 + 8


def test_reasons_are_copied_from_requirements_before_a_scores_own(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, [*_PAIRS, ("nothing", "")])
    engine = _engine(tmp_path, pool, max_unscored=1.0)

    table: ScoreTable = engine.value(ToyOdd())

    expected = [
        Reason.EMPTY_RESPONSE if n == 0 else Reason.OUT_OF_RANGE if n % 2 == 0 else Reason.OK
        for n in _lengths(pool)
    ]
    assert table.main.reason.tolist() == expected
    assert np.isnan(table.main.values).tolist() == [reason != 0 for reason in expected]


def test_flags_reach_the_score(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)

    table: ScoreTable = _engine(tmp_path, pool).value(ToyScore())

    assert table.main.flags is not None
    assert table.main.flags[_lengths(pool).index(1)] == Flag.ONE_TOKEN


def test_too_many_failures_stop_with_a_table_but_nature_never_does(tmp_path: Path) -> None:
    empty = make_pool(tmp_path / "a", [*_PAIRS, *((f"e{n}", "") for n in range(20))])
    broken = make_pool(tmp_path / "b", [*_PAIRS, ("b", "broken")])

    assert _engine(tmp_path, empty).value(ToyScore()).main.reason.max() == Reason.EMPTY_RESPONSE
    with pytest.raises(TooManyUnscoredError, match="PARSE_FAILED: 1"):
        _engine(tmp_path, broken).value(ToyScore())


def test_a_pool_value_is_kept_by_the_rows_it_read(tmp_path: Path) -> None:
    pool = make_pool(tmp_path / "a", _PAIRS)
    first = _engine(tmp_path, pool).value(ToyMean())
    again = _engine(tmp_path, pool).value(ToyMean())
    grown = make_pool(tmp_path / "b", [*_PAIRS, ("new", "row")])

    other = _engine(tmp_path, grown).value(ToyMean())

    assert first.tolist() == again.tolist()
    assert toys.COMPUTED == ["toy_mean", "toy_mean"]
    assert other.tolist() != first.tolist()


def test_a_shard_run_does_its_part_and_names_what_must_wait(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)
    for part in (0, 1):
        engine = _engine(tmp_path, pool, shard=(part, 2))
        with pytest.raises(IncompleteError):
            engine.value(ToyMean())

    checked_by_the_second_part = 8
    assert len(toys.READ) == 30 + checked_by_the_second_part
    assert set(toys.READ) == {prompt for prompt, _ in _PAIRS}
    toys.READ.clear()
    assert _engine(tmp_path, pool).value(ToyMean()) is not None
    assert toys.READ == []


def _chosen(engine: Engine, record: SelectionRecord) -> list[int]:
    lengths = _lengths(engine.pool)
    return [lengths[place] for place in record.selection.indices]


def test_top_score_takes_the_best_first(tmp_path: Path) -> None:
    engine = _engine(tmp_path, make_pool(tmp_path, _PAIRS))

    record = engine.value(TopScore(by=ToyScore(), budget="10%"))

    assert _chosen(engine, record) == [30, 29, 28]
    assert record.selection.gains.tolist() == [30, 29, 28]


def test_every_row_left_out_has_a_reason(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, [*_PAIRS, ("nothing", "")], hold_out=0.3)
    engine = _engine(tmp_path, pool)

    record = engine.value(TopScore(by=ToyScore(), budget=3, rule=Rule(at_most=20)))

    for place, length in enumerate(_lengths(pool)):
        if place in record.selection.indices:
            expected = Reason.OK
        elif pool.held_out[place]:
            expected = Reason.HELD_OUT
        elif length == 0:
            expected = Reason.EMPTY_RESPONSE
        else:
            expected = Reason.BELOW_RULE if length > 20 else Reason.NOT_CHOSEN
        assert record.reason[place] == expected


def test_results_of_rows_that_are_held_out_are_kept_and_read_again(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS, hold_out=0.3)
    mean = RankMean(of=(ToyScore(),))
    inner = Threshold(by=ToyScore(), low=5)
    best = TopScore(by=mean, budget="50%", within=inner)
    made = [_engine(tmp_path, pool).value(part) for part in (mean, best)]
    toys.READ.clear()

    again = [_engine(tmp_path, pool).value(part) for part in (mean, best)]

    free = int(np.count_nonzero(~pool.held_out))
    ranks, record = again
    assert toys.READ == []
    assert np.array_equal(ranks.main.values, made[0].main.values, equal_nan=True)
    assert ranks.main.reason.tolist() == np.where(pool.held_out, Reason.HELD_OUT, 0).tolist()
    assert sorted(ranks.main.values[~pool.held_out]) == pytest.approx(np.arange(1, free + 1) / free)
    assert record.selection.indices.tolist() == made[1].selection.indices.tolist()
    assert record.reason.tolist() == made[1].reason.tolist()
    lengths = np.array(_lengths(pool))
    expected = sorted(lengths[~pool.held_out & (lengths >= 5)], reverse=True)[: free // 2]
    assert _chosen(_engine(tmp_path, pool), record) == expected


def test_what_only_looks_at_the_data_may_look_at_all_of_it(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS, hold_out=0.3)
    engine = _engine(tmp_path, pool)
    lengths = np.array(_lengths(pool))

    shown, whole = engine.value(ToyMean()), engine.over_all_rows().value(ToyMean())

    assert shown[1] == pytest.approx(lengths[~pool.held_out].mean())
    assert whole[1] == pytest.approx(lengths.mean())
    assert engine.value(ToyScore()).main.values.tolist() == lengths.tolist()


def test_within_restricts_and_hands_its_reasons_on(tmp_path: Path) -> None:
    engine = _engine(tmp_path, make_pool(tmp_path, _PAIRS))
    inner = Threshold(by=ToyScore(), low=5, high=10)

    record = engine.value(TopScore(by=ToyScore(), budget=2, within=inner))

    assert _chosen(engine, record) == [10, 9]
    assert (record.reason == Reason.BELOW_RULE).sum() == 24
    assert (record.reason == Reason.NOT_CHOSEN).sum() == 4


def test_three_bands_partition_the_scored_rows(tmp_path: Path) -> None:
    engine = _engine(tmp_path, make_pool(tmp_path, _PAIRS))
    borders = ((0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0))

    parts = [_chosen(engine, engine.value(Band(by=ToyScore(), low=a, high=b))) for a, b in borders]

    assert [len(part) for part in parts] == [10, 10, 10]
    assert sorted([*parts[0], *parts[1], *parts[2]]) == list(range(1, 31))
    assert max(parts[0]) < min(parts[1])


def test_a_budget_is_asked_for_before_anything_is_read(tmp_path: Path) -> None:
    engine = _engine(tmp_path, make_pool(tmp_path, _PAIRS))

    with pytest.raises(PlanError, match="needs a budget"):
        engine.value(TopScore(by=ToyScore()))


def test_a_feature_among_chosen_rows_reads_only_those(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)
    engine = _engine(tmp_path, pool)
    chosen = TopScore(by=ToyScore(), budget=4)
    engine.value(chosen)
    toys.READ.clear()

    value = engine.value(ToyVectors().among(chosen))

    assert len(toys.READ) == 4
    assert (value.reason == Reason.NOT_ASKED).sum() == 26


def test_a_stored_selection_is_returned_as_it_was_made(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)
    made = _engine(tmp_path, pool).value(TopScore(by=ToyScore(), budget=5))

    stored = _engine(tmp_path, pool).value(TopScore(by=ToyScore(), budget=5))

    assert stored.selection.indices.tolist() == made.selection.indices.tolist()
    assert stored.selection.gains.tolist() == made.selection.gains.tolist()
    assert stored.reason.tolist() == made.reason.tolist()
    assert (stored.eligible, stored.selection.stop) == (30, "budget")


def test_results_of_other_rows_are_not_reused(tmp_path: Path) -> None:
    first = make_pool(tmp_path / "a", _PAIRS[:10])
    second = make_pool(tmp_path / "b", _PAIRS[10:20])
    _engine(tmp_path, first).value(Everything())

    record = _engine(tmp_path, second).value(Everything())

    assert sorted(_chosen(_engine(tmp_path, second), record)) == list(range(11, 21))


def test_rows_that_a_model_made_on_the_way_has_read_are_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Letters())
    rows = pool_of([turns("Q1", "An answer"), turns("Q2", "Another")])
    feature = ResponseLogProbs(model=TakenModel(base="x"))
    engine = Engine(rows, Runtime(cache=tmp_path))

    before = engine.missing_rows(engine.resolve(feature))
    engine.value(feature)

    assert (before, engine.missing_rows(engine.resolve(feature))) == (2, 0)


@pytest.mark.parametrize("called", [("same", "same"), ("", "other")])
def test_columns_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, called: tuple[str, str]
) -> None:
    engine = _engine(tmp_path, make_pool(tmp_path, [("a", "1 2"), ("b", "3 4")]))

    with pytest.raises(TypeError, match="every column has a name of its own"):
        engine.value(PlantedRubric(called=called))
