"""MIG: rows whose tags tell most that was not told yet, where like tags share what they tell."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, Selector
from assay.components.guide import Comparison, Guide
from assay.components.references import EncoderRef
from assay.errors import ConfigError
from assay.features.tag_graph import TagGraph, checked_tags
from assay.runtime import Runtime
from assay.samples import FloatArray, Scores, Selection
from assay.solvers.information_gain import InformationOptions, information_gain
from assay.solvers.nearest import Neighbors

# Operations of a matrix product that take as long as looking for a pick takes for a row.
_PER_LOOK = 1.5e3
_ORIENT = "rank_mean of it is between 0 and 1, and more is better"


class MIG(Selector):
    """Rows that together tell most about as many tags as they can, weighed by a score.

    A row gives its score to each of its tags, which pass it on to tags like them. What a tag has of
    all rows chosen counts by a growth that flattens: (x + offset) ** exponent, or 1 - exp(-x). The
    greedy takes the row that adds most by the slope of that growth. Rows without tags add nothing
    and are chosen only where the budget pays for all rows; where nothing left adds anything, the
    selection ends.
    """

    name = "mig"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="MIG: Automatic Data Selection for Instruction Tuning by Maximizing Information Gain "
        "in Semantic Space",
        authors="Chen et al.",
        year=2025,
        arxiv="2504.13835",
        code="https://github.com/yichengchen24/MIG",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="take x with the largest sum over tags j of u(x)_j slope(X_j)\n"
        "X: sum of u over rows taken; slope(X) = b (X + a)^(b - 1)\n"
        "u(x) = v(x) W / column sums of W; v(x)_t = score(x) if x has tag t\n"
        "W_tt = 1; W_st = propagation cos(s, t) if cos(s, t) >= threshold",
        choose="Where rows come with tags, or a judge gives them some, to weigh what is covered "
        "against how good each row is, in one sum.",
        avoid="Where tags are few and coarse, such as ten categories: it then deals out rows of "
        "each by score, which `quota` does in plain sight. With a quality that has a few huge "
        "values, such as a length: what a row adds is then that, whatever its tags.",
        compared=(
            Comparison(
                against="the authors' code",
                compared="order of 40 picks of 150 rows, five settings",
                tolerance="exact",
                test="tests/parity/test_tag_selection.py",
            ),
            Comparison(
                against="the plain greedy with dense matrices",
                compared="picks of random rows and graphs",
                tolerance="exact",
                test="tests/unit/solvers/test_information_gain.py",
            ),
        ),
        differences={
            "score": "None is 1 for every row; any score that is never negative may be named, "
            "where the paper has DEITA's complexity times quality.",
            "tags": "All that the rows have, where the published code keeps those of a list of its "
            "own. Name `normalised_tags` to make them fewer first.",
            "encoder": "The embedded one unless another is named, and cosines of one encoder are "
            "not those of another.",
            "division": "Each tag gets the whole score, as by the published command; "
            "`per_tag=divided` is the default of its class.",
            "ties": "Rows that add as much are taken by id.",
            "end": "The published code goes on with rows that add nothing; here it ends.",
        },
    )

    tags: AnyFeature
    """What gives every row its tags: `tag_field`, `judged_tags`, `written_tags`, or
    `normalised_tags` of these."""
    quality: AnyScorer | None = None
    """Score of what a row has to tell, never negative; a row without it cannot be chosen."""
    encoder: EncoderRef = "assay:encoder"
    """Sentence encoder of the tags: the embedded one, a sentence-transformers folder, or
    org/name."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Smallest similarity of two tags that share what they tell."""
    propagation: Annotated[float, Field(ge=0)] = 1.0
    """Weight of what comes from tags alike against what is a tag's own; 0 for none."""
    growth: Literal["power", "exponential"] = "power"
    """How what a tag has been told counts: a power of it, or 1 - exp(-x)."""
    offset: Annotated[float, Field(gt=0)] = 1e-6
    """Added before the power is taken; the smaller, the more the first row of a tag counts."""
    exponent: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The power; the smaller, the sooner more of a tag tells little."""
    per_tag: Literal["whole", "divided"] = "whole"
    """Whether each tag of a row gets its whole score, or they divide it."""

    @model_validator(mode="after")
    def _more_is_better(self) -> Self:
        if self.quality is not None and self.quality.prefer == "low":
            raise ConfigError(
                f"{self.name}: of {self.quality.name} less is better, so it is not what a row has "
                "to tell",
                hint=_ORIENT,
            )
        return self

    def requires(self) -> dict[str, Component]:
        """Return the tags and their graph, and the score if there is one."""
        graph = TagGraph(tags=self.tags, encoder=self.encoder, threshold=self.threshold)
        needs: dict[str, Component] = {"tags": self.tags, "graph": graph}
        return needs if self.quality is None else needs | {"quality": self.quality}

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of looking for each pick."""
        return _PER_LOOK * rows * count

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        tags: object,
        graph: Neighbors,
        quality: Scores | None = None,
    ) -> Selection:
        """Return the picks in order. Gains are what each added by the slope.

        Raises:
            ConfigError: if a score is negative.
        """
        return information_gain(
            checked_tags(self, tags).sets,
            graph,
            allowance.candidates(),
            weights=self._weights(quality, allowance),
            options=InformationOptions(
                propagation=self.propagation,
                growth=self.growth,
                offset=self.offset,
                exponent=self.exponent,
                divided=self.per_tag == "divided",
            ),
        )

    def _weights(self, scores: Scores | None, allowance: Allowance) -> FloatArray | None:
        if scores is None or self.quality is None:
            return None
        weights = np.where(allowance.eligible, np.nan_to_num(scores.values), 0.0)
        if (weights < 0).any():
            raise ConfigError(
                f"{self.name}: {self.quality.name} is negative for some rows, and what a row has "
                "to tell cannot be",
                hint=_ORIENT,
            )
        return weights
