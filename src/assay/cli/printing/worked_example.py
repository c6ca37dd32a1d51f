"""Three rows of a method's guide, worked out: what it reads of each, and what comes of it.

Nothing is kept in a text: the numbers are computed when they are shown, as for any other data.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from assay.cli.console import Column as Heading
from assay.cli.console import facts, table
from assay.cli.printing.method_guide import formula_part, plain_words
from assay.components.base import Component
from assay.components.component import Scorer, build
from assay.components.guide import Example
from assay.engine.engine import Engine
from assay.errors import UsageError
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.pool import Pool
from assay.progress import Silent
from assay.runtime import Runtime
from assay.samples import Reason, Scores
from assay.testing import pool
from assay.values import Groups, LogProbs, Matrix, Numbers
from assay.wording import cell_text

if TYPE_CHECKING:
    from rich.console import RenderableType

Column = tuple[str, list[float | str]]
"""A heading, and what stands below it for each row of a pool, in its order."""

_NAMES = "ABCDEFGH"
_COSINE_DIGITS = 3


class WorkedRow(NamedTuple):
    """A row, and what stands in the columns for it, as a person reads it."""

    name: str
    asked: str
    answered: str
    cells: tuple[str, ...]


class WorkedExample(NamedTuple):
    """Rows in the order of the guide; headings of their cells; how the result follows."""

    headings: tuple[str, ...]
    rows: tuple[WorkedRow, ...]
    reading: str


def worked_example(method: type[Component]) -> WorkedExample:
    """Return the example of a method's guide with its numbers.

    Raises:
        UsageError: if the method has none.
    """
    example = method.guide.example if method.guide is not None else None
    if example is None:
        raise UsageError(
            f"{method.name} has no example", hint=f"assay methods {method.name} explains it"
        )
    component = build({"method": method.name, **example.parameters}, method.kind)
    rows = pool(example.rows)
    with tempfile.TemporaryDirectory(prefix="assay-") as cache:
        runtime = Runtime(Path(cache), workers=1, max_unscored=1.0, progress=Silent())
        engine = Engine(rows, runtime)
        columns = [*_shown(example, component, engine), *_result(component, engine)]
    names = _names(rows)
    place_of = {name: place for place, name in enumerate(names)}
    worked = []
    for name, (asked, answered) in zip(_NAMES, example.rows, strict=False):
        cells = tuple(cell_text(values[place_of[name]]) for _, values in columns)
        worked.append(WorkedRow(name, asked, answered, cells))
    return WorkedExample(tuple(heading for heading, _ in columns), tuple(worked), example.reading)


def _names(rows: Pool) -> list[str]:
    """Return the letter of each row of a pool, in canonical order."""
    return [_NAMES[place] for place in rows.row.tolist()]


def _shown(example: Example, component: Component, engine: Engine) -> Iterator[Column]:
    """Yield what the guide wants to be seen on the way to the result."""
    needs = component.requires()
    for heading, path in example.shows.items():
        name, _, what = path.partition(".")
        need: Any = needs[name]
        if not isinstance(need, Component):
            need, what = need[int(what)], ""
        yield from _columns_of(heading, engine.value(need), what, engine.pool)


def _columns_of(heading: str, value: Any, what: str, rows: Pool) -> Iterator[Column]:
    if isinstance(value, ScoreTable):
        yield heading, _told(value.main)
    elif isinstance(value, Numbers):
        yield heading, value[what].tolist()
    elif isinstance(value, LogProbs):
        losses = -value.mean()
        found = {"loss": losses, "perplexity": np.exp(losses), "tokens": value.count}
        yield heading, found[what].tolist()
    elif isinstance(value, Groups):
        names = _names(rows)
        yield heading, [names[first] for first in value.labels.tolist()]
    elif isinstance(value, Matrix):
        vectors = np.asarray(value.array, np.float64)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        # Columns in the order in which people read the rows.
        for name, place in sorted(zip(_names(rows), range(len(rows)), strict=True)):
            yield f"{heading} {name}", np.round(unit @ unit[place], _COSINE_DIGITS).tolist()
    else:
        raise TypeError(f"an example cannot show a {type(value).__name__}")


def _told(scores: Scores) -> list[float | str]:
    """Return the numbers of a score, and the reason where there is none."""
    pairs = zip(scores.values.tolist(), scores.reason.tolist(), strict=True)
    return [_reason(code) if code else value for value, code in pairs]


def _reason(code: int) -> str:
    return Reason(code).name.lower().replace("_", " ")


def _result(component: Component, engine: Engine) -> Iterator[Column]:
    """Yield the score, or who is picked, in which place and with what gain."""
    value: Any = engine.value(component)
    if isinstance(component, Scorer):
        yield "score", _told(value.main)
        return
    yield from _picks(value)


def _picks(record: SelectionRecord) -> Iterator[Column]:
    selection = record.selection
    places: list[float | str] = [_reason(code) for code in record.reason.tolist()]
    gains = np.full(len(places), np.nan)
    for turn, row in enumerate(selection.indices.tolist()):
        places[row], gains[row] = f"{turn + 1}.", selection.gains[turn]
    yield "pick", places
    if not np.isnan(gains).all():
        yield "gain", gains.tolist()


def _is_number(cell: str) -> bool:
    return cell[-1:].isdigit() or cell == "-"


def describe_example(method: type[Component]) -> dict[str, Any]:
    """Return an example with its numbers as they are shown, for programs."""
    worked = worked_example(method)
    rows = [
        {"row": row.name, "asked": row.asked, "answered": row.answered}
        | dict(zip(worked.headings, row.cells, strict=True))
        for row in worked.rows
    ]
    return {"name": method.name, "kind": method.kind, "rows": rows, "reading": worked.reading}


def example_parts(method: type[Component], worked: WorkedExample) -> Iterator["RenderableType"]:
    """Yield what a person reads of an example: the rows, the numbers, and how these follow."""
    from rich.text import Text

    guide = method.guide
    yield Text(method.name, style="bold")
    if guide is not None:
        yield from formula_part(guide)
        if guide.example is not None and guide.example.parameters:
            settings = guide.example.parameters.items()
            yield Text("with " + ", ".join(f"{name}={value}" for name, value in settings))
    for row in worked.rows:
        yield facts([(f"{row.name}  asked", row.asked), ("   answered", row.answered)])
    yield Text()
    cells = zip(*(row.cells for row in worked.rows), strict=True)
    columns: list[Heading] = [
        (heading, "right") if all(map(_is_number, column)) else heading
        for heading, column in zip(worked.headings, cells, strict=True)
    ]
    yield table(["", *columns], [(row.name, *row.cells) for row in worked.rows])
    yield Text()
    yield Text(plain_words(worked.reading))
