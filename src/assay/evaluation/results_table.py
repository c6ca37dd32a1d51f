"""Published tables of results: a test score per data set, method, budget and seed."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import DataError
from assay.evaluation.delimited_file import cells_of, named_columns
from assay.wording import listed

_NAMES = {
    "dataset": ("dataset", "task", "set", "benchmark"),
    "method": ("method", "arm", "strategy", "selector"),
    "budget": ("budget", "size", "samples", "fraction", "train_size"),
    "seed": ("seed", "run", "trial", "draw"),
    "test": ("test", "test_score", "score", "value"),
    "dev": ("dev", "dev_score", "validation", "val", "valid"),
    "cost": ("cost", "flops", "seconds", "total_cost"),
    "base": ("base", "base_model", "model"),
}
_NEEDED = ("method", "test")
_UNBOUNDED = frozenset({"", "all", "full", "100%", "none"})
_AMOUNT = re.compile(r"(\d+(?:[.,]\d+)*)\s*(%|[kmb])?", re.IGNORECASE)
_FACTORS = {"": 1.0, "%": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}


@dataclass(frozen=True)
class Result:
    """A line of a table.

    Attributes:
        number: in the file, the header being line 1.
        base: the model that was tuned; empty if the table does not say.
        dataset: what was tested on; empty if the table has one alone.
        method: how rows were chosen.
        budget: as printed; empty without one.
        seed: as printed; empty if the table has one run of each.
        test: score of the test.
        dev: score by which one would choose; NaN if there is none.
        cost: of choosing and training, in the table's own unit; NaN if there is none.
    """

    number: int
    base: str
    dataset: str
    method: str
    budget: str
    seed: str
    test: float
    dev: float
    cost: float

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What no two lines have in common."""
        return self.base, self.dataset, self.method, self.budget, self.seed

    @property
    def is_unbounded(self) -> bool:
        """Whether it was trained on all there is, so that it belongs to no budget."""
        return self.budget.strip().lower() in _UNBOUNDED


def is_table_of_results(path: Path) -> bool:
    """Return whether a file is a table with a method and a test score in every line."""
    if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        return False
    try:
        _, record = next(cells_of(path))
        named_columns(path, record, _NAMES, _NEEDED)
    except (DataError, StopIteration):
        return False
    return True


def read_results(path: Path) -> list[Result]:
    """Return the lines of a table of results: CSV or TSV.

    Columns are found by their names: `method` and `test`, and `dataset`, `budget`, `seed`, `dev`,
    `cost` and `base` where there are any.

    Raises:
        DataError: if there is no such file, a column is missing, a cell is no number, or two lines
            are about the same run; with the line and the column.
    """
    found: list[Result] = []
    known: dict[tuple[str, ...], int] = {}
    for number, record in cells_of(path):
        columns = named_columns(path, record, _NAMES, _NEEDED)
        if not columns["method"]:
            raise DataError(f"{path}: line {number} has no method")
        result = Result(
            number,
            columns.get("base", ""),
            columns.get("dataset", ""),
            columns["method"],
            columns.get("budget", ""),
            columns.get("seed", ""),
            _number(path, number, "test", columns["test"]),
            _number(path, number, "dev", columns.get("dev", "")),
            _number(path, number, "cost", columns.get("cost", "")),
        )
        if math.isnan(result.test):
            raise DataError(f"{path}: line {number} has no test score", hint="leave the line out")
        if result.key in known:
            words = listed([word for word in result.key if word])
            raise DataError(
                f"{path}: lines {known[result.key]} and {number} are both about {words}",
                hint="a column `seed` tells runs apart",
            )
        known[result.key] = number
        found.append(result)
    return found


def _number(path: Path, number: int, column: str, cell: str) -> float:
    if not cell:
        return math.nan
    try:
        value = float(cell.removesuffix("%").replace(",", ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}: line {number}: {column} is {cell!r}, which is no number")
    return value


def amount_of(budget: str) -> float:
    """Return how much a budget is: 5 of 5%, 2000 of 2,000, 10000 of 10k; NaN if it does not say."""
    found = _AMOUNT.search(budget)
    if found is None:
        return math.nan
    return float(found[1].replace(",", "")) * _FACTORS[(found[2] or "").lower()]


def amounts_of(budgets: Sequence[str]) -> list[float]:
    """Return how much budgets are, on one scale; NaN for all if shares and counts are mixed."""
    bounded = [budget for budget in budgets if budget]
    if len({"%" in budget for budget in bounded}) > 1:
        return [math.nan] * len(budgets)
    return [amount_of(budget) for budget in budgets]


def budgets_of(results: Sequence[Result]) -> list[str]:
    """Return the budgets from the smallest to the largest; those that do not say come last.

    Shares come before counts, which nothing compares with them.
    """
    place: Mapping[str, int] = {
        budget: at
        for at, budget in enumerate(dict.fromkeys(r.budget for r in results if not r.is_unbounded))
    }

    def order(budget: str) -> tuple[bool, bool, float, int]:
        amount = amount_of(budget)
        known = not math.isnan(amount)
        return not known, "%" not in budget, amount if known else 0.0, place[budget]

    return sorted(place, key=order)
