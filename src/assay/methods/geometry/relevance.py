"""Relevance: does the answer speak of what was asked?"""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.example_rows import MOON, MOON_ANSWERED_BY_SOUP, SHORT
from assay.components.guide import NO_REFERENCE, Comparison, Example, Guide
from assay.components.references import EncoderRef
from assay.features.embeddings import Embeddings
from assay.samples import FloatArray, Reason, Scores
from assay.values import Matrix

_BLOCK_ROWS = 16_384


class Relevance(Scorer):
    """Cosine between the vectors of what was asked and of all answers, in [-1, 1].

    Low where an answer belongs to another question, is in another language, is noise or could be
    said to anybody. High where it repeats the question, so it is for use beside a score that sees
    that, such as compression IFD. Short answers and code are low without being bad.
    """

    name = "relevance"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = cos(e(Q), e(A)),  e: sentence embedding",
        choose="To find answers that belong to another question, are in another language or are "
        "noise: the lowest values.",
        avoid="Alone, to take the top: answers that repeat their question have the highest values.",
        compared=(
            Comparison(
                against="cosines of vectors written down by hand",
                compared="single rows",
                tolerance="1e-6 relative",
                test="tests/unit/methods/geometry/test_relevance.py",
            ),
        ),
        differences=NO_REFERENCE,
        example=Example(
            rows=(MOON, MOON_ANSWERED_BY_SOUP, SHORT),
            reading="A speaks of what was asked. B is a good answer to another question and has a "
            "cosine near none. C says too little to be about anything.",
        ),
    )

    encoder: EncoderRef = "assay:encoder"
    """Sentence encoder of both texts."""
    enough: Annotated[float, Field(gt=-1, le=1)] | None = None
    """Cosine from which on more counts for nothing: rows above are all equal."""

    def requires(self) -> dict[str, Any]:
        """Return the vectors of both texts."""
        return {
            "asked": Embeddings(model=self.encoder, part="prompt"),
            "answered": Embeddings(model=self.encoder, part="response"),
        }

    def score(self, *, asked: Matrix, answered: Matrix) -> Scores:
        """Return the cosine. Shape (n,); NaN where either text has no words (NO_WORDS)."""
        cosine = np.concatenate([
            _cosine(block, answered.rows(slice(start, start + len(block))))
            for start, block in asked.blocks(_BLOCK_ROWS)
        ] or [np.empty(0)])  # fmt: skip
        reason = np.where(np.isnan(cosine), Reason.NO_WORDS, 0).astype(np.uint8)
        return Scores(cosine if self.enough is None else np.minimum(cosine, self.enough), reason)


def _cosine(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> FloatArray:
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    products = np.einsum("ij,ij->i", left, right, dtype=np.float64)
    return np.divide(products, lengths, out=np.full(len(left), np.nan), where=lengths > 0)
