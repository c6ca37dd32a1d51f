"""How likely a text-to-text model is to say yes to a question about a row, rather than no."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from assay.components.base import Paper
from assay.components.references import DType, QuestionRef, TextToTextRef
from assay.errors import ConfigError
from assay.features.model_passes import ModelPass, ModelReading, called
from assay.features.passes import Pass, Reading, RowFeature
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.models.text_to_text import TextToText
from assay.rendering.encoding import TokenIds
from assay.rendering.judged_rows import fit_texts, unasked
from assay.rendering.question_tokens import question_ids
from assay.rendering.questions import load_question
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, IndexArray, Reason
from assay.values import Numbers, RowValue

_TOLERANCES: Mapping[DType, float] = {"float32": 1e-4, "bfloat16": 0.1, "float16": 2e-2}


class YesNoPass(ModelPass):
    """One run of a text-to-text model over a question about every row."""

    model: TextToTextRef
    question: QuestionRef
    words: tuple[str, str]
    max_tokens: int
    dtype: DType

    def opened(self, runtime: Runtime) -> TextToText:
        """Return the text-to-text model."""
        return runtime.text_to_text(self.model, self.dtype)

    def reader(self, model: TextToText) -> Reading:
        """Return what asks the model about rows."""
        return YesNoReading(model, self)

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"asking {self.question.partition('@')[0]} ({called(self.model)})"


class Asked(NamedTuple):
    """A question about a row as tokens, or why it is not asked."""

    ids: TokenIds
    reason: Reason
    flags: Flag


class YesNoReading(ModelReading[TextToText]):
    """Asks a question about rows.

    Args:
        model: what is asked.
        pass_: the question, and the two words.

    Raises:
        ConfigError: if both words begin with the same token.
    """

    def __init__(self, model: TextToText, pass_: YesNoPass) -> None:
        super().__init__(model)
        self._question = load_question(pass_.question)
        self._most = min(pass_.max_tokens, model.window)
        self._tokens = first_tokens(model, pass_.words)

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> list[Asked]:
        """Return the question about each row as tokens."""
        whole = [self._question.texts(conversation) for conversation in conversations]
        texts = [dict(own) for own in whole]
        ids: list[list[int]] = [[] for _ in texts]

        def excess(places: Sequence[int]) -> list[int]:
            for place in places:
                ids[place] = question_ids(self._model, self._question.pieces(texts[place]))
            return [max(0, len(ids[place]) - self._most) for place in places]

        flags = fit_texts(self._model, texts, excess)
        reasons = [unasked(left, own) for left, own in zip(texts, whole, strict=True)]
        return [
            Asked(
                np.array(own, np.int32),
                Reason.TOO_LONG if not reason and len(own) > self._most else reason,
                flag,
            )
            for own, reason, flag in zip(ids, reasons, flags, strict=True)
        ]

    def finish(
        self,
        prepared: list[Asked],
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        """Return the numbers, equal for each feature."""
        rows = [place for place, asked in enumerate(prepared) if not asked.reason]
        sequences = [prepared[place].ids for place in rows]
        found = self._model.first_tokens(sequences, self._tokens, advance, kept)
        advance(len(prepared) - len(rows))
        yes, no = found.astype(np.float64).T
        reason = np.array([asked.reason for asked in prepared], np.uint8)
        flags = np.array([asked.flags for asked in prepared], np.uint16)
        flags[reason != 0] = 0
        table = np.full((len(prepared), 2), np.nan)
        with np.errstate(invalid="ignore"):  # what is no number has a reason
            both = np.logaddexp(yes, no)
            table[rows] = np.exp(np.column_stack([yes - both, both]))
        value = Numbers.of_table(reason, flags, ["yes", "coverage"], table)
        return [value for _ in features]


def first_tokens(model: TextToText, words: Sequence[str]) -> IndexArray:
    """Return the first token of each word.

    Raises:
        ConfigError: if a word has none, or two have the same one.
    """
    ids = model.encode(list(words))
    for word, own in zip(words, ids, strict=True):
        if not own:
            raise ConfigError(f"{word!r} is no token of this model")
    found = [own[0] for own in ids]
    if len(set(found)) < len(found):
        raise ConfigError(
            f"{' and '.join(map(repr, words))} begin with the same token of this model, so that "
            "they cannot be told apart"
        )
    return np.array(found, np.int64)


class YesNo(RowFeature):
    """How likely a text-to-text model is to say yes, rather than no, to a question about a row.

    Columns yes, P(Yes) / (P(Yes) + P(No)) of the first token that it would write, and coverage,
    P(Yes) + P(No). A question that is too long loses the end of the longest text of the row in it,
    and is flagged; its own words stay.

    Differs from the reference: there the end of the whole question is cut, whatever it is.
    """

    name = "yes_no"
    paper: ClassVar[Paper] = Paper(
        title="Towards a Unified Multi-Dimensional Evaluator for Text Generation",
        authors="Zhong, Liu, Yin, Mao, Jiao, Liu, Zhu, Ji and Han",
        year=2022,
        arxiv="2210.07197",
        code="https://github.com/maszhongming/UniEval",
    )
    value: ClassVar[type[RowValue]] = Numbers
    extra: ClassVar[str] = "models"

    model: TextToTextRef
    """Text-to-text model of T5's kind: a folder with safetensors, or org/name."""
    question: QuestionRef = "unieval_naturalness"
    """Question about the row, or a .json file with one."""
    words: tuple[str, str] = ("Yes", "No")
    """What it says for yes and for no; the first token of each counts."""
    max_tokens: int = Field(default=1024, ge=8)
    """Longest question; the model's own window if that is shorter."""
    dtype: DType = "float32"
    """Number format of the model."""

    @property
    def tolerance(self) -> float:
        """Bound of what batches and devices may change a share by, at this number format."""
        return _TOLERANCES[self.dtype]

    def reading(self) -> Pass:
        """Return the run of the model over the question."""
        return YesNoPass(
            model=self.model,
            question=self.question,
            words=self.words,
            max_tokens=self.max_tokens,
            dtype=self.dtype,
        )
