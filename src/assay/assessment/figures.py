"""The figures of a comparison as text, the same for the terminal and the page."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from assay.assessment.records import (
    Assessment,
    DatasetRecord,
    Distribution,
    PairRecord,
    Share,
    Variety,
)
from assay.assessment.wording import language_name
from assay.wording import amount, percent, quantity

_NOTHING = "-"


class Figure(NamedTuple):
    """One line of the comparison: what it is, its text per dataset, and what it means."""

    name: str
    cells: Sequence[str]
    meaning: str = ""


Cell = Callable[[DatasetRecord], str]


def figures(found: Assessment) -> list[tuple[str, list[Figure]]]:
    """Return the lines of the comparison under their headings; lines that nobody has are left out.

    Variety is compared at the largest sample that all datasets with rows have.
    """
    groups = [
        ("Size", _size(found.datasets)),
        ("Repetition", _repetition(found)),
        ("Variety", _variety(found.datasets)),
        ("How far the prompt helps", _likelihood(found.datasets)),
    ]
    return [
        (title, lines)
        for title, cells in groups
        if (lines := [line for line in _lines(found.datasets, cells) if any_known(line)])
    ]


def any_known(line: Figure) -> bool:
    """Return whether a line says something about any dataset."""
    return any(cell != _NOTHING for cell in line.cells)


def _lines(
    records: Sequence[DatasetRecord], cells: Sequence[tuple[str, Cell, str]]
) -> list[Figure]:
    return [
        Figure(name, [cell(record) for record in records], meaning) for name, cell, meaning in cells
    ]


def _size(records: Sequence[DatasetRecord]) -> list[tuple[str, Cell, str]]:
    spread = "median, and 5th to 95th percentile"
    lines: list[tuple[str, Cell, str]] = [("rows", lambda r: f"{r.rows:,}", "")]
    if any(record.set_aside for record in records):
        aside = "records that could not be read"
        lines.append(("set aside", lambda r: f"{sum(r.set_aside.values()):,}", aside))
    if any(record.held_out for record in records):
        lines.append(
            ("held out", lambda r: f"{r.held_out:,}", "no selection sees them, but counted")
        )
    lines += [
        ("tokens", lambda r: amount(r.tokens) if r.rows else _NOTHING, "of all rows together"),
        ("instruction, tokens", _spread("instruction", whole=True), spread),
        ("answer, tokens", _spread("response", whole=True), spread),
    ]
    if any(record.several_answers.count for record in records):
        several = "rows with more than one"
        lines.append(("several answers", lambda r: percent(r.several_answers.share), several))
    return [
        *lines,
        ("language", _main_language, "the most frequent one"),
        ("tasks", _tasks, "as the data names them"),
    ]


def _repetition(found: Assessment) -> list[tuple[str, Cell, str]]:
    near, alike = found.settings["near"], found.settings["alike"]
    return [
        ("exact duplicates", lambda r: percent(r.exact_copies.share), "rows that repeat another"),
        ("near-duplicates", lambda r: percent(r.near_copies.share),
         f"rows that go if one of each group stays; {near:g} of their 5-letter runs in common"),
        ("close in meaning", lambda r: _interval(r.alike),
         f"sampled rows that have another row at a cosine of {alike:g} or more"),
    ]  # fmt: skip


def _variety(records: Sequence[DatasetRecord]) -> list[tuple[str, Cell, str]]:
    size = common_size(records)
    if size is None:
        return []
    return [
        (f"different rows of {size:,}", _at(size, lambda v: f"{v.vendi:.3g}"),
         "Vendi score: how many rows with nothing in common would be as varied"),
        (f"distance among {size:,}", _at(size, lambda v: f"{v.distance:.3f}"),
         "mean cosine distance to the nearest other row"),
    ]  # fmt: skip


def common_size(records: Sequence[DatasetRecord]) -> int | None:
    """Return the largest sample whose variety all datasets with rows have, if there is one."""
    sizes = [{each.rows for each in record.variety} for record in records if record.rows]
    shared = set.intersection(*sizes) if sizes else set()
    return max(shared, default=None)


def _at(size: int, text: Callable[[Variety], str]) -> Cell:
    def cell(record: DatasetRecord) -> str:
        return next((text(each) for each in record.variety if each.rows == size), _NOTHING)

    return cell


def _likelihood(records: Sequence[DatasetRecord]) -> list[tuple[str, Cell, str]]:
    return [
        ("compression IFD", _spread("compression_ifd"),
         "near 0 the answer repeats its prompt, near 1 the prompt is no help to a compressor"),
        ("IFD", _spread("ifd"), "the same asked of a language model: its loss with and without"),
        ("IFD above 1", lambda r: _interval(r.above_one),
         "sampled answers that their prompt makes less likely"),
        *_perplexities(records),
        ("without compression IFD", _unscored("compression_ifd"), "rows, and why"),
        ("without IFD", _unscored("ifd"), "sampled rows, and why"),
    ]  # fmt: skip


def _perplexities(records: Sequence[DatasetRecord]) -> list[tuple[str, Cell, str]]:
    """Return a line for the datasets of each language: no two of them can be compared."""
    codes = dict.fromkeys(code for each in records if (code := _main_code(each)))
    meaning = "of the answer given its prompt"
    if len(codes) < 2:
        return [("perplexity", _spread("perplexity"), meaning)]
    meaning += "; not comparable between languages"
    return [
        (f"perplexity, {language_name(code)}", _only(code, _spread("perplexity")), meaning)
        for code in codes
    ]


def _only(code: str, cell: Cell) -> Cell:
    return lambda record: cell(record) if _main_code(record) == code else _NOTHING


def _main_code(record: DatasetRecord) -> str:
    return next(iter(record.languages.words), "")


def _spread(name: str, *, whole: bool = False) -> Cell:
    def cell(record: DatasetRecord) -> str:
        found: Distribution | None = record.distributions.get(name)
        if found is None or not found.quantiles:
            return _NOTHING
        values = [found.quantiles[key] for key in ("p5", "p50", "p95")]
        low, middle, high = (_whole(v) if whole else _ratio(v) for v in values)
        return f"{middle} ({low} to {high})"

    return cell


def _whole(value: float) -> str:
    return quantity(round(value))


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10 else quantity(value)


def _main_language(record: DatasetRecord) -> str:
    if not record.languages.words:
        return _NOTHING
    code, count = next(iter(record.languages.words.items()))
    return f"{language_name(code)} {percent(count / record.rows)}"


def _tasks(record: DatasetRecord) -> str:
    named = record.tasks.distinct - ("" in record.tasks.words)
    return f"{named:,}" if named else _NOTHING


def _interval(share: Share | None) -> str:
    if share is None or share.share is None:
        return _NOTHING
    if share.low == share.high:
        return percent(share.share)
    return f"{percent(share.share)} ({percent(share.low)} to {percent(share.high)})"


def _unscored(name: str) -> Cell:
    def cell(record: DatasetRecord) -> str:
        found = record.distributions.get(name)
        if found is None or not found.unscored:
            return _NOTHING
        said = (
            f"{count:,} {reason.lower().replace('_', ' ')}"
            for reason, count in found.unscored.items()
        )
        return ", ".join(said)

    return cell


def pair_tables(found: Assessment) -> list[tuple[str, str, list[list[str]]]]:
    """Return title, meaning and cells of each table of pairs; none without two datasets."""
    if len(found.datasets) < 2:
        return []
    names = [each.name for each in found.datasets]

    def cell(of: str, within: str, share: Callable[[PairRecord], Share]) -> str:
        pair = found.pair(of, within)
        return "" if pair is None else percent(share(pair).share)

    return [
        (title, meaning, [[cell(of, within, share) for within in names] for of in names])
        for title, meaning, share in pair_measures(found)
    ]


def pair_measures(found: Assessment) -> list[tuple[str, str, Callable[[PairRecord], Share]]]:
    """Return title, meaning and value of what is measured of pairs."""
    close = f"a row at a cosine of {found.settings['alike']:g} or more in the upper one"
    return [
        ("Equal", "part of the left one's rows that the upper one holds word for word",
         lambda pair: pair.exact),
        ("Nearly equal", "part of the left one's rows with a near-duplicate in the upper one",
         lambda pair: pair.near),
        ("Close in meaning", f"part of the left one's sampled rows with {close}",
         lambda pair: pair.alike),
    ]  # fmt: skip
