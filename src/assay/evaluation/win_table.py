"""Published tables of wins: read as printed, with the digits that they have."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from assay.errors import DataError
from assay.evaluation.delimited_file import cells_of, named_columns

TOTALS = frozenset({"total", "all", "overall", "sum"})
MEANS = frozenset({"average", "avg", "mean"})
"""What a line over all sets is called: one that pools questions, and the plain mean of scores."""
COUNTS = ("wins", "ties", "losses")
_NAMED = {
    "candidate": ("candidate", "model", "method"),
    "reference": ("reference", "baseline", "versus", "against"),
    "set": ("set", "dataset", "test_set", "benchmark"),
    "score": ("score", "win_score", "ws", "winning_score"),
    "wins": ("wins", "win"),
    "ties": ("ties", "tie"),
    "losses": ("losses", "lose", "loses", "loss"),
    "questions": ("questions", "n", "count", "items"),
    "judge": ("judge",),
    "rule": ("rule",),
}


class Printed(NamedTuple):
    """A number as a table prints it.

    Attributes:
        value: exactly as printed.
        step: worth of its last digit: 1/100 of "1.04".
        text: as it stands there.
    """

    value: Fraction
    step: Fraction
    text: str

    def allows(self, number: Fraction, *, cut: bool = False) -> bool:
        """Return whether a number is printed like that: rounded, half either way, or cut off."""
        if cut:
            return self.value <= number < self.value + self.step
        return abs(number - self.value) <= self.step / 2


@dataclass(frozen=True)
class Line:
    """A line of a table: what it says of a candidate on a set.

    Attributes:
        number: in the file, the header being line 1.
        candidate: whose score it is.
        reference: whom it is compared with; empty if the table has one alone.
        judge: who judged; empty if the table does not say.
        rule: how two orders became one outcome; empty if the table does not say.
        set: the test set, or one of the names of `TOTALS` and `MEANS`.
        score: (wins - losses) / questions + 1, as printed; None if it is not.
        counts: wins, ties and losses; None if they are not printed.
        questions: how many the set has, by the table; None if it does not say.
    """

    number: int
    candidate: str
    reference: str
    judge: str
    rule: str
    set: str
    score: Printed | None
    counts: tuple[int, int, int] | None
    questions: int | None

    @property
    def outcomes(self) -> int:
        """Wins, ties and losses together; 0 if they are not printed."""
        return sum(self.counts) if self.counts is not None else 0

    @property
    def exact(self) -> Fraction | None:
        """The score that its counts give; None without counts."""
        if self.counts is None or not self.outcomes:
            return None
        return 1 + Fraction(self.counts[0] - self.counts[2], self.outcomes)

    @property
    def is_total(self) -> bool:
        """Whether the line pools the questions of all sets."""
        return self.set.strip().lower() in TOTALS

    @property
    def is_mean(self) -> bool:
        """Whether the line is the plain mean of the scores of the sets."""
        return self.set.strip().lower() in MEANS

    @property
    def group(self) -> tuple[str, str, str, str]:
        """What the lines of one total have in common."""
        return self.candidate, self.reference, self.judge, self.rule

    @property
    def label(self) -> str:
        """Candidate, reference and set, for people."""
        versus = f" against {self.reference}" if self.reference else ""
        by = "".join(f", {word}" for word in (self.judge, self.rule) if word)
        return f"{self.candidate}{versus} on {self.set}{by}"


def read_win_table(path: Path) -> list[Line]:
    """Return the lines of a table: CSV or TSV, a line per candidate and set.

    Columns are found by their names: `candidate` and `set`, and `score` or `wins`, `ties` and
    `losses`; `reference`, `questions`, `judge` and `rule` where there are any.

    Raises:
        DataError: if there is no such file, a column is missing, or a cell is no number; with the
            line and the column.
    """
    return [_line(path, number, record) for number, record in cells_of(path)]


def _line(path: Path, number: int, record: Mapping[str, str]) -> Line:
    columns = named_columns(path, record, _NAMED, ("candidate", "set"))
    for column in ("candidate", "set"):
        if not columns[column]:
            raise DataError(f"{path}: line {number} has no {column}")
    counts = [_count(path, number, name, columns.get(name, "")) for name in COUNTS]
    score = _printed(path, number, columns.get("score", ""))
    whole = None
    if None not in counts:
        whole = tuple(each for each in counts if each is not None)
    elif score is None:
        raise DataError(
            f"{path}: line {number} has neither a score nor wins, ties and losses",
            hint="leave out lines without a number",
        )
    return Line(
        number,
        columns["candidate"],
        columns.get("reference", ""),
        columns.get("judge", ""),
        columns.get("rule", ""),
        columns["set"],
        score,
        None if whole is None else (whole[0], whole[1], whole[2]),
        _count(path, number, "questions", columns.get("questions", "")),
    )


def _count(path: Path, number: int, column: str, cell: str) -> int | None:
    if not cell:
        return None
    text = cell.replace(",", "")
    if not text.isdecimal():
        raise DataError(f"{path}: line {number}: {column} is {cell!r}, which is no count")
    return int(text)


def _printed(path: Path, number: int, cell: str) -> Printed | None:
    if not cell:
        return None
    try:
        value = Fraction(cell)
        if not math.isfinite(float(value)) or "/" in cell or "e" in cell.lower():
            raise ValueError(cell)
    except (ValueError, ZeroDivisionError):
        problem = f"{path}: line {number}: score is {cell!r}, which is no number"
        raise DataError(problem) from None
    digits = len(cell.partition(".")[2])
    return Printed(value, Fraction(1, 10**digits), cell)


USUAL_SIZES = {"vicuna": 80, "koala": 180, "wizardlm": 218, "selfinstruct": 252, "lima": 300}
"""Questions of the test sets that papers on data selection use, by their names in lower case and
without marks between words."""


def usual_size(name: str) -> int | None:
    """Return how many questions a test set of that name usually has; None if it is not known."""
    plain = "".join(mark for mark in name.lower() if mark.isalnum())
    return USUAL_SIZES.get(plain.removesuffix("testset").removesuffix("test"))


def sizes_of(lines: Sequence[Line]) -> dict[str, int]:
    """Return how many questions each set has, where the table says so and is of one mind."""
    found: dict[str, set[int]] = {}
    for line in lines:
        if line.questions is not None:
            found.setdefault(line.set, set()).add(line.questions)
        elif line.outcomes:
            found.setdefault(line.set, set()).add(line.outcomes)
    return {name: next(iter(sizes)) for name, sizes in found.items() if len(sizes) == 1}
