"""How many tokens of every row a training reads."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.references import EMBEDDED_MODEL, DType, ModelName, short_name
from assay.components.rendering import COMMON, Rendering
from assay.features.passes import Pass, Reading, RowFeature
from assay.models.language_model import LanguageModel, at_work
from assay.rendering.token_rows import TokenRow
from assay.rendering.tokenization import token_rows
from assay.rendering.trained import trained_sequences
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Reason
from assay.values import Numbers, RowValue

_COLUMNS = ("total", "learned", "whole")
_CUT = Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED


class TokenPass(Pass):
    """A reading of the rows as the tokens that a model is trained on; nothing is computed."""

    parallel: ClassVar[bool] = False  # every process would open the model

    model: ModelName
    dtype: DType

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield a reader that holds the model, whose tokenizer and window are what counts."""
        model = runtime.language_model(self.model, self.dtype)

        def read(
            conversations: Sequence[Conversation], features: Sequence[RowFeature]
        ) -> Sequence[RowValue]:
            return [
                _counted(model, feature.rendering, conversations)
                for feature in features
                if isinstance(feature, TrainingTokens)
            ]

        with at_work(model):
            yield read

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"counting tokens ({short_name(self.model)})"


class TrainingTokens(RowFeature):
    """Tokens of a row as a training reads them: under its template, and cut at its limit.

    Column `total` counts every token of the sequences that the trainer is given for the row, once:
    prompt, template and answers, and the tokens that open and close them. Column `learned` counts
    those that carry loss, `whole` what `total` would be without the limit (of a row that is cut:
    all its tokens under the template). A row that no training reads, such as one without an
    answer, has a reason in place of numbers.
    """

    name = "training_tokens"
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="counts what fine-tuning reads")
    value: ClassVar[type[RowValue]] = Numbers

    model: ModelName = EMBEDDED_MODEL
    """Causal language model that is trained: a folder with safetensors, or org/name."""
    rendering: Rendering = COMMON
    """Template and limit of the training."""
    dtype: DType = "float32"
    """Number format in which the model is held open; it changes no number here."""

    def reading(self) -> Pass:
        """Return the pass that holds the model."""
        return TokenPass(model=self.model, dtype=self.dtype)


def _counted(
    model: LanguageModel, rendering: Rendering, conversations: Sequence[Conversation]
) -> Numbers:
    rows = token_rows(model, rendering, "prompt", conversations)
    table = np.array([_row(model, rendering, row) for row in rows], np.float64)
    table = table.reshape(len(rows), len(_COLUMNS))
    return Numbers(
        np.array([row.reason for row in rows], np.uint8),
        np.array([row.flags for row in rows], np.uint16),
        {name: table[:, place] for place, name in enumerate(_COLUMNS)},
    )


def _row(model: LanguageModel, rendering: Rendering, row: TokenRow) -> tuple[float, float, float]:
    if row.reason != Reason.OK:
        return (np.nan,) * 3
    sequences = list(trained_sequences(model, rendering, row))
    total = sum(len(sequence.ids) for sequence in sequences)
    learned = sum(len(sequence.learned) for sequence in sequences)
    whole = row.prompt_tokens + row.response_tokens if row.flags & _CUT else total
    return float(total), float(learned), float(whole)
