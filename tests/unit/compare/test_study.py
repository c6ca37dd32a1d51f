"""Several base models: each as if it were alone, and claims counted together."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.compare.answers import SCHEMA
from assay.compare.experiment import answering
from assay.compare.questions import HELD_OUT
from assay.compare.record_files import read_comparison
from assay.compare.records import Comparison
from assay.compare.runner import Step
from assay.compare.statistics import Row, summary
from assay.compare.study import Study, merged
from assay.compare.verdict import verdict, verdicts
from assay.errors import ConfigError, PlanError
from assay.solvers.multiplicity import holm
from tests.causal_rows import set_budget
from tests.comparisons import (
    TRAINED,
    experiment,
    measured_in_no_time,
    project_of,
    runner_of,
    trained_in_no_time,
    write_rows,
)
from tests.tiny_models import llama_config, llama_tokenizer, write_model
from tests.unit.compare.synthetic import synthetic

WEAK = replace(synthetic({"ifd": 0.0, "k_center": 0.05}, seeds=5), bases=("weak@1",))
STRONG = replace(synthetic({"ifd": -0.05, "k_center": 0.0}, seeds=5, seed=1), bases=("strong@2",))
BOTH = merged([WEAK, STRONG])


def _plain(row: Row) -> dict[str, object]:
    """Return all but what says that there is another base model."""
    left_out = ("p_holm", "claims", "base")
    return {f.name: getattr(row, f.name) for f in fields(row) if f.name not in left_out}


def test_every_base_model_has_the_numbers_that_it_has_alone() -> None:
    rows = summary(BOTH)

    for base, alone in zip(BOTH.bases, (WEAK, STRONG), strict=True):
        mine = [row for row in rows if row.base == base]
        for row, expected in zip(mine, summary(alone), strict=True):
            assert repr(_plain(row)) == repr(_plain(expected))


def test_claims_are_counted_over_all_base_models() -> None:
    rows = [row for row in summary(BOTH) if row.is_claim]
    p = [row.difference.p for row in rows if row.difference]

    assert len(p) == 2 * 2 * 3
    assert {row.claims for row in rows} == {12}
    assert [row.p_holm for row in rows] == holm(p).tolist()


def test_each_base_model_has_a_conclusion_of_its_own() -> None:
    found = verdicts(BOTH)

    assert {base: each.outcome for base, each in found.items()} == {
        "weak@1": "random", "strong@2": "better"
    }  # fmt: skip
    assert "over 12 claims" in found["strong@2"].claim
    assert found["strong@2"].headline == verdict(STRONG).headline
    assert verdicts(WEAK) == {"weak@1": verdict(WEAK)}


def _asked(comparison: Comparison, places: list[int]) -> Comparison:
    """Return a comparison that asked some of the questions of its first set, in that order."""
    (whole, *others) = comparison.sets
    part = replace(whole, ids=whole.ids[places], tokens=whole.tokens[places])
    frame = pl.DataFrame({"text": [f"{comparison.bases[0]} {n}" for n in places],
                          "tokens": places, "finish": ["stop"] * len(places)},
                         schema=SCHEMA)  # fmt: skip
    trials = [
        replace(trial, values={**trial.values, whole.name: trial.values[whole.name][places]},
                answers={whole.name: frame})
        for trial in comparison.trials
    ]  # fmt: skip
    return replace(comparison, sets=(part, *others), trials=tuple(trials))


def test_a_question_that_one_base_model_cannot_be_asked_keeps_its_place() -> None:
    alike = replace(
        STRONG,
        sets=tuple(replace(part, ids=known.ids)
                   for part, known in zip(STRONG.sets, WEAK.sets, strict=True)),
    )  # fmt: skip
    one, other = _asked(WEAK, [0, 1, 2, 4, 7]), _asked(alike, [7, 3, 0, 1])
    found = merged([one, other])
    name = found.sets[0].name

    known = WEAK.sets[0].ids
    assert found.sets[0].ids.tolist() == known[[0, 1, 2, 4, 7, 3]].tolist()
    for part, places in ((one, [0, 1, 2, 3, 4]), (other, [4, 5, 0, 1])):
        mine = [trial for trial in found.trials if trial.base == part.bases[0]]
        for trial, before in zip(mine, part.trials, strict=True):
            assert np.array_equal(trial.values[name][places], before.values[name])
            assert np.isnan(np.delete(trial.values[name], places)).all()
            assert trial.answers[name][places].equals(before.answers[name])
            assert trial.answers[name]["text"].null_count() == 6 - len(places)
        rows = [_plain(row) for row in summary(found) if row.base == part.bases[0]]
        assert repr(rows) == repr([_plain(row) for row in summary(part)])


def test_unequal_terms_are_no_one_comparison() -> None:
    with pytest.raises(ValueError, match="differ in recipe"):
        merged([WEAK, replace(STRONG, recipe="another")])
    with pytest.raises(ValueError, match="differ in primary"):
        merged([WEAK, replace(STRONG, primary="dolly")])


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    trained_in_no_time(monkeypatch)
    measured_in_no_time(monkeypatch)


@pytest.mark.usefixtures("_fast")
def test_all_is_done_with_each_and_goes_on_where_it_stopped(
    tmp_path: Path, llama_folder: Path
) -> None:
    config = llama_config(initializer_range=0.3, num_hidden_layers=1)
    second = write_model(tmp_path / "other", config, llama_tokenizer())
    alone = [
        runner_of(tmp_path / f"alone-{name}", folder, full=False, answers=answering(2)).run()
        for name, folder in (("llama", llama_folder), ("other", second))
    ]
    TRAINED.clear()
    project = project_of(tmp_path, write_rows(tmp_path))
    for folder in (llama_folder, second):
        set_budget(project.runtime, folder, 2048)
    terms = replace(experiment(llama_folder, full=False, answers=answering(2)),
                    bases=(str(llama_folder), str(second)))  # fmt: skip
    steps: list[Step] = []

    def stop(step: Step) -> None:
        steps.append(step)
        if len(steps) == 10:
            raise KeyboardInterrupt

    broken = Study(project, terms)
    with pytest.raises(KeyboardInterrupt):
        broken.run(stop)
    begun = broken.write()
    done = len(TRAINED)
    study = Study(project, terms)
    made = study.run()

    assert [step.number for step in steps] == list(range(1, 11))
    assert {step.of for step in steps} == {16}
    assert len({step.on for step in steps}) == 2
    assert len(begun.bases) == 2
    assert len(TRAINED) == 14 == done + len(TRAINED[done:])
    assert len(made.bases) == 2
    assert made.bases == tuple(each.bases[0] for each in alone)
    expected = merged(alone)
    for mine, other in zip(made.trials, expected.trials, strict=True):
        assert (mine.base, mine.arm, mine.draw, mine.subset) == (
            other.base, other.arm, other.draw, other.subset
        )  # fmt: skip
        assert np.array_equal(mine.values[HELD_OUT], other.values[HELD_OUT])
        assert mine.answers[HELD_OUT].equals(other.answers[HELD_OUT])
    stored = read_comparison(study.records)
    assert stored.bases == made.bases
    assert repr(summary(stored)) == repr(summary(made))
    assert [check.claims for check in stored.powers] == [4, 4]


def test_a_base_model_that_cannot_be_trained_stops_all_before_the_first_training(
    tmp_path: Path, llama_folder: Path
) -> None:
    terms = experiment(llama_folder)
    with pytest.raises(ConfigError, match="named twice"):
        replace(terms, bases=(str(llama_folder),) * 2)
    project = project_of(tmp_path, write_rows(tmp_path))
    several = replace(terms, bases=(str(llama_folder), "http://127.0.0.1:9/v1#model"))
    with pytest.raises(PlanError, match="behind HTTP"):
        Study(project, several).run()
