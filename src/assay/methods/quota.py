"""Quotas: divide the budget between sources, tasks or languages, and select within each."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from assay.budget import Allowance, Budget, largest_remainder
from assay.component import AnySelector, NoPaper, Paper, Rule, Scorer, Selector
from assay.errors import BudgetError, did_you_mean
from assay.features.text import RowAttribute
from assay.pool import Attribute
from assay.random_numbers import generator
from assay.samples import FloatArray, IndexArray, Reason, Selection
from assay.values import Labels

_GROUP = "group_of_the_quota"  # a name that no inner selector gives to what it requires


class Quota(Selector):
    """Another selector applied to every group of rows with its own part of the budget.

    Without `weights` or `budgets` the parts are in proportion to the groups, so the composition
    of the pool is kept. Parts are whole by largest remainder; what a group cannot fill goes to
    the others. What the selector compares rows by, such as duplicate groups or bins, is that of all
    rows that the quota may choose from, not of each group apart.
    """

    name: ClassVar[str] = "quota"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice (stratified selection)")
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

    @field_validator("by")
    @classmethod
    def _bare(cls, by: Selector) -> Selector:
        if by.budget is not None or by.within is not None:
            raise ValueError("its budget and `within` belong to the quota itself")
        return by

    def requires(self) -> dict[str, Any]:
        """Return the groups, and all that the inner selector requires."""
        inner = self.by.model_copy(update={"within": self.within})
        return {_GROUP: RowAttribute(attribute=self.per), **inner.requires()}

    def ruled(self) -> list[tuple[Scorer, Rule]]:
        """Return the rules of the inner selector."""
        return list(self.by.ruled())

    def select(self, allowance: Allowance, rng: np.random.Generator, **needs: Any) -> Selection:
        """Return the picks of all groups, interleaved so that prefixes keep the shares."""
        labels: Labels = needs.pop(_GROUP)
        names, group_of = np.unique(labels.values.to_numpy(), return_inverse=True)
        parts: list[Selection] = []
        left_out: list[IndexArray] = []
        shares = self._shares(names.tolist(), group_of, allowance)
        asked = allowance.count
        if self.budgets:
            asked = sum(share[0] or 0 for share in shares if share is not None)
        for group, share in enumerate(shares):
            mine = group_of == group
            if share is None:
                left_out.append(np.flatnonzero(mine & allowance.eligible))
                continue
            inner = allowance.among(mine, *share)
            stream = generator(seed=self.seed, purpose=f"quota/{names[group]}")
            parts.append(self.by.select(inner, stream, **needs))
        return _interleave(parts, left_out, asked=asked)

    def _shares(
        self, names: list[str], group_of: IndexArray, allowance: Allowance
    ) -> list[tuple[int | None, float | None] | None]:
        """Return count and token limit per group; None for a group that gets nothing."""
        capacity = np.bincount(group_of[allowance.eligible], minlength=len(names))
        if self.budgets:
            wanted = dict(self.budgets)
            self._check_names(wanted, names)
            return [
                None
                if name not in wanted
                else (
                    wanted[name].count(
                        pool=int((group_of == place).sum()), eligible=int(capacity[place])
                    ),
                    wanted[name].limit(),
                )
                for place, name in enumerate(names)
            ]
        if allowance.count is None and allowance.limit is None:
            raise BudgetError("quota needs a budget", hint="--budget, or budgets per group")
        weights = self._weights(names, capacity)
        if allowance.limit is not None:
            tokens = allowance.limit * weights / max(weights.sum(), 1e-300)
            return [(None, float(t)) if w > 0 else None for t, w in zip(tokens, weights)]  # noqa: B905
        counts = largest_remainder(allowance.rows, weights, capacity)
        return [(int(c), None) if w > 0 else None for c, w in zip(counts, weights, strict=True)]

    def _weights(self, names: list[str], capacity: IndexArray) -> FloatArray:
        if self.weights:
            named = dict(self.weights)
            self._check_names(named, names)
            return np.array([named.get(name, 0.0) for name in names])
        if self.divide == "equal":
            return (capacity > 0).astype(np.float64)
        return capacity.astype(np.float64)

    def _check_names(self, wanted: dict[str, Any], names: list[str]) -> None:
        for name in wanted:
            if name not in names:
                known = ", ".join(repr(known) for known in names[:10])
                raise BudgetError(
                    f"no row has the {self.per} {name!r}",
                    hint=did_you_mean(name, names) or f"there are {known}",
                )


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
