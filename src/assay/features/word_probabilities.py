"""Probabilities of named words as a language model's next one: marks, yes and no, letters."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.references import QuestionRef
from assay.components.rendering import Rendering
from assay.errors import ConfigError, Parameter, Phrase
from assay.features.causal_pass import CausalFeature, CausalPass
from assay.features.passes import Pass
from assay.features.read_rows import ReadRows
from assay.judging.suspicion import suspicious
from assay.models.language_model import LanguageModel
from assay.rendering.encoding import TextEncoding
from assay.rendering.judged_rows import judged_rows
from assay.rendering.questions import load_question
from assay.rendering.templates import load_template
from assay.rendering.token_rows import TokenRow
from assay.samples import Conversation, Flag, FloatArray, IndexArray, Reason
from assay.values import Numbers, RowValue

BARE = Rendering(template="bare")
"""The text and nothing else, after one context token."""
_COVERAGE = "coverage"


class QuestionPass(CausalPass):
    """One forward of a causal language model over a question about every row."""

    question: QuestionRef

    def rows(self, model: TextEncoding, conversations: Sequence[Conversation]) -> list[TokenRow]:
        """Return the question about each row as tokens, up to where its answer would begin."""
        question = load_question(self.question)
        return [
            marked(row, question.texts(conversation).values())
            for row, conversation in zip(
                judged_rows(model, self.rendering, question, conversations),
                conversations,
                strict=True,
            )
        ]

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"{super().label()}, asked {self.question.partition('@')[0]}"


class WordProbabilities(CausalFeature):
    """How probable each of some words is as what a language model says next, and all together.

    A column per word, and coverage: the probability of all of them together among all tokens. By
    default the words' own numbers are shares of it, so that they add up to 1: the softmax over the
    words' logits. They are what comes next after a question about the row, or after the row's own
    prompt, in the place of its last answer.

    Every word has to be one token of the model where it stands.
    """

    name = "word_probabilities"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="how DEITA's scorers, SelectIT and Ask-LLM are read"
    )
    value: ClassVar[type[RowValue]] = Numbers

    rendering: Rendering = BARE
    """Template, turns, limit and context token; of a question, what stands around it."""
    question: QuestionRef = ""
    """Question about the row that the words answer, such as deita_quality, or a .json file; by
    default the words stand in the place of the row's last answer."""
    words: Annotated[tuple[str, ...], Field(min_length=1)] = ("1", "2", "3", "4", "5", "6")
    """The words."""
    over: Literal["words", "vocabulary"] = "words"
    """Whether the probabilities are among the words alone, or among all tokens."""
    spaced: bool = False
    """Count a word with a blank before it, too, where that is one token."""

    @property
    def shuns(self) -> Flag:  # type: ignore[override]  # a row's own prompt is no question to a judge
        """A selection takes no row that speaks to the model that is asked about it."""
        return Flag.INJECTION_SUSPECT if self.question else Flag.NONE

    @property
    def tolerance(self) -> float:
        """A probability moves by at most that of its logarithm, and shares by that of all."""
        return super().tolerance * 10

    def reading(self) -> Pass:
        """Return the forward: over the questions if one is asked, else that of the answers.

        Raises:
            ConfigError: if the model is behind HTTP, or a word cannot be told from another.
        """
        if len(set(self.words)) < len(self.words) or _COVERAGE in self.words:
            raise ConfigError(
                f"the words {', '.join(map(repr, self.words))} are not all different, or one is "
                f"called {_COVERAGE}"
            )
        plain = super().reading()
        if not self.question:
            return plain
        fields = {name: getattr(plain, name) for name in CausalPass.model_fields}
        return QuestionPass(question=self.question, **fields)

    def choice(self, model: LanguageModel) -> IndexArray:
        """Return the token of each word, and of the same after a blank. Shape (2 * words,).

        Raises:
            ConfigError: if a word is not one token, or two are the same one.
        """
        tail = self._tail()
        found: dict[int, str] = {}
        for word in self.words:
            token = single_token(model, tail, word)
            if token is None:
                raise ConfigError(
                    Phrase(
                        f"{word!r} is not one token of this model; {{}} have to be",
                        Parameter("words"),
                    )
                )
            if token in found:
                raise ConfigError(f"{found[token]!r} and {word!r} are the same token of this model")
            found[token] = word
        tokens = []
        for token, word in found.items():
            after_blank = single_token(model, tail, f" {word}") if self.spaced else None
            other = token if after_blank is None or after_blank in found else after_blank
            tokens += [token, other]
        return np.array(tokens, np.int64)

    def _tail(self) -> str:
        """Return what stands right before the words, as far as that is known."""
        own = "" if self.rendering.is_chat else load_template(self.rendering.template).answer
        return own or (load_question(self.question).tail if self.question else "")

    def collect(self, rows: ReadRows) -> Numbers:
        """Return the probabilities of the words."""
        index, found = self._shares(rows)
        table = np.full((len(rows), len(self.words) + 1), np.nan)
        table[index] = found
        return self._numbers(rows, table)

    def _shares(self, rows: ReadRows) -> tuple[IndexArray, FloatArray]:
        """Return what was read: rows, ascending, and words and coverage.

        Shapes (k,) and (k, words + 1).
        """
        tokens, index, found = rows.chosen(self)
        pairs = found.astype(np.float64).reshape(len(index), len(self.words), 2)
        twice = tokens[::2] == tokens[1::2]
        with np.errstate(invalid="ignore"):  # what is no number has a reason
            both = np.logaddexp(pairs[:, :, 0], pairs[:, :, 1])
            logarithms = np.where(twice, pairs[:, :, 0], both)
            together = np.logaddexp.reduce(logarithms, axis=1)
        shares = logarithms - together[:, None] if self.over == "words" else logarithms
        return index, np.exp(np.column_stack([shares, together]))

    def _numbers(self, rows: ReadRows, table: FloatArray) -> Numbers:
        reasons = rows.reasons()
        # An answer of one token may have none that is scored; what stands before it is known.
        silent = reasons == Reason.NO_SCORED_TOKENS
        reasons[silent & np.isfinite(table).all(axis=1)] = 0
        flags = rows.flags(np.full(len(rows), np.inf))
        return Numbers.of_table(reasons, flags, [*self.words, _COVERAGE], table)


def marked(row: TokenRow, texts: Iterable[str]) -> TokenRow:
    """Return a question as tokens, flagged if what it shows of the data speaks to a judge."""
    if any(map(suspicious, texts)):
        return replace(row, flags=row.flags | Flag.INJECTION_SUSPECT)
    return row


def single_token(model: TextEncoding, before: str, word: str) -> int | None:
    """Return the token that a word is where it stands; None if it is several.

    A tokenizer may join a word with the end of what stands before it. Then the word's token is the
    one that it is after a line break, or by itself: what follows tokens that are there already.

    Args:
        model: whose tokenizer encodes.
        before: what stands right before it.
        word: the word.
    """
    for context in (before, "\n", ""):
        alone, joint = model.encode([context, context + word])
        if joint[: len(alone)] == alone and len(joint) == len(alone) + 1:
            return joint[-1]
    return None
