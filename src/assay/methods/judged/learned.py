"""A score that is learned: some rows are labelled, a small head tells the others."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import Comparison, Guide
from assay.errors import ConfigError, FeatureError, Parameter, Phrase
from assay.features.fitted_head import FittedHead, HeadParameters
from assay.features.head_fit import HeadFit
from assay.features.head_predictions import HeadPredictions
from assay.samples import Flag, FloatArray
from assay.values import Numbers

_ANYTHING = -1.0
_MOST_BEYOND = 0.5
"""Share of rows unlike the labelled ones above which a head is not asked."""


class Learned(Scorer, HeadParameters):
    """What a small head, fitted on labelled rows, says of each; rows held out tell how well.

    A labelled row has what a head says that was not fitted on it. Unless the rank correlation of
    what is said so with the labels is surely above `least`, nothing is scored.
    """

    name = "learned"
    rowwise: ClassVar[bool] = False
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="common practice: a small model learns a judge's scores"
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = h(x),  h fitted to labelled rows (x_i, y_i)\n"
        "of a labelled row h_k(x),  h_k fitted without its fold k",
        choose="Where a judge, people or a reward model can label some hundred rows and not all. "
        "Labels of a `random` sample tell most: a head knows only rows like those it saw.",
        avoid="On rows of another kind than the labelled ones: a head knows nothing of answers "
        "shorter than any that has a label, and where most rows are such nothing is scored. "
        "With a few huge labels, such as IFDs of one-word answers: least squares follow these "
        "alone, so cut them first. "
        "Where the held-out correlation is no higher than that of the answer's length with "
        "the labels: what was learned is the length, and `longest_response` needs no labels. The "
        "transformer with a few hundred labels: it has more weights than there are rows, and the "
        "linear head mostly tells more.",
        compared=(
            Comparison(
                against="ridge in closed form",
                compared="held-out and last predictions, folds worked out by hand",
                tolerance="1e-8 relative",
                test="tests/parity/test_heads.py",
            ),
            Comparison(
                against="scikit-learn, called directly",
                compared="logistic regression and MLP",
                tolerance="1e-8 relative",
                test="tests/parity/test_heads.py",
            ),
            Comparison(
                against="a forward pass in float64 by NumPy",
                compared="the small transformer",
                tolerance="1e-5 absolute",
                test="tests/parity/test_heads.py",
            ),
        ),
        differences={
            "reference": "None: what is common is an encoder kept as it is and a head on its "
            "vectors. Here the inputs are any features, and labelled rows have numbers of heads "
            "that did not see them.",
            "refusal": "Nothing is scored unless the lower end of the 95 % interval of the "
            "held-out rank correlation is above `least`, nor where most rows have a number beyond "
            "those of the labelled ones.",
        },
    )

    target_class: str = ""
    """Word whose probability is the score, where labels are words."""
    better: Literal["high", "low"] = "high"
    """Whether large numbers are preferred, or small ones."""
    least: float = 0.0
    """What the lower end of the 95 % interval of the held-out Spearman correlation must exceed, of
    words that of the probability with being the word; -1 scores all the same."""

    @property
    def prefer(self) -> Literal["high", "low"]:  # type: ignore[override]  # a parameter here
        """Which numbers are preferred."""
        return self.better

    def fitted(self) -> FittedHead:
        """Return the head."""
        return FittedHead(**{name: getattr(self, name) for name in HeadParameters.model_fields})

    def requires(self) -> dict[str, Component | Sequence[Component]]:
        """Return the head and what it says."""
        head = self.fitted()
        return {"head": head, "told": HeadPredictions(by=head)}

    def score(self, *, head: HeadFit, told: Numbers) -> FloatArray:
        """Return what the head says of each row. Shape (n,).

        Raises:
            FeatureError: if it tells held-out rows no better than chance may, or most rows are
                unlike the labelled ones.
        """
        word = self._word(head)
        check_tells(self.name, head, word, self.least)
        check_alike(self.name, told, self.least)
        return np.asarray(told[word or "value"], np.float64)

    def _word(self, head: HeadFit) -> str:
        """Return the class whose probability is the score; of numbers nothing."""
        if self.target_class in head.classes or not (head.classes or self.target_class):
            return self.target_class
        known = f"the labels are {', '.join(head.classes)}" if head.classes else "they are numbers"
        raise ConfigError(
            f"learned: {self.target_class!r} is no class of the labels; {known}",
            hint=Phrase("{}", Parameter("target_class", (head.classes or ("",))[0])),
        )


def check_tells(name: str, head: HeadFit, word: str, least: float) -> None:
    """Check that a head tells rows that were held out.

    Args:
        name: of the method that asks.
        head: that is asked.
        word: class whose probability is the score; of numbers nothing.
        least: what the lower end of the interval must exceed; -1 for anything.

    Raises:
        FeatureError: if it tells them no better than that.
    """
    if least > _ANYTHING and not head.figures(word).interval.low > least:
        raise FeatureError(
            f"{name}: {head.sentence()}: the lower end of the interval is not above {least:g}",
            hint=Phrase(
                "label more rows, name other inputs, or {} to go on all the same",
                Parameter("least", "-1"),
            ),
        )


def check_alike(name: str, told: Numbers, least: float) -> None:
    """Check that most rows are like the labelled ones.

    Args:
        name: of the method that asks.
        told: what a head says of them.
        least: as in `check_tells`.

    Raises:
        FeatureError: if most have a number beyond those of the labelled rows.
    """
    known = told.reason == 0
    beyond = int(np.count_nonzero(told.flags[known] & Flag.BEYOND_LABELS))
    if least > _ANYTHING and beyond > _MOST_BEYOND * np.count_nonzero(known):
        raise FeatureError(
            f"{name}: {beyond:,} of {np.count_nonzero(known):,} rows have a length or another "
            "number beyond those of the labelled rows, which tell nothing of them",
            hint=Phrase(
                "label rows like these, name other inputs, or {} to go on all the same",
                Parameter("least", "-1"),
            ),
        )
