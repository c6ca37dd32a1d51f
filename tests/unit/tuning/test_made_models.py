"""Models that are made on the way: named like any other, made once, read under their weights."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.budget import Budget
from assay.components.component import Chosen, FileSet, Selector, build
from assay.components.descriptions import describe
from assay.components.registry import load_file
from assay.components.result_names import derived_name
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.errors import ConfigError
from assay.features.clusters import Clusters
from assay.features.hidden_states import HiddenStates
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_models import MadeModel, first_model, models_read, stage
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.models.recipe import Recipe, Tuned
from assay.pool.pool import Pool
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.testing import pool as pool_of
from assay.tuning.tuned_model import Checkpoint, TunedModel, Weights
from tests.causal_rows import PlainLoop, exchange, given_prompt, ordinary_rows
from tests.trainings import SMALL, closed_sequences, plain_losses, rows_to_train_on, weights_of

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

_ROWS = [exchange(row) for row in ordinary_rows(12)]
_THREE_EPOCHS = SMALL.model_copy(update={"epochs": 3})


def _selector(name: str, **parameters: Any) -> Selector:
    found = build({"method": name, **parameters}, "selector")
    assert isinstance(found, Selector)
    return found


_LONGEST = _selector("longest_response", rule="none", budget=4)


def _engine(
    cache: Path, rows: Sequence[Conversation] | Pool = _ROWS, files: Pool | None = None
) -> Engine:
    pool = rows if isinstance(rows, Pool) else pool_of(list(rows))
    runtime = Runtime(cache=cache, workers=1, device="cpu", offline=True)
    return Engine(pool, runtime, open_file=None if files is None else lambda _: files)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count trainings, readings and the sequences that models read."""
    from assay.backends import trl_trainer  # noqa: PLC0415  heavy
    from assay.backends.causal_lm import TransformersModel  # noqa: PLC0415

    done: Counter[str] = Counter()
    train, read = trl_trainer.train, TransformersModel.read

    def counted_train(*given: Any) -> None:
        done["trainings"] += 1
        train(*given)

    def counted_read(self: Any, questions: Any, *given: Any) -> Any:
        done["readings"] += 1
        done["sequences"] += len(questions.sequences)
        done["tokens"] += sum(map(len, questions.sequences))
        return read(self, questions, *given)

    monkeypatch.setattr(trl_trainer, "train", counted_train)
    monkeypatch.setattr(TransformersModel, "read", counted_read)
    yield done


# What is read


def test_a_tuned_model_is_read_like_the_folder_that_the_training_leaves(
    llama_folder: Path, tmp_path: Path
) -> None:
    recipe = SMALL.model_copy(update={"weights": "full"})
    run = TunedModel(base=str(llama_folder), recipe=recipe, dataset=Chosen(by=_LONGEST))

    found = _engine(tmp_path).value(ResponseLogProbs(model=run))

    tuned: Tuned = _engine(tmp_path).value(run)
    assert tuned.rows == 4
    loop = PlainLoop.open(tuned.last)
    pool = pool_of(_ROWS)
    rows = [given_prompt(loop, row, 2048) for row in pool.conversations(np.arange(len(pool)))]
    expected = [float(loop.scored([row]).astype(np.float64).sum()) for row in rows]
    np.testing.assert_allclose(found.sum, expected, rtol=1e-5)
    base = _engine(tmp_path).value(ResponseLogProbs(model=str(llama_folder)))
    assert np.abs(found.sum - base.sum).min() > 1e-3


def test_rows_are_kept_under_the_weights_that_read_them(
    llama_folder: Path, tmp_path: Path, work: Counter[str]
) -> None:
    run = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=_LONGEST))
    first = _engine(tmp_path).value(ResponseLogProbs(model=run))
    tuned: Tuned = _engine(tmp_path).value(run)
    shutil.copytree(tuned.last, tmp_path / "elsewhere")
    work.clear()

    again = _engine(tmp_path).value(ResponseLogProbs(model=str(tmp_path / "elsewhere")))

    assert again.sum.tolist() == first.sum.tolist()
    assert work == Counter()


def test_methods_that_need_the_same_run_share_its_training_and_its_passes(
    llama_folder: Path, tmp_path: Path, work: Counter[str]
) -> None:
    run = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=_LONGEST))

    _engine(tmp_path / "both").compute([IFD(model=run), Superfiltering(model=run)])
    both = work.copy()
    work.clear()
    _engine(tmp_path / "one").compute([IFD(model=run)])

    assert work["trainings"] == 1
    assert work["sequences"] >= 2 * len(_ROWS)
    assert both == work


def test_a_grown_pool_whose_selection_is_unchanged_trains_nothing_and_reads_the_new_row(
    llama_folder: Path, tmp_path: Path, work: Counter[str]
) -> None:
    run = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=_LONGEST))
    _engine(tmp_path).value(IFD(model=run))
    work.clear()
    new = exchange(("Which rows are new?", "", "This one."))

    _engine(tmp_path, [*_ROWS[::-1], new]).value(IFD(model=run))

    assert work["trainings"] == 0
    # The new row twice; and of those at hand eight, which are read again to be compared.
    assert work["sequences"] == 2 * (1 + 8)


def test_rows_of_two_trainings_never_mix(llama_folder: Path, tmp_path: Path) -> None:
    """Vectors of another file rest on the pool as well, by the model that was tuned on it."""
    files = pool_of(_ROWS[:6])
    asked = FileSet(source=str(llama_folder / "config.json"))
    run = TunedModel(base=str(llama_folder), recipe=SMALL)
    grouped = Clusters(vectors=HiddenStates(model=run), count=2).at(asked)

    def centroids(rows: Sequence[Conversation]) -> Any:
        return _engine(tmp_path, rows, files).value(grouped).centroids

    one, other, again = centroids(_ROWS[:6]), centroids(_ROWS[6:]), centroids(_ROWS[:6])

    assert not np.allclose(one, other, atol=1e-4)
    assert one.tolist() == again.tolist()


def test_a_model_is_tuned_in_two_stages(llama_folder: Path, tmp_path: Path) -> None:
    first = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=_LONGEST))
    second = TunedModel(base=first, recipe=SMALL.model_copy(update={"epochs": 1}))
    assert stage(ResponseLogProbs(model=second), {}) == 2
    assert first_model(second) == str(llama_folder)

    found = _engine(tmp_path).value(second)

    tuned: Tuned = _engine(tmp_path).value(first)
    by_hand = TunedModel(base=str(tuned.last), recipe=second.recipe)
    expected = _engine(tmp_path / "alone").value(by_hand)
    assert found.losses == expected.losses
    assert (
        weights_of(found.last)["adapter_model.safetensors"]
        == (weights_of(expected.last)["adapter_model.safetensors"])
    )


def test_all_weights_of_a_tuned_model_are_tuned_further(llama_folder: Path, tmp_path: Path) -> None:
    first = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=_LONGEST))
    full = SMALL.model_copy(update={"epochs": 1, "weights": "full", "learning_rate": 1e-4})
    second = TunedModel(base=first, recipe=full)
    engine = _engine(tmp_path)

    found: Tuned = engine.value(second)

    assert found.trained_parameters == found.parameters
    begun: Tuned = engine.value(TunedModel(base=str(llama_folder), recipe=full))
    # The first step's loss is that of the base before it: here of the adapter's model.
    assert found.losses[0] < begun.losses[0] - 1e-3


def test_selection_training_reading_and_choice_follow_one_another(
    llama_folder: Path, tmp_path: Path
) -> None:
    """A selection by a model that was tuned on a selection by a model that was tuned on one."""
    run = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=_LONGEST))
    easiest = _selector("top_score", by=IFD(model=run), rule="none", budget=5)
    again = TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=easiest))

    found = _engine(tmp_path).value(IFD(model=again))

    steps = _engine(tmp_path / "by hand")
    once: Tuned = steps.value(run)
    by_hand = IFD(model=str(once.last))
    record = steps.value(_selector("top_score", by=by_hand, rule="none", budget=5))
    rows = [
        row
        for place, row in enumerate(steps.pool.conversations(np.arange(len(_ROWS))))
        if place in record.selection.indices
    ]
    twice: Tuned = _engine(tmp_path / "twice", rows).value(
        TunedModel(base=str(llama_folder), recipe=SMALL)
    )
    expected = _engine(tmp_path / "last").value(IFD(model=str(twice.last)))
    np.testing.assert_allclose(found.main.values, expected.main.values, rtol=1e-6)


# Moments of a training


def _moment(run: TunedModel, *given: Any, **named: Any) -> Checkpoint:
    found = run.after(*given, **named)
    assert isinstance(found, Checkpoint)
    return found


def test_a_checkpoint_is_the_model_at_that_moment_of_the_whole_training(
    llama_folder: Path, tmp_path: Path, work: Counter[str]
) -> None:
    run = TunedModel(base=str(llama_folder), recipe=_THREE_EPOCHS)
    moments = [run.after(1), run.after(2), run.after(step=3), run]
    assert run.after(0) == run.after(step=0) == str(llama_folder)

    found = _engine(tmp_path).compute([ResponseLogProbs(model=model) for model in moments])

    assert work["trainings"] == 1
    every = TunedModel(
        base=str(llama_folder), recipe=_THREE_EPOCHS.model_copy(update={"checkpoints": "all"})
    )
    whole: Tuned = _engine(tmp_path / "alone").value(every)
    folders = [whole.after(1), whole.after(2), None, whole.last]
    for value, folder in zip(found, folders, strict=True):
        if folder is not None:
            asked = ResponseLogProbs(model=str(folder))
            assert value.sum.tolist() == _engine(tmp_path / "alone").value(asked).sum.tolist()
    sums = [value.sum.tolist() for value in found]
    assert sums[0] != sums[1] != sums[2] != sums[3]
    # Of twelve rows in batches of six the third step is the first of the second epoch.
    assert sums[2] not in (sums[0], sums[1])


def test_what_is_wanted_later_of_a_run_is_found_in_what_was_kept_of_it(
    llama_folder: Path, tmp_path: Path, work: Counter[str]
) -> None:
    run = TunedModel(base=str(llama_folder), recipe=_THREE_EPOCHS)
    _engine(tmp_path).compute([_moment(run, 1, moments=True), _moment(run, 2)])
    assert work["trainings"] == 1

    weights: Weights = _engine(tmp_path).value(_moment(run, 1))
    tuned: Tuned = _engine(tmp_path).value(run)

    assert work["trainings"] == 1
    assert weights.folder == tuned.after(1)
    assert weights.moments is None
    with pytest.raises(ConfigError, match="step 2 were not kept; those after 6 were"):
        tuned.after(step=2)
    with pytest.raises(ConfigError, match="name an epoch or a step"):
        tuned.after()


def test_one_engine_that_is_asked_for_more_of_a_run_trains_it_with_that(
    llama_folder: Path, tmp_path: Path
) -> None:
    engine = _engine(tmp_path)
    run = TunedModel(base=str(llama_folder), recipe=_THREE_EPOCHS)
    last: Tuned = engine.value(run)

    first: Weights = engine.value(_moment(run, 1))

    assert (last.epochs, first.folder.name) == ((3,), "epoch-1")
    assert weights_of(engine.value(run).last) == weights_of(last.last)


def test_moments_are_those_of_the_optimiser(llama_folder: Path, tmp_path: Path) -> None:
    """AdamW by itself, one sequence at a time, over the same order."""
    from safetensors.torch import load_file  # noqa: PLC0415

    pool = rows_to_train_on()
    recipe = SMALL.model_copy(update={"weights": "full"})
    run = TunedModel(base=str(llama_folder), recipe=recipe)

    asked = [
        _moment(run, step=2, moments=True),
        _moment(run, 2, moments=True),
        _moment(run, 1),
    ]
    early, late, middle = _engine(tmp_path, pool).compute(asked)

    loop = PlainLoop.open(llama_folder)
    for weights, steps in ((early, 2), (late, 6)):
        found = load_file(weights.moments)
        assert int(found.pop("step")) == steps
        state = _adam(llama_folder, closed_sequences(loop, pool), recipe, steps)
        assert sorted(found) == sorted(
            f"{name}.{moment}" for name in state for moment in ("exp_avg", "exp_avg_sq")
        )
        for name, own in state.items():
            for moment in ("exp_avg", "exp_avg_sq"):
                expected = own[moment]
                scale = float(expected.abs().max())
                torch.testing.assert_close(
                    found[f"{name}.{moment}"], expected, rtol=1e-3, atol=1e-4 * scale
                )
    # Three steps an epoch; the rate is at its height after ceil(0.03 x 6) = 1 step.
    heights = [0.5 * (1 + np.cos(np.pi * step / 5)) for step in range(6)]
    heights = [1.0, *heights[0:5]]
    np.testing.assert_allclose(early.learning_rate, 1e-3 * np.mean(heights[:2]), rtol=1e-12)
    np.testing.assert_allclose(middle.learning_rate, 1e-3 * np.mean(heights[:3]), rtol=1e-12)
    np.testing.assert_allclose(late.learning_rate, 1e-3 * np.mean(heights[3:]), rtol=1e-12)
    assert middle.moments is None


def _adam(folder: Path, sequences: Any, recipe: Recipe, steps: int) -> dict[str, Any]:
    """Return AdamW's own state after so many steps of the plain loop."""
    model = PlainLoop.open(folder).model
    held: list[Any] = []
    plain = torch.optim.AdamW

    class Watched(plain):  # type: ignore[misc, valid-type]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            held.append(self)
            self.taken = 0

        def step(self, *given: Any) -> None:
            super().step(*given)
            self.taken += 1
            if self.taken == steps:
                raise _Enough

    torch.optim.AdamW = Watched
    try:
        plain_losses(model, sequences, recipe, 0)
    except _Enough:
        pass
    finally:
        torch.optim.AdamW = plain
    return {
        name: {key: value.clone() for key, value in held[0].state[each].items() if key != "step"}
        for name, each in model.named_parameters()
        if each in held[0].state
    }


class _Enough(Exception):  # noqa: N818  no error
    pass


# Descriptions


def test_models_are_described_and_built_like_any_component(tmp_path: Path) -> None:
    run = TunedModel(base="some/model", recipe=SMALL, dataset=Chosen(by=_LONGEST))
    plain = IFD(model="gpt2")
    for scorer in (IFD(model=run), IFD(model=run.after(1)), plain):
        assert build(describe(scorer), "scorer") == scorer
    assert describe(plain) == {"method": "ifd", "model": "gpt2"}
    assert [model.name for model in models_read(IFD(model=run.after(1)))] == ["checkpoint"]
    assert IFD(model=run).key != IFD(model=run.after(1)).key != plain.key
    assert "tuned_model" in derived_name(IFD(model=run))


def test_what_no_run_can_keep_is_refused() -> None:
    run = TunedModel(base="some/model", recipe=SMALL)
    with pytest.raises(ConfigError, match="name an epoch or a step"):
        Checkpoint(run=run)
    with pytest.raises(ConfigError, match="no epoch 3 of 2"):
        run.after(3)


def test_runs_are_told_apart_by_their_rows(tmp_path: Path, llama_folder: Path) -> None:
    few = _LONGEST.model_copy(update={"budget": Budget.model_validate(3)})
    runs = [
        TunedModel(base=str(llama_folder), recipe=SMALL, dataset=Chosen(by=each))
        for each in (_LONGEST, few)
    ]
    assert isinstance(runs[0], MadeModel)

    found = _engine(tmp_path).compute(runs)

    assert [each.rows for each in found] == [4, 3]


def test_the_example_of_a_method_that_trains_is_a_whole_one(
    llama_folder: Path, tmp_path: Path, work: Counter[str]
) -> None:
    text = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(
        r"<!-- file: what_was_learned.py -->\n```python\n(.*?)```", text, re.DOTALL
    )
    assert len(code.splitlines()) <= 42
    (tmp_path / "what_was_learned.py").write_text(code, encoding="utf-8")
    [method] = load_file(tmp_path / "what_was_learned.py")
    on = {"method": "longest_response", "rule": "none", "budget": 4}
    scorer = method(model=str(llama_folder), recipe=SMALL, on=on)

    found = _engine(tmp_path / "cache").value(scorer).main.values

    assert work["trainings"] == 1
    every = SMALL.model_copy(update={"checkpoints": "all"})
    run = TunedModel(base=str(llama_folder), recipe=every, dataset=Chosen(by=_LONGEST))
    tuned: Tuned = _engine(tmp_path / "alone").value(run)
    before, after = (
        _engine(tmp_path / "alone").value(ResponseLogProbs(model=str(folder)))
        for folder in (llama_folder, tuned.after(1))
    )
    np.testing.assert_allclose(found, after.mean() - before.mean(), rtol=1e-6)
    assert found.mean() > 0


def test_a_run_is_priced_once_whatever_is_wanted_of_it(llama_folder: Path, tmp_path: Path) -> None:
    run = TunedModel(base=str(llama_folder), recipe=_THREE_EPOCHS, dataset=Chosen(by=_LONGEST))
    wanted = [ResponseLogProbs(model=model) for model in (run.after(1), run.after(2), run)]

    steps = plan(_engine(tmp_path), wanted).steps

    trainings = [step for step in steps if step.name == "tuned_model"]
    assert [step.rows for step in trainings] == [4, 4, 4]
    assert [bool(step.seconds) for step in trainings] == [True, False, False]
    readings = [step for step in steps if step.name == "response_log_probs"]
    assert all(step.seconds and step.missing == len(_ROWS) for step in readings)
    assert not (tmp_path / "tuned_model").exists()


def test_the_disk_that_weights_take_is_priced_and_refused_where_it_is_too_small(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = _THREE_EPOCHS.model_copy(update={"weights": "full", "checkpoints": "all"})
    run = TunedModel(base=str(llama_folder), recipe=recipe)
    engine = _engine(tmp_path)

    needed = engine.resolve(run).disk(len(_ROWS), engine.runtime)
    (step,) = plan(engine, [run]).steps

    tuned: Tuned = engine.value(run)
    taken = sum(path.stat().st_size for path in tuned.folder.rglob("model.safetensors"))
    assert needed == pytest.approx(taken, rel=0.1)
    assert step.note.endswith(" on disk")
    later = run.model_copy(update={"seed": 1})
    small = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("assay.engine.planning.shutil.disk_usage", lambda place: small)
    (refusal,) = plan(engine, [later]).refusals
    assert "tuned_model needs about" in str(refusal)
    assert "are free in" in str(refusal)


@pytest.mark.parametrize(
    ("recipe", "kept"),
    [
        (Recipe(), 1),
        (Recipe(checkpoints="all"), 3),
        (Recipe(checkpoints=(1,), kept_steps=(2, 3, 9)), 3),
        (Recipe(steps=3, batch_size=4, checkpoints="all"), 2),
    ],
)
def test_moments_that_are_kept_are_counted(recipe: Recipe, kept: int) -> None:
    # Of 200 sequences in batches of 128 an epoch has two steps: ends are 2, 4 and 6. Step 2 is an
    # end, step 9 is never taken. Of 8 in batches of 4 the ends of three steps are 2 and 3.
    assert recipe.kept_count(8 if recipe.steps else 200) == kept
