"""Strengths of rows behind a judge's comparisons of two, each asked for in both orders."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.references import PromptRef, short_name
from assay.errors import ConfigError
from assay.features.asked_together import AskedTogether, LaidOut, rows_labelled
from assay.features.judging_pass import Answers
from assay.judging.capabilities import Capabilities
from assay.judging.prompt_files import load_prompt
from assay.judging.prompts import VERDICT
from assay.judging.row_questions import Found, RowQuestions, mode_for, spoken
from assay.judging.verdicts import Verdict
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.samples import (
    Conversation,
    Flag,
    FlagArray,
    FloatArray,
    IdArray,
    IndexArray,
    Reason,
    ReasonArray,
)
from assay.solvers.bradley_terry import (
    Comparisons,
    Strengths,
    bradley_terry,
    calibrated,
    strengths_against,
)
from assay.solvers.pair_drawing import pairs_in_circles
from assay.solvers.verdicts import CONSISTENT, Verdicts, summary, two_order_verdict
from assay.values import RowValue
from assay.wording import number_of

_SECOND = "B"
"""The word for the text that is shown second."""
_WORDS = {"A", _SECOND}
_SLOTS = {"first", "second"}


@dataclass(frozen=True, repr=False)
class Compared(RowValue):
    """Strengths of rows, and the comparisons behind them.

    Attributes:
        strength: shape (n,), log-odds about a mean of 0; NaN where `reason` is not 0.
        comparisons: shape (n,), int64: how many of a row's comparisons count.
        first: shape (m,), int64: a row of each pair, in whose place equal texts stand as well.
        second: shape (m,), the other row.
        forward: shape (m,): share of replies for the second where it was shown second; NaN for
            none.
        backward: shape (m,): share of replies for the first where that was shown second.
        converged: whether the strengths are those that explain the comparisons best. Shape (1,).
    """

    strength: FloatArray
    comparisons: IndexArray
    first: IndexArray
    second: IndexArray
    forward: FloatArray
    backward: FloatArray
    converged: NDArray[np.bool_]

    def frame(self) -> pl.DataFrame:
        """Return the columns that have a number per row."""
        return pl.DataFrame({"strength": self.strength, "comparisons": self.comparisons})

    def verdicts(self) -> Verdicts:
        """Return how far the judge contradicts itself, and where it leans to."""
        lead, other = _signs(1.0 - self.forward), _signs(self.backward)
        return summary(lead, other, two_order_verdict(lead, other))


class _Texts(NamedTuple):
    """The different texts of rows, in the order of their keys.

    `texts` and `flags` have one per text, `keys` are taken from them alone; `row` is the first row
    with a text, and `place` the text of each row, -1 for a row without one.
    """

    texts: list[str]
    flags: FlagArray
    keys: IdArray
    row: IndexArray
    place: IndexArray


class _Pairs(NamedTuple):
    """Texts, and which of them are compared: places in them, shape (m, 2)."""

    texts: _Texts
    places: IndexArray


class JudgedPairs(AskedTogether[_Pairs]):
    """How strong rows are in a quality, by what a judge says when it is shown two of them.

    In every round the rows lie in a circle in an order of chance, and each is compared with both
    its neighbours, so that one round links all. A pair is asked for twice, its texts changing
    places, and what the judge says in both orders is averaged, which frees it of a liking for one
    place. The strengths are those that explain the comparisons best: a difference of d means that
    the stronger one wins with probability 1 / (1 + exp(-d)).

    A row that speaks to the judge is compared with others and moves none: their strengths come from
    comparisons among themselves. A pair of which an order has no more than half of its replies does
    not count, and a row all of whose pairs do not has no value, with the reason of the first; nor
    has one that no chain of comparisons links with most others. Equal texts are one.
    """

    name = "judged_pairs"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="QuRating: Selecting High-Quality Data for Training Language Models",
        authors="Wettig, Gupta, Malik and Chen",
        year=2024,
        arxiv="2402.09739",
        code="https://github.com/princeton-nlp/QuRating",
    )

    prompt: PromptRef = "qurating"
    """What is asked: the name of a prompt that shows a first and a second text and wants A or B, or
    the path of a .toml file of your own."""
    dimension: str = ""
    """Quality that is compared, of those that the prompt has; by default its first."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 4
    """Circles: in each a row is in two pairs, and there are as many pairs as rows. Every pair is
    two requests, times `repeats`."""
    text: Literal["conversation", "response"] = "conversation"
    """What of a row is compared: all that is said in it, or its answers alone."""
    answers: Answers = "auto"
    """How the judge answers: by the probabilities of labels, by an object that its server holds to
    a schema, or in words; by default the first of these that it was found to be able to."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often each order of a pair is asked for; the share of replies counts."""

    def laid_out(self, view: PoolView, questions: RowQuestions) -> LaidOut[_Pairs]:
        """Return the pairs of the texts of the rows in view."""
        found = self._texts(view, questions)
        pairs = self._pairs(found)

        def texts(number: int) -> list[dict[str, str]]:
            one, other = (found.texts[place] for place in pairs[number].tolist())
            return [{"first": one, "second": other}, {"first": other, "second": one}]

        rows = rows_labelled(found.place)
        return LaidOut(
            _Pairs(found, pairs), len(pairs), texts, lambda number: rows(pairs[number].tolist())
        )

    def told(self, value: Compared) -> str:
        """Return how far the judge contradicts itself, and where it leans to."""
        found = value.verdicts()
        if not found.both_orders:
            return f"none of {number_of(len(value.first), 'pair')} was judged in both orders"
        share = found.consistency.value
        warning = "" if share >= CONSISTENT else ", so what it says is mostly one of places"
        unsettled = "" if value.converged.all() else "; the strengths have not settled"
        return (
            f"of {number_of(found.both_orders, 'pair')} the judge said the same in both orders of "
            f"{share:.0%}{warning}; {found.first_place.value:.0%} of its replies were for the text "
            f"shown first; {number_of(found.without, 'pair')} had no reply in both{unsettled}"
        )

    def valued(self, things: _Pairs, said: Sequence[Found]) -> Compared:
        """Return the strengths behind what was said."""
        return _value(things, said, self.repeats)

    def pack(self, value: Compared) -> dict[str, NDArray[Any]]:
        """Return the arrays that are stored."""
        return {field.name: getattr(value, field.name) for field in fields(value)}

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Compared:
        """Return the value that was stored."""
        return Compared(**arrays)

    # Texts and pairs

    def _texts(self, view: PoolView, questions: RowQuestions) -> _Texts:
        keys: dict[bytes, int] = {}
        texts: list[str] = []
        row: list[int] = []
        place = np.full(len(view), -1, np.int64)
        for start, conversations in view.blocks():
            for number, conversation in enumerate(conversations, start):
                if text := self._text_of(conversation):
                    key = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
                    place[number] = keys.setdefault(key, len(keys))
                    if place[number] == len(texts):
                        texts.append(text)
                        row.append(number)
        found = np.array([int.from_bytes(key, "big") for key in keys], np.uint64)
        order = np.argsort(found)
        flags = [questions.shown({"first": each, "second": each}).flags for each in texts]
        rank = np.append(np.argsort(order), -1)
        return _Texts(
            [texts[each] for each in order.tolist()],
            np.array(flags, np.uint16)[order],
            found[order],
            np.array(row, np.int64)[order],
            rank[place],
        )

    def _text_of(self, conversation: Conversation) -> str:
        """Return what of a row is compared; nothing of one without an answer."""
        if not conversation.responses.strip():
            return ""
        return spoken(conversation) if self.text == "conversation" else conversation.responses

    def _pairs(self, found: _Texts) -> IndexArray:
        aside = (found.flags & np.uint16(Flag.INJECTION_SUSPECT)) != 0
        # By the text alone: neither other rows nor their order say where one lies.
        rounds = (
            row_uniform(found.keys, seed=self.seed, purpose=f"{self.name}/{number}")
            for number in range(self.rounds)
        )
        return pairs_in_circles(rounds, aside)

    def asker(self, capabilities: Capabilities) -> RowQuestions:
        """Return how two texts are put to a judge.

        Raises:
            ConfigError: if the prompt compares no two texts.
        """
        prompt = load_prompt(self.prompt)
        if set(prompt.slots) != _SLOTS or set(prompt.form.options) != _WORDS:
            raise ConfigError(
                f"the prompt {short_name(self.prompt)} does not compare two texts",
                hint="name one that shows {first} and {second}, and has the options A and B",
            )
        return RowQuestions(
            prompt,
            self.dimension,
            mode_for(prompt, capabilities, self.answers, self.dimension),
            capabilities,
            repeats=self.repeats,
            temperature=self.temperature,
            longest=self.max_characters,
        )


# What the replies come to


def _value(compared: _Pairs, said: Sequence[Found], repeats: int) -> Compared:
    """Return the strengths of rows by what was said of pairs of their texts."""
    found, pairs = compared
    shares = np.full((2, len(pairs)), np.nan)
    votes = np.zeros((2, len(pairs)), np.int64)
    failed = np.zeros(len(pairs), np.uint8)
    for place, each in enumerate(said):
        for order, verdicts in enumerate(each.verdicts):
            known = [_for_second(verdict) for verdict in verdicts if verdict.values is not None]
            votes[order, place] = len(known)
            if known:
                shares[order, place] = float(np.mean(known))
        failed[place] = _failure(each)
    probability = calibrated(
        shares[0], shares[1], forward_votes=votes[0], backward_votes=votes[1],
        too_few=repeats // 2,
    )  # fmt: skip
    comparisons = Comparisons(pairs[:, 0], pairs[:, 1], probability)
    strength, fitted = _strengths(comparisons, found)
    group = fitted.group
    counted = ~np.isnan(probability)
    met = np.bincount(pairs[counted].ravel(), minlength=len(found.texts))
    reason = np.where(np.isnan(strength), _reasons(pairs, failed, counted, group), 0)
    # A row without a text is the last of these.
    return Compared(
        np.append(reason, Reason.EMPTY_RESPONSE).astype(np.uint8)[found.place],
        np.append(found.flags, 0).astype(np.uint16)[found.place],
        np.append(strength, np.nan)[found.place],
        np.append(met, 0)[found.place],
        found.row[pairs[:, 0]],
        found.row[pairs[:, 1]],
        shares[0],
        shares[1],
        np.array([fitted.converged]),
    )


def _for_second(verdict: Verdict) -> float:
    """Return how far a reply is for the text that was shown second."""
    if verdict.distribution is not None:
        return float(verdict.distribution.probabilities[_SECOND])
    assert verdict.values is not None  # noqa: S101  whoever calls has looked
    return float(verdict.values[VERDICT] == _SECOND)


def _failure(found: Found) -> Reason:
    every = (verdict for group in found.verdicts for verdict in group)
    return found.reason or next((each.reason for each in every if each.reason), Reason.OK)


def _strengths(comparisons: Comparisons, found: _Texts) -> tuple[FloatArray, Strengths]:
    """Return the strength of each text, NaN for none, and the fit of those that count.

    Those that speak to the judge move nobody: their strengths are found against the others'.
    """
    count = len(found.texts)
    aside = (found.flags & np.uint16(Flag.INJECTION_SUSPECT)) != 0
    among = ~(aside[comparisons.first] | aside[comparisons.second])
    fitted = bradley_terry(Comparisons(*(part[among] for part in comparisons)), count)
    strength = np.where(_largest(fitted), fitted.values, np.nan)
    # Of a pair with one set aside, that one is the first here, whichever it was.
    first, second, probability = (part[~among] for part in comparisons)
    turned = aside[second]
    one, other = np.where(turned, second, first), np.where(turned, first, second)
    lost = np.where(turned, 1.0 - probability, probability)
    own = strengths_against(Comparisons(one, other, lost), strength, count)
    return np.where(aside, own, strength), fitted


def _largest(fitted: Strengths) -> NDArray[np.bool_]:
    """Return which belong to the largest group of what is linked; of equals to the first."""
    known = ~np.isnan(fitted.values)
    sizes = np.bincount(fitted.group[known], minlength=1)
    return known & (fitted.group == int(np.argmax(sizes)))


def _reasons(
    pairs: IndexArray, failed: ReasonArray, counted: NDArray[np.bool_], group: IndexArray
) -> ReasonArray:
    """Return why texts would have no strength: as their first pair that does not count.

    One of which all pairs count, but which is linked with few others only, has the reason of the
    first pair that would have linked these with more.
    """
    count = len(group)
    reason = np.full(count, Reason.ZERO_DENOMINATOR, np.uint8)  # there was nothing to compare with
    of_group = np.zeros(count, np.uint8)
    lost = np.flatnonzero(~counted)[::-1]  # the first is written last
    why = np.where(failed[lost] == 0, np.uint8(Reason.PARSE_FAILED), failed[lost])
    for side in (0, 1):
        of_group[group[pairs[lost, side]]] = why
    reason = np.where(of_group[group] != 0, of_group[group], reason)
    for side in (0, 1):
        reason[pairs[lost, side]] = why
    return reason


def _signs(shares: FloatArray) -> FloatArray:
    """Return the sign of the first text's lead; NaN where nothing was said."""
    return np.sign(shares - 0.5)
