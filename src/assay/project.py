"""The front door: a project folder, and everything that can be done with its rows."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from assay.components.component import Selector
from assay.components.defaults import with_defaults
from assay.components.result_names import check_given
from assay.components.totals import Totals
from assay.echo import Cards
from assay.engine.totals import totals_of
from assay.models.recipe import Recipe, Tuned
from assay.workspace import trainings
from assay.workspace.named_selection import NamedSelection
from assay.workspace.workspace import BudgetLike, Method, Workspace

if TYPE_CHECKING:
    from assay.compare.records import Comparison


class Project(Workspace):
    """A folder that holds one pool and what was made from it.

    Args:
        folder: the project's folder; made if missing. None puts ``<data>.assay`` beside the data,
            or a folder of another name where that one holds other data.
        data: a path, a folder, ``org/name``, "-", or `SourceSpec` objects; None opens what the
            folder holds.
        hold_out: share of rows that selections are made without, as if the data had none of them.
        max_set_aside: share of records that may be unusable before the load is refused.
        as_loaded: open the rows as they were loaded, even where the data has changed since.
        runtime: how to work.

    Raises:
        DataError: if the data cannot be loaded, if none is named and the folder holds none, or if
            the folder holds a project of other data.
    """

    @overload
    def select(
        self, method: Method | None = None, *, budget: BudgetLike | None = None,
        seeds: None = None, name: str | None = None, **parameters: Any,
    ) -> NamedSelection: ...  # fmt: skip

    @overload
    def select(
        self, method: Method | None = None, *, budget: BudgetLike | None = None,
        seeds: int, name: str | None = None, **parameters: Any,
    ) -> list[NamedSelection]: ...  # fmt: skip

    def select(
        self,
        method: Method | None = None,
        *,
        budget: BudgetLike | None = None,
        seeds: int | None = None,
        name: str | None = None,
        **parameters: Any,
    ) -> NamedSelection | list[NamedSelection]:
        """Choose rows and keep the selection in the project.

        Args:
            method: a selector or a score, by name, description or object; None for the default.
            budget: samples, "5%", or "2M tokens".
            seeds: how many selections to make with the seeds 0, 1, ...; one if None.
            name: under which it is found, with several seeds ``NAME-seed0`` and so on; by default
                one that says the method, what differs from its defaults, and the budget.
            **parameters: the method's own, and where, dedup, against, per and share; see
                `selector`.
        """
        given = None if name is None else check_given(name)
        plain = self.selector(method, budget=budget, **parameters)
        if seeds is None:
            return self.named([plain], [given])[0]
        # Every seed that nobody set, at any depth: a quota over random samples varies, too.
        selectors = [with_defaults(plain, seed=seed) for seed in range(seeds)]
        return self.named(selectors, [given and f"{given}-seed{seed}" for seed in range(seeds)])

    def totals(self, method: Method) -> Totals:
        """Return what a score says of all rows together, such as a benchmark's averages.

        Args:
            method: a name, a description or a scorer.

        Returns:
            Tables of numbers by name; none for a score that sums nothing up.
        """
        return totals_of(self.engine, self.scorer(method))

    def named(
        self, selectors: Sequence[Selector], names: Sequence[str | None]
    ) -> list[NamedSelection]:
        """Choose by each selector, and keep the selections under some names; None derives one."""
        started = time.perf_counter()
        records = self.engine.compute(selectors)
        seconds = time.perf_counter() - started
        made: Cards[NamedSelection] = Cards()
        for selector, record, name in zip(selectors, records, names, strict=True):
            resolved, label = self.engine.resolve(selector), self.label(selector, name)
            made.append(NamedSelection(self, resolved, record, seconds, label=label))
        return made

    def tune(
        self, selection: "NamedSelection | Selector | None" = None, *, base: str,
        recipe: Recipe | None = None, seed: int = 0,
    ) -> Tuned:  # fmt: skip
        """Train a model on a selection's rows, or on all; see `assay.workspace.trainings.tune`."""
        selector = selection.selector if isinstance(selection, NamedSelection) else selection
        return trainings.tune(self.engine, selector, base=base, recipe=recipe, seed=seed)

    def compare(
        self, *methods: "Method | NamedSelection | Sequence[NamedSelection]",
        base: str | Sequence[str],
        budgets: Sequence[BudgetLike] | BudgetLike | None = None, **terms: Any,
    ) -> "Comparison":  # fmt: skip
        """Tune a model on what each method chooses; see `assay.compare.study.compare`."""
        from assay.compare.study import compare  # noqa: PLC0415  it opens projects

        return compare(self, methods, base=base, budgets=budgets, **terms)
