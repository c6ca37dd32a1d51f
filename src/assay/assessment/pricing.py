"""What an assessment would take, before any of it is done."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from assay.assessment.assess import Options, likelihood_scorers
from assay.assessment.reading import RowReader
from assay.assessment.rows import Rows
from assay.engine.asked import Ahead, ahead, is_asked
from assay.engine.engine import Engine
from assay.engine.planning import Plan, plan
from assay.engine.row_steps import Step, seconds_per_row, step_of_passes
from assay.engine.row_work import by_pass
from assay.features.duplicates import DuplicateGroups
from assay.features.embeddings import Embeddings
from assay.features.passes import RowFeature
from assay.features.text import CompressedLengths, DetectedLanguage, TokenCounts
from assay.models.service import Price
from assay.pool.view import PoolView
from assay.runtime import Runtime

TEXTS, VECTORS, NEAR, MODEL = "texts", "vectors", "near-duplicates", "IFD, perplexity"


def price(datasets: Sequence[Rows], options: Options, runtime: Runtime) -> list[Step]:
    """Return the work of an assessment by its kind; nothing is kept of the rows that are timed.

    Args:
        datasets: as for `assess`.
        options: as for `assess`.
        runtime: how to work.
    """
    reader = RowReader(runtime)
    near = [_near(rows, reader) for rows in datasets]
    pairs = sum((one.missing and one.seconds) or 0.0 for one in near)
    steps = [
        _sum(TEXTS, (_rows(each, each.view, _texts(options), reader) for each in datasets)),
        _sum(VECTORS, (_rows(each, each.view, [Embeddings()], reader) for each in datasets)),
        _sum(NEAR, near),
    ]
    if len(datasets) > 1:
        # Every two datasets are looked through together, and that is kept, too.
        again = sum(1 for _ in combinations(datasets, 2)) * 2 / len(datasets)
        steps.append(Step("rows in common", steps[0].rows, steps[2].missing, pairs * again))
    if options.model:
        scorers = likelihood_scorers(options.model, options.dtype)
        features = [
            need
            for scorer in scorers
            for need in scorer.requires().values()
            if isinstance(need, RowFeature)
        ]
        steps.append(_sum(MODEL, (_sampled(each, features, options, reader) for each in datasets)))
    return steps


def _sum(name: str, steps: Iterable[Step]) -> Step:
    parts = list(steps)
    prices = [step.price for step in parts if step.price is not None]
    return Step(
        name,
        sum(step.rows for step in parts),
        sum(step.missing for step in parts),
        Plan(parts, []).seconds,
        next((step.note for step in parts if step.note), ""),
        sum(prices, Price()) if prices else None,
    )


def _texts(options: Options) -> list[RowFeature]:
    tokenizer = options.tokenizer
    counts = TokenCounts(tokenizer=tokenizer) if tokenizer else TokenCounts()
    return [counts, DetectedLanguage(), CompressedLengths()]


def _sampled(
    rows: Rows, features: Sequence[RowFeature], options: Options, reader: RowReader
) -> Step:
    view = None if rows.view is None else rows.sample(options.sample)
    return _rows(rows, view, features, reader)


def _rows(
    rows: Rows, view: PoolView | None, features: Sequence[RowFeature], reader: RowReader
) -> Step:
    """Return what the passes of some features take over the rows in view that lack a value."""
    if view is None:
        return Step(rows.name, 0, 0, 0.0)
    engine = Engine(view.pool, reader.runtime)
    most, seconds = 0, 0.0
    asked: list[Ahead] = []
    for group in by_pass(map(engine.resolve, features)):
        missing = max(engine.missing_in(view, feature) for feature in group)
        most = max(most, missing)
        if missing and is_asked(group):
            asked.append(ahead(reader.runtime, view, group))
        elif missing:
            seconds += missing * seconds_per_row(reader.runtime, view, group)
    return step_of_passes(rows.name, len(view), most, asked=asked, seconds=seconds)


def _near(rows: Rows, reader: RowReader) -> Step:
    if rows.view is None:
        return Step(rows.name, 0, 0, 0.0)
    if reader.has_near_groups(rows.view):
        return Step(rows.name, len(rows), 0, 0.0)
    feature = DuplicateGroups(match="near")
    [step] = plan(Engine(rows.view.pool, reader.runtime), [feature]).steps
    share = len(rows.view) / max(len(rows.view.pool), 1)
    return Step(rows.name, len(rows), len(rows), (step.seconds or 0.0) * share)
