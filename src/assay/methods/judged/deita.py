"""DEITA: complexity of the questions times quality of the answers, over all turns."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.components.references import DType
from assay.features.judgments import Judged
from assay.features.label_probabilities import DEITA, LabelProbabilities, LabelShares
from assay.features.made_models import MadeModel, ModelRef
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray, Reason, Scores

_PARTS = ("complexity", "quality")
OverTurns = Literal["sum", "mean", "max"]


class Deita(Asked):
    """Complexity of what is asked times quality of the answer, each from 1 to 6, summed over turns.

    By `models` two trained scorers are read: the mean of the labels 1 to 6, weighed by how probable
    each is as the model's next word. By a `judge` it is asked for both by prompts, which is a
    stand-in. Columns score, complexity and quality; one part alone has one column.
    """

    name = "deita"
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = DEITA
    guide: ClassVar[Guide | None] = Guide(
        formula="score = sum over turns t of c_t q_t\n"
        "c_t, q_t = sum over k = 1..6 of k p(k),  p: softmax over six logits",
        choose="To rank by how demanding and how good rows are at once. `deita_filter` takes them "
        "from the top and leaves out near copies. `parts=complexity` needs one scorer alone.",
        avoid="As it is, where conversations differ in length: a sum favours many turns, and "
        "`over_turns=mean` does not. By models, with one that was not trained to tell these "
        "scores: rows at which it would rather say something else have no number. The published "
        "scorers are trained on English.",
        compared=(
            Comparison(
                against="the authors' code",
                compared="expectations from logits of both of their classes, and sums of products "
                "of 200 rows",
                tolerance="1e-6, and 1e-12 relative",
                test="tests/parity/test_deita_score.py",
            ),
            Comparison(
                against="transformers, one question at a time",
                compared="both numbers of every turn, with tiny models of both kinds of tokenizer",
                tolerance="1e-4",
                test="tests/unit/methods/judged/test_deita.py",
            ),
            Comparison(
                against="scores that it was trained on",
                compared="what a tiny model says of six variants after its training",
                tolerance="0.5",
                test="tests/unit/methods/judged/test_deita_trained.py",
            ),
            Comparison(
                against="replies written by hand",
                compared="score and reason of each, and the selection, worked out beside them",
                tolerance="exact",
                test="tests/unit/methods/judged/test_deita.py",
            ),
        ),
        differences={
            "model": "The published scorers, hkust-nlp/deita-complexity-scorer and "
            "hkust-nlp/deita-quality-scorer, are read in their own format, but their weights were "
            "never run here: what was run are tiny models of the class.",
            "judge": "By `judge` each row is graded by itself, in our own wording, which was not "
            "tried against the paper's scorers; there a judge graded variants side by side, for "
            "training.",
            "length": "A question that is too long loses the end of the row's longest text in it, "
            "and is flagged; its own words stay. The published code cuts nothing.",
            "training": "`judged_variants` has a judge score variants of a seed side by side, in "
            "our own wording, and a model that is tuned on what `questioned` makes of that is a "
            "scorer; what was run are tiny models and scripted replies. Evolving the variants is "
            "left to whoever has the seeds.",
            "turns": "By role, a system message apart; a last question without an answer does not "
            "count. The published code takes every second message, and an empty answer.",
            "failures": "A row without a number has a reason; the published code writes 3.",
        },
    )

    by: Literal["models", "judge"] = "models"
    """Whether trained scorers are read, or a judge is asked."""
    complexity_model: ModelRef = ""
    """Causal language model that was trained to tell complexity: a folder with safetensors,
    org/name, or one that is tuned on the way."""
    quality_model: ModelRef = ""
    """Causal language model that was trained to tell quality."""
    parts: Literal["both", "complexity", "quality"] = "both"
    """Both and their product, or one part alone."""
    over_turns: OverTurns = "sum"
    """How the numbers of several turns become one, in every column."""
    least_coverage: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Least probability, of all that a model might say next, that has to fall on the six labels; a
    row with less at any turn has no number."""
    dtype: DType = "float32"
    """Number format of the models."""

    @property
    def idle(self) -> frozenset[str]:
        """Which names of models are not read, the way the others are set."""
        if self.by == "judge":
            return frozenset({"complexity_model", "quality_model"})
        unread = [f"{part}_model" for part in _PARTS if part not in self._parts]
        return frozenset({"judge", *unread})

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]  # a parameter says which
        """Return the names of the numbers."""
        return ("score", *_PARTS) if self.parts == "both" else self._parts

    @property
    def _parts(self) -> tuple[str, ...]:
        return _PARTS if self.parts == "both" else (self.parts,)

    def requires(self) -> dict[str, Any]:
        """Return what the scorers say of every turn, or the judge."""
        if self.by == "judge":
            return {part: self.judgments(f"deita_{part}") for part in self._parts}
        models = {"complexity": self.complexity_model, "quality": self.quality_model}
        return {
            part: LabelProbabilities(
                model=models[part],
                question=f"deita_{part}",
                turns=self.turns,
                dtype=self.dtype,
                # What is trained here reads prompt and label apart, so that with some tokenizers
                # the label begins with a blank; the published scorers learned it without.
                spaced=isinstance(models[part], MadeModel),
            )
            for part in self._parts
        }

    def score(
        self,
        *,
        complexity: LabelShares | Judged | None = None,
        quality: LabelShares | Judged | None = None,
    ) -> Mapping[str, Scores]:
        """Return a number per column. Shape (n,) each.

        Complexity and quality of a turn are in [1, 6], their product in [1, 36].
        """
        told = {"complexity": complexity, "quality": quality}
        values = [value for value in told.values() if value is not None]
        reason = np.zeros(len(values[0]), np.uint8)
        for value in values:
            own = value.reason.copy()
            if isinstance(value, LabelShares):
                own[(own == 0) & (value.least_coverage() < self.least_coverage)] = (
                    Reason.PARSE_FAILED
                )
            reason = np.where(reason == 0, own, reason)
        levels = {part: _levels(value) for part, value in told.items() if value is not None}
        found = over_turns(levels, reason == 0, self.over_turns)
        return {name: Scores(found[name], reason.astype(np.uint8)) for name in self.columns}


def over_turns(
    levels: Mapping[str, pl.Series], known: np.ndarray[Any, np.dtype[np.bool_]], how: OverTurns
) -> dict[str, FloatArray]:
    """Return numbers of turns as one per row, and under "score" those of their products.

    Args:
        levels: by name, lists of float64, one per turn; equally many of a row in all.
        known: rows that have a number; the others have NaN. Shape (n,).
        how: what becomes of several turns.
    """
    frame = (
        pl.DataFrame({"row": np.arange(len(known)), **levels})
        .filter(pl.Series(known))
        .explode(*levels)
        .with_columns(score=pl.reduce(lambda one, other: one * other, [*map(pl.col, levels)]))
        .group_by("row", maintain_order=True)
        .agg(getattr(pl.col(name), how)() for name in (*levels, "score"))
    )
    found = {}
    for name in (*levels, "score"):
        values = np.full(len(known), np.nan)
        values[frame["row"].to_numpy()] = frame[name].to_numpy()
        found[name] = values
    return found


def _levels(value: LabelShares | Judged) -> pl.Series:
    """Return what was said of each turn, from 1 to 6."""
    if isinstance(value, LabelShares):
        return value.expected()
    (numbers,) = value.numbers.values()
    return numbers
