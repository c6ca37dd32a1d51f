"""How much to select: samples, a share of a declared base, or tokens."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from assay.components.references import DType, ModelName, TokenizerRef
from assay.components.rendering import Rendering
from assay.errors import BudgetError
from assay.progress import SILENT, Progress
from assay.samples import FloatArray, IndexArray
from assay.solvers.arrays import Candidates

_MULTIPLES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_FORM = re.compile(
    r"\s*(?P<number>\d[\d_,]*(?:\.\d+)?)\s*(?:(?P<percent>%)|(?P<multiple>[kmb])?\s*"
    r"(?P<unit>tokens?|samples?|rows?)?)\s*",
    re.IGNORECASE,
)


class TrainingReading(BaseModel):
    """How a training reads rows; see `TrainingTokens`, which counts what it reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName
    """Causal language model that is trained."""
    rendering: Rendering
    """Template and limit of the training."""
    dtype: DType = "float32"
    """Number format in which the model is held open."""


class Budget(BaseModel):
    """An amount of data: ``"5%"``, ``5000`` or ``"2M tokens"``.

    A percentage is taken of the whole pool, rows that are held out apart, or of the rows that
    filters and rules leave eligible; the published codes disagree on the base, so it is always
    stated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: str
    """Exact decimal number, in `unit`."""
    unit: Literal["samples", "percent", "tokens"] = "samples"
    of: Literal["pool", "eligible"] = "pool"
    """What a percentage is a percentage of."""
    rounding: Literal["floor", "ceil", "nearest"] = "floor"
    tokenizer: TokenizerRef = ""
    """Tokenizer that counts a budget in tokens; an estimate if empty."""
    as_trained: TrainingReading | None = None
    """Count a budget in tokens as this training reads them, in place of whole rows; rows that it
    does not read cannot be chosen."""
    share: tuple[int, int] = (1, 1)
    """Part of the amount that is meant, as numerator and denominator; see `part`."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("amount"), str) and "unit" not in value:
            return {**value, **_parse(value["amount"])}
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return _parse(value)
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of a budget as people write it, its fields being the longest way."""
        fields = handler.resolve_ref_schema(handler(schema)) | {"required": ["amount"]}
        return {
            "description": "Samples (5000), a share (5%) or tokens (2M tokens).",
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}, fields],
        }

    def part(self, numerator: int, *, of: int) -> "Budget":
        """Return `numerator` / `of` of this budget, for methods that work in rounds."""
        up, down = self.share
        return self.model_copy(update={"share": (up * numerator, down * of)})

    def count(self, *, pool: int, eligible: int) -> int | None:
        """Return the number of samples meant, or None for a token budget.

        Raises:
            BudgetError: if more samples are asked for than the pool has.
        """
        if self.unit == "tokens":
            return None
        wanted = Fraction(self.amount) * Fraction(*self.share)
        if self.unit == "percent":
            wanted *= Fraction(pool if self.of == "pool" else eligible, 100)
        elif wanted > pool:
            raise BudgetError(
                f"the budget asks for {int(wanted):,} samples, the pool has {pool:,}",
                hint="ask for fewer, or for a share such as 10%",
            )
        return _round(wanted, self.rounding)

    def limit(self) -> float | None:
        """Return the number of tokens meant, or None for a budget in samples."""
        if self.unit != "tokens":
            return None
        return float(Fraction(self.amount) * Fraction(*self.share))

    def __str__(self) -> str:
        """Return the budget as a person writes it."""
        number = _decimal(Fraction(self.amount) * Fraction(*self.share))
        if self.unit == "percent":
            return f"{number}%"
        return f"{int(Fraction(number)):,} {self.unit}"

    def __repr__(self) -> str:
        return f"Budget({str(self)!r})"

    @property
    def slug(self) -> str:
        """The budget as a part of a file name, such as ``5pct``."""
        unit = {"percent": "pct", "tokens": "tokens", "samples": ""}[self.unit]
        number = _decimal(Fraction(self.amount) * Fraction(*self.share))
        return number.replace("/", "-").replace(".", "_") + unit


def _parse(value: str | float) -> dict[str, str]:
    """Return the fields that a budget written by a person stands for."""
    match = _FORM.fullmatch(str(value))
    if match is None or (isinstance(value, float) and not value.is_integer()):
        raise BudgetError(
            f"cannot read the budget {value!r}",
            hint="write a number of samples (5000), a share (5%) or tokens (2M tokens)",
        )
    number = Fraction(re.sub("[_,]", "", match["number"]))
    number *= _MULTIPLES[(match["multiple"] or "").lower()]
    unit = "percent" if match["percent"] else "samples"
    if (match["unit"] or "").lower().startswith("token"):
        unit = "tokens"
    if unit == "percent" and number > 100:
        raise BudgetError(f"the budget {value!r} is more than everything", hint="at most 100%")
    if unit != "percent" and number.denominator != 1:
        raise BudgetError(f"the budget {value!r} is not a whole number of {unit}")
    return {"amount": _decimal(number), "unit": unit}


def _decimal(number: Fraction) -> str:
    if number.denominator == 1:
        return str(number.numerator)
    text = f"{float(number):.12g}"
    return text if Fraction(text) == number else f"{number.numerator}/{number.denominator}"


def _round(number: Fraction, how: str) -> int:
    down = number.numerator // number.denominator
    if how == "floor" or number.denominator == 1:
        return down
    if how == "ceil":
        return down + 1
    return down + (number - down >= Fraction(1, 2))


@dataclass(frozen=True)
class Allowance:
    """What a selector may spend, and on which rows.

    Attributes:
        eligible: shape (n,), bool; rows that may be chosen.
        count: samples, or None if only `limit` binds.
        costs: shape (n,), tokens per row, with a token budget.
        limit: tokens in all, with a token budget.
        progress: where a choice that takes long reports how far it is.
    """

    eligible: NDArray[np.bool_]
    count: int | None
    costs: FloatArray | None = None
    limit: float | None = None
    progress: Progress = SILENT

    def among(self, mask: NDArray[np.bool_], count: int | None, limit: float | None) -> "Allowance":
        """Return an allowance over the eligible rows that are also in `mask`."""
        return Allowance(self.eligible & mask, count, self.costs, limit, self.progress)

    def candidates(self, start: IndexArray | None = None) -> Candidates:
        """Return what solvers are handed.

        Args:
            start: shape (s,), rows already chosen, which count.
        """
        return Candidates(self.rows, self.eligible, self.costs, self.limit, start, self.progress)

    @property
    def rows(self) -> int:
        """Number of samples that may be chosen at most."""
        available = int(np.count_nonzero(self.eligible))
        return available if self.count is None else min(self.count, available)

    def take(self, order: IndexArray) -> tuple[IndexArray, Literal["budget", "exhausted"]]:
        """Return the longest part of a ranking that fits.

        Rows are taken in order; with a token budget a row that no longer fits is passed over and
        the next one tried, so that the budget is used up as far as it goes.

        Args:
            order: positions, best first; ineligible ones are skipped.

        Returns:
            The positions taken, and whether the budget or the rows ended first.
        """
        order = order[self.eligible[order]]
        if self.limit is None or self.costs is None:
            count = len(order) if self.count is None else self.count
            return order[:count], "budget" if count <= len(order) else "exhausted"
        taken = _fit(self.costs[order], self.limit)
        return order[taken], "exhausted" if len(taken) == len(order) else "budget"


def _fit(costs: FloatArray, limit: float) -> IndexArray:
    """Return positions of the rows that fit when each is taken if it still does."""
    taken: list[IndexArray] = []
    start, spent = 0, 0.0
    while start < len(costs):
        total = spent + np.cumsum(costs[start:])
        stop = int(np.searchsorted(total, limit, side="right"))
        taken.append(np.arange(start, start + stop, dtype=np.int64))
        if stop:
            spent = float(total[stop - 1])
        fitting = np.flatnonzero(costs[start + stop :] <= limit - spent)
        if not len(fitting):
            break
        start += stop + int(fitting[0])
    return np.concatenate(taken) if taken else np.empty(0, np.int64)
