"""What models answer to the questions of a comparison, written down before a model goes.

A win rate needs the answers of two arms, and a tuned model is deleted once it is measured.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from assay.compare.experiment import Experiment
from assay.compare.questions import QuestionSet, row_values
from assay.components.decoding import Decoding
from assay.engine.engine import Engine
from assay.errors import DamagedError
from assay.features.generations import Generations
from assay.features.made_models import model_name
from assay.files.checksums import warn
from assay.files.frames import read_frame, write_frame
from assay.models.recipe import Recipe
from assay.values import Texts

FOLDER = "answers"
SCHEMA = {"text": pl.String, "tokens": pl.Int64, "finish": pl.String}
"""Of the answers to a set, one row per question: the text, null where there is none, how many
tokens it has, null where nobody counted, and how it ended: "stop", "length" or "empty"."""


def writing(model: str, recipe: Recipe, decoding: Decoding) -> Generations:
    """Return what writes a model's answers: questions become tokens as they do in the training."""
    return Generations(
        model=model, rendering=recipe.rendering, dtype=recipe.dtype, decoding=decoding
    )


class AnswerBook:
    """The answers of models, a file per model and set of questions.

    Args:
        engine: computes.
        experiment: how answers are written, if they are.
        sets: the questions.
        folder: where the answers are kept.
    """

    def __init__(
        self, engine: Engine, experiment: Experiment, sets: Sequence[QuestionSet], folder: Path
    ) -> None:
        self._engine = engine
        self._recipe = experiment.recipe
        self._decoding = experiment.answers
        self._sets = sets
        self._folder = folder

    def read(self, name: str) -> dict[str, pl.DataFrame] | None:
        """Return a model's answers by the names of the sets; None if some are not written.

        Args:
            name: of the model: its trial's, or that of the base model.
        """
        found = {}
        for asked in self._sets if self._decoding else ():
            frame = self._read(self._path(name, asked))
            if frame is None or len(frame) != len(asked.record):
                return None
            found[asked.record.name] = frame
        return found

    def write(self, name: str, model: str, cache: Path) -> None:
        """Let a model answer the questions that it has not answered, and write that down.

        Args:
            name: of the model.
            model: a reference to it, such as its folder.
            cache: where answers lie that are not all there yet.
        """
        if self._decoding is None:
            return
        runtime = dataclasses.replace(self._engine.runtime, cache=cache)
        feature = self._engine.resolve(writing(model, self._recipe, self._decoding))
        for asked in self._sets:
            path = self._path(name, asked)
            if self._read(path) is None:
                value = row_values(asked.view, feature, runtime)
                assert isinstance(value, Texts)  # noqa: S101  narrows what the store returns
                write_frame(path, _frame(value))

    def of_base(self, base: str) -> Mapping[str, pl.DataFrame]:
        """Return the base model's answers, which are written where they are not at hand."""
        if self._decoding is None:
            return {}
        name = model_name(self._engine.resolve(writing(base, self._recipe, self._decoding)).model)
        stem = hashlib.blake2b(f"{name}/{self._recipe.rendering}".encode(), digest_size=8)
        found = self.read(stem.hexdigest())
        if found is None:
            self.write(stem.hexdigest(), base, self._engine.runtime.cache)
            found = self.read(stem.hexdigest())
        return found or {}

    def _path(self, name: str, asked: QuestionSet) -> Path:
        assert self._decoding is not None  # noqa: S101  nothing is read or written without
        terms = f"{asked.digest}/{self._decoding.model_dump_json()}/{self._recipe.dtype}"
        digest = hashlib.blake2b(terms.encode(), digest_size=8).hexdigest()
        return self._folder / f"{name}-{digest}.parquet"

    @staticmethod
    def _read(path: Path) -> pl.DataFrame | None:
        if not path.is_file():
            return None
        try:
            return read_frame(path)
        except DamagedError as error:
            warn(error, "run again")
            return None


def _frame(value: Texts) -> pl.DataFrame:
    """Return answers in the columns of `SCHEMA`."""
    given = pl.Series(value.reason == 0)
    frame = value.frame().with_columns(
        pl.when(given).then(pl.col("text")).alias("text"),
        pl.col("tokens").fill_nan(None).cast(pl.Int64),
    )
    return frame.select(list(SCHEMA))
