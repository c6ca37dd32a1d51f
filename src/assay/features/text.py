"""Features of text that need no model: lengths, tokens, diversity, compression, language."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl

from assay.components.base import NoPaper, Paper
from assay.components.references import BYTE_ESTIMATE, TokenizerRef, name_of
from assay.features.passes import Pass, PlainPass, PoolFeature, RowFeature
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Attribute, Conversation, Flag, Reason
from assay.texts.language import detect_languages, script
from assay.texts.measures import (
    PROMPT_SEPARATOR,
    RELIABLE_BYTES,
    RELIABLE_WORDS,
    compressed_length,
    compression_ratio,
    count_characters,
    count_words,
    hdd,
    mtld,
    type_token_ratio,
    words,
)
from assay.values import Labels, Numbers, RowValue

_COMMON = NoPaper(reason="common measures of a text")


class TextReading(PlainPass):
    """One reading of the text for every feature that needs nothing else."""

    rows_per_shard: ClassVar[int] = 4096

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return "reading text"


class TextFeature(RowFeature):
    """A feature filled by the common reading of the text."""

    def reading(self) -> Pass:
        """Return the common reading."""
        return TextReading()


def assistant_turns(conversation: Conversation) -> Iterator[tuple[str, str]]:
    """Yield what was said before each non-blank answer to be learned, and the answer itself."""
    before: list[str] = []
    for message in conversation.messages:
        if message.learned and message.content.strip():
            yield "\n".join(before), message.content
        before.extend(text for text in (message.content, message.context) if text.strip())


_Row = tuple[Reason, Flag, tuple[float, ...]]


def _numbers(rows: Sequence[_Row], names: Sequence[str]) -> Numbers:
    reason = np.array([row[0] for row in rows], np.uint8)
    flags = np.array([row[1] for row in rows], np.uint16)
    table = np.array([row[2] for row in rows], np.float64).reshape(len(rows), len(names))
    table[reason != 0] = np.nan
    return Numbers(reason, flags, {name: table[:, place] for place, name in enumerate(names)})


class Lengths(TextFeature):
    """Characters and words of the instruction, the prompt and all responses.

    Columns instruction_characters, prompt_characters, response_characters and the same in words.
    A word is a run of letters in scripts with spaces and one character in scripts without.
    """

    name = "lengths"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = Numbers

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the six counts of each conversation."""
        parts = ("instruction", "prompt", "responses")
        rows = []
        for conversation in conversations:
            texts = [getattr(conversation, part) for part in parts]
            counts = [float(count_characters(text)) for text in texts]
            counts += [float(count_words(text)) for text in texts]
            rows.append((Reason.OK, Flag.NONE, tuple(counts)))
        names = [f"{part}_{unit}" for unit in ("characters", "words") for part in
                 ("instruction", "prompt", "response")]  # fmt: skip
        return _numbers(rows, names)


class TokenCounts(RowFeature):
    """Tokens of a whole conversation, of its instruction and of its responses.

    Columns total, instruction, response. Special tokens and the template are left out, so that
    the numbers do not depend on a model's chat format.
    """

    name = "token_counts"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = Numbers

    tokenizer: TokenizerRef = BYTE_ESTIMATE
    """Tokenizer that counts: a tokenizer.json, a folder, or org/name; the default is an estimate,
    a token for every four bytes of UTF-8."""

    def reading(self) -> Pass:
        """Return the common reading of the text for the estimate, else a pass of its own."""
        is_estimate = name_of(self.tokenizer) == BYTE_ESTIMATE
        return TextReading() if is_estimate else super().reading()

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the three counts of each conversation."""
        counter = runtime.token_counter(self.tokenizer)
        columns = {
            "total": [conversation.text for conversation in conversations],
            "instruction": [conversation.instruction for conversation in conversations],
            "response": [conversation.responses for conversation in conversations],
        }
        counted = {name: counter.count(texts).astype(np.float64) for name, texts in columns.items()}
        count = len(conversations)
        return Numbers(np.zeros(count, np.uint8), np.zeros(count, np.uint16), counted)


def token_counts(tokenizer: TokenizerRef) -> TokenCounts:
    """Return the feature that counts with a tokenizer; it estimates if none is named."""
    return TokenCounts(tokenizer=tokenizer) if tokenizer else TokenCounts()


class LexicalDiversity(TextFeature):
    """How varied the words of a text are: type-token ratio, MTLD, HD-D, compression ratio.

    Columns ttr, mtld, hdd (NaN below 42 words) and compression_ratio. Words are case-folded.
    """

    name = "lexical_diversity"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="MTLD, vocd-D, and HD-D: A validation study of sophisticated approaches to lexical "
        "diversity assessment",
        authors="McCarthy and Jarvis",
        year=2010,
        doi="10.3758/BRM.42.2.381",
    )
    value: ClassVar[type[RowValue]] = Numbers

    part: Literal["response", "prompt", "conversation"] = "response"
    """Text that is measured."""

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the four measures of each conversation."""
        rows: list[_Row] = []
        for conversation in conversations:
            text = part_of(conversation, self.part)
            found = words(text.casefold())
            if not found:
                rows.append((Reason.NO_WORDS, Flag.NONE, (np.nan,) * 4))
                continue
            measures = (
                type_token_ratio(found), mtld(found), hdd(found), compression_ratio(text)
            )  # fmt: skip
            flag = Flag.FEW_WORDS if len(found) < RELIABLE_WORDS else Flag.NONE
            numbers = tuple(np.nan if measure is None else measure for measure in measures)
            rows.append((Reason.OK, flag, numbers))
        return _numbers(rows, ("ttr", "mtld", "hdd", "compression_ratio"))


class CompressedLengths(TextFeature):
    """Bytes that a compressor needs for the responses, alone and after what was said before.

    Columns `plain`, the bytes of the assistant turns as they are, `alone`, the sum of C(A) over
    the turns, and `given_prompt`, the sum of C(Q + A) - C(Q), where Q is all that was said before
    the turn. Below 64 plain bytes the row is flagged: one byte more or less shows in every ratio.
    """

    name = "compressed_lengths"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="our own measure; needs no model")
    value: ClassVar[type[RowValue]] = Numbers

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the two sums of each conversation."""
        rows = [self._row(conversation) for conversation in conversations]
        return _numbers(rows, ("plain", "alone", "given_prompt"))

    @staticmethod
    def _row(conversation: Conversation) -> _Row:
        plain = alone = given = 0
        answered = False
        for before, answer in assistant_turns(conversation):
            answered = True
            if not before:
                continue
            prompt, response = before.encode(), answer.encode()
            plain += len(response)
            alone += compressed_length(response)
            joint = compressed_length(prompt + PROMPT_SEPARATOR.encode() + response)
            given += joint - compressed_length(prompt)
        if alone:
            flag = Flag.FEW_BYTES if plain < RELIABLE_BYTES else Flag.NONE
            return Reason.OK, flag, (float(plain), float(alone), float(given))
        reason = Reason.EMPTY_PROMPT if answered else Reason.EMPTY_RESPONSE
        return reason, Flag.NONE, (np.nan,) * 3


class DetectedLanguage(TextFeature):
    """The language a conversation is mostly in, as ISO 639-1, "und" if nothing tells it."""

    name = "detected_language"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="py3langid's model, scripts first")
    value: ClassVar[type[RowValue]] = Labels

    def prepare(self) -> None:
        """Load the model."""
        detect_languages(["A sentence that is long enough for the model to be asked about it."])

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the language of each conversation."""
        texts = [conversation.text for conversation in conversations]
        return labels_of(detect_languages(texts))


class Script(TextFeature):
    """The writing system most of a conversation's letters belong to, such as Latin or Han."""

    name = "script"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    value: ClassVar[type[RowValue]] = Labels

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the script of each conversation."""
        return labels_of([script(conversation.text) for conversation in conversations])


def labels_of(values: list[str]) -> Labels:
    """Return one word per row, each with a value."""
    count = len(values)
    return Labels(
        np.zeros(count, np.uint8), np.zeros(count, np.uint16), pl.Series("value", values, pl.String)
    )


class RowAttribute(PoolFeature):
    """A word that every row carries: its source, split, task or language.

    The language is what the data says, or else what is detected.
    """

    name = "attribute"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    stored: ClassVar[bool] = False

    attribute: Attribute = "source"
    """Which word."""

    def requires(self) -> dict[str, Any]:
        """Return the language detector where it may be needed."""
        if self.attribute != "language":
            return {}
        return {"detected": DetectedLanguage(dataset=self.dataset)}

    def compute(
        self, view: PoolView, runtime: Runtime, *, detected: Labels | None = None
    ) -> Labels:
        """Return the word of every row in view."""
        stated = view.column(self.attribute)
        if detected is not None:
            frame = pl.DataFrame({"stated": stated, "detected": detected.values})
            stated = frame.select(
                pl.when(pl.col("stated") == "").then("detected").otherwise("stated")
            ).to_series()
        return labels_of(stated.to_list())


def part_of(conversation: Conversation, part: str) -> str:
    """Return one part of a conversation: instruction, prompt, response or conversation."""
    if part == "instruction":
        return conversation.instruction
    if part == "prompt":
        return conversation.prompt
    return conversation.responses if part == "response" else conversation.text
