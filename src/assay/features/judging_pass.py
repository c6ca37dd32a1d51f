"""The pass in which a judge is asked about rows, for features of any kind of reply."""

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

from assay.components.component import Dataset, Feature
from assay.components.references import JudgeRef, short_name
from assay.features.passes import Pass, Reading, RowFeature, StagedReading
from assay.judging.asking import Asking, Batch
from assay.judging.capabilities import Capabilities
from assay.judging.questioning import Concluded, Questions, answered, first_asked
from assay.judging.replies import Reply
from assay.models.language_model import NOTHING_KEPT, Kept, at_work
from assay.models.service import Price
from assay.runtime import Runtime
from assay.samples import Conversation, Flag
from assay.values import RowValue
from assay.wording import one_line

_SHOWN = 60

Answers = Literal["auto", "label", "json", "text"]
"""How a judge answers: see `Judgments.answers`."""


class JudgedFeature(RowFeature):
    """A feature that a judge is asked for. Subclasses write `asker` and `collect`.

    A selection takes no row that speaks to the judge, whatever was made of the replies since.
    """

    shuns: ClassVar[Flag] = Flag.INJECTION_SUSPECT

    judge: JudgeRef = ""
    """Model that is asked: an address such as http://host:8000/v1#model@label, a GGUF file, or
    package:NAME."""

    @abstractmethod
    def asker(self, capabilities: Capabilities) -> Callable[[Conversation], Questions[Any]]:
        """Return how rows are judged by a judge of such capabilities.

        Raises:
            ModelLoadError: if the judge cannot be asked so.
            ConfigError: if the prompt cannot.
        """

    def questions(self, conversation: Conversation, capabilities: Capabilities) -> Questions[Any]:
        """Return how one row is judged; raises as `asker` does."""
        return self.asker(capabilities)(conversation)

    @abstractmethod
    def collect(self, rows: Sequence[Concluded[Any]]) -> RowValue:
        """Return the value of rows from what was found of each."""

    def explained(self, found: Any, replies: Sequence[Reply]) -> str:
        """Return what the replies of a row were, where nothing could be read of them.

        Args:
            found: what was found of the row.
            replies: that it rests on.
        """
        texts = [one_line(reply.text, _SHOWN) for reply in replies if reply.text.strip()]
        return f"the judge replied {texts[0]!r}" if texts else ""

    def reading(self) -> Pass:
        """Return the pass that asks; it is of this feature alone, but equal requests are shared."""
        plain: dict[str, Any] = {"dataset": Feature.model_fields["dataset"].default}
        return JudgingPass(feature=self.model_copy(update=plain | {"chosen_by": None}))


class AsksJudge(Protocol):
    """A feature that asks a judge, of single rows or of all together."""

    name: ClassVar[str]

    @property
    def judge(self) -> str:
        """Return whom."""

    @property
    def dataset(self) -> Dataset:
        """Return of which rows."""

    @property
    def key(self) -> str:
        """Return the key of its value."""

    @property
    def row_key(self) -> str:
        """Return what its money is counted under."""


def spending_scope(feature: AsksJudge, pool: str) -> str:
    """Return what the cost of a feature is counted under: itself, for the rows of one pool.

    A cap is on what this score of these rows costs, in this run and those before it.

    Args:
        feature: that is asked for.
        pool: the name of its file, without the ending.
    """
    return f"{pool}/{feature.row_key}"


class JudgingPass(Pass):
    """Questions of a feature to its judge."""

    # So many that the last replies of a shard come while those of the next are under way.
    rows_per_shard: ClassVar[int] = 4096
    least_rows: ClassVar[int] = 512
    parallel: ClassVar[bool] = False
    priced_rows: ClassVar[int] = 1_000_000

    feature: JudgedFeature

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield what asks about rows.

        Raises:
            UnfinishedError: if a row got no reply in this run.
        """
        judge = runtime.judge(self.feature.judge)
        with at_work(judge), judge.spending(spending_scope(self.feature, runtime.concerning)):
            asking = Asking(judge, parallel=2 * judge.parallel)
            yield JudgingReading(self.feature, asking, judge.capabilities)
        judge.settle()

    def price(
        self,
        conversations: Sequence[Conversation],
        features: Sequence[RowFeature],
        runtime: Runtime,
    ) -> Price | None:
        """Return what is still to be asked first; replies at hand cost nothing."""
        kept = runtime.kept_replies(self.feature.judge)
        rows = map(self.feature.asker(kept.capabilities), conversations)
        return kept.ahead([request for row in rows for request in first_asked(row)])

    def producer(self, runtime: Runtime) -> Mapping[str, str]:
        """Return what is known of the judge."""
        return runtime.judge(self.feature.judge).producer()

    def why(self, conversation: Conversation, runtime: Runtime) -> str:
        """Return what the judge replied to a row of which nothing was read."""
        kept = runtime.kept_replies(self.feature.judge)

        def find(key: bytes) -> Reply | None:
            return kept.find([key]).get(key)

        row = answered(self.feature.questions(conversation, kept.capabilities), kept.identity, find)
        return self.feature.explained(row.finding, list(kept.find(row.keys).values()))

    def remark(self, runtime: Runtime) -> str:
        """Return the money that is spent, of what may be; nothing where nobody is paid."""
        return runtime.judge(self.feature.judge).spent_words()

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return f"{self.feature.name} ({short_name(self.feature.judge)})"


class JudgingReading(StagedReading):
    """Asks about rows: those of the next shard are under way before these are done.

    Args:
        feature: what is asked for.
        asking: puts questions.
        capabilities: of the judge.
    """

    def __init__(self, feature: JudgedFeature, asking: Asking, capabilities: Capabilities) -> None:
        self._feature = feature
        self._asking = asking
        self._asker = feature.asker(capabilities)

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> Batch[Any]:
        """Begin to ask about the rows."""
        return self._asking.submit(map(self._asker, conversations))

    def finish(
        self,
        prepared: Batch[Any],
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        """Return the value once all rows are done."""
        value = self._feature.collect(prepared.wait(advance))
        return [value for _ in features]
