"""Whether a published table of wins can be right: each line by itself, and totals by their sets.

A score is (wins - losses) / questions + 1, so with n questions it is one of 2n + 1 numbers, and a
total is the sum of its sets' differences by the sum of their questions. That is checked exactly, in
fractions, by what the printed digits allow.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from assay.evaluation.win_table import Line, Printed, sizes_of, usual_size
from assay.solvers.paired_scores import sign_test
from assay.wording import listed, number_of

Kind = Literal["impossible", "contradiction", "remark", "sensitive"]
_LARGEST = Fraction(2)
_LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """Something about a table.

    Attributes:
        kind: "impossible", a line that no counts give; "contradiction", lines that cannot all be
            right; "sensitive", a conclusion that hangs on the judge or the rule; "remark" else.
        lines: their numbers in the file.
        words: what it is, in a sentence.
    """

    kind: Kind
    lines: tuple[int, ...]
    words: str


@dataclass(frozen=True)
class Checked:
    """A table that was checked.

    Attributes:
        lines: of the table.
        findings: by line.
        sizes: questions of each set that were reckoned with.
        assumed: sets whose size the table does not tell; the usual one of that name was taken.
    """

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    sizes: dict[str, int]
    assumed: frozenset[str]

    @property
    def is_possible(self) -> bool:
        """Whether nothing in it is impossible or contradicts itself."""
        return not any(each.kind in ("impossible", "contradiction") for each in self.findings)


def check_table(lines: Sequence[Line]) -> Checked:
    """Return what is wrong with a table, and what it rests on."""
    told = sizes_of(lines)
    usual = {line.set: usual_size(line.set) for line in lines if line.set not in told}
    known = {**told, **{name: size for name, size in usual.items() if size is not None}}
    found: list[Finding] = list(_unequal_sizes(lines))
    for line in lines:
        found += _line_findings(line, known.get(line.set))
    for _, group in _grouped(lines, lambda line: line.group):
        found += _total_findings(group, known)
    for _, group in _grouped(lines, lambda line: (line.candidate, line.reference, line.set)):
        found += _sensitivity(group)
    ordered = sorted(found, key=lambda each: (each.lines, each.kind, each.words))
    assumed = frozenset(known) - frozenset(told)
    return Checked(tuple(lines), tuple(ordered), known, assumed)


def _grouped(
    lines: Sequence[Line], key: Callable[[Line], Hashable]
) -> Iterator[tuple[Hashable, list[Line]]]:
    groups: dict[Hashable, list[Line]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    yield from groups.items()


def _unequal_sizes(lines: Sequence[Line]) -> Iterator[Finding]:
    for name, group in _grouped(lines, lambda line: line.set):
        told = {line.number: line.questions or line.outcomes
                for line in group if not (line.is_total or line.is_mean)}  # fmt: skip
        sizes = sorted({size for size in told.values() if size})
        if len(sizes) > 1:
            words = f"{name} has {listed([f'{size:,}' for size in sizes])} questions"
            yield Finding("remark", tuple(told), f"{words}: not all lines are about the same")


def _line_findings(line: Line, questions: int | None) -> Iterator[Finding]:
    at = (line.number,)
    score, counts = line.score, line.counts
    if counts is not None and line.questions is not None and line.outcomes != line.questions:
        words = f"{line.label}: {line.outcomes:,} outcomes of {line.questions:,} questions"
        kind: Kind = "impossible" if line.outcomes > line.questions else "remark"
        yield Finding(kind, at, words)
    if score is None:
        return
    if not 0 <= score.value <= _LARGEST:
        yield Finding("impossible", at, f"{line.label}: {score.text} lies outside 0 to 2")
        return
    if line.is_mean:
        return  # it is one of no counts
    if (exact := line.exact) is not None:
        yield from _as_printed(line, score, [exact], f"its counts give {float(exact):.4f}")
    elif questions:
        near = _possible(score, questions)
        nearest = " and ".join(f"{float(each):.4f}" for each in _nearest(score, questions))
        why = f"with {number_of(questions, 'question')} the nearest scores are {nearest}"
        yield from _as_printed(line, score, near, why)


def _as_printed(
    line: Line, score: Printed, candidates: Iterable[Fraction], why: str
) -> Iterator[Finding]:
    """Yield that no candidate is printed like that, or only one whose digits are cut off."""
    candidates = list(candidates)
    if any(score.allows(each) for each in candidates):
        return
    if any(score.allows(each, cut=True) for each in candidates):
        words = f"{line.label}: {score.text} is cut off, not rounded: {why}"
        yield Finding("remark", (line.number,), words)
        return
    words = f"{line.label}: no counts give {score.text}: {why}"
    yield Finding("impossible", (line.number,), words)


def _possible(score: Printed, questions: int) -> list[Fraction]:
    """Return the scores of so many questions that may be printed like that, rounded or cut."""
    low = math.floor((score.value - score.step - 1) * questions)
    high = math.ceil((score.value + score.step - 1) * questions)
    low, high = max(low, -questions), min(high, questions)
    return [1 + Fraction(difference, questions) for difference in range(low, high + 1)]


def _nearest(score: Printed, questions: int) -> list[Fraction]:
    below = math.floor((score.value - 1) * questions)
    both = (max(below, -questions), min(below + 1, questions))
    return [1 + Fraction(each, questions) for each in dict.fromkeys(both)]


def _total_findings(group: Sequence[Line], sizes: dict[str, int]) -> Iterator[Finding]:
    totals = [line for line in group if line.is_total]
    parts = [line for line in group if not (line.is_total or line.is_mean)]
    if not parts:
        return
    yield from _mean_findings([line for line in group if line.is_mean], parts)
    at = tuple(line.number for line in parts)
    for total in totals:
        here = (*at, total.number)
        if total.counts is not None and all(part.counts for part in parts):
            known = [part.counts for part in parts if part.counts is not None]
            sums = tuple(sum(each[place] for each in known) for place in range(3))
            if sums != total.counts:
                words = f"{total.label}: {_counts(total.counts)} in all, its sets {_counts(sums)}"
                yield Finding("contradiction", here, words)
        if total.score is not None:
            yield from _total_score(total, total.score, parts, sizes, here)


def _counts(counts: Sequence[int]) -> str:
    return " / ".join(f"{count:,}" for count in counts)


def _total_score(
    total: Line, score: Printed, parts: Sequence[Line], sizes: dict[str, int], at: tuple[int, ...]
) -> Iterator[Finding]:
    ranges = [_range(part, sizes.get(part.set)) for part in parts]
    questions = [sizes.get(part.set) for part in parts]
    unknown = [part.set for part, size in zip(parts, questions, strict=True) if not size]
    if unknown:
        words = f"{total.label}: it cannot be checked without the questions of {listed(unknown)}"
        yield Finding("remark", at, words)
        return
    if None in ranges:
        return  # the set's own line is told
    count = sum(each for each in questions if each is not None)
    low = 1 + Fraction(sum(each[0] for each in ranges if each), count)
    high = 1 + Fraction(sum(each[1] for each in ranges if each), count)
    if low - score.step / 2 <= score.value <= high + score.step / 2:
        return
    if low - score.step < score.value <= high:
        words = f"{total.label}: {score.text} is cut off, not rounded"
        yield Finding("remark", at, f"{words}: its sets give {_between(low, high)}")
        return
    words = f"{total.label}: {score.text} in all, and its sets give {_between(low, high)}"
    if _is_plain_mean(score, parts):
        words += (
            f"; {score.text} is the plain mean of their scores, which weighs questions unequally"
        )
    yield Finding("contradiction", at, words)


def _mean_findings(means: Sequence[Line], parts: Sequence[Line]) -> Iterator[Finding]:
    """Yield lines that call themselves the mean of the sets' scores, and are not."""
    for line in means:
        told = line.score is not None and all(part.score is not None for part in parts)
        if line.score is not None and told and not _is_plain_mean(line.score, parts):
            at = (*(part.number for part in parts), line.number)
            mean = float(_plain_mean(parts))
            words = f"{line.label}: {line.score.text}, and the mean of its sets is {mean:.4f}"
            yield Finding("contradiction", at, words)


def _plain_mean(parts: Sequence[Line]) -> Fraction:
    return sum((part.score.value for part in parts if part.score), Fraction(0)) / len(parts)


def _is_plain_mean(score: Printed, parts: Sequence[Line]) -> bool:
    """Return whether a score is the mean of the sets' printed ones, as far as digits tell."""
    printed = [part.score for part in parts if part.score is not None]
    if len(printed) < len(parts):
        return False
    # Either may be rounded or cut off.
    slack = max(each.step for each in printed) + score.step
    return abs(_plain_mean(parts) - score.value) <= slack


def _range(part: Line, questions: int | None) -> tuple[int, int] | None:
    """Return the least and the most wins beyond losses that a line's numbers allow."""
    if part.counts is not None:
        difference = part.counts[0] - part.counts[2]
        return difference, difference
    if part.score is None or not questions:
        return None
    possible = [each for each in _possible(part.score, questions)
                if part.score.allows(each) or part.score.allows(each, cut=True)]  # fmt: skip
    if not possible:
        return None
    ends = [(each - 1) * questions for each in (min(possible), max(possible))]
    return int(ends[0]), int(ends[1])


def _between(low: Fraction, high: Fraction) -> str:
    ends = (f"{float(low):.4f}", f"{float(high):.4f}")
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _sensitivity(group: Sequence[Line]) -> Iterator[Finding]:
    """Yield that a candidate is ahead by one judge or rule and not by another."""
    scored = [(line, score) for line in group if (score := _score(line)) is not None]
    if len({(line.judge, line.rule) for line, _ in scored}) < 2:
        return
    scores = [score for _, score in scored]
    words = listed([f"{float(score):.4f} by {_by(line)}" for line, score in scored])
    at = tuple(line.number for line, _ in scored)
    first = scored[0][0]
    subject = f"{first.candidate} on {first.set}"
    if min(scores) < 1 < max(scores):
        yield Finding("sensitive", at, f"{subject} wins or loses by who judges: {words}")
        return
    sure = {sign_test(line.counts[0], line.counts[2]) < _LEVEL for line, _ in scored if line.counts}
    if len(sure) > 1:
        yield Finding("sensitive", at, f"{subject} is beyond chance by some alone: {words}")
    elif max(scores) > min(scores):
        spread = f"{float(max(scores) - min(scores)):.4f}"
        yield Finding("remark", at, f"{subject} differs by {spread} between judges: {words}")


def _score(line: Line) -> Fraction | None:
    return line.exact if line.exact is not None or line.score is None else line.score.value


def _by(line: Line) -> str:
    return ", ".join(word for word in (line.judge, line.rule) if word) or "nobody named"
