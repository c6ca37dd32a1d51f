"""Questions to a judge that are of no single row: put many at a time, and priced beforehand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from assay.components.references import short_name
from assay.features.judging_pass import AsksJudge, spending_scope
from assay.judging.asking import Asking, Batch
from assay.judging.capabilities import Capabilities
from assay.judging.questioning import Concluded, Questions, first_asked
from assay.models.language_model import at_work
from assay.models.service import Price
from assay.pool.view import PoolView
from assay.runtime import Runtime

Finding = TypeVar("Finding")
PoolQuestions = Callable[[range, Capabilities], Iterable[Questions[Finding]]]
"""Makes the questions with some numbers for a judge of such capabilities."""
_TOGETHER = 2048
_PRICED = 200_000


@runtime_checkable
class AsksTogether(AsksJudge, Protocol):
    """A feature that asks a judge about several rows at a time."""

    def asked_together(
        self, view: PoolView, capabilities: Capabilities
    ) -> Iterator[tuple[Sequence[int], Questions[Any]]]:
        """Yield all questions, each with the places in view of the rows that it is about."""


def ask_all(
    feature: AsksJudge,
    asked: PoolQuestions[Finding],
    count: int,
    runtime: Runtime,
    *,
    unit: str = "pairs",
) -> list[Concluded[Finding]]:
    """Return what was found of all questions; those of the next part are under way before these.

    Replies are kept as they come, so that a stopped run asks nothing again. A cap is on what the
    feature costs with these rows, in this run and those before it.

    Args:
        feature: that asks.
        asked: makes questions.
        count: how many there are.
        runtime: how to work.
        unit: what a progress bar counts.

    Raises:
        UnfinishedError: if a question got no reply in this run.
    """
    judge = runtime.judge(feature.judge)
    found: list[Concluded[Finding]] = []
    label = f"{unit} ({short_name(feature.judge)})"
    with at_work(judge), judge.spending(spending_scope(feature, runtime.concerning)):
        asking = Asking(judge, parallel=2 * judge.parallel)
        with runtime.progress.task(label, count, unit=unit) as task:
            before: Batch[Finding] | None = None
            for places in _parts(count):
                batch = asking.submit(asked(places, judge.capabilities))
                if before is not None:
                    found += before.wait(task.advance)
                before = batch
            if before is not None:
                found += before.wait(task.advance)
    judge.settle()
    return found


def price_of_all(
    feature: AsksJudge, asked: PoolQuestions[Any], count: int, runtime: Runtime
) -> Price:
    """Return what is still to be asked first; nothing is sent. Arguments as of `ask_all`."""
    kept = runtime.kept_replies(feature.judge)
    total, priced = Price(), 0
    for places in _parts(count):
        if priced >= _PRICED:
            break
        questions = asked(places, kept.capabilities)
        total += kept.ahead([request for each in questions for request in first_asked(each)])
        priced += len(places)
    return total if priced == count else total.times(count / priced)


def _parts(count: int) -> Iterator[range]:
    for start in range(0, count, _TOGETHER):
        yield range(start, min(start + _TOGETHER, count))
