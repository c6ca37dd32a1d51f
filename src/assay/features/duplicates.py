"""Groups of rows that say the same, and rows that repeat evaluation texts."""

import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyDataset, FileSet
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.features.passes import PoolFeature, Sampled
from assay.features.similar_rows import SAMPLED_ROWS, pairs_work, similar_share
from assay.features.text import part_of
from assay.pool.view import PoolView
from assay.progress import SILENT, Progress
from assay.runtime import Runtime
from assay.samples import MEDIA_KINDS, Conversation, FloatArray, IndexArray, Part
from assay.solvers.duplicates import connected_groups, exact_groups, normalised_text
from assay.solvers.nearest import neighbors_above
from assay.texts.minhash import minhash_signatures, near_duplicate_pairs
from assay.texts.overlap import NGRAM, ContaminationReport, contaminated
from assay.values import Groups, Matrix

_THRESHOLDS = {"near": 0.8, "semantic": 0.95}

# What the search does, in operations of a matrix product that takes as long.
_PER_ROW = 1e5
_PER_NEAR_ROW = 2e6
_PER_NEAR_PAIR = 2.5e6
_TIMED_ROWS = 1000
_FEW_ROWS = 100


class DuplicateGroups(PoolFeature):
    """Rows that are equal, share most of their characters' runs, or mean nearly the same.

    Groups are chains: two rows may be in one group because each is like a third. Every row in view
    takes part, so a selector asks for the groups of the rows that it may choose, and of no other.
    Rows are only in one group if the same pictures, films and sounds are attached to them.
    """

    name = "duplicate_groups"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="On the resemblance and containment of documents",
        authors="Broder",
        year=1997,
        doi="10.1109/SEQUEN.1997.666900",
    )

    match: Literal["exact", "near", "semantic"] = "exact"
    """Equal conversations; Jaccard similarity of character 5-grams; cosine of embeddings."""
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Similarity from which rows belong together; 0.8 for near, 0.95 for semantic."""
    part: Part = "conversation"
    """Text that is compared, unless rows must be equal."""
    encoder: Embeddings | None = None
    """Vectors that are compared, for semantic duplicates; the embedded encoder's if none."""

    @model_validator(mode="before")
    @classmethod
    def _encoder(cls, fields: Any) -> Any:
        return with_encoder(fields)

    def requires(self) -> Mapping[str, Component]:
        """Return the vectors, where meaning is compared."""
        if self.match != "semantic" or self.encoder is None:
            return {}
        vectors = self.encoder.model_copy(update={"part": self.part, "dataset": self.drawn_from})
        return {"vectors": vectors}

    def compute(self, view: PoolView, runtime: Runtime, *, vectors: Matrix | None = None) -> Groups:
        """Return the group of every row in view."""
        if self.match == "exact":
            return _equal(view)
        if self.match == "semantic" and vectors is None:
            raise TypeError("semantic duplicates need vectors")
        texts: list[str] = []
        attached: list[tuple[tuple[str, bytes], ...]] = []
        for _, block in view.blocks():
            attached.extend(map(_attached, block))
            if vectors is None:
                texts.extend(part_of(conversation, self.part) for conversation in block)
        pairs, similarity = [np.empty((0, 2), np.int64)], [np.empty(0)]
        # What is attached is not compared, so rows of other pictures are never taken for copies.
        for rows in _equal_rows(attached):
            if vectors is None:
                found, alike = self._near(texts, rows, runtime)
            else:
                found, alike = self._semantic(vectors, view, rows, runtime)
            pairs.append(rows[found])
            similarity.append(alike)
        return _groups(len(view), np.concatenate(pairs), np.concatenate(similarity))

    def _near(
        self, texts: Sequence[str], rows: IndexArray, runtime: Runtime
    ) -> tuple[IndexArray, FloatArray]:
        """Return pairs of places in `rows` whose texts share runs of characters, and how many."""
        found = near_duplicate_pairs(
            texts if len(rows) == len(texts) else [texts[row] for row in rows.tolist()],
            self.threshold or _THRESHOLDS[self.match],
            threads=runtime.workers,
            progress=_progress_of(rows, runtime),
        )
        return found.pairs, found.jaccard

    def _semantic(
        self, vectors: Matrix, view: PoolView, rows: IndexArray, runtime: Runtime
    ) -> tuple[IndexArray, FloatArray]:
        """Return pairs of places in `rows` whose vectors are close, and how close."""
        own = len(view) == len(vectors)  # or they are those of the whole pool
        places = rows if own else view.positions[rows]
        graph = neighbors_above(
            vectors.array if own and len(rows) == len(view) else vectors.array[places],
            self.threshold or _THRESHOLDS[self.match],
            progress=_progress_of(rows, runtime),
        )
        first = np.repeat(np.arange(len(rows)), np.diff(graph.indptr))
        pairs = np.column_stack([first, graph.indices.astype(np.int64)])
        return pairs, graph.similarities.astype(np.float64)

    sampled_rows: ClassVar[int] = SAMPLED_ROWS

    def sample(self, view: PoolView, runtime: Runtime, *, vectors: Matrix | None = None) -> Sampled:
        """Return how many of the pairs in view belong together, and how long a row takes."""
        if self.match == "exact":
            return Sampled()
        threshold = self.threshold or _THRESHOLDS[self.match]
        if vectors is not None:
            return Sampled(alike=similar_share(vectors.array, threshold))
        texts = [part_of(each, self.part) for each in view.conversations()]
        timed = [normalised_text(text) for text in texts[:_TIMED_ROWS]]
        started = time.perf_counter()
        minhash_signatures(timed, threads=runtime.workers)
        seconds = (time.perf_counter() - started) / max(len(timed), 1)
        pairs = len(near_duplicate_pairs(texts, threshold, threads=runtime.workers).pairs)
        return Sampled(seconds, pairs / max(len(texts) * (len(texts) - 1) / 2, 1))

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time besides the reading of texts, most of it for pairs that are alike."""
        if self.match == "exact":
            return _PER_ROW * rows
        if self.match == "semantic" and self.encoder is not None:
            return pairs_work(rows, vector_width(self.encoder, runtime), alike)
        return _PER_NEAR_PAIR * alike * rows * (rows - 1) / 2 + _PER_NEAR_ROW * rows

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Groups:
        """Return the groups that were stored."""
        return Groups(arrays["labels"], arrays["similarity"])


def with_encoder(fields: Any) -> Any:
    """Return the fields of a component with an encoder if meaning is compared.

    Without need none is named, so that equal texts are found without one and whatever one is.
    """
    if isinstance(fields, dict) and fields.get("match") == "semantic" and not fields.get("encoder"):
        return fields | {"encoder": Embeddings()}
    return fields


def _equal(view: PoolView) -> Groups:
    _, _, inverse = view.unique
    first = np.full(inverse.max(initial=-1) + 1, len(view), np.int64)
    np.minimum.at(first, inverse, np.arange(len(view)))
    counts = np.bincount(inverse, minlength=len(first))
    return Groups(first[inverse], np.where(counts[inverse] > 1, 1.0, np.nan))


def _progress_of(rows: IndexArray, runtime: Runtime) -> Progress:
    """Return where the search among some rows is reported: of a few it is over at once."""
    return runtime.stages if len(rows) > _FEW_ROWS else SILENT


def _attached(conversation: Conversation) -> tuple[tuple[str, bytes], ...]:
    """Return kind and digest of each picture, film and sound, and boxes; of most rows none."""
    found: list[tuple[str, bytes]] = []
    for message in conversation.messages:
        if message.images or message.videos or message.audios:
            found += ((kind, ref.digest) for kind in MEDIA_KINDS for ref in message.media(kind))
        if message.boxes:
            found.append(("boxes", message.boxes.encode()))
    return tuple(found)


def _equal_rows(keys: Sequence[Hashable]) -> list[IndexArray]:
    """Return the rows of each key that two or more have, ascending."""
    groups = exact_groups(keys)
    shared = np.flatnonzero(np.bincount(groups, minlength=len(groups))[groups] > 1)
    order = shared[np.argsort(groups[shared], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    return np.split(order, starts) if len(order) else []


def _groups(count: int, pairs: IndexArray, similarity: FloatArray) -> Groups:
    nearest = np.full(count, -np.inf)
    np.maximum.at(nearest, pairs[:, 0], similarity)
    np.maximum.at(nearest, pairs[:, 1], similarity)
    return Groups(connected_groups(count, pairs), np.where(nearest > 0, nearest, np.nan))


class Contamination(PoolFeature):
    """Rows that repeat runs of words of evaluation texts."""

    name = "contamination"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Language Models are Few-Shot Learners",
        authors="Brown et al.",
        year=2020,
        arxiv="2005.14165",
    )

    against: AnyDataset
    """Evaluation texts; what they ask is compared."""
    ngram: Annotated[int, Field(ge=1)] = NGRAM
    """Words in a run."""
    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of an evaluation text's runs that a row must hold; 0: a single one is enough."""

    def compute(
        self, view: PoolView, runtime: Runtime, *, against: PoolView
    ) -> ContaminationReport:
        """Return what every row in view shares with the evaluation texts."""
        questions = [conversation.question for conversation in against.conversations()]
        rows = [conversation for _, block in view.blocks() for conversation in block]
        # A short question must be all that is asked, so prompts are compared on their own, too.
        whole, prompts = (
            contaminated(
                texts, questions, ngram=self.ngram, share=self.share, progress=runtime.stages
            )
            for texts in ([row.text for row in rows], [row.prompt for row in rows])
        )
        lower = prompts.evaluation_index < whole.evaluation_index
        better = (prompts.share > whole.share) | ((prompts.share == whole.share) & lower)
        return ContaminationReport(
            whole.contaminated | prompts.contaminated,
            np.where(better, prompts.evaluation_index, whole.evaluation_index),
            np.maximum(whole.share, prompts.share),
        )

    sampled_rows: ClassVar[int] = _TIMED_ROWS

    def sample(self, view: PoolView, runtime: Runtime, *, against: PoolView) -> Sampled:
        """Return how long a row takes."""
        seconds = []
        few = PoolView(view.pool, view.positions[:_FEW_ROWS])
        for part in (few, view):
            started = time.perf_counter()
            self.compute(part, runtime, against=against)
            seconds.append(time.perf_counter() - started)
        # What both took alike is the reading of the questions, and not done again for each row.
        return Sampled(max(seconds[1] - seconds[0], 0.0) / max(len(view) - len(few), 1))

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> ContaminationReport:
        """Return the report that was stored."""
        return ContaminationReport(
            arrays["contaminated"].astype(np.bool_), arrays["evaluation_index"], arrays["share"]
        )


def evaluation_file(path: str) -> FileSet:
    """Return the rows of an evaluation file, of which only the questions are read."""
    return FileSet(source=path, role="evaluation")
