"""For authors of methods: small pools, values by hand, and the checks every component must pass.

from assay.testing import check_component, pool, value_of

def test_my_method_keeps_the_contract() -> None:
    check_component(MyMethod(parameter=2))
"""

import inspect
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Budget
from assay.components.component import Scorer, Selector, build
from assay.components.descriptions import describe
from assay.engine.engine import Engine
from assay.errors import AssayError
from assay.features.made_rows import MadeRows
from assay.features.passes import PoolFeature, RowFeature
from assay.formats.records import Block
from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.building import build_pool
from assay.pool.pool import Pool
from assay.progress import Silent
from assay.runtime import Runtime
from assay.samples import Conversation, Message, Origin, Reason, ReasonArray, Sample, Scores
from assay.values import Labels, Matrix, Numbers, RowValue

Row = Sample | Conversation | tuple[str, str] | Mapping[str, str]
"""A sample, a conversation, prompt and response, or a mapping with `instruction`, `response` and,
if wanted, `input`, `source`, `split`, `task`, `language`."""

ODD_ROWS: tuple[Row, ...] = (
    ("What is the capital of France?", "Paris."),
    ("Name three colours.", "Red, green and blue."),
    ("Name three colours.", "Red, green and blue."),
    ("Say nothing.", ""),
    ("", "An answer to nothing at all."),
    ("写一个关于春天的句子。", "春天来了,花都开了。"),
    ("Emoji only", "🙂🙂🙂"),
    ("One", "1"),
    ("Repeat the word a hundred times.", "word " * 100),
    ("Zeile\nmit\tSonderzeichen\u0000?", "Ja. « \u202e"),
    ("Explain gravity to a child.", "Things fall because the earth pulls them."),
    ("List the planets.", "Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune."),
)
"""Rows on which methods tend to fail: empty, equal, tiny, long, in other scripts."""

_TOLERANCE = 1e-9


def pool(rows: Sequence[Row] = ODD_ROWS, *, folder: Path | None = None) -> Pool:
    """Return a pool of some rows; it lies in a temporary folder that goes when the pool does.

    Rows come in canonical order, ascending id, and not as they were given; `Pool.row` tells the
    place of each in `rows`.

    Args:
        rows: what it holds.
        folder: where to keep it instead; then it stays.
    """
    samples = [_sample(row) for row in rows]
    block = Block(samples, [Origin(0, place) for place in range(len(samples))])
    if folder is not None:
        return build_pool([block], folder)
    temporary = tempfile.TemporaryDirectory(prefix="assay-")
    made = build_pool([block], Path(temporary.name))
    weakref.finalize(made, temporary.cleanup)
    return made


def _sample(row: Row) -> Sample:
    if isinstance(row, Sample):
        return row
    if isinstance(row, Conversation):
        return Sample(row, source="test")
    if isinstance(row, tuple):
        row = {"instruction": row[0], "response": row[1]}
    messages = (
        Message("user", row.get("instruction", ""), row.get("input", "")),
        Message("assistant", row.get("response", "")),
    )
    return Sample(
        Conversation(messages),
        source=row.get("source", "test"),
        split=row.get("split", ""),
        task=row.get("task", ""),
        language=row.get("language", ""),
    )


def value_of(component: Component, rows: Pool, *, runtime: Runtime | None = None) -> Any:
    """Return the value of a component for the rows of a pool; nothing is kept.

    A scorer gives a `ScoreTable`, a selector a `SelectionRecord`, a feature its value.
    """
    with tempfile.TemporaryDirectory(prefix="assay-") as cache:
        runtime = runtime or Runtime(
            cache=Path(cache), workers=1, max_unscored=1.0, progress=Silent()
        )
        value = Engine(rows, runtime).value(component)
        # A matrix may be mapped from a file of the folder that goes now.
        if isinstance(value, Matrix):
            return Matrix(value.reason, value.flags, np.array(value.array))
        return value


# Values by hand


def numbers(reason: ArrayLike | None = None, **columns: ArrayLike) -> Numbers:
    """Return named columns of numbers, one per row.

    Args:
        reason: why a row has no value; taken from NaN in the first column if left out.
        **columns: shape (n,) each.
    """
    arrays = {name: np.asarray(column, np.float64) for name, column in columns.items()}
    codes = _reasons(next(iter(arrays.values())), reason)
    return Numbers(codes, np.zeros(len(codes), np.uint16), arrays)


def scores(values: ArrayLike, reason: ArrayLike | None = None) -> Scores:
    """Return scores, one per row; NaN has NON_FINITE for a reason unless `reason` says another."""
    array = np.asarray(values, np.float64)
    return Scores(array, _reasons(array, reason))


def labels(words: Sequence[str]) -> Labels:
    """Return one word per row."""
    count = len(words)
    return Labels(np.zeros(count, np.uint8), np.zeros(count, np.uint16), pl.Series(list(words)))


def matrix(vectors: ArrayLike) -> Matrix:
    """Return one vector per row, shape (n, d), as float32."""
    array = np.asarray(vectors, np.float32)
    return Matrix(np.zeros(len(array), np.uint8), np.zeros(len(array), np.uint16), array)


def _reasons(values: NDArray[np.float64], reason: ArrayLike | None) -> ReasonArray:
    if reason is not None:
        return np.asarray(reason, np.uint8)
    return np.where(np.isnan(values), np.uint8(Reason.NON_FINITE), np.uint8(0))


# The contract


def check_component(component: Component | type[Component], *, rows: Pool | None = None) -> None:
    """Check what every component must keep; deterministic, and without a network.

    Name, description, citation and parameters are in order; equal parameters give equal keys, and
    a description gives an equal component back; its function takes what it requires. Then it is
    computed on rows that are empty, equal, tiny, long or in another script: the result is the
    same twice; a row's value does not depend on the rows beside it, unless it says so; every row
    has a number or a reason; a selection has no repeats and keeps its budget; rows made from others
    are one of each.

    Args:
        component: an object; or a class, if it needs no parameters.
        rows: what it is computed on; rows that methods tend to fail on by default.

    Raises:
        AssertionError: with a sentence that says what is wrong.
    """
    instance = _instance(component)
    for check in (_check_documentation, _check_identity, _check_signature):
        check(instance)
    rows = rows or pool()
    if isinstance(instance, MadeRows):
        _check_made_rows(instance, rows)
    elif isinstance(instance, RowFeature):
        _check_row_feature(instance, rows)
    elif isinstance(instance, PoolFeature):
        _check_pool_feature(instance, rows)
    elif isinstance(instance, Scorer):
        _check_scorer(instance, rows)
    elif isinstance(instance, Selector):
        _check_selector(instance, rows)


def _instance(component: Component | type[Component]) -> Component:
    if isinstance(component, Component):
        return component
    try:
        return component()
    except AssayError as error:
        raise AssertionError(f"{error}; give an object instead of the class") from error


def _require(fact: object, sentence: str) -> None:
    if not fact:
        raise AssertionError(sentence)


def _check_documentation(component: Component) -> None:
    kind = type(component)
    name = kind.name or kind.__name__
    _require(
        kind.name.replace("_", "").isalnum() and kind.name == kind.name.lower(),
        f"{kind.__name__}.name is {kind.name!r}: use lower case, digits and underscores",
    )
    _require("__doc__" in kind.__dict__ and kind.summary(), f"{name} has no docstring")
    paper = getattr(kind, "paper", None)
    _require(isinstance(paper, (Paper, NoPaper)), f"{name} cites no paper: set `paper`")
    for field, info in kind.model_fields.items():
        _require(info.description, f"{name}.{field} is not described: put a docstring under it")


def _check_identity(component: Component) -> None:
    kind, name = type(component), component.name
    fields = {field: getattr(component, field) for field in kind.model_fields}
    _require(kind(**fields).key == component.key, f"{name}: equal parameters, different keys")
    described = describe(component)
    again = build(described, component.kind)
    _require(again.key == component.key, f"{name}: {described} does not give it back")


def _check_signature(component: Component) -> None:
    function = _function(component)
    if function is None:
        return
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return
    needs = set(component.requires())
    keywords = [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    taken = {p.name for p in keywords}
    demanded = {p.name for p in keywords if p.default is inspect.Parameter.empty}
    wrong = ", ".join(sorted((needs - taken) | (demanded - needs)))
    _require(
        not wrong, f"{component.name}: {function.__name__}() and requires() disagree about {wrong}"
    )


def _function(component: Component) -> Callable[..., Any] | None:
    if isinstance(component, Scorer):
        return component.score
    if isinstance(component, Selector):
        return component.select
    return component.compute if isinstance(component, PoolFeature) else None


def _check_made_rows(dataset: MadeRows, rows: Pool) -> None:
    with tempfile.TemporaryDirectory(prefix="assay-") as cache:
        engine = Engine(rows, Runtime(cache=Path(cache), workers=1, progress=Silent()))
        dataset = engine.resolve(dataset)
        before, after = engine.view(dataset.of), engine.view(dataset)
        change, _ = dataset.making(engine.view_shown, engine.rows_and_value)
        made, parents = after.conversations(), before.conversations()
    _require(np.array_equal(before.ids, after.ids), "made rows must be one of each, in their order")
    alone = [found for parent in parents for found in change([parent])]
    _require(made == alone, "what is made of a row must not depend on the rows beside it")


def _check_row_feature(feature: RowFeature, rows: Pool) -> None:
    name = feature.name
    whole: RowValue = value_of(feature, rows)
    _require(type(whole) is feature.value, f"{name} gives {type(whole).__name__}, "
             f"and declares {feature.value.__name__}")  # fmt: skip
    _require(len(whole) == len(rows), f"{name} gives {len(whole)} values for {len(rows)} rows")
    again = value_of(feature, rows)
    _require(_near(whole, again, 0.0), f"{name} gives other values the second time")
    # Rows of a pool of one stand beside no other.
    for place in range(len(rows)):
        alone = value_of(feature, pool([next(rows.samples(np.array([place])))]))
        one = whole.take(np.array([place]))
        _require(
            _near(one, alone, feature.tolerance),
            f"{name}: the value of a row depends on the rows beside it (position {place})",
        )
    if not feature.value.matrix:
        back = feature.value.from_frame(whole.frame(), whole.reason, whole.flags)
        _require(_near(whole, back, 0.0), f"{name}: its value does not survive storing")


def _near(one: RowValue, other: RowValue, tolerance: float) -> bool:
    same = np.array_equal(one.reason, other.reason) and np.array_equal(one.flags, other.flags)
    return same and one.difference(other) <= tolerance


def _check_pool_feature(feature: PoolFeature, rows: Pool) -> None:
    first, second = value_of(feature, rows), value_of(feature, rows)
    if not feature.stored:
        return
    packed, again = feature.pack(first), feature.pack(second)
    if isinstance(packed, Path):
        return  # a folder of weights; what is the same in it only its author can say
    _require(_same_arrays(packed, again), f"{feature.name} gives other values the second time")
    back = feature.pack(feature.unpack(packed))
    _require(_same_arrays(packed, back), f"{feature.name}: its value does not survive storing")


def _same_arrays(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(array, other[name], equal_nan=array.dtype.kind == "f")
        for name, array in one.items()
    )


def _check_scorer(scorer: Scorer, rows: Pool) -> None:
    name = scorer.name
    table: ScoreTable = value_of(scorer, rows)
    again: ScoreTable = value_of(scorer, rows)
    for column, found in table.columns.items():
        twice = again.columns[column]
        same = np.array_equal(found.values, twice.values, equal_nan=True)
        _require(same, f"{name} gives other scores the second time")
        unexplained = np.isnan(found.values) & (found.reason == 0)
        _require(not unexplained.any(), f"{name}: a row has neither a score nor a reason")
    if not scorer.rowwise or any(isinstance(n, PoolFeature) for n in scorer.children()):
        return
    half = np.arange(0, len(rows), 2)
    part = pool(list(rows.samples(half)))
    alone: ScoreTable = value_of(scorer, part)
    places = np.searchsorted(rows.ids, part.ids)
    kept = rows.ids[np.minimum(places, len(rows) - 1)] == part.ids
    for column, found in alone.columns.items():
        beside = table.columns[column].values[places[kept]]
        _require(
            np.allclose(found.values[kept], beside, atol=_TOLERANCE, equal_nan=True),
            f"{name}: the score of a row depends on the rows beside it; say so by rowwise = False",
        )


def _check_selector(selector: Selector, rows: Pool) -> None:
    name = selector.name
    count = max(1, len(rows) // 3)
    if selector.budget is None and selector.needs_budget:
        selector = selector.model_copy(update={"budget": Budget.model_validate(count)})
    chosen: SelectionRecord = value_of(selector, rows)
    again: SelectionRecord = value_of(selector, rows)
    index = chosen.selection.indices
    _require(
        np.array_equal(index, again.selection.indices), f"{name} chooses others the second time"
    )
    _require(len(np.unique(index)) == len(index), f"{name} chooses a row twice")
    _require(
        len(chosen.selection.gains) == len(index), f"{name}: gains and indices differ in length"
    )
    if selector.budget is None or not chosen.selection.nested:
        return
    for smaller in sorted({1, max(1, count // 2), max(1, count - 1)}):
        less = selector.model_copy(update={"budget": Budget.model_validate(smaller)})
        first = value_of(less, rows).selection.indices
        _require(
            np.array_equal(first[: len(index)], index[: len(first)]),
            f"{name} says that its selections are nested, and a smaller budget gives other rows",
        )


__all__ = [
    "ODD_ROWS", "Row", "check_component", "labels", "matrix", "numbers", "pool", "scores",
    "value_of",
]  # fmt: skip
