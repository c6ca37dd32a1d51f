"""Everything, or the rows with a given source, split, task or language."""

from typing import Any, ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import Selector
from assay.components.guide import NO_REFERENCE, Absent, Guide
from assay.features.text import RowAttribute
from assay.methods.filters.passing import passing_rows
from assay.samples import Attribute, Selection
from assay.values import Labels

_COMMON = NoPaper(reason="common practice")


class Everything(Selector):
    """All rows that may be chosen, in order of id: the full-data arm of a comparison."""

    name = "everything"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="choose all rows that may be chosen, by id",
        choose="As the full-data arm of a comparison, or to export what filters leave.",
        avoid="With a budget: then it takes the lowest ids, and `random` is what you want.",
        compared=Absent(reason="there is nothing to compute"),
        differences=NO_REFERENCE,
    )
    needs_budget: ClassVar[bool] = False
    lets_through: ClassVar[bool] = True

    def select(self, allowance: Allowance, rng: np.random.Generator) -> Selection:
        """Return all eligible rows."""
        chosen, stop = allowance.take(np.flatnonzero(allowance.eligible))
        return Selection(chosen, np.full(len(chosen), np.nan), nested=True, stop=stop)


class Where(Selector):
    """The rows whose source, split, task or language is one of some words."""

    name = "where"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="choose the rows whose word is one of values",
        choose="To keep or leave out sources, splits, tasks or languages; on the command line "
        "`--where` does it.",
        avoid="To take a given number of each: that is `quota`.",
        compared=Absent(reason="there is nothing to compute"),
        differences=NO_REFERENCE,
    )
    needs_budget: ClassVar[bool] = False

    attribute: Attribute
    """Which word of a row is compared."""
    values: tuple[str, ...]
    """Words that pass."""
    keep: bool = True
    """False keeps the others instead."""

    def requires(self) -> dict[str, Any]:
        """Return that word of every row."""
        return {"words": RowAttribute(attribute=self.attribute)}

    def select(self, allowance: Allowance, rng: np.random.Generator, *, words: Labels) -> Selection:
        """Return the rows that pass, in order of id."""
        passing = words.values.is_in(list(self.values)).to_numpy() == self.keep
        return passing_rows(allowance, passing)
