"""Scores whose judges are asked by batches: cheaper, within a day, under the same keys."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from assay.components.base import Component
from assay.engine.engine import Engine
from assay.engine.judged_ahead import judged_features, judged_together
from assay.engine.row_steps import as_priced, bound
from assay.errors import DataError
from assay.features.judging_pass import JudgedFeature, spending_scope
from assay.judging.batch_run import BatchOutcome
from assay.judging.capabilities import Capabilities
from assay.judging.opening import open_batches
from assay.judging.questioning import Questions
from assay.pool.view import PoolView

_AT_ONCE = 1024


class BatchedFeature(NamedTuple):
    """What a judge was asked for by batches.

    Attributes:
        name: of what is asked for, and the judge.
        outcome: what came of it.
        currency: of the amounts.
    """

    name: str
    outcome: BatchOutcome
    currency: str


def judge_in_batches(
    engine: Engine,
    components: Sequence[Component],
    *,
    price_share: float = 1.0,
    hand_in: bool = True,
    wait: bool = False,
) -> list[BatchedFeature]:
    """Ask the judges of some components by batches, and keep what they reply.

    Once nothing is open or unanswered, computing the components asks nobody any more. Called
    again, at any time and by any process, it takes down what is over and hands in what is missing:
    a judge that is asked back, such as after a reply that could not be read, takes a further round.

    Args:
        engine: over the pool.
        components: scores and selections; rows that are still to be chosen cannot be handed in.
        price_share: share of `runtime.price` that a batch costs, such as 0.5.
        hand_in: whether anything is handed in, or only looked after.
        wait: until nothing is under way.

    Returns:
        An entry for each thing that is asked for, in the order in which it is needed.

    Raises:
        DataError: if a judge is to compare rows, before anything is handed in; or if rows are
            still to be chosen or made.
        AssayError: whatever stops the work, each with what to do about it.
    """
    for feature in judged_together(engine, components):
        raise DataError(
            f"{feature.name}: a batch asks about single rows, and this compares several",
            hint="leave out the batch",
        )
    return [
        _batched(engine, each, price_share, hand_in=hand_in, wait=wait)
        for each in judged_features(engine, components)
    ]


def _batched(
    engine: Engine, feature: JudgedFeature, price_share: float, *, hand_in: bool, wait: bool
) -> BatchedFeature:
    dataset = feature.dataset
    if feature.chosen_by is not None or (dataset.made_from() and not engine.rows_known(dataset)):
        raise DataError(
            f"{feature.name}: its rows are still to be chosen",
            hint="choose them first, or have all rows judged",
        )
    plain = as_priced(engine, feature)
    view = bound(engine, dataset)
    scope = spending_scope(plain, view.pool.path.stem)
    with open_batches(plain.judge, engine.runtime, scope, share=price_share) as (run, work):

        def rows() -> Iterable[Questions[Any]]:
            return _questions(plain, view, run.kept.capabilities)

        outcome = work(run.go_on(rows, hand_in=hand_in, wait=wait))
    return BatchedFeature(plain.reading().label(), outcome, run.kept.price.currency)


def _questions(
    feature: JudgedFeature, view: PoolView, capabilities: Capabilities
) -> Iterable[Questions[Any]]:
    """Yield the questions of all distinct rows; few rows are in memory at a time."""
    first = view.unique[1]
    for begin in range(0, len(first), _AT_ONCE):
        for conversation in view.conversations(first[begin : begin + _AT_ONCE]):
            yield feature.questions(conversation, capabilities)
