"""Quotas: divide the budget between sources, tasks or languages, and select within each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance, Budget
from assay.components.component import AnySelector, Scorer, Selector
from assay.components.guide import NO_REFERENCE, Comparison, Guide
from assay.components.rule import Rule
from assay.errors import BudgetError, Parameter, Phrase, did_you_mean
from assay.features.text import RowAttribute, token_counts
from assay.random_numbers import generator
from assay.runtime import Runtime
from assay.samples import Attribute, Flag, FloatArray, IndexArray, Reason, Selection
from assay.solvers.shares import Taken, spend_in_shares
from assay.values import Labels, Numbers

_INNER = "by."
"""Before the names of what the inner selector requires, which may be ours as well."""


class Quota(Selector):
    """Another selector applied to every group of rows with its own part of the budget.

    Without `weights` or `budgets` the parts are in proportion to the groups: to their rows that may
    be chosen, or to the tokens of these if the budget is in tokens. So the composition of the pool
    is kept, as far as filters and the score's rule leave it as it is. What a group
    cannot spend, or does not want, goes to the others in the same proportion. Parts in rows are
    whole by largest remainder; in tokens, what is left of each part when no further row fits is
    put together for the groups with most of it left, until no row fits what is left in all. What
    the selector compares rows by, such as duplicate groups or bins, is that of all rows that the
    quota may choose from, not of each group apart.
    """

    name = "quota"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice (stratified selection)")
    guide: ClassVar[Guide | None] = Guide(
        formula="part of group g = budget w_g / sum w, whole by largest remainder\n"
        "w: rows or tokens of the group, equal, or given; then by in each",
        choose="To keep or to set the shares of sources, tasks or languages while another method "
        "chooses within each.",
        avoid="Where groups are tiny: a part of a few rows leaves the method nothing to choose.",
        compared=(
            Comparison(
                against="Hamilton's method, by remainders",
                compared="parts of random weights and totals",
                tolerance="exact",
                test="tests/parity/test_selectors.py",
            ),
        ),
        differences=NO_REFERENCE,
    )
    needs_budget: ClassVar[bool] = False

    by: AnySelector
    """Selector that chooses within a group."""
    per: Attribute = "source"
    """Which word of a row names its group."""
    divide: Literal["proportional", "equal"] = "proportional"
    """How groups without a weight share the budget."""
    weights: tuple[tuple[str, float], ...] = ()
    """Weight per group; groups not named get nothing."""
    budgets: tuple[tuple[str, Budget], ...] = ()
    """Budget per group, instead of `budget` and weights; groups not named get nothing."""

    @field_validator("weights", "budgets", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        return tuple(sorted(value.items())) if isinstance(value, dict) else value

    @field_validator("weights")
    @classmethod
    def _shares(cls, weights: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
        values = [weight for _, weight in weights]
        if any(weight < 0 for weight in values) or not math.isfinite(sum(values)):
            raise ValueError("weights are finite, and none is negative")
        if values and not any(values):
            raise ValueError("one weight at least must be above 0")
        return weights

    @field_validator("by")
    @classmethod
    def _bare(cls, by: Selector) -> Selector:
        if by.budget is not None or by.within is not None:
            raise ValueError("its budget and `within` belong to the quota itself")
        return by

    def requires(self) -> dict[str, Any]:
        """Return the groups, the tokens that their own budgets count, and the inner needs."""
        counted = sorted({b.tokenizer for _, b in self.budgets if b.unit == "tokens"})
        inner = self.by.model_copy(update={"within": self.within})
        return {
            "groups": RowAttribute(attribute=self.per),
            "tokens": [token_counts(tokenizer) for tokenizer in counted],
            **{_INNER + name: need for name, need in inner.requires().items()},
        }

    def ruled(self) -> list[tuple[Scorer, Rule]]:
        """Return the rules of the inner selector."""
        return list(self.by.ruled())

    def unwanted_flags(self) -> Flag:
        """Return the flags that either leaves out."""
        return super().unwanted_flags() | self.by.unwanted_flags()

    def column_of(self, need: str) -> str:
        """Return which column of a score the inner selector is handed."""
        inner = need.startswith(_INNER)
        return self.by.column_of(need.removeprefix(_INNER)) if inner else ""

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of one choice from all rows, which those from the groups take at most."""
        return self.by.work(rows, count, runtime, alike=alike)

    def select(self, allowance: Allowance, rng: np.random.Generator, **needs: Any) -> Selection:
        """Return the picks of all groups, interleaved so that prefixes keep the shares."""
        labels: Labels = needs["groups"]
        names, group_of = np.unique(labels.values.to_numpy(), return_inverse=True)
        groups = _Groups(names.tolist(), group_of, allowance)
        inner = {
            name.removeprefix(_INNER): need
            for name, need in needs.items()
            if name.startswith(_INNER)
        }

        def choose(group: int, among: Allowance) -> Selection:
            stream = generator(seed=self.seed, purpose=f"quota/{groups.names[group]}")
            return self.by.select(among, stream, **inner)

        asked = allowance.count
        if self.budgets:
            own = self._own_allowances(groups, needs["tokens"])
            asked = sum(among.count or 0 for among in own.values())
            parts = {group: choose(group, among) for group, among in own.items()}
        else:
            parts = self._in_shares(groups, choose)
        without = [groups.eligible(place) for place in range(len(names)) if place not in parts]
        left_out = [np.flatnonzero(mask) for mask in without]
        return _interleave(list(parts.values()), left_out, asked=asked)

    def _own_allowances(self, groups: "_Groups", tokens: list[Numbers]) -> dict[int, Allowance]:
        """Return what each group with a budget of its own may spend, by its place."""
        wanted = dict(self.budgets)
        self._check_names(wanted, groups.names)
        counted = sorted({b.tokenizer for b in wanted.values() if b.unit == "tokens"})
        costs = {name: n["total"] for name, n in zip(counted, tokens, strict=True)}
        own: dict[int, Allowance] = {}
        for place, name in enumerate(groups.names):
            if name not in wanted:
                continue
            eligible, budget = groups.eligible(place), wanted[name]
            count = budget.count(
                pool=int((groups.group_of == place).sum()), eligible=int(eligible.sum())
            )
            price = costs[budget.tokenizer] if budget.unit == "tokens" else None
            own[place] = Allowance(
                eligible, count, price, budget.limit(), groups.allowance.progress
            )
        return own

    def _in_shares(
        self, groups: "_Groups", choose: Callable[[int, Allowance], Selection]
    ) -> dict[int, Selection]:
        """Divide the budget in rows or in tokens, and return what each group chose."""
        whole = groups.allowance
        if whole.count is None and whole.limit is None:
            raise BudgetError(
                "quota needs a budget",
                hint=Phrase("{}, or budgets per group", Parameter("budget", "5%")),
            )
        capacity = groups.capacity()

        def take(group: int, part: float) -> Taken:
            among = groups.among(group, part)
            selection = choose(group, among)
            return Taken(selection, *_spent_and_next(selection, among))

        total = float(whole.rows) if whole.limit is None else whole.limit
        weights = self._weights(groups.names, capacity)
        return spend_in_shares(total, weights, capacity, take, whole=whole.limit is None)

    def _weights(self, names: list[str], capacity: FloatArray) -> FloatArray:
        if self.weights:
            named = dict(self.weights)
            self._check_names(named, names)
            return np.array([named.get(name, 0.0) for name in names])
        if self.divide == "equal":
            return (capacity > 0).astype(np.float64)
        return capacity

    def _check_names(self, wanted: dict[str, Any], names: list[str]) -> None:
        for name in wanted:
            if name not in names:
                known = ", ".join(repr(known) for known in names[:10])
                raise BudgetError(
                    f"no row has the {self.per} {name!r}",
                    hint=did_you_mean(name, names) or f"there are {known}",
                )


@dataclass(frozen=True)
class _Groups:
    """The groups of all rows, and what may be spent on them together.

    Attributes:
        names: shape (g,), ascending.
        group_of: shape (n,), the place of each row's group in `names`.
        allowance: what all groups may spend.
    """

    names: list[str]
    group_of: IndexArray
    allowance: Allowance

    def eligible(self, group: int) -> NDArray[np.bool_]:
        """Return which rows of a group may be chosen. Shape (n,)."""
        return self.allowance.eligible & (self.group_of == group)

    def capacity(self) -> FloatArray:
        """Return the rows of each group that may be chosen, or their tokens. Shape (g,)."""
        rows = np.flatnonzero(self.allowance.eligible)
        costs = None if self.allowance.costs is None else self.allowance.costs[rows]
        counted = np.bincount(self.group_of[rows], weights=costs, minlength=len(self.names))
        return counted.astype(np.float64)

    def among(self, group: int, part: float) -> Allowance:
        """Return what a group may spend with a part of the whole."""
        mask = self.group_of == group
        if self.allowance.limit is None:
            return self.allowance.among(mask, int(part), None)
        return self.allowance.among(mask, None, part)


def _spent_and_next(selection: Selection, among: Allowance) -> tuple[float, float]:
    """Return what a selection cost, and the least that one more row costs; see `Taken`."""
    chosen = selection.indices
    left = among.eligible.copy()
    left[chosen] = False
    for ruled_out in selection.rejected.values():
        left[ruled_out] = False
    if among.limit is None or among.costs is None:
        is_content = len(chosen) < (among.count or 0) or not left.any()
        return float(len(chosen)), np.inf if is_content else 1.0
    spent = float(among.costs[chosen].sum())
    is_content = selection.stop != "budget"
    return spent, np.inf if is_content else float(among.costs[left].min(initial=np.inf))


def _interleave(
    parts: list[Selection], left_out: list[IndexArray], *, asked: int | None
) -> Selection:
    """Merge picks by their relative place in each part, ties by lowest position."""
    if not parts:
        return Selection(np.empty(0, np.int64), np.empty(0), nested=False, stop="exhausted")
    indices = np.concatenate([part.indices for part in parts])
    gains = np.concatenate([part.gains for part in parts])
    place = np.concatenate(
        [(np.arange(len(part.indices)) + 0.5) / max(len(part.indices), 1) for part in parts]
    )
    order = np.lexsort((indices, place))
    rejected = {Reason.QUOTA: np.concatenate(left_out)} if left_out else {}
    for part in parts:
        for code, rows in part.rejected.items():
            rejected[code] = np.concatenate([rejected.get(code, np.empty(0, np.int64)), rows])
    early = [part.stop for part in parts if part.stop != "budget"]
    stop: Literal["budget", "exhausted", "no_gain"] = "budget"
    if len(indices) < (asked or 0) or len(early) == len(parts):
        stop = early[0] if early else "exhausted"
    return Selection(indices[order], gains[order], False, stop, parts[0].gain_unit, rejected)
