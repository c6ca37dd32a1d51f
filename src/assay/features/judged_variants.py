"""Scores of rows that are variants of each other, by a judge that is shown them side by side."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.references import FieldRef, PromptRef, name_of, short_name
from assay.errors import ConfigError, DataError
from assay.features.asked_together import AskedTogether, LaidOut, rows_labelled
from assay.features.judging_pass import Answers
from assay.features.label_probabilities import DEITA
from assay.features.record_field import check_field
from assay.judging.capabilities import Capabilities
from assay.judging.prompt_files import load_prompt
from assay.judging.replies import Reply
from assay.judging.row_questions import Found, RowQuestions, exchanges_of, mode_for
from assay.judging.verdicts import Verdict
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.samples import (
    Conversation,
    Flag,
    FlagArray,
    FloatArray,
    IndexArray,
    Reason,
    ReasonArray,
)
from assay.values import Numbers
from assay.wording import number_of

PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")
"""Slots of a prompt, each for one variant."""
_QUERY, _SCORES = "query", "scores"
_FAILED = np.uint8(Reason.PARSE_FAILED)


@dataclass(frozen=True, repr=False)
class Rated(Numbers):
    """Scores of rows, from 1 to 6, under "score".

    Attributes:
        lean: of each place in which variants were shown, by how much the scores given there are
            above their groups' means, on average; NaN for a place that was not used. Shape (6,).
    """

    lean: FloatArray


class _Variant(NamedTuple):
    row: int
    text: str
    query: str


class _Groups(NamedTuple):
    """Variants that are shown together, at least two, and what becomes of all rows.

    `reason` and `flags` have one per row, and so has `like`: the row of the same text that is
    shown, -1 for a row of which none is.
    """

    groups: list[list[_Variant]]
    reason: ReasonArray
    flags: FlagArray
    like: IndexArray


class _Shown(NamedTuple):
    """Groups, and the orders in which they are shown: a group, and places of its variants."""

    found: _Groups
    orders: list[tuple[int, IndexArray]]


class JudgedVariants(AskedTogether[_Shown]):
    """How complex variants of a request are, or how good answers to one, compared side by side.

    Rows that share a field's value are variants of one thing: what a seed was evolved into. The
    judge is shown all of a group in an order of chance, and gives each a score from 1 to 6; asked
    in several orders, a row has the mean, which frees it of a liking for a place. So labels are
    made on which `tuned_model` trains DEITA's scorers. A reply that does not score every variant
    once is asked for once more.

    A row that speaks to the judge is not shown, lest it move its neighbours, and has no score;
    neither has one without a text, or without another to compare it with. Equal texts of a group
    are one.
    """

    name = "judged_variants"
    paper: ClassVar[Paper | NoPaper] = DEITA
    asks: ClassVar[str] = "groups"

    group: FieldRef
    """Field of the records that variants of one thing share, such as the id of their seed."""
    prompt: PromptRef = "deita_complexity_variants"
    """What is asked: deita_complexity_variants of requests, deita_quality_variants of answers, or
    the path of a .toml file of your own that shows {first} and {second}, up to {sixth?}, and asks
    for an object with a list called "scores", of objects with the numbers "variant" and "score"."""
    orders: Annotated[int, Field(ge=1, le=100)] = 1
    """In how many orders a group is shown."""
    answers: Answers = "auto"
    """How the judge answers: by an object that its server holds to a schema, or in words; by
    default the first of these that it was found to be able to."""

    def laid_out(self, view: PoolView, questions: RowQuestions) -> LaidOut[_Shown]:
        """Return the groups of the rows in view, each in every order in which it is shown.

        Raises:
            ConfigError: if no record has the field.
            DataError: if a group has more variants than the prompt shows, or answers to different
                requests.
        """
        found = self._groups(view, questions)
        orders = self._orders(found.groups)

        def texts(number: int) -> list[dict[str, str]]:
            group, order = orders[number]
            return [_texts([found.groups[group][each] for each in order.tolist()])]

        rows = rows_labelled(found.like)

        def about(number: int) -> list[int]:
            return rows(variant.row for variant in found.groups[orders[number][0]])

        return LaidOut(_Shown(found, orders), len(orders), texts, about)

    def valued(self, things: _Shown, said: Sequence[Found]) -> Rated:
        """Return the scores that were given, over all orders."""
        return _value(things, said)

    def told(self, value: Rated) -> str:
        """Return how much the place in which a variant was shown moves its score."""
        known = value.lean[np.isfinite(value.lean)]
        if not len(known):
            return "no group was scored"
        scored = int((value.reason == 0).sum())
        return (
            f"{number_of(scored, 'row')} scored; by the place alone a variant's score differs by "
            f"{float(np.ptp(known)):.2f}"
        )

    def pack(self, value: Rated) -> dict[str, NDArray[Any]]:
        """Return the arrays that are stored."""
        scores = value["score"]
        return {"score": scores, "lean": value.lean, "reason": value.reason, "flags": value.flags}

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Rated:
        """Return the value that was stored."""
        scores = {"score": arrays["score"]}
        return Rated(arrays["reason"], arrays["flags"], scores, arrays["lean"])

    # Groups and orders

    def _groups(self, view: PoolView, questions: RowQuestions) -> _Groups:
        of_answers = _QUERY in questions.prompt.slots
        named = check_field(view, name_of(self.group)).to_list()
        reason = np.full(len(view), Reason.NOT_IMPORTED, np.uint8)
        flags = np.zeros(len(view), np.uint16)
        like = np.full(len(view), -1, np.int64)
        members: dict[str, dict[tuple[str, str], _Variant]] = {}
        for start, conversations in view.blocks():
            for row, conversation in enumerate(conversations, start):
                if named[row] is None:
                    continue
                variant = _variant(row, conversation, of_answers=of_answers)
                exchange = questions.shown(_texts([variant, variant]))
                reason[row], flags[row] = exchange.reason, exchange.flags
                if exchange.flags & Flag.INJECTION_SUSPECT:
                    reason[row] = Reason.REFUSED
                if not reason[row]:
                    group = members.setdefault(named[row], {})
                    like[row] = group.setdefault((variant.query, variant.text), variant).row
        most = sum(place in questions.prompt.slots for place in PLACES)
        for value, group in members.items():
            self._check(value, group, most)
        groups = [list(group.values()) for _, group in sorted(members.items()) if len(group) > 1]
        compared = [variant.row for group in groups for variant in group]
        reason[(like >= 0) & ~np.isin(like, compared)] = Reason.ZERO_DENOMINATOR
        return _Groups(groups, reason, flags, like)

    def _check(self, value: str, group: Mapping[tuple[str, str], _Variant], most: int) -> None:
        field = name_of(self.group)
        if len(group) > most:
            raise DataError(
                f"{len(group)} different variants share the {field} {value!r}, and a judge is "
                f"shown {most} at most",
                hint="split the group, or leave out some of its rows",
            )
        if len({variant.query for variant in group.values()}) > 1:
            raise DataError(
                f"rows that share the {field} {value!r} ask different things, and answers are "
                "compared to one",
                hint="prompt=deita_complexity_variants compares what is asked",
            )

    def _orders(self, groups: Sequence[Sequence[_Variant]]) -> list[tuple[int, IndexArray]]:
        """Return which group is shown, and its variants in the order in which they are."""
        found = []
        for number in range(self.orders):
            for place, group in enumerate(groups):
                # By the texts of the group alone: other rows do not say how these lie.
                keys = np.array([_key(f"{each.query}\n{each.text}") for each in group], np.uint64)
                drawn = row_uniform(keys, seed=self.seed, purpose=f"{self.name}/{number}")
                found.append((place, np.argsort(drawn, kind="stable")))
        return found

    def asker(self, capabilities: Capabilities) -> RowQuestions:
        """Return how variants are put to a judge.

        Raises:
            ConfigError: if the prompt shows no variants.
        """
        prompt = load_prompt(self.prompt)
        fits = {*PLACES[:2]} <= set(prompt.slots) <= {*PLACES, _QUERY}
        if not fits or _SCORES not in {field.name for field in prompt.form.fields}:
            raise ConfigError(
                f"the prompt {short_name(self.prompt)} does not score variants",
                hint='name one that shows {first}, {second} and more, and asks for "scores"',
            )
        return RowQuestions(
            prompt,
            "",
            mode_for(prompt, capabilities, self.answers),
            capabilities,
            temperature=self.temperature,
            longest=self.max_characters,
            refine=partial(_of_each, before=int(_QUERY in prompt.slots)),
        )


def _variant(row: int, conversation: Conversation, *, of_answers: bool) -> _Variant:
    """Return what of a row is compared: what is asked last in it, or the answer to that."""
    exchange = next(iter(exchanges_of(conversation, "last")), {"query": "", "response": ""})
    if of_answers:
        return _Variant(row, exchange["response"], exchange["query"])
    return _Variant(row, exchange["query"], "")


def _key(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _texts(variants: Sequence[_Variant]) -> dict[str, str]:
    """Return what is shown of some variants, by slot."""
    texts = {place: each.text for place, each in zip(PLACES, variants, strict=False)}
    return {_QUERY: variants[0].query, **texts}


def _of_each(found: Verdict, reply: Reply, slots: Sequence[str], *, before: int) -> Verdict:
    """Return the scores by the number of a variant, if there is one for each that was shown.

    Args:
        found: what the form of the prompt makes of a reply.
        reply: it.
        slots: the data that were shown.
        before: how many of them are no variants.
    """
    if found.values is None:
        return found
    listed = [int(each["variant"]) for each in found.values[_SCORES]]
    if sorted(listed) != list(range(1, len(slots) - before + 1)):
        return Verdict(None, Reason.PARSE_FAILED)
    scores = {int(each["variant"]): float(each["score"]) for each in found.values[_SCORES]}
    return Verdict({_SCORES: scores}, Reason.OK)


def _value(shown: _Shown, said: Sequence[Found]) -> Rated:
    """Return the mean of what was said of each row, over the orders in which it was shown."""
    found, orders = shown
    count = len(found.reason)
    total, times = np.zeros(count), np.zeros(count, np.int64)
    failed = np.zeros(count, np.uint8)
    above, used = np.zeros(len(PLACES)), np.zeros(len(PLACES), np.int64)
    for (group, order), each in zip(orders, said, strict=True):
        rows = np.array([found.groups[group][place].row for place in order.tolist()], np.int64)
        verdict = each.verdicts[0][0] if each.verdicts else Verdict(None, each.reason)
        scores = verdict.values and verdict.values[_SCORES]
        if not scores:
            failed[rows] = np.where(failed[rows] == 0, verdict.reason or _FAILED, failed[rows])
            continue
        given = np.array([scores[place + 1] for place in range(len(rows))])
        total[rows] += given
        times[rows] += 1
        above[: len(rows)] += given - given.mean()
        used[: len(rows)] += 1
    like = np.where(found.like >= 0, found.like, 0)
    known = (found.reason == 0) & (times[like] > 0)
    with np.errstate(invalid="ignore"):
        score = np.where(known, total[like] / times[like], np.nan)
        lean = above / used
    reason = np.where((found.reason == 0) & ~known, failed[like], found.reason)
    return Rated(reason.astype(np.uint8), found.flags, {"score": score}, lean)
