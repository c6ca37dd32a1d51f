"""Files of judge records as pairs about one candidate, on whichever side each file has it."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from assay.echo import Brief
from assay.errors import DataError, UsageError, did_you_mean
from assay.evaluation.contradictions import Contradictions, settled
from assay.evaluation.question_list import Questions
from assay.formats import streams
from assay.formats.judged.reading import Records, read_records
from assay.formats.judged.tables import Judged, Orders, turned

_VERSUS = re.compile(r"[_-]vs[_-]", re.IGNORECASE)
_SETS = {
    "vicuna": "vicuna", "koala": "koala", "wizardlm": "wizardlm", "lima": "lima",
    "sinstruct": "self-instruct", "selfinstruct": "self-instruct",
}  # fmt: skip
"""Words in the names of files and ids, and the sets of questions that they stand for."""
_SHOWN = 6
_RATINGS = "mt_bench_single"
_TURNS = (_RATINGS, "mt_bench_pair")
_UNNAMED = ("vicuna_review", "cherry", "pandalm_judge")
"""Layouts whose records tell places or ids of answers, and not the models that wrote them."""


class Item(NamedTuple):
    """One pair of answers and what was said of it, from the candidate's side.

    Attributes:
        record: as it was read, turned so that the candidate stands first.
        dataset: set of questions that it is counted in.
        question: what is asked, by which judgments of one question are known.
        reference: name of the other answer's model.
    """

    record: Judged
    dataset: str
    question: str
    reference: str


@dataclass(frozen=True, repr=False)
class Recorded(Brief):
    """What files say of a candidate.

    Attributes:
        candidate: its name, as it was asked for.
        references: what it was compared with; empty of ratings of single answers.
        layout: of the files.
        scored: each answer has a score.
        items: pairs, or single answers.
        left: records about other pairs.
        contradictions: stored scores beside what their own replies say.
        missing: questions without any judgment, by set; empty unless questions are given.
        unasked: judgments of questions that are not among those given.
        met: every record whose two sides are models by name, also those of other pairs.
    """

    candidate: str
    references: Sequence[str]
    layout: str
    scored: bool
    items: Sequence[Item]
    left: int
    contradictions: Contradictions
    missing: Mapping[str, int]
    unasked: int
    met: Sequence[Judged]


def read_recorded(
    paths: Sequence[Path],
    candidate: str,
    *,
    versus: str | None = None,
    questions: Path | None = None,
    layout: str | None = None,
    where: Mapping[str, str] | None = None,
) -> Recorded:
    """Return what files of judge records say of a candidate.

    Two files of one order each are joined by what their records say, never by place; questions that
    are asked several times are joined in the order in which they stand.

    Args:
        paths: of one layout; each as `read_records` takes it.
        candidate: name of its model or answer, in the records or in the name of the file.
        versus: name of the reference, where the candidate met several; None takes all of them.
        questions: file of all that was asked, with the set or category of each.
        layout: name of the layout, or None to find it.
        where: fields and what they must say.

    Raises:
        UsageError: if a file is named twice, or no record is about the candidate.
        DataError: if a record cannot be read, or the files are of several layouts.
    """
    files = [read_records(path, layout=layout, where=where) for path in _once(paths)]
    kinds = {file.layout.name: file.layout for file in files}
    if len(kinds) > 1:
        raise DataError(
            f"the files are of several layouts: {', '.join(kinds)}",
            hint="one report is about one kind of judgment",
        )
    [kind] = kinds.values()
    if not kind.candidate and kind.name != _RATINGS:
        raise DataError(
            f"{paths[0]}: {kind.name} has no pairs of answers",
            hint="`assay import-scores` takes it as a score of rows",
        )
    asked = None if questions is None else Questions.read(questions)
    against = Contradictions()
    if kind.scored:
        mended = [settled(file.rows) for file in files]
        against = sum((counts for _, counts in mended), against)
        files = [replace(file, rows=rows) for file, (rows, _) in zip(files, mended, strict=True)]
    found = [item for file in files for item in _items(file, candidate, versus)]
    rows = [row for file in files for row in file.rows]
    if not found:
        raise _nobody(rows, files, candidate, versus)
    named = _one_name_each(found)
    items = _joined(named) if kind.one_order else named
    references = sorted({item.reference for item in named} - {""})
    labelled = [_labelled(item, asked, several=len(references) > 1) for item in items]
    return Recorded(
        candidate, references, kind.name, kind.scored, labelled,
        len(rows) - len(found), against,
        {} if asked is None else asked.missing([item.record for item in labelled]),
        0 if asked is None else sum(asked.find(item.record) is None for item in labelled),
        [] if kind.name in _UNNAMED else rows,
    )  # fmt: skip


def _once(paths: Sequence[Path]) -> Sequence[Path]:
    digests: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{str(path)!r} is not a file")
        same = digests.setdefault(streams.digest_of(path), path)
        if same is not path:
            raise UsageError(f"{path} and {same} are the same file", hint="name each once")
    return paths


# Whose side is it?


def _items(file: Records, candidate: str, versus: str | None) -> list[Item]:
    """Return the pairs of a file that are about the candidate."""
    of_file = _names_of_file(file)
    label = _set_of_file(file)
    found = []
    for row in file.rows:
        names = [
            [name for name in (row.names[at], of_file[at]) if name] for at in (0, 1)
        ]  # fmt: skip
        side = _side(candidate, names)
        if side is None:
            continue
        # The name of the file tells a model; ids of answers tell it of one question alone.
        reference = (names[1 - side] or [""])[-1]
        if versus is not None and _side(versus, [[], names[1 - side]]) is None:
            continue
        record = row if side == 0 else _turned(row)
        found.append(Item(record, _set_of(row) or label, _question(row, file), reference))
    return found


def _names_of_file(file: Records) -> tuple[str, str]:
    """Return what the name of a file calls its two answers, if its records name no models."""
    if file.layout.name not in _UNNAMED:
        return "", ""
    parts = _VERSUS.split(streams.plain_stem(file.path))
    return (parts[0], parts[1]) if len(parts) == 2 else ("", "")


def _side(wanted: str, names: Sequence[Sequence[str]]) -> int | None:
    """Return the side that a name is of: the very name, or else part of one side's alone."""
    for fits in (_same, _within):
        sides = [side for side in (0, 1) if any(fits(wanted, name) for name in names[side])]
        if len(sides) == 1:
            return sides[0]
        if len(sides) == 2:
            return None
    return None


def _same(wanted: str, name: str) -> bool:
    return wanted.casefold() == name.casefold()


def _within(wanted: str, name: str) -> bool:
    """Does a longer name begin or end with this one, up to a border between words?"""
    border = rf"(?:^|.*[\W_]){re.escape(wanted)}$|^{re.escape(wanted)}(?:$|[\W_].*)"
    return re.match(border, name, re.IGNORECASE | re.DOTALL) is not None


def _nobody(
    rows: Sequence[Judged], files: Sequence[Records], candidate: str, versus: str | None
) -> UsageError:
    of_files = [name for file in files for name in _names_of_file(file) if name]
    of_rows = [name for row in rows for name in row.names if name]
    if files[0].layout.name == "vicuna_review":
        # Ids of answers are of one question each, and no names that a person would look for.
        of_rows = []
    names = list(dict.fromkeys([*of_files, *of_rows]))
    about = candidate if versus is None else f"{candidate} against {versus}"
    shown = ", ".join(names[:_SHOWN]) + (" and others" if len(names) > _SHOWN else "")
    both = [name for name in names if _within(candidate, name)]
    hint = did_you_mean(candidate, names) or (f"there are {shown}" if names else None)
    if len(both) > 1:
        return UsageError(f"{candidate!r} may be {' or '.join(both)}", hint="write the whole name")
    return UsageError(f"no record is about {about}", hint=hint)


def _turned(row: Judged) -> Judged:
    """Return a record with the other answer as the candidate."""
    first, second = row.orders
    orders = Orders(
        None if second is None else turned(second), None if first is None else turned(first)
    )
    values = dict(row.values)
    share = values.get("win_probability")
    if isinstance(share, float):
        values["win_probability"] = 1 - share
    return replace(
        row, orders=orders, values=values, names=row.names[::-1], answer=row.other,
        other=row.answer, response=row.rival, rival=row.response, replies=row.replies[::-1],
    )  # fmt: skip


def _one_name_each(items: Sequence[Item]) -> list[Item]:
    """Return pairs in which a reference goes by one name: the shortest that others end with."""
    names = sorted({item.reference for item in items}, key=lambda name: (len(name), name))
    known = {name: next(each for each in names if each == name or _within(each, name))
             for name in names}  # fmt: skip
    return [item._replace(reference=known[item.reference]) for item in items]


# Which set, and which question?


def _set_of(row: Judged) -> str:
    return row.dataset or _SETS.get(row.key.rpartition("_")[0].casefold(), "")


def _set_of_file(file: Records) -> str:
    stem = streams.plain_stem(file.path)
    if file.layout.named:
        return "-".join(stem.split("-")[2:])
    if file.layout.name != "cherry":
        return ""
    words = {_SETS[word] for word in re.split(r"[\W_]+", stem.casefold()) if word in _SETS}
    return words.pop() if len(words) == 1 else stem


def _question(row: Judged, file: Records) -> str:
    """Return what tells questions apart; of MT-bench the id, which two turns share."""
    text = " ".join((row.prompt or "").split())
    return (row.key or text) if file.layout.name in _TURNS else (text or row.key)


def _labelled(item: Item, asked: Questions | None, *, several: bool) -> Item:
    if several:
        return item._replace(dataset=f"against {item.reference}")
    known = None if asked is None else asked.find(item.record)
    return item._replace(dataset=(known and known.dataset) or item.dataset or "questions")


# Two files of one order


def _joined(items: Sequence[Item]) -> list[Item]:
    """Return pairs with what was said of them in both orders.

    They are known by question and answer. Where no answer of one file is in the other, as where
    every judgment has ids of its own, the question alone has to do.
    """
    groups = _grouped(items, _identity)
    if not any(firsts and seconds for firsts, seconds in groups):
        alone = _grouped(items, _identity_of_question)
        if all(len(firsts) < 2 and len(seconds) < 2 for firsts, seconds in alone):
            groups = alone
    found = []
    for firsts, seconds in groups:
        if len(firsts) == len(seconds):
            found += [_merged(*pair) for pair in zip(firsts, seconds, strict=True)]
        else:  # which of several belongs to which is not told, so none is joined
            found += [*firsts, *seconds]
    return found


def _grouped(
    items: Sequence[Item], identity: Callable[[Item], tuple[str, ...]]
) -> list[tuple[list[Item], list[Item]]]:
    """Return pairs that are alike: those shown first, and those shown second."""
    groups: dict[tuple[str, ...], tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for item in items:
        groups[identity(item)][item.record.orders.first is None].append(item)
    return list(groups.values())


def _identity_of_question(item: Item) -> tuple[str, ...]:
    row = item.record
    return (item.dataset, item.reference, row.key, " ".join((row.prompt or "").split()))


def _identity(item: Item) -> tuple[str, ...]:
    row = item.record
    answer = " ".join((row.response or "").split())
    return (*_identity_of_question(item), *([answer] if answer else [row.answer, row.other]))


def _merged(first: Item, second: Item) -> Item:
    orders = Orders(first.record.orders.first, second.record.orders.second)
    return first._replace(record=replace(first.record, orders=orders))
