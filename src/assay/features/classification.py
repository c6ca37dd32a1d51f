"""Numbers that a classifier gives whole rows: rewards of answers, qualities of texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.references import ClassifierName, DType
from assay.errors import ConfigError, Parameter
from assay.features.made_models import ClassifierRef, model_name
from assay.features.model_passes import ModelPass, ModelReading, called
from assay.features.passes import Pass, Reading, RowFeature
from assay.features.text import part_of
from assay.models.classifier import Classifier, Framed, Input
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.rendering.chat_spans import NotFound, chat_spans
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Part, Reason
from assay.values import Numbers, RowValue

_TOLERANCES: Mapping[DType, float] = {"float32": 1e-4, "bfloat16": 0.2, "float16": 5e-2}


class ClassificationPass(ModelPass):
    """One run of a classifier over the rows."""

    model: ClassifierName
    input: Input
    part: Part
    max_tokens: int
    dtype: DType

    def opened(self, runtime: Runtime) -> Classifier:
        """Return the classifier."""
        return runtime.classifier(self.model, self.dtype)

    def reader(self, model: Classifier) -> Reading:
        """Return what reads rows with the classifier."""
        return ClassificationReading(model, self)

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"classifying ({called(self.model)})"

    def why(self, conversation: Conversation, runtime: Runtime) -> str:
        """Return what the chat template makes of a row that it does not take."""
        model = self.opened(runtime)
        if input_of(model, self.input) != "chat":
            return ""
        found = chat_spans(model, up_to_answer(conversation))
        return found.why if isinstance(found, NotFound) else ""


class Read(NamedTuple):
    """A row as the classifier reads it, or why it is not read."""

    framed: Framed | None
    reason: Reason = Reason.OK


class ClassificationReading(ModelReading[Classifier]):
    """Reads rows with a classifier.

    Args:
        model: what reads.
        pass_: which text of a row, in which form.
    """

    def __init__(self, model: Classifier, pass_: ClassificationPass) -> None:
        super().__init__(model)
        trained = model.trained_on if pass_.input == "auto" else None
        self._part = pass_.part if trained is None else trained.part
        self._input = input_of(model, pass_.input)
        most = pass_.max_tokens if trained is None else min(pass_.max_tokens, trained.max_tokens)
        self._most = min(most, model.window)

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> list[Read]:
        """Return the rows as tokens."""
        return [self._read(conversation) for conversation in conversations]

    def _read(self, conversation: Conversation) -> Read:
        read = self._framed(conversation)
        empty = read.framed is not None and not len(read.framed.ids)
        return Read(None, Reason.NO_WORDS) if empty else read

    def _framed(self, conversation: Conversation) -> Read:
        if self._input == "text":
            text = part_of(conversation, self._part)
            if not text.strip():
                return Read(None, Reason.NO_WORDS)
            return Read(self._model.framed(text, self._most))
        if not conversation.response.strip():
            return Read(None, Reason.EMPTY_RESPONSE)
        flags = Flag.NONE if conversation.prompt.strip() else Flag.EMPTY_PROMPT
        if self._input == "pair":
            question, answer = conversation.prompt, conversation.response
            found = self._model.framed_pair(question, answer, self._most)
        else:
            made = chat_framed(self._model, conversation, self._most)
            if isinstance(made, NotFound):
                return Read(None, made.reason)
            found = made
        return Read(found._replace(flags=found.flags | flags))

    def finish(
        self,
        prepared: list[Read],
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        """Return the numbers, equal for each feature."""
        rows = [place for place, read in enumerate(prepared) if read.framed is not None]
        framed = [read.framed for read in prepared if read.framed is not None]
        table = np.full((len(prepared), len(self._model.labels)), np.nan)
        table[rows] = self._model.classify(framed, advance, kept)
        advance(len(prepared) - len(rows))
        reason = np.array([read.reason for read in prepared], np.uint8)
        flags = np.zeros(len(prepared), np.uint16)
        flags[rows] = [each.flags for each in framed]
        value = Numbers.of_table(reason, flags, self._model.labels, table)
        return [value for _ in features]


def input_of(model: Classifier, wanted: Input) -> Literal["chat", "pair", "text"]:
    """Return the form in which a classifier is given a row; by default that of its training.

    Raises:
        ConfigError: if it has no chat format, and that is asked for.
    """
    if wanted == "chat" and not model.has_chat:
        raise ConfigError(
            "the classifier's tokenizer has no chat template", hint=Parameter("input", "pair")
        )
    if wanted == "auto" and model.trained_on is not None:
        wanted = model.trained_on.input
    if wanted == "auto":
        return "chat" if model.has_chat else "pair"
    return wanted


def up_to_answer(conversation: Conversation) -> Conversation:
    """Return a conversation without what follows its last answer to be learned."""
    last = conversation.last_answer
    if last is None:
        return conversation
    return replace(conversation, messages=conversation.messages[: last + 1])


def chat_framed(model: Classifier, conversation: Conversation, most: int) -> Framed | NotFound:
    """Return a conversation in the model's own format, up to its last answer to be learned.

    It is encoded as one text, as models are trained; where words look like special tokens, every
    piece by itself, so that they are plain text. One too long loses what stands first, but for the
    token that begins a text; a reward is read off the last token.

    Args:
        model: whose tokenizer holds the format.
        conversation: what is framed.
        most: tokens that may be had.
    """
    found = chat_spans(model, up_to_answer(conversation))
    if isinstance(found, NotFound):
        return found
    flags = found.flags
    if found.suspect:
        pieces = [model.encode([span.text], special=span.special)[0] for span in found.spans]
        ids = [token for piece in pieces for token in piece]
    else:
        ids = model.encode(["".join(span.text for span in found.spans)], special=True)[0]
    if len(ids) > most:
        flags |= Flag.PROMPT_TRUNCATED
        opening = ids[:1] if ids[0] == model.bos else []
        ids = opening + ids[len(ids) - most + len(opening) :]
        if len(model.encode([conversation.response])[0]) > most:
            flags |= Flag.RESPONSE_TRUNCATED
    tokens = np.array(ids, np.int32)
    return Framed(tokens, np.zeros_like(tokens), flags)


class Classification(RowFeature):
    """What a classifier says of a row: one number per label, before any softmax.

    A column per label of the model; the only number of a reward model is the column reward. The
    numbers of different models are on scales of their own. A row too long for the model is read in
    part, and flagged: of a question its end, of an answer or a text its beginning, and of a
    conversation in the model's chat format its end.
    """

    name = "classification"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="how every reward model and quality classifier is read"
    )
    value: ClassVar[type[RowValue]] = Numbers
    extra: ClassVar[str] = "models"

    model: ClassifierRef
    """Sequence classifier, such as a reward model: a folder with safetensors, org/name, or one that
    is tuned on numbers or words."""
    input: Input = "auto"
    """The conversation in the chat format that the model's tokenizer brings along, question and
    answer as a pair of texts, or one text; by default as it was trained, or else the format, or a
    pair where there is none."""
    part: Part = "conversation"
    """Which text of the row, where the input is one text."""
    max_tokens: int = Field(default=2048, ge=8)
    """Longest sequence; the model's own window if that is shorter."""
    dtype: DType = "float32"
    """Number format of the model."""

    @property
    def tolerance(self) -> float:
        """Bound of what batches and devices may change a number by, at this number format."""
        return _TOLERANCES[self.dtype]

    def reading(self) -> Pass:
        """Return the run of the classifier."""
        return ClassificationPass(
            model=model_name(self.model),
            input=self.input,
            part=self.part if self.input == "text" else "conversation",
            max_tokens=self.max_tokens,
            dtype=self.dtype,
        )
