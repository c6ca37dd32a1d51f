"""DS2: scores of a judge, mended by what the rows' neighbours were given."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature, AnyScorer, Scorer
from assay.components.guide import Comparison, Guide
from assay.errors import FeatureError, Parameter, Phrase
from assay.features.embeddings import Embeddings
from assay.features.identity import Identities, Identity
from assay.features.neighbors import NearestNeighbors
from assay.random_numbers import row_uniform
from assay.samples import FloatArray, IdArray, IndexArray, Reason, ReasonArray, Scores
from assay.solvers.label_consensus import counted_consensus, fitted_transition
from assay.solvers.nearest import Neighbors
from assay.solvers.score_curation import (
    cured,
    doubts,
    label_triples,
    labelled_neighbors,
    long_tail,
    wrong_shares,
)

_MOST_CLASSES = 20
_NEAR_PER_VOTER = 2
_SHARED_NEIGHBORS = NearestNeighbors.model_fields["count"].default


class DS2(Scorer):
    """Scores of a judge mended by those of alike rows; of equal scores rare rows come first.

    Each number that the judge gives is a class. How often neighbours agree tells how probably each
    class is scored as which; the rows of a class that their neighbours back least are doubted, as
    many as that says are wrong, and get the class that the neighbours suggest where that is sure
    enough. `curated` is the number then, `raw` the judge's own, `noise` how surely that is wrong,
    `confidence` how sure the suggestion is, and `long_tail` how far the row lies from its
    neighbours. The main column is `curated` and, as its fraction, `long_tail`: chosen by it, rows
    of the best class come first, and of the class that does not fit whole the rarest.

    A row without words has no neighbours, and so no number but its raw one.
    """

    name = "ds2"
    rowwise: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = (
        "value", "curated", "raw", "noise", "confidence", "long_tail"
    )  # fmt: skip
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Improving Data Efficiency via Curating LLM-Driven Rating Systems",
        authors="Pang et al.",
        year=2025,
        arxiv="2410.10877",
        code="https://github.com/UCSC-REAL/DS2",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="T, p: minimise |c1 - pT| + |c2 - sum_k p_k T_k T_k| + |c3 - ...|\n"
        "doubted: of class c the share 1 - T_cc p_c / q_c that neighbours back least\n"
        "curated = suggested class where doubted and share of votes * noise >= 0.5\n"
        "score = curated + tanh(d / 2),  d: mean cosine distance to 10 neighbours",
        choose="To select by a cheap judge that gives few different numbers: most rows share one, "
        "and which of them come first is decided by rarity and not by id.",
        avoid="Where neighbours do not deserve the same score, such as good and bad answers to one "
        "question: then a right score is mended to a wrong one, most often to the score that most "
        "rows have. Of 1,000 rows of mathematics with seven marks of a judge, the tenth chosen by "
        "correctness, relevance and meaningfulness had a mean mark of 9.1, 9.1 and 7.8, the pool "
        "9.3, 9.5 and 7.8; by correctness 8 in 100 had a mark of 4 or less, twice the pool's "
        "share: whether an answer is right does not show in others. Look at what was mended before "
        "you trust it; `confidence=1.1` mends nothing. Before copies are removed "
        "(`deduplicate`): copies agree with each other, and the judge seems better than it is.",
        compared=(
            Comparison(
                against="what the authors' code gave, and a matrix that was planted",
                compared="frequencies of labels of 3 classes; the matrix by both ways to look for "
                "it; 6 classes in a mixture of Gaussians",
                tolerance="1e-6 absolute; 2e-2 absolute; 0.03 absolute",
                test="tests/parity/test_label_consensus.py",
            ),
            Comparison(
                against="the rules written out, one row at a time",
                compared="votes, doubts and suggestions of 60 rows in 7 rounds",
                tolerance="exact",
                test="tests/unit/solvers/test_score_curation.py",
            ),
        ),
        differences={
            "score": "Any score with few different numbers, which keep their scale. The paper's "
            "judge gives 1 to 10, as `rubric` with `prompt=ds2` and `main=overall` asks for in our "
            "own wording, of which `compress=[4, 9]` makes its six classes. A row without a score "
            "has none, where the published code makes it the worst class.",
            "encoder": "The embedded one unless other vectors are named, where the paper takes "
            "bge-large-en-v1.5.",
            "matrix": "It is fitted to the counts of all rows by L-BFGS, which explains them "
            "better than the 1,501 steps of Adam on samples of 50,000 rows; both minimise the "
            "same.",
            "neighbours": "Those of all rows, searched for once, and in a round those of them that "
            "are in its part: nine tenths of the rows, 51 times. The published code takes at most "
            "50,000 rows and searches anew. It also searches among two copies of every row for "
            "the distances, so that every row is its own neighbour.",
            "ties": "Where rows that are backed equally are too many to be doubted together, none "
            "of them is; the published code may then doubt a whole class. Which rows are in a part "
            "hangs on their ids and the seed.",
        },
    )

    by: AnyScorer
    """Score that is mended."""
    compress: tuple[int, int] | None = None
    """Lowest and highest number: scores are rounded to whole ones, halves upwards, and those beyond
    count as these. Without it they stay as they are, of which at most 20 may differ."""
    vectors: AnyFeature = Embeddings()
    """Vectors whose nearest are a row's neighbours."""
    neighbors: Annotated[int, Field(ge=3)] = 10
    """Voters on a score, the row itself counted; also the neighbours that rarity is measured by."""
    confidence: Annotated[float, Field(gt=0)] = 0.5
    """Confidence from which a score is replaced; above 1 none is, and only rarity is added."""
    rounds: Annotated[int, Field(ge=1)] = 51
    """Rounds of votes."""
    part: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the rows that are in a round."""
    seed: int = 0
    """Seed of the parts."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.compress is not None and self.compress[0] >= self.compress[1]:
            raise ValueError("compress is the lowest number and a higher one")
        return self

    @property
    def prefer(self) -> Literal["high", "low"]:  # type: ignore[override]  # that of the score
        """Which numbers are preferred: those that the score that is mended prefers."""
        return self.by.prefer

    def requires(self) -> dict[str, Component]:
        """Return the score, the neighbours, shared with other methods, and the rows' ids."""
        count = max(_SHARED_NEIGHBORS, _NEAR_PER_VOTER * self.neighbors)
        return {
            "by": self.by,
            "graph": NearestNeighbors(vectors=self.vectors, count=count),
            "identity": Identity(),
        }

    def score(
        self, *, by: Scores, graph: Neighbors, identity: Identities
    ) -> Mapping[str, FloatArray | Scores]:
        """Return the columns. Shape (n,) each.

        Raises:
            FeatureError: if too few rows have a score, or their scores are all equal or too
                different.
        """
        raw = self._compressed(by.values)
        classes, labels = self._classes(raw)
        near = labelled_neighbors(graph, labels >= 0, _NEAR_PER_VOTER * self.neighbors)
        wrong = self._wrong(label_triples(labels, near), labels, len(classes))
        parts = self._parts(labels, identity.ids)
        found = doubts(labels, near, wrong, parts, voters=self.neighbors)
        curated = np.where(labels >= 0, classes[cured(labels, found, self.confidence)], np.nan)
        rarity = long_tail(graph, self.neighbors)
        # Below the smallest step from class to class, so that classes never mix.
        fraction = self.sign * rarity * min(1.0, float(np.diff(classes).min()))
        reason = _without_neighbors(graph)
        known = {
            "value": curated + fraction,
            "curated": curated,
            "raw": raw,
            "noise": found.noise,
            "confidence": found.confidence,
            "long_tail": rarity,
        }
        # What the judge said stands, whatever the neighbours say.
        return {
            name: values if name == "raw" else Scores(values, reason)
            for name, values in known.items()
        }

    def _compressed(self, values: FloatArray) -> FloatArray:
        if self.compress is None:
            return values
        return np.clip(np.floor(values + 0.5), *self.compress)

    def _classes(self, raw: FloatArray) -> tuple[FloatArray, IndexArray]:
        """Return the different numbers, ascending, and the place of each row's; -1 for none."""
        known = ~np.isnan(raw)
        classes, places = np.unique(raw[known], return_inverse=True)
        hint = Phrase("say what is the lowest and the highest: {}", Parameter("compress", "4,9"))
        if len(classes) > _MOST_CLASSES:
            raise FeatureError(
                f"{self.name}: {self.by.name} gives {len(classes):,} different numbers, and at "
                f"most {_MOST_CLASSES} classes can be told apart",
                hint=hint,
            )
        if len(classes) < 2:
            raise FeatureError(
                f"{self.name}: all {int(known.sum()):,} scores of {self.by.name} are equal, so "
                "that neighbours cannot disagree",
                hint="name a score that tells rows apart" if self.compress is None else hint,
            )
        labels = np.full(len(raw), -1, np.int64)
        labels[known] = places
        return classes, labels

    def _parts(self, labels: IndexArray, ids: IdArray) -> Iterator[IndexArray]:
        """Yield the rows of each round, drawn from those with a label, ascending."""
        labelled = np.flatnonzero(labels >= 0)
        count = max(1, round(self.part * len(labelled)))
        for number in range(self.rounds):
            drawn = row_uniform(ids[labelled], seed=self.seed, purpose=f"{self.name}/{number}")
            yield np.sort(labelled[np.argsort(drawn, kind="stable")[:count]])

    def _wrong(self, triples: IndexArray, labels: IndexArray, classes: int) -> FloatArray:
        if not len(triples):
            raise FeatureError(
                f"{self.name}: no row has two neighbours with a score",
                hint="score more rows: how often neighbours agree is all that there is to go by",
            )
        fitted = fitted_transition(counted_consensus(triples, classes))
        counts = np.bincount(labels[labels >= 0], minlength=classes)
        return wrong_shares(fitted.matrix, fitted.prior, counts / counts.sum())


def _without_neighbors(graph: Neighbors) -> ReasonArray:
    """Return why rows have no neighbours: no words, or nobody else who has some."""
    alone: NDArray[np.bool_] = np.diff(graph.indptr) == 0
    reason = np.where(alone, np.uint8(Reason.ZERO_DENOMINATOR), np.uint8(0))
    reason[graph.zero_rows] = Reason.NO_WORDS
    return reason
