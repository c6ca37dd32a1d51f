"""Generations: the last answer of each row, written anew by a language model."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import polars as pl

from assay.components.base import NoPaper, Paper
from assay.components.decoding import Decoding
from assay.components.references import (
    EMBEDDED_MODEL,
    DType,
    ModelName,
)
from assay.components.rendering import COMMON, Rendering
from assay.features.made_models import ModelRef, model_name
from assay.features.model_passes import ModelPass, ModelReading, called, check_number_format
from assay.features.passes import Pass, Reading, RowFeature
from assay.features.seen_rows import flag_seen
from assay.models.generation import Chat, Finish, Generator, Prompts, Replies, Writer
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.models.service import Price, Unasked
from assay.rendering.prompts import (
    Prompt,
    check_rendering,
    end_of_turn,
    prompts,
    sent_messages,
)
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Reason
from assay.values import RowValue, Texts

_WORDS = {Finish.NONE: "", Finish.STOP: "stop", Finish.LENGTH: "length", Finish.EMPTY: "empty"}
_TRIED_TOKENS = 16  # of each reply that is written to tell how long all take
_UNLIKE = 0.25  # share of rows that may begin otherwise than stored, for rounding
_UNLIKE_LOWER = 0.5


class Generations(RowFeature):
    """What a model replies to each row in place of its last answer.

    The prompt is all that stands before that answer, rendered as for scoring it: earlier turns are
    given as they are. Where the last word is not the assistant's, all of it is the prompt. A prompt
    that leaves too little room loses its beginning, and is flagged.

    Replies hold no special tokens. They end at the tokens that end a text of the model, or a turn
    of its chat format, at a `stop` text, or at the limit. An empty reply is a reply, and flagged;
    so is one that the limit cut. The numbers that tokens are drawn with are a row's own, so the
    same seed gives the same reply whatever else is in the pool. Rounding differs between batches,
    devices and versions; where two tokens are as probable as that, a reply goes another way.
    """

    name = "generations"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="what every language model gives")
    value: ClassVar[type[RowValue]] = Texts
    extra: ClassVar[str] = "models"

    model: ModelRef = EMBEDDED_MODEL
    """Causal language model: the embedded one, a folder with safetensors, org/name, an address,
    or one that is made on the way."""
    rendering: Rendering = COMMON
    """Template, limit and context token; "chat" for the model's own format."""
    decoding: Decoding = Decoding()
    """How tokens are chosen, how many, and what ends a reply."""
    dtype: DType = "float32"
    """Number format of the model."""

    @property
    def tolerance(self) -> float:
        """Share of stored rows that may begin otherwise when they are written again."""
        return _UNLIKE if self.dtype == "float32" else _UNLIKE_LOWER

    def reading(self) -> Pass:
        """Return the pass that writes the replies.

        Raises:
            ConfigError: if the rendering, or the number format, cannot be had.
        """
        check_rendering(self.rendering)
        model = model_name(self.model)
        check_number_format(model, self.dtype)
        return GenerationPass(
            model=model, rendering=self.rendering, decoding=self.decoding, dtype=self.dtype
        )


class GenerationPass(ModelPass):
    """Replies of a language model to every row, under one rendering and one decoding."""

    least_rows: ClassVar[int] = 256
    sampled_rows: ClassVar[int] = 8

    model: ModelName
    rendering: Rendering
    decoding: Decoding
    dtype: DType

    def opened(self, runtime: Runtime) -> Generator:
        """Return the model that writes."""
        return runtime.generator(self.model, self.dtype)

    def reader(self, model: Generator) -> Reading:
        """Return what writes a reply to every row."""
        return GenerationReading(model, self)

    def trial(self) -> tuple[Pass, float]:
        """Return the pass with short replies; if all take the limit, this one takes that longer."""
        most = self.decoding.max_new_tokens
        short = self.decoding.model_copy(update={"max_new_tokens": min(most, _TRIED_TOKENS)})
        return self.model_copy(update={"decoding": short}), most / short.max_new_tokens

    def asked_of(
        self,
        model: Unasked,
        conversations: Sequence[Conversation],
        features: Sequence[RowFeature],
    ) -> Price:
        """Return what a server would be asked for replies to some rows."""
        prepared = _prepared(model, self, conversations)
        return model.price_of_prompts(prepared.prompts, self.decoding)

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"replies ({called(self.model)})"

    def why(self, conversation: Conversation, runtime: Runtime) -> str:
        """Return what the chat template makes of a row that it refuses."""
        model = self.opened(runtime)
        if not self.rendering.is_chat or model.takes_chats:
            return ""
        (prompt,) = prompts(model, self.rendering, [conversation], self.decoding.max_new_tokens)
        return prompt.why


class Prepared(NamedTuple):
    """Rows, and which of them the model is asked about."""

    rows: list[Prompt]
    asked: list[int]
    prompts: Prompts


class GenerationReading(ModelReading[Generator]):
    """Writes a reply to every row.

    Args:
        model: what writes.
        pass_: rendering and decoding.
    """

    def __init__(self, model: Generator, pass_: GenerationPass) -> None:
        super().__init__(model)
        self._pass = pass_
        rendered = pass_.rendering.is_chat and not model.takes_chats
        self._ends = end_of_turn(model) if rendered else ()

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> Prepared:
        """Return the prompts of the rows, as tokens or as a server takes them."""
        return _prepared(self._model, self._pass, conversations, self._ends)

    def finish(
        self,
        prepared: Prepared,
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        """Return the replies, once for every feature: they are equal."""
        advance(len(prepared.rows) - len(prepared.asked))
        replies = self._model.generate(prepared.prompts, self._pass.decoding, advance, kept)
        found = _texts(prepared.rows, prepared.asked, replies)
        return [found for _ in features]


def _prepared(
    model: Writer,
    pass_: GenerationPass,
    conversations: Sequence[Conversation],
    ends: tuple[int, ...] = (),
) -> Prepared:
    """Return the prompts of some rows; `ends` are tokens that end a turn of the chat format."""
    decoding = pass_.decoding
    sends_chats = pass_.rendering.is_chat and model.takes_chats
    if sends_chats:
        rows = [_sent(conversation, decoding) for conversation in conversations]
    else:
        rows = prompts(model, pass_.rendering, conversations, decoding.max_new_tokens)
    asked = [place for place, row in enumerate(rows) if row.reason == Reason.OK]
    streams = [conversations[place].content_hash[:8] for place in asked]
    wanted = Prompts(
        sequences=[rows[place].ids for place in asked],
        most=np.array([rows[place].most for place in asked], np.int64),
        streams=np.frombuffer(b"".join(streams), ">u8").astype(np.uint64),
        ends=ends,
        chats=[Chat(*sent_messages(conversations[place])) for place in asked]
        if sends_chats
        else (),
    )
    return Prepared(flag_seen(pass_.model, rows, conversations), asked, wanted)


def _sent(conversation: Conversation, decoding: Decoding) -> Prompt:
    """Return the prompt of a row that a server renders: it alone counts its tokens."""
    nothing = np.empty(0, np.int32)
    if not conversation.question.strip():
        return Prompt(nothing, reason=Reason.EMPTY_PROMPT, flags=Flag.EMPTY_PROMPT)
    return Prompt(nothing, most=decoding.max_new_tokens)


def _texts(rows: Sequence[Prompt], asked: Sequence[int], replies: Replies) -> Texts:
    reason = np.array([row.reason for row in rows], np.uint8)
    flags = np.array([row.flags for row in rows], np.uint16)
    texts, finish = [""] * len(rows), [""] * len(rows)
    tokens = np.full(len(rows), np.nan)
    for place, number in enumerate(asked):
        reason[number] = replies.reason[place]
        if replies.reason[place]:
            continue
        texts[number] = replies.texts[place]
        tokens[number] = replies.tokens[place]
        finish[number] = _WORDS[Finish(int(replies.finish[place]))]
        flags[number] |= np.uint16(_flag(Finish(int(replies.finish[place]))))
    return Texts(
        reason, flags, pl.Series(texts, dtype=pl.String), tokens, pl.Series(finish, dtype=pl.String)
    )


def _flag(finish: Finish) -> Flag:
    if finish == Finish.LENGTH:
        return Flag.RESPONSE_TRUNCATED
    return Flag.EMPTY_REPLY if finish == Finish.EMPTY else Flag.NONE
