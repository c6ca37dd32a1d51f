"""Classes: what a classifier of texts says of a row, as the probabilities of its classes."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import NO_REFERENCE, Comparison, Guide
from assay.components.references import DType
from assay.errors import FeatureError, did_you_mean
from assay.features.classification import Classification
from assay.features.made_models import ClassifierRef
from assay.models.classifier import Input
from assay.samples import FloatArray, Part
from assay.solvers.probabilities import softmax
from assay.values import Numbers


class Classes(Scorer):
    """How probable a classifier finds each of some classes, by a softmax over all that it has.

    Each class of `of` is a column, the first the main one. With `expected` there is one column
    instead: the mean of these numbers, one for each class, under probabilities that are taken
    over these classes alone. So a classifier of qualities from 0 to 5 gives one quality between.
    """

    name = "classes"
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="common practice: how quality classifiers and topic classifiers are read"
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="p(c) = exp(z_c) / sum_d exp(z_d),  d: all classes of the model\n"
        "expected = sum_c number_c p(c) / sum_c p(c),  c: the classes named",
        choose="To select by what a classifier of texts says: a quality, a topic, a safety label; "
        "also one of your own, a `tuned_model` whose objective is a class.",
        avoid="For a model with a single label, which gives a reward and no probability: `reward` "
        "reads it. As a measure of certainty, unless the classifier was calibrated: most say 0.99 "
        "more often than they are right so often.",
        compared=(
            Comparison(
                against="transformers, one row at a time, and a softmax in float64",
                compared="probabilities of all classes, expected numbers, and a tuned classifier",
                tolerance="1e-5 absolute",
                test="tests/unit/methods/judged/test_classes.py",
            ),
        ),
        differences=NO_REFERENCE,
    )

    model: ClassifierRef = ""
    """Classifier: a folder with safetensors, org/name, or one that is tuned on words."""
    of: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the classes that become columns; the first is the main one."""
    expected: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = ()
    """Number of each class of `of`; then the expected number is the only column."""
    input: Input = "auto"
    """How the row is read; see `classification`."""
    part: Part = "conversation"
    """Which text of the row, where the input is one text."""
    max_tokens: Annotated[int, Field(ge=8)] = 2048
    """Longest sequence; the model's own window if that is shorter."""
    dtype: DType = "float32"
    """Number format of the classifier."""
    better: Literal["high", "low"] = "high"
    """Whether large numbers are preferred, or small ones."""

    @field_validator("of")
    @classmethod
    def _names(cls, of: tuple[str, ...]) -> tuple[str, ...]:
        if not all(of) or len(set(of)) < len(of):
            raise ValueError("each class is named, and once")
        return of

    @model_validator(mode="after")
    def _numbers(self) -> Self:
        if self.expected and len(self.expected) != len(self.of):
            count = len(self.expected)
            raise ValueError(f"expected has {count} numbers for the {len(self.of)} classes of `of`")
        return self

    @property
    def prefer(self) -> Literal["high", "low"]:  # type: ignore[override]  # a parameter here
        """Which numbers are preferred."""
        return self.better

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]  # they are parameters here
        """The classes, or the one column of the expected number."""
        return ("value",) if self.expected else self.of

    def requires(self) -> dict[str, Component]:
        """Return the classifier's numbers."""
        read = Classification(
            model=self.model,
            input=self.input,
            part=self.part,
            max_tokens=self.max_tokens,
            dtype=self.dtype,
        )
        return {"found": read}

    def score(self, *, found: Numbers) -> Mapping[str, FloatArray]:
        """Return the probability of each class, or the expected number. Shape (n,) each.

        Raises:
            FeatureError: if the model has no class of a name, or a single label.
        """
        self._check(list(found.columns))
        chosen = [list(found.columns).index(name) for name in self.of]
        numbers = np.column_stack(list(found.columns.values())).astype(np.float64)
        if self.expected:
            return {"value": softmax(numbers[:, chosen]) @ np.array(self.expected, np.float64)}
        shares = softmax(numbers)
        return {name: shares[:, place] for name, place in zip(self.of, chosen, strict=True)}

    def _check(self, names: list[str]) -> None:
        if len(names) == 1:
            raise FeatureError(
                f"{self.model} has a single label, and no classes",
                hint="it is a reward model: `reward` reads it",
            )
        for name in self.of:
            if name not in names:
                has = f"it has {', '.join(names)}"
                near = did_you_mean(name, names)
                raise FeatureError(
                    f"{self.model} has no class {name!r}", hint=f"{near} {has}" if near else has
                )
