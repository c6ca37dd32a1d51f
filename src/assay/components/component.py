"""The four kinds of component.

Every result is the value of a small frozen object that lists what it requires. Equal objects have
equal recipe keys and are computed once; sharing, caching, resuming and pricing follow from that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Budget
from assay.components.building import AS_IT_STANDS, Reading, made_of
from assay.components.flags import FlagNames, bears_flags, flags_named, shunned
from assay.components.parts import changed_fields
from assay.components.references import FileRef
from assay.components.rule import Rule
from assay.components.table import Kind, find
from assay.errors import ConfigError, did_you_mean
from assay.samples import Flag, FloatArray, Scores, Selection


def _named(kind: Kind) -> BeforeValidator:
    def built(value: Any) -> Any:
        return build(value, kind) if isinstance(value, (str, Mapping, Component)) else value

    return BeforeValidator(built)


class Dataset(Component):
    """Rows. Its value is a pool."""

    kind: ClassVar[Kind] = "dataset"

    @property
    def is_chosen(self) -> bool:
        """Whether a selection has to be made before it is known which rows these are."""
        return False

    @property
    def beside(self) -> "Dataset":
        """The dataset beside whose rows these stand, one for one and in the same order."""
        return self

    @property
    def root(self) -> "Dataset":
        """The dataset from whose rows these were chosen or made, which is read and not chosen."""
        return self

    def made_from(self) -> Sequence["Dataset"]:
        """Return the datasets whose rows must be known before these are; none if it is read."""
        return ()


class Given(Dataset):
    """The project's own pool."""

    name: ClassVar[str] = "given"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="names the rows at hand")


class Feature(Component):
    """A costly value that many methods share, and that is kept.

    `scope` "row": a row's value can be computed apart from the other rows and is kept by content
    hash. `scope` "pool": it needs all of them and is kept by the digest of what it read.
    """

    kind: ClassVar[Kind] = "feature"
    scope: ClassVar[Literal["row", "pool"]]
    shuns: ClassVar[Flag] = Flag.NONE
    """Flags of rows that no selection takes by what is made of this, unless its `with_flags` say
    so."""

    dataset: Annotated[Dataset, _named("dataset")] = Given()
    """Rows whose value is wanted."""
    chosen_by: Annotated["Selector | None", _named("selector")] = None
    """Only rows this selector chose get a value; the others are NOT_ASKED, and cost nothing."""

    def at(self, dataset: Dataset) -> Self:
        """Return the same feature on other rows."""
        return self.model_copy(update={"dataset": dataset})

    def among(self, selector: "Selector") -> Self:
        """Return the same feature, computed only where `selector` chose."""
        return self.model_copy(update={"chosen_by": selector})

    @cached_property
    def row_key(self) -> str:
        """Key under which rows are kept: rows of the same text share it whatever the dataset."""
        plain = self.model_copy(update={"dataset": Given(), "chosen_by": None})
        return plain.key

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return the components among the parameters, apart from the rows themselves."""
        needs = dict(super().requires())
        needs.pop("dataset", None)
        needs.pop("chosen_by", None)
        return needs

    def all_children(self) -> Iterator[Component]:
        """Yield all that must be known before this can be, the rows included."""
        if self.chosen_by is not None:
            yield self.chosen_by
        yield from self.dataset.all_children()
        yield from super().all_children()


class Scorer(Component):
    """Turns features into one number per row: a pure function, without files, models or loops.

    Subclasses write ``score(self, *, <needs>)`` with one keyword per entry of `requires`. It
    returns shape (n,) float64 with NaN where there is no number, `Scores` if it has reasons of
    its own, or a mapping of `columns` to either, the main one first. Where the columns depend on
    parameters, `columns` is a property of the object. One whose numbers depend on other rows, such
    as a rank, sets `rowwise` to False: then it is handed no row that is held out.
    """

    kind: ClassVar[Kind] = "scorer"
    prefer: ClassVar[Literal["high", "low"]] = "high"
    columns: ClassVar[tuple[str, ...]] = ("value",)
    rowwise: ClassVar[bool] = True
    unit: ClassVar[str] = ""
    shuns: ClassVar[Flag] = Flag.NONE
    """Flags of rows that no selection takes by this score, or by one that it is a part of, unless
    its `with_flags` say so."""

    if TYPE_CHECKING:  # its keywords differ from scorer to scorer
        score: ClassVar[Callable[..., FloatArray | Scores | Mapping[str, FloatArray | Scores]]]

    def check_column(self, column: str) -> None:
        """Check that there is a column of a name; the empty one is the main column's.

        Raises:
            ConfigError: if there is none, with those that there are.
        """
        if column and column not in self.columns:
            raise ConfigError(
                f"{self.name} has no column {column!r}",
                hint=did_you_mean(column, self.columns) or f"it has {', '.join(self.columns)}",
            )

    def default_rule(self) -> Rule:
        """Return the paper's cut-off, which admits everything by default."""
        return Rule()

    def ruled(self) -> Sequence[tuple["Scorer", Rule]]:
        """Return the scores whose rules bind a selection by this one; combinations have several."""
        rule = self.default_rule()
        return [(self, rule)] if changed_fields(rule) else []

    @property
    def sign(self) -> float:
        """1 if more is better, -1 if less is."""
        return 1.0 if self.prefer == "high" else -1.0


class Selector(Component):
    """Chooses an ordered subset: a pure function of scores, features, an allowance and a seed.

    Subclasses write ``select(self, allowance, rng, *, <needs>) -> Selection``.
    """

    kind: ClassVar[Kind] = "selector"
    needs_budget: ClassVar[bool] = True
    cuts_by_score: ClassVar[bool] = False
    """Whether it takes rows in the order of the score `by`, so that its budget may part equals."""
    lets_through: ClassVar[bool] = False
    """Whether it lets rows through, in no time: then it is not kept as a step of another one."""

    budget: Budget | None = None
    """How much to select: samples, "5%", or "2M tokens"."""
    seed: int = 0
    """Seed of every random choice."""
    within: Annotated["Selector | None", _named("selector")] = None
    """Choose only among the rows that this selector chose."""
    rule: Rule | Literal["default", "none"] = "default"
    """Cut-off on the scores it reads: the paper's own, none, or another."""
    without_flags: FlagNames = ()
    """Leave out rows of which a score or feature that it reads carries one of these flags."""
    with_flags: FlagNames = ()
    """Take rows with these flags, too, where a score that it reads would have them left out: those
    of a judge leave out rows that speak to the judge, flagged injection_suspect."""

    if TYPE_CHECKING:  # its keywords differ from selector to selector
        select: ClassVar[Callable[..., Selection]]

    @model_validator(mode="after")
    def _can_leave_out(self) -> Self:
        asked = "without_flags" if self.without_flags else "with_flags" if self.with_flags else ""
        if asked and not self.reads_flags():
            raise ConfigError(
                f"{self.name} reads nothing that carries flags, so {asked} is about no row",
                hint="give them to a selection by a score, such as threshold, and choose within it",
            )
        return self

    def reads_flags(self) -> bool:
        """Return whether what it reads may carry flags, by which rows can be left out."""
        return any(map(bears_flags, self.children()))

    def unwanted_flags(self) -> Flag:
        """Return the flags of rows that are left out."""
        found = flags_named(self.without_flags)
        for child in self.children():
            found |= shunned(child)
        return found & ~flags_named(self.with_flags)

    def is_bounded(self) -> bool:
        """Return whether without a budget something else says how many rows are chosen."""
        return not self.needs_budget

    def column_of(self, need: str) -> str:
        """Return which column of a score that it requires it is handed; empty for the main one.

        Args:
            need: name of the score in `requires`.
        """
        return ""

    def expected(self, rows: int) -> int:
        """Return about how many of so many rows it chooses without a budget; for pricing."""
        return rows

    def operations(self, rows: int, count: int, runtime: Any) -> float:
        """Return about how many floating-point operations `select` takes; 0 if they are few."""
        return 0.0

    def work(self, rows: int, count: int, runtime: Any, *, alike: float = 0.0) -> float:
        """Return how long `select` takes, in operations of a matrix product of the same time.

        What it does besides products counts as the products that take as long; by default that is
        nothing.

        Args:
            rows: that it chooses from.
            count: that it chooses.
            runtime: how work is done.
            alike: share of all pairs of rows that a feature it reads finds alike, as far as known.
        """
        return self.operations(rows, count, runtime)

    def memory(self, rows: int, count: int, runtime: Any) -> float:
        """Return about how many bytes of memory `select` takes; 0 if they are few."""
        return 0.0

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return the components among the parameters, apart from `within`."""
        needs = dict(super().requires())
        needs.pop("within", None)
        return needs

    def all_children(self) -> Iterator[Component]:
        """Yield all that must be known before this can be, the rows and rules included."""
        if self.within is not None:
            yield self.within
        yield from (scorer for scorer, _ in self.ruled())
        yield from super().all_children()

    def counted_by(self) -> Iterator[Component]:
        """Yield what counts the tokens of a budget in tokens, as it does by default."""
        if self.budget and self.budget.limit():
            counted = "training_tokens" if self.budget.as_trained else "token_counts"
            yield find(counted, "feature")()

    def ruled(self) -> Sequence[tuple[Scorer, Rule]]:
        """Return the scores whose rules bind this selection, with those rules."""
        scorers = [need for need in self.children() if isinstance(need, Scorer)]
        if self.rule == "none":
            return []
        if isinstance(self.rule, Rule):
            for scorer in scorers[:1]:
                scorer.check_column(self.rule.column)
            return [(scorer, self.rule) for scorer in scorers[:1]]
        return [pair for scorer in scorers for pair in scorer.ruled()]


class Chosen(Dataset):
    """The rows that a selector chose.

    Of other rows than the project's own it chooses as if there were no others: ``Given()`` means
    them, wherever the selector or what it requires names it. So ``Chosen(by=second,
    of=Chosen(by=first))`` are the rows of ``second.model_copy(update={"within": first})`` where
    every row is judged by itself and the budget is a number; a share is one of the rows that are
    left, and what compares rows, such as clusters, sees these alone.
    """

    name: ClassVar[str] = "chosen"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="names the rows of a selection")

    by: Annotated[Selector, _named("selector")]
    """The selector."""
    of: Annotated[Dataset, _named("dataset")] = Given()
    """The rows it chooses from."""

    @property
    def is_chosen(self) -> bool:
        """Whether a selection has to be made first, as is so."""
        return True

    @property
    def root(self) -> Dataset:
        """The rows that the first selection of several chose from."""
        return self.of.root

    def made_from(self) -> Sequence[Dataset]:
        """Return the rows that it chooses from."""
        return (self.of,)

    @property
    def drawn_from(self) -> Dataset:
        """The rows in whose pool these lie, however often they were chosen from."""
        return self.of.drawn_from if isinstance(self.of, Chosen) else self.of

    @property
    def is_inner(self) -> bool:
        """Whether it is chosen apart from the project's rows, by an engine of its own."""
        return not isinstance(self.of, Given)

    def all_children(self) -> Iterator[Component]:
        """Yield what must be known, of the project's own rows, before these rows can be."""
        if self.is_inner:
            yield from self.of.all_children()
        else:
            yield self.by


class FileSet(Dataset):
    """Rows of another file, such as evaluation questions.

    What they are for says what a row may lack. Questions, targets and evaluation sets need no
    answer, and it is kept where most rows have one; documents have no instruction; anchors and
    held-out sets need both. What a feature cannot read for that has no value, and the reason.

    Documents are the lines of a ``.txt`` file, blank ones passed over, or the field `text`,
    `document`, `content`, `passage`, `article` or `body` of records in JSON, JSON lines, CSV,
    Parquet or Arrow; a text of several lines goes there.
    """

    name: ClassVar[str] = "file"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="names rows of a file")

    source: FileRef
    """Path of the file."""
    role: Literal["target", "anchors", "questions", "held_out", "evaluation", "documents"] = (
        "target"
    )
    """What the rows are for, which says whether they may lack an answer or an instruction."""

    @property
    def may_lack(self) -> Literal["nothing", "answers", "instructions"]:
        """What a row need not have."""
        if self.role == "documents":
            return "instructions"
        return "nothing" if self.role in ("anchors", "held_out") else "answers"


AnyScorer: TypeAlias = Annotated[Scorer, _named("scorer")]
AnySelector: TypeAlias = Annotated[Selector, _named("selector")]
AnyFeature: TypeAlias = Annotated[Feature, _named("feature")]
AnyDataset: TypeAlias = Annotated[Dataset, _named("dataset")]


Feature.model_rebuild()
Selector.model_rebuild()


def build(
    description: "str | Mapping[str, Any] | Component",
    kind: Kind | None = None,
    reading: Reading = AS_IT_STANDS,
) -> Component:
    """Return a component from its name, or from ``{"method": name, parameter: value}``.

    A scorer asked for as a selector becomes `top_score` by it, with the scorer's own rule.

    Args:
        description: a name, a description, whose parameters may hold others, or a component.
        kind: that is wanted; a scorer before a selector if none is said.
        reading: how its texts are read.

    Raises:
        UnknownMethodError: if no component has the name.
        ConfigError: if a parameter is wrong.
    """
    made = made_of(description, kind, reading)
    assert isinstance(made, Component)  # noqa: S101  narrows what the table returns
    return made
