"""A file of judge records, or the two files of both orders, as one table."""

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.echo import Brief
from assay.errors import DataError, FormatError, Parameter, Phrase
from assay.formats import streams
from assay.formats.containers import SAMPLED_RECORDS, file_records, sniff
from assay.formats.faults import BadRecord, Fault, UnusableRecordError, type_name
from assay.formats.judged import score_lists
from assay.formats.judged.beside_rows import beside_rows
from assay.formats.judged.layout import JudgedLayout, Reading
from assay.formats.judged.layouts import LAYOUTS, find_layout, judged_layout
from assay.formats.judged.plain_pickle import is_pickled, plain_pickle
from assay.formats.judged.tables import Judged, JudgedTable, Orders, Pair, table_of
from assay.samples import Reason

_NOT_SAID = Pair(Reason.NOT_IMPORTED, Reason.NOT_IMPORTED)
_SHOWN = 5


def layout_of(path: Path) -> JudgedLayout | None:
    """Return the layout of judge records that a file has, None if it has none that is known.

    Raises:
        FormatError: if the file cannot be read at all.
    """
    if is_pickled(path):
        return score_lists.LAYOUT  # no other is published so, and a pickle is read as a whole
    records = [value for value, _ in itertools.islice(values_of(path), SAMPLED_RECORDS)]
    return find_layout([each for each in records if not isinstance(each, BadRecord)])


def read_judged(
    path: Path,
    *,
    layout: str | None = None,
    candidate: int | None = None,
    where: Mapping[str, str] | None = None,
    swapped: Path | None = None,
    rows_of: Path | None = None,
) -> JudgedTable:
    """Return what judges said in a file.

    A record that cannot be read is told in `faults` and the others stand, since no record is
    known by its place.

    Args:
        path: JSON, JSON lines, CSV, Parquet, packed or not; a pickle of numbers.
        layout: name of its layout, or None to find it.
        candidate: which answer of a pair the numbers are about, 1 or 2; the layout's if None.
        where: fields and what they must say, as text; records that say something else are left.
        swapped: the file of the same pairs in the other order, for layouts of one order.
        rows_of: the data set that scores without ids stand beside, a score for each of its rows.

    Raises:
        FormatError: if the layout is not known, or no record is of it.
        DataError: if what is asked does not fit the layout, or several judgments of one thing
            are mixed.
    """
    chosen = judged_layout(layout) if layout else layout_of(path)
    if chosen is None:
        raise _unknown(path)
    if candidate is not None and not chosen.candidate:
        raise DataError(f"{path}: {chosen.name} has no pairs, so no candidate among them")
    if swapped is not None and not chosen.one_order:
        raise DataError(
            f"{path}: {chosen.name} has no second file",
            hint="each record has all orders that were asked" if chosen.candidate else None,
        )
    side = candidate or chosen.candidate
    names = _names(path, chosen)
    faults: list[str] = []
    rows = _rows(path, chosen, Reading(side, names), where or {}, faults)
    if swapped is not None:
        others = _names(swapped, chosen)
        if others != names[::-1]:
            raise DataError(
                f"{swapped} is not {path.name} in the other order",
                hint=f"its name must begin with {names[1]}-{names[0]}-",
            )
        second = _rows(swapped, chosen, Reading(3 - side, others), where or {}, faults)
        rows = _joined(rows, second, faults)
    if chosen.merge is not None:
        rows = chosen.merge(rows)
    if rows_of is not None:
        rows = beside_rows(path, rows, rows_of)
    _check_one_subject(path, rows)
    return table_of(chosen.name, rows, scored=chosen.scored, faults=faults)


@dataclass(frozen=True, repr=False)
class Records(Brief):
    """The records of a file one by one, each about the answer that stands first in it.

    Attributes:
        path: of the file.
        layout: by which it was read.
        rows: what each record says, in the order of the file.
    """

    path: Path
    layout: JudgedLayout
    rows: Sequence[Judged]


def read_records(
    path: Path, *, layout: str | None = None, where: Mapping[str, str] | None = None
) -> Records:
    """Return the records of a file, which may be about many pairs.

    Args:
        path: as of `read_judged`.
        layout: name of its layout, or None to find it.
        where: fields and what they must say, as text; records that say something else are left.

    Raises:
        FormatError: if the layout is not known, or no record is of it.
        DataError: if a record cannot be read; it is named.
    """
    chosen = judged_layout(layout) if layout else layout_of(path)
    if chosen is None:
        raise _unknown(path)
    faults: list[str] = []
    rows = _rows(path, chosen, Reading(1, _names(path, chosen)), where or {}, faults)
    if faults:
        more = f"; {len(faults) - 1:,} more" if len(faults) > 1 else ""
        raise DataError(f"{faults[0]}{more}", hint="mend the file, or take the record out of it")
    return Records(path, chosen, rows)


def _unknown(path: Path) -> FormatError:
    known = ", ".join(each.name for each in LAYOUTS)
    return FormatError(f"{path}: no layout of judge records fits", hint=f"known are {known}")


def _names(path: Path, layout: JudgedLayout) -> tuple[str, str]:
    """Return what the name of a file calls its two answers; empty where it need not."""
    if not layout.named:
        return "", ""
    parts = streams.plain_stem(path).split("-")
    if len(parts) < 3:
        raise FormatError(
            f"{path}: its name does not say whose scores come first",
            hint="name the file as it was published: FIRST-SECOND-SET.json, with the fields of "
            "the two answers",
        )
    return parts[0], parts[1]


def _rows(
    path: Path,
    layout: JudgedLayout,
    reading: Reading,
    where: Mapping[str, str],
    faults: list[str],
) -> list[Judged]:
    rows: list[Judged] = []
    left = 0
    for count, (value, place) in enumerate(values_of(path), start=1):
        try:
            if not _says(value, where):
                left += 1
                continue
            rows.append(_row(value, layout, reading))
        except UnusableRecordError as error:
            faults.append(f"{path}: {place or f'record {count:,}'}: {error.detail}")
    if not rows:
        raise _nothing(path, layout, faults, where, left)
    return rows


def _row(value: object, layout: JudgedLayout, reading: Reading) -> Judged:
    if isinstance(value, BadRecord):
        raise UnusableRecordError(value.fault, value.detail)
    if not layout.matches(value):
        detail = f"{type_name(value)} that is no record of {layout.name}"
        raise UnusableRecordError(Fault.NOT_A_RECORD, detail)
    return layout.read(value, reading)


def _says(value: object, where: Mapping[str, str]) -> bool:
    """Does a record say what is asked? One that cannot be read is told, and not left out."""
    if not where or not isinstance(value, dict):
        return True
    return all(wanted in _words(value.get(name)) for name, wanted in where.items())


def _words(value: object) -> set[str]:
    """Return the words that a field may be called by; those of a list are any of its items."""
    if isinstance(value, list):
        return set().union(*map(_words, value))
    return {str(value), json.dumps(value, default=str)}


def _nothing(
    path: Path, layout: JudgedLayout, faults: Sequence[str], where: Mapping[str, str], left: int
) -> FormatError:
    if left and not faults:
        asked = " and ".join(f"{name}={wanted}" for name, wanted in where.items())
        return FormatError(f"{path}: no record says {asked}")
    first = f"; the first: {faults[0]}" if faults else ""
    return FormatError(f"{path}: no record can be read as {layout.name}{first}")


def values_of(path: Path) -> Iterator[tuple[object, str]]:
    """Yield the records of a file, and the place of those that are broken."""
    if is_pickled(path):
        content = plain_pickle(path)
        if not isinstance(content, list):
            raise FormatError(
                f"{path}: the pickle holds {type_name(content)}, not a list of scores",
                hint="torch wrote it in its older form if it begins with one large number; save "
                "it again, or as JSON",
            )
        yield from ((value, "") for value in content)
        return
    packed = sniff(path)
    for value, offset, _ in file_records(packed):
        broken = isinstance(value, BadRecord)
        line = streams.line_at(path, packed.compression, offset) if broken else 0
        yield value, f"line {line}" if broken else ""


def _joined(first: Sequence[Judged], second: Sequence[Judged], faults: list[str]) -> list[Judged]:
    """Return the pairs of both files, joined by what they say of themselves and never by place."""
    counts = [Counter(_identity(row) for row in rows) for rows in (first, second)]
    partners = {_identity(row): row for row in second}
    rows: list[Judged] = []
    for row in first:
        same = _identity(row)
        if counts[0][same] > 1 or counts[1][same] > 1:
            faults.append(f"{_called(row)}: judged several times in one order")
            continue
        partner = partners.pop(same, None)
        if partner is None:
            faults.append(f"{_called(row)}: not judged in the other order")
        theirs = Orders(_NOT_SAID, _NOT_SAID) if partner is None else partner.orders
        orders = Orders(row.orders.first or theirs.first, row.orders.second or theirs.second)
        rows.append(dataclasses.replace(row, orders=orders))
    alone = [row for row in partners.values() if not counts[0][_identity(row)]]
    faults.extend(f"{_called(row)}: judged in the other order alone" for row in alone)
    return rows


def _identity(row: Judged) -> tuple[str, ...]:
    texts = (" ".join((text or "").split()) for text in (row.prompt, row.response))
    return (row.key, *texts, row.answer, row.other)


def _called(row: Judged) -> str:
    return f"id {row.key}" if row.key else repr((row.prompt or row.response or "")[:60])


def _check_one_subject(path: Path, rows: Sequence[Judged]) -> None:
    """Stop where a file judges several things that one score cannot be about."""
    subjects = list(dict.fromkeys(row.about for row in rows))
    if len(subjects) < 2:
        return
    shown = ", ".join(repr(each) for each in subjects[:_SHOWN])
    more = "" if len(subjects) <= _SHOWN else f" and {len(subjects) - _SHOWN} more"
    raise DataError(
        f"{path} judges {len(subjects)} things apart: {shown}{more}",
        hint=Phrase("take one of them, by a field: {}", Parameter("where", {"FIELD": "VALUE"})),
    )
