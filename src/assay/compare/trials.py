"""Trials: choose, tune, measure, write down; what is written is not done again."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assay.compare.answers import FOLDER as ANSWERS
from assay.compare.answers import AnswerBook
from assay.compare.experiment import Experiment
from assay.compare.ledger import Cost, Ledger
from assay.compare.plan import Job
from assay.compare.questions import QuestionSet, as_trained, losses
from assay.compare.record_files import read_trial, write_trial
from assay.compare.records import Trial
from assay.components.component import Chosen, Selector
from assay.components.defaults import with_defaults
from assay.engine.engine import Engine
from assay.errors import DamagedError, DataError
from assay.features.made_models import model_name
from assay.files import write_text
from assay.files.checksums import warn
from assay.models.recipe import Tuned
from assay.outcomes import SelectionRecord
from assay.pool.pool import digest_of
from assay.pool.view import PoolView
from assay.samples import FloatArray
from assay.tuning.tuned_model import TunedModel
from assay.values import Numbers

_NOTE, _ANSWERS = ".training", ".answers"


@dataclass(frozen=True)
class Choice:
    """The rows of a job: the selector that stands for them, resolved, and what choosing costs."""

    selector: Selector
    record: SelectionRecord
    cost: Cost


class Choices:
    """The rows that jobs train on; an arm that takes no chances is chosen once for all seeds.

    Args:
        engine: computes.
        ledger: prices.
        jobs: all of them; passes over the rows that several need run once.
    """

    def __init__(self, engine: Engine, ledger: Ledger, jobs: Sequence[Job]) -> None:
        self._engine = engine
        self._ledger = ledger
        self._all = [engine.resolve(job.selector) for job in jobs if job.selector is not None]
        self._made: dict[Selector, Choice] = {}
        self._steady: dict[Selector, bool] = {}

    def of(self, job: Job) -> Choice:
        """Return the rows of a job that has a selector.

        Raises:
            AssayError: if they cannot be chosen.
        """
        if job.selector is None:
            raise TypeError("the base model is trained on no rows")
        if job.draw is not None:
            return self._choose(job.selector, job.draw)
        steady = job.seed > 0 and self._is_steady(job.selector)
        return self._choose(job.selector, 0 if steady else job.seed)

    def _is_steady(self, selector: Selector) -> bool:
        """Return whether another seed chooses the same rows."""
        if selector not in self._steady:
            one, other = (self._choose(selector, seed) for seed in (0, 1))
            self._steady[selector] = rows_digest(self._engine, one) == rows_digest(
                self._engine, other
            )
        return self._steady[selector]

    def _choose(self, selector: Selector, seed: int) -> Choice:
        resolved = self._engine.resolve(with_defaults(selector, seed=seed))
        if resolved not in self._made:
            cost = self._ledger.choose(resolved, self._all)
            record: SelectionRecord = self._engine.value(resolved)
            if not len(record.selection.indices):
                raise DataError("no row was chosen", hint="a larger budget")
            self._made[resolved] = Choice(resolved, record, cost)
        return self._made[resolved]


def rows_digest(engine: Engine, choice: Choice) -> str:
    """Return 16 hex digits over the ids of the rows chosen, whatever their order."""
    return digest_of(engine.pool.ids[np.sort(choice.record.selection.indices)])


class Bench:
    """Runs trials, and keeps each as a file by what it depends on: rows, recipe, seed, base.

    The file of a trial holds the losses on every set of questions, by the set's digest; answers lie
    in files of their own, one per set. Where all are at hand nothing is trained, so the tuned model
    itself can go once it is measured.

    Args:
        engine: computes.
        experiment: recipe and base model.
        choices: the rows.
        sets: the questions.
        folder: where trials and answers are kept, in folders of their own.
    """

    def __init__(
        self,
        engine: Engine,
        experiment: Experiment,
        choices: Choices,
        sets: Sequence[QuestionSet],
        folder: Path,
    ) -> None:
        self._engine = engine
        self._experiment = experiment
        self._choices = choices
        self._sets = sets
        self._folder = folder / "trials"
        self._book = AnswerBook(engine, experiment, sets, folder / ANSWERS)

    def base(self, job: Job) -> Trial:
        """Return the trial of the base model as it is."""
        own = {asked.record.name: asked.base for asked in self._sets}
        answers = self._book.of_base(self._experiment.base)
        return Trial(job.arm.name, "", 0, 0, None, job.seed, "done", values=own, answers=answers)

    def run(self, job: Job) -> tuple[Trial, bool]:
        """Return the trial of a job, and whether it was at hand.

        Raises:
            AssayError: if rows cannot be chosen, or the training fails.
        """
        if job.selector is None:
            return self.base(job), True
        choice = self._choices.of(job)
        tuned = self._tuned(job, choice)
        view = self._engine.view(tuned.dataset)
        place = tuned.store(self._engine.runtime.cache, view).path
        path = self._folder / f"{place.parent.name}-{place.name}.parquet"
        stored = _read(path)
        wanted = {asked.digest for asked in self._sets}
        answers = self._book.read(path.stem)
        reused = stored is not None and wanted <= set(stored.values) and answers is not None
        if stored is None or not reused:
            stored = self._measured(tuned, view, path, stored)
            answers = self._book.read(path.stem)
        self._clear(path, place)
        found = self._named(job, choice, stored, tuned)
        return replace(found, answers=answers or {}), reused

    def _tuned(self, job: Job, choice: Choice) -> TunedModel:
        return self._engine.resolve(
            TunedModel(
                base=self._experiment.base,
                recipe=job.recipe,
                seed=job.seed,
                dataset=Chosen(by=choice.selector),
            )
        )

    def _measured(
        self, tuned: TunedModel, view: PoolView, path: Path, stored: Trial | None
    ) -> Trial:
        """Train a model, or take the one at hand, ask it what is not known, and write that down."""
        folder = tuned.store(self._engine.runtime.cache, view).path
        # Only what a comparison trained itself may go; a note outlives a kill.
        if not tuned.store(self._engine.runtime.cache, view).holds():
            write_text(path.with_suffix(_NOTE), f"{folder}\n")
        value: Tuned = self._engine.value(tuned)
        known: dict[str, FloatArray] = dict(stored.values) if stored else {}
        answers = path.with_suffix(_ANSWERS)
        for asked in self._sets:
            if asked.digest not in known:
                known[asked.digest] = losses(
                    value.last, asked, self._experiment, self._engine, cache=answers
                )
        self._book.write(path.stem, str(value.last), answers)
        self._engine.runtime.let_go()  # it is not asked again, and its folder may go
        trial = Trial(
            arm="",
            budget="",
            rows=value.rows,
            tokens=value.tokens,
            draw=None,
            seed=value.seed,
            status="done",
            values=known,
            training_seconds=stored.training_seconds if stored else value.seconds,
            training_flops=value.flops,
            steps=value.steps,
            subset=digest_of(view.ids),
        )
        write_trial(path, trial)
        return trial

    def _clear(self, path: Path, folder: Path) -> None:
        """Delete what a trial that is written down left: a kill may have come in between."""
        shutil.rmtree(path.with_suffix(_ANSWERS), ignore_errors=True)
        note = path.with_suffix(_NOTE)
        if not note.exists():
            return
        if not self._experiment.keep_models:
            going = folder.with_name(f".{folder.name}.going")
            if folder.exists():
                folder.replace(going)  # so that no half of it is ever taken for a model
            shutil.rmtree(going, ignore_errors=True)
        note.unlink()

    def _named(self, job: Job, choice: Choice, stored: Trial, tuned: TunedModel) -> Trial:
        own = {asked.record.name: stored.values[asked.digest] for asked in self._sets}
        counting = as_trained(model_name(tuned.base), tuned.recipe).at(tuned.dataset)
        tokens: Numbers = self._engine.value(counting)
        return replace(
            stored,
            arm=job.arm.name,
            budget=job.budget,
            rows=len(choice.record.selection.indices),
            chosen_tokens=int(np.nansum(tokens["whole"])),
            read_tokens=int(np.nansum(tokens["total"])),
            cut_rows=int(np.count_nonzero(tokens["whole"] > tokens["total"])),
            # What an earlier version has written down does not tell.
            steps=stored.steps or job.recipe.all_steps(len(choice.record.selection.indices)),
            draw=job.draw,
            seed=job.seed,
            values=own,
            selection_seconds=choice.cost.seconds,
            selection_flops=choice.cost.flops,
        )


def _read(path: Path) -> Trial | None:
    if not path.is_file():
        return None
    try:
        return read_trial(path)
    except DamagedError as error:
        warn(error, "run again")
        return None
