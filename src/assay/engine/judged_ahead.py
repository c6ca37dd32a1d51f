"""What judges are still to be asked for some components: told before the first request is sent."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from assay.components.base import Component
from assay.components.references import short_name
from assay.components.walk import walk
from assay.engine.asked import ahead
from assay.engine.engine import Engine
from assay.engine.row_steps import as_priced, bound, rows_of
from assay.features.asked_together import AskedTogether
from assay.features.judging_pass import AsksJudge, JudgedFeature, spending_scope
from assay.models.service import Price
from assay.pool.view import PoolView


class JudgedAhead(NamedTuple):
    """Questions to a judge that are still to be sent.

    Attributes:
        name: of what is asked for, and the judge.
        price: what is asked first; what a reply leads to comes on top. None where only asking
            would tell.
        is_bound: whether fewer rows may be asked about, those that are still to be chosen.
        spent: what was spent on the same before, or may be under way, in billionths.
    """

    name: str
    price: Price | None
    is_bound: bool
    spent: int


def judged_ahead(engine: Engine, components: Sequence[Component]) -> list[JudgedAhead]:
    """Return what judges would be asked to compute some components. Nothing is sent.

    Of rows that another method is still to choose, all those that it chooses from are priced.

    Args:
        engine: over the pool.
        components: what is asked for.

    Raises:
        AssayError: whatever would stop the work before anything is sent.
    """
    if engine.runtime.offline:
        return []
    found = [_told(engine, each) for each in judged_features(engine, components)]
    found += [_told_together(engine, each) for each in judged_together(engine, components)]
    return [each for each in found if each.price is None or each.price.most]


def judged_features(engine: Engine, components: Sequence[Component]) -> Iterator[JudgedFeature]:
    """Yield what judges are asked for row by row, once for the same rows: all before some."""
    every = [each for each in _missing(engine, components) if isinstance(each, JudgedFeature)]
    seen: set[tuple[str, str]] = set()
    for feature in sorted(every, key=lambda each: each.chosen_by is not None):
        place = feature.dataset.key, repr(feature.reading())
        if place not in seen:
            seen.add(place)
            yield feature


def judged_together(
    engine: Engine, components: Sequence[Component]
) -> Iterator[AskedTogether[Any]]:
    """Yield what judges are asked for about several rows at a time, such as which is better."""
    for each in _missing(engine, components):
        if isinstance(each, AskedTogether):
            yield each


def _missing(engine: Engine, components: Sequence[Component]) -> Iterable[Component]:
    return walk(components, skip=engine.is_stored, resolve=engine.resolve)


def _told(engine: Engine, feature: JudgedFeature) -> JudgedAhead:
    dataset = feature.dataset
    view = bound(engine, dataset)
    known = not dataset.made_from() or engine.rows_known(dataset)
    whole = as_priced(engine, feature).model_copy(update={"chosen_by": None})
    if known and not engine.missing_in(view, whole):
        return JudgedAhead(whole.reading().label(), Price(), is_bound=False, spent=0)
    anew = None if known else rows_of(engine, dataset)
    price = ahead(engine.runtime, view, [whole], anew=anew).price
    if price is not None and engine.runtime.shard is not None:
        price = price.times(1 / engine.runtime.shard[1])
    is_bound = feature.chosen_by is not None or not known
    return JudgedAhead(whole.reading().label(), price, is_bound, _spent(engine, whole, view))


def _told_together(engine: Engine, feature: AskedTogether[Any]) -> JudgedAhead:
    known = engine.rows_known(feature.dataset)
    view = engine.view_shown(feature.dataset if known else feature.dataset.root)
    priced = as_priced(engine, feature)
    name = f"{priced.name} ({short_name(priced.judge)})"
    price = priced.price(view, engine.runtime)
    return JudgedAhead(name, price, not known, _spent(engine, priced, view))


def _spent(engine: Engine, feature: AsksJudge, view: PoolView) -> int:
    kept = engine.runtime.kept_replies(feature.judge)
    return kept.store.totals([spending_scope(feature, view.pool.path.stem)]).committed
