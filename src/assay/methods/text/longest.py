"""What every other method must beat: chance and length."""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.example_rows import CAPITAL, REPEATED, SHORT
from assay.components.guide import NO_REFERENCE, Comparison, Example, Guide
from assay.components.references import TokenizerRef
from assay.features.text import Lengths, TokenCounts, token_counts
from assay.samples import Reason, Scores
from assay.values import Numbers


class LongestResponse(Scorer):
    """The length of the answers: the longest thousand make a strong baseline.

    White space at both ends does not count, and an empty answer has no number.
    """

    name = "longest_response"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Long Is More for Alignment: A Simple but Tough-to-Beat Baseline for Instruction "
        "Fine-Tuning",
        authors="Zhao, Andriushchenko, Croce and Flammarion",
        year=2024,
        arxiv="2402.04833",
        code="https://github.com/tml-epfl/long-is-more-for-alignment",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = length of all answers of the row together",
        choose="As the second baseline beside `random`: a method that does not beat the longest "
        "answers has found length.",
        avoid="Where answers are padded, or budgets are in tokens: the same tokens then buy fewer "
        "rows.",
        compared=(
            Comparison(
                against="counts made by hand",
                compared="characters, words and tokens of rows of one turn and of several",
                tolerance="exact",
                test="tests/unit/methods/text/test_longest.py",
            ),
        ),
        differences={
            "length": "Length is in characters unless a tokenizer is named, where the paper counts "
            "tokens of LLaMA's: set `unit_of_length=tokens` and `tokenizer` for that.",
            "budget": "All answers of a conversation count together, and the budget is free, where "
            "the published subset is the 1,000 longest.",
        },
        example=Example(
            rows=(CAPITAL, REPEATED, SHORT),
            reading="Characters of each answer; the longest is preferred, whatever it says.",
        ),
    )

    unit_of_length: Literal["characters", "words", "tokens"] = "characters"
    """What is counted."""
    tokenizer: TokenizerRef = ""
    """Tokenizer, where tokens are counted; an estimate if empty."""
    enough: Annotated[float, Field(gt=0)] | None = None
    """Length from which on more counts for nothing: longer answers are all equal."""

    def requires(self) -> dict[str, Any]:
        """Return the counts."""
        return {"lengths": _lengths(self.unit_of_length, self.tokenizer)}

    def score(self, *, lengths: Numbers) -> Scores:
        """Return the length of all responses together. Shape (n,), at most `enough`."""
        found = _length_scores(lengths, "response", self.unit_of_length)
        if self.enough is None:
            return found
        return Scores(np.minimum(found.values, self.enough), found.reason)


class LongestInstruction(Scorer):
    """The length of the first instruction, its input left out."""

    name = "longest_instruction"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a baseline that shows what length explains")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = length of the first user turn, without its input",
        choose="To see how much of another method's choice the length of the question explains.",
        avoid="To choose what to train on.",
        compared=(
            Comparison(
                against="counts made by hand",
                compared="instructions with and without input",
                tolerance="exact",
                test="tests/unit/methods/text/test_longest.py",
            ),
        ),
        differences=NO_REFERENCE,
    )

    unit_of_length: Literal["characters", "words", "tokens"] = "characters"
    """What is counted."""
    tokenizer: TokenizerRef = ""
    """Tokenizer, where tokens are counted; an estimate if empty."""

    def requires(self) -> dict[str, Any]:
        """Return the counts."""
        return {"lengths": _lengths(self.unit_of_length, self.tokenizer)}

    def score(self, *, lengths: Numbers) -> Scores:
        """Return the length of the first user turn. Shape (n,)."""
        return _length_scores(lengths, "instruction", self.unit_of_length)


def _lengths(unit: str, tokenizer: str) -> TokenCounts | Lengths:
    if unit != "tokens":
        return Lengths()
    return token_counts(tokenizer)


def _length_scores(lengths: Numbers, part: str, unit: str) -> Scores:
    values = lengths[part if unit == "tokens" else f"{part}_{unit}"]
    empty = Reason.EMPTY_RESPONSE if part == "response" else Reason.EMPTY_PROMPT
    reason = np.where(values > 0, 0, empty).astype(np.uint8)
    if unit == "words":  # a text of signs alone is there, and has none
        reason[(values == 0) & (lengths[f"{part}_characters"] > 0)] = Reason.NO_WORDS
    return Scores(np.where(values > 0, values, np.nan), reason)
