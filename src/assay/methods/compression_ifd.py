"""Compression IFD: instruction-following difficulty asked of a compressor."""

from typing import Any, ClassVar

from assay.component import NoPaper, Paper, Scorer
from assay.features.text import CompressedLengths
from assay.samples import FloatArray
from assay.values import Numbers


class CompressionIFD(Scorer):
    """How little the prompt helps a compressor to write the response: (C(Q+A) - C(Q)) / C(A).

    Near 1 the prompt is no help, near 0 the response repeats it. C is the number of bytes of raw
    DEFLATE at level 9, Q all that was said before the turn, A the turn; over several assistant
    turns numerator and denominator are summed. Any language, no model, seconds for 50,000 rows.
    Our own measure, after instruction-following difficulty (arXiv 2308.12032), which asks a
    language model the same question; likelihood methods are reported against it.
    """

    name: ClassVar[str] = "compression_ifd"
    prefer = "high"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="our own: the question of IFD (arXiv 2308.12032) asked of a compressor"
    )

    def requires(self) -> dict[str, Any]:
        """Return the compressed lengths."""
        return {"lengths": CompressedLengths()}

    def score(self, *, lengths: Numbers) -> FloatArray:
        """Return the ratio. Shape (n,), usually in [0, 1]; short texts stray outside."""
        return lengths["given_prompt"] / lengths["alone"]
