"""What features have in common that ask a judge about several rows at a time."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import numpy as np
from pydantic import Field

from assay.components.references import JudgeRef, short_name
from assay.features.judging_pass import spending_scope
from assay.features.passes import PoolFeature
from assay.judging.asking import Asking, Batch
from assay.judging.capabilities import Capabilities
from assay.judging.questioning import Concluded, Questions, first_asked
from assay.judging.row_questions import Found, RowQuestions
from assay.models.language_model import at_work
from assay.models.service import Price
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Flag, IndexArray

Things = TypeVar("Things")
_TOGETHER = 2048
_PRICED = 200_000


@dataclass(frozen=True)
class LaidOut(Generic[Things]):
    """What is put to a judge.

    Attributes:
        things: that are compared, as `valued` takes them.
        count: how many questions there are.
        texts: returns what is shown in the question of a number, by slot, for each order.
        about: returns the places in view of the rows that the question of a number is about.
    """

    things: Things
    count: int
    texts: Callable[[int], Sequence[dict[str, str]]]
    about: Callable[[int], Sequence[int]]


class AskedTogether(PoolFeature, Generic[Things]):
    """Base: subclasses write `laid_out`, `asker` and `valued`.

    Replies are kept as they come, so that a stopped run asks nothing again. A cap is on what the
    feature costs with these rows, in this run and those before it.
    """

    tells: ClassVar[bool] = True
    shuns: ClassVar[Flag] = Flag.INJECTION_SUSPECT
    asks: ClassVar[str] = "pairs"
    """What a progress bar counts."""

    judge: JudgeRef = ""
    """Model that is asked: an address such as http://host:8000/v1#model@label, a GGUF file, or
    package:NAME."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Temperature of the sampling; above 0 where the same is asked several times."""
    max_characters: Annotated[int, Field(ge=200)] = 4_000
    """Longest text that a judge is shown; of a longer one the middle is left out, and it is
    flagged."""
    seed: int = 0
    """Seed of the orders in which rows are shown."""

    @abstractmethod
    def laid_out(self, view: PoolView, questions: RowQuestions) -> LaidOut[Things]:
        """Return what is asked about the rows in view, of a judge that is asked so."""

    @abstractmethod
    def asker(self, capabilities: Capabilities) -> RowQuestions:
        """Return how texts are put to a judge of such capabilities.

        Raises:
            ConfigError: if the prompt does not show several texts.
        """

    @abstractmethod
    def valued(self, things: Things, said: Sequence[Found]) -> Any:
        """Return the value, by what was found of each question."""

    def compute(self, view: PoolView, runtime: Runtime) -> Any:
        """Return the value of the rows in view.

        Raises:
            UnfinishedError: if a question got no reply in this run; what was replied is kept.
            ConfigError: if the prompt does not show several texts.
        """
        # What it can do is found out first: by how it answers, rows are looked at for orders to it.
        judge = runtime.judge(self.judge)
        questions = self.asker(judge.capabilities)
        laid = self.laid_out(view, questions)
        said: list[Concluded[Found]] = []
        label = f"{self.asks} ({short_name(self.judge)})"
        with at_work(judge), judge.spending(spending_scope(self, runtime.concerning)):
            asking = Asking(judge, parallel=2 * judge.parallel)
            with runtime.progress.task(label, laid.count, unit=self.asks) as task:
                before: Batch[Found] | None = None
                for places in _parts(laid.count):
                    batch = asking.submit(_put(laid, questions, places))
                    if before is not None:
                        said += before.wait(task.advance)
                    before = batch
                if before is not None:
                    said += before.wait(task.advance)
        judge.settle()
        return self.valued(laid.things, [each.finding for each in said])

    def price(self, view: PoolView, runtime: Runtime) -> Price:
        """Return what is still to be asked for the rows in view; replies at hand cost nothing."""
        kept = runtime.kept_replies(self.judge)
        questions = self.asker(kept.capabilities)
        laid = self.laid_out(view, questions)
        total, priced = Price(), 0
        for places in _parts(laid.count):
            if priced >= _PRICED:
                break
            asked = _put(laid, questions, places)
            total += kept.ahead([request for each in asked for request in first_asked(each)])
            priced += len(places)
        return total if priced == laid.count else total.times(laid.count / priced)

    def asked_together(
        self, view: PoolView, capabilities: Capabilities
    ) -> Iterator[tuple[Sequence[int], Questions[Found]]]:
        """Yield all questions, each with the places in view of the rows that it is about."""
        questions = self.asker(capabilities)
        laid = self.laid_out(view, questions)
        for number, asked in enumerate(_put(laid, questions, range(laid.count))):
            yield laid.about(number), asked


def rows_labelled(labels: IndexArray) -> Callable[[Iterable[int]], list[int]]:
    """Return what finds the places of rows with some labels, without looking at all rows.

    Args:
        labels: of the rows. Shape (n,).
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]

    def rows(wanted: Iterable[int]) -> list[int]:
        found: list[int] = []
        for label in wanted:
            first, last = np.searchsorted(ordered, [label, label + 1])
            found += order[first:last].tolist()
        return found

    return rows


def _put(laid: LaidOut[Any], questions: RowQuestions, places: range) -> Iterable[Questions[Found]]:
    return (questions.about(laid.texts(number)) for number in places)


def _parts(count: int) -> Iterator[range]:
    for start in range(0, count, _TOGETHER):
        yield range(start, min(start + _TOGETHER, count))
