"""What judges said as one table: whom a record is about, its numbers, and why one is missing."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from assay.echo import Brief
from assay.samples import FloatArray, Reason, Scores
from assay.solvers.verdicts import Verdicts, summary, two_order_verdict

Value: TypeAlias = float | Reason
"""A number, or why there is none."""


class Pair(NamedTuple):
    """What a judge gave to a candidate and to the other answer, seen together."""

    candidate: Value
    other: Value


class Orders(NamedTuple):
    """What a judge gave to a candidate in both orders.

    Attributes:
        first: where the candidate was shown first; None if that was not asked.
        second: where it was shown second.
    """

    first: Pair | None = None
    second: Pair | None = None


@dataclass(frozen=True)
class Judged:
    """What one record says.

    Attributes:
        key: id that the record carries; empty if it has none.
        prompt: what was asked, None if the record does not say.
        response: the answer that was judged, of a pair the candidate's; None likewise.
        text: the whole conversation, where prompt and response are not all of it.
        values: numbers by the name of their column.
        orders: of a pair, what was given in both orders.
        about: what the judgment is about where one file holds several, such as a model's name.
        answer: name or id of the candidate's answer, that the two files of both orders share.
        other: name or id of the other answer.
        words: lists of words by the name of their column, such as tags.
        names: of a pair, what the candidate and the other are called; of one answer, its model.
        rival: the other answer of a pair, None if the record does not say.
        dataset: the set of questions that a record says it is of; empty if it does not.
        replies: what the judge wrote where the candidate was shown first, and where second; None
            where the record does not hold it.
    """

    key: str = ""
    prompt: str | None = None
    response: str | None = None
    text: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    about: str = ""
    answer: str = ""
    other: str = ""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[str, str] = ("", "")
    rival: str | None = None
    dataset: str = ""
    replies: tuple[str | None, str | None] = (None, None)

    @property
    def conversation(self) -> str | None:
        """All that was said, line by line; None if the record does not say."""
        if self.text is not None or self.prompt is None or self.response is None:
            return self.text
        return f"{self.prompt}\n{self.response}"


@dataclass(frozen=True, repr=False)
class JudgedTable(Brief):
    """All records of a file, or of the two files of both orders.

    Attributes:
        layout: name of the layout they were read by.
        rows: what each record says, in the order of the file; nothing may depend on it.
        columns: values and reasons of each column, a row per record. Shape (n,).
        first: sign of the candidate's lead where it was shown first, NaN for none. Shape (n,).
        second: the same where it was shown second.
        faults: records that could not be read, each with place and reason.
    """

    layout: str
    rows: Sequence[Judged]
    columns: Mapping[str, Scores]
    first: FloatArray
    second: FloatArray
    faults: Sequence[str] = ()

    def verdicts(self) -> Verdicts | None:
        """Return wins, consistency and lean to a place; None where no pairs were judged."""
        found = self.columns.get("verdict")
        return None if found is None else summary(self.first, self.second, found.values)


def number(value: object, *, least: float = -math.inf, most: float = math.inf) -> Value:
    """Return a field as a number, or why it is none.

    Args:
        value: as JSON has it; text that is a number counts as one.
        least: smallest that can be meant.
        most: largest that can be meant.
    """
    if value is None:
        return Reason.NOT_IMPORTED
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Reason.PARSE_FAILED
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return Reason.PARSE_FAILED
    if not math.isfinite(found):
        return Reason.NON_FINITE
    return found if least <= found <= most else Reason.OUT_OF_RANGE


def two_numbers(value: object) -> Pair:
    """Return a list of two scores, or its JSON text, as a pair; failures of a parser are none.

    Such files write -1 for a reply that could not be read, and some a zero for both.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return Pair(Reason.PARSE_FAILED, Reason.PARSE_FAILED)
    if not isinstance(value, list) or len(value) != 2:
        return Pair(Reason.PARSE_FAILED, Reason.PARSE_FAILED)
    numbers = [number(each) for each in value]
    if any(isinstance(each, Reason) or each < 0 for each in numbers):
        return Pair(Reason.PARSE_FAILED, Reason.PARSE_FAILED)
    return Pair(*numbers)


def turned(pair: Pair) -> Pair:
    """Return a pair with the other answer as the candidate."""
    return Pair(pair.other, pair.candidate)


def sign_of(pair: Pair | None) -> Value:
    """Return the sign of the candidate's lead."""
    if pair is None:
        return Reason.NOT_IMPORTED
    for each in pair:
        if isinstance(each, Reason):
            return each
    lead = float(pair.candidate) - float(pair.other)
    return float((lead > 0) - (lead < 0))


def table_of(
    layout: str, rows: Sequence[Judged], *, scored: bool, faults: Sequence[str] = ()
) -> JudgedTable:
    """Return records as a table; of pairs, with the columns that follow from them.

    Args:
        layout: its name.
        rows: what the records say.
        scored: the pairs hold scores, which have a mean, and not just who was preferred.
        faults: of records that could not be read.
    """
    valued = [dict(row.values) | _of_pair(row, scored=scored) for row in rows]
    names = dict.fromkeys(name for values in valued for name in values)
    columns = {name: _column([values.get(name) for values in valued]) for name in names}
    first, second = (
        _column([_sign_or_none(pair) for pair in pairs]).values
        for pairs in zip(*(row.orders for row in rows), strict=True)
    )
    return JudgedTable(layout, rows, columns, first, second, faults)


def _sign_or_none(pair: Pair | None) -> Value | None:
    return None if pair is None else sign_of(pair)


def _of_pair(row: Judged, *, scored: bool) -> dict[str, Value]:
    asked = [pair for pair in row.orders if pair is not None]
    if not asked:
        return {}
    signs = [sign_of(pair) for pair in asked]
    failed = next((each for each in signs if isinstance(each, Reason)), None)
    verdict: Value
    if failed is not None:
        verdict = failed
    else:
        found = [np.array([float(sign)]) for sign in signs]
        verdict = float((found[0] if len(found) == 1 else two_order_verdict(*found))[0])
    values: dict[str, Value] = {
        "verdict": verdict,
        "win_score": verdict if isinstance(verdict, Reason) else verdict + 1,
    }
    if scored:
        own, others = (mean([pair[side] for pair in asked]) for side in (0, 1))
        values |= {"score": own, "other_score": others}
        lacking = next((each for each in (own, others) if isinstance(each, Reason)), None)
        values["lead"] = float(own) - float(others) if lacking is None else lacking
    return values


def mean(values: Sequence[Value]) -> Value:
    """Return the mean of numbers; the first reason where one is missing, or all are."""
    if not values:
        return Reason.NOT_IMPORTED
    failed = next((each for each in values if isinstance(each, Reason)), None)
    return math.fsum(values) / len(values) if failed is None else failed


def _column(cells: Sequence[Value | None]) -> Scores:
    """Return cells as numbers and reasons; a record that does not have the column has none."""
    reasons = np.zeros(len(cells), np.uint8)
    values = np.full(len(cells), np.nan)
    for place, cell in enumerate(cells):
        if cell is None or isinstance(cell, Reason):
            reasons[place] = Reason.NOT_IMPORTED if cell is None else cell
        else:
            values[place] = cell
    return Scores(values, reasons)
