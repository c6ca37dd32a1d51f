"""From what a judge said in two orders to a win, a tie or a loss of the candidate."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from assay.echo import Brief
from assay.samples import FloatArray
from assay.solvers.verdicts import two_order_verdict

BoolArray: TypeAlias = NDArray[np.bool_]
Rule: TypeAlias = Literal["sum-sign", "agree-else-tie", "mean-score"]
RULES: tuple[Rule, ...] = get_args(Rule)
DEFAULT: Rule = "sum-sign"
RULE_WORDS = {
    "sum-sign": "won twice, or once with a tie",
    "agree-else-tie": "won twice; all that is not twice the same is a tie",
    "mean-score": "the larger sum of scores",
}


@dataclass(frozen=True, repr=False)
class Games(Brief):
    """What was said of many pairs of answers, from the candidate's side.

    Attributes:
        own: what the candidate got, where it was shown first and where second: a score, or 1, 0.5
            and 0 where the judge only prefers. Shape (n, 2); NaN for none.
        other: what the reference got in the same order. Shape (n, 2).
        asked: is there a reply of that order, readable or not? Shape (n, 2).
        preference: probability that the candidate is preferred, of judgments whose order is not
            recorded; NaN for none. Shape (n,).
        preferred: is the judgment one of those? Shape (n,).
        scored: the numbers are scores.
    """

    own: FloatArray
    other: FloatArray
    asked: BoolArray
    preference: FloatArray
    preferred: BoolArray
    scored: bool

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self.own)

    @property
    def signs(self) -> FloatArray:
        """Sign of the candidate's lead in each order. Shape (n, 2); NaN for none."""
        return np.sign(np.round(self.own - self.other, 9))

    @property
    def both(self) -> BoolArray:
        """Were both orders asked? Shape (n,)."""
        found: BoolArray = self.asked[:, 0] & self.asked[:, 1]
        return found

    def part(self, rows: BoolArray) -> "Games":
        """Return those of some pairs."""
        return Games(
            self.own[rows], self.other[rows], self.asked[rows], self.preference[rows],
            self.preferred[rows], self.scored,
        )  # fmt: skip


@dataclass(frozen=True, repr=False)
class Outcomes(Brief):
    """What came of pairs by a rule.

    Attributes:
        rule: that was applied.
        values: 1 for a win, 0 for a tie, -1 for a loss, NaN where nothing came of it. Shape (n,).
        unparsed: a reply that was asked for says nothing. Shape (n,).
        incomplete: one order is missing, where others have both. Shape (n,).
    """

    rule: Rule
    values: FloatArray
    unparsed: BoolArray
    incomplete: BoolArray


def outcomes(games: Games, rule: Rule = DEFAULT) -> Outcomes:
    """Return what came of pairs. A failure is never a tie.

    Where no pair has both orders, the one order decides; where some have, one order alone decides
    nothing, for a lean to a place would go with it.

    Args:
        games: what the judge said.
        rule: how two orders become one outcome. mean-score needs scores; a pair without has none.

    Source:
        sum-sign: arXiv:2402.05123, section 4.1, for equation 10. agree-else-tie: Zheng et al. 2023,
        arXiv:2306.05685. mean-score: Wu et al. 2023, arXiv:2311.08182.
    """
    one_order = not games.both.any()
    unparsed = (games.asked & np.isnan(games.signs)).any(axis=1)
    incomplete = games.asked.any(axis=1) & ~games.both & ~unparsed & (not one_order)
    values = _one_order(games, rule) if one_order else _two_orders(games, rule)
    values = np.where(games.preferred, np.sign(games.preference - 0.5), values)
    unparsed |= games.preferred & np.isnan(games.preference)
    return Outcomes(rule, np.where(unparsed | incomplete, np.nan, values), unparsed, incomplete)


def _one_order(games: Games, rule: Rule) -> FloatArray:
    if rule == "mean-score" and not games.scored:
        return np.full(len(games), np.nan)
    first, second = games.signs.T
    return np.where(np.isnan(first), second, first)


def _two_orders(games: Games, rule: Rule) -> FloatArray:
    first, second = games.signs.T
    if rule == "sum-sign":
        return two_order_verdict(first, second)
    if rule == "agree-else-tie":
        return np.where(np.isnan(first + second), np.nan, np.where(first == second, first, 0.0))
    if not games.scored:
        return np.full(len(games), np.nan)
    # Decimal scores in another order may differ by a last bit, which decides nothing.
    return np.sign(np.round(games.own.sum(axis=1) - games.other.sum(axis=1), 9))
