"""Which rows a dataset has."""

from collections.abc import Callable
from pathlib import Path

from assay.components.component import Chosen, Dataset, FileSet, Given
from assay.components.recipes import identity
from assay.engine.shown_rows import ShownRows
from assay.errors import DamagedError, PlanError
from assay.features.made_rows import MadeRows, ValueOf
from assay.files.checksums import warn, write_json
from assay.pool.made_rows import Change, MadePool, made_digest, write_made
from assay.pool.pool import Pool
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import IndexArray

OpenFile = Callable[[FileSet], Pool]


class DatasetRows:
    """The rows of datasets, each found once.

    Args:
        pool: the rows that `Given` stands for.
        shown: those of them that methods see.
        runtime: how work is done; its cache keeps rows that are made from others.
        open_file: loads the rows of a `FileSet`.
        choose: returns ascending places of the rows that were chosen, in the pool or, of rows that
            are chosen from others, among those that methods see.
        value_of: returns the rows that a feature is of, and its value.
    """

    def __init__(
        self,
        pool: Pool,
        shown: ShownRows,
        runtime: Runtime,
        open_file: OpenFile | None,
        choose: Callable[[Chosen], IndexArray],
        value_of: ValueOf,
    ) -> None:
        self._pool = pool
        self._shown = shown
        self._runtime = runtime
        self._open_file = open_file
        self._choose = choose
        self._value_of = value_of
        self._views = {Given().key: PoolView(pool)}
        self._views_shown: dict[str, PoolView] = {}

    def are_known(self, dataset: Dataset) -> bool:
        """Return whether the rows of a dataset have been found."""
        return dataset.key in self._views

    def view(self, dataset: Dataset) -> PoolView:
        """Return the rows of a dataset; of the project's own pool all, those held out included."""
        if dataset.key not in self._views:
            self._views[dataset.key] = self._found(dataset)
        return self._views[dataset.key]

    def shown(self, dataset: Dataset) -> PoolView:
        """Return the rows of a dataset as methods see them: in a pool without those held out."""
        view = self.view(dataset)
        if view.pool is self._pool:
            return self._shown.view(view)
        if dataset.key not in self._views_shown:
            self._views_shown[dataset.key] = ShownRows(view.pool).view(view)
        return self._views_shown[dataset.key]

    def alone(self, dataset: Dataset) -> Pool:
        """Return the rows of a dataset that methods see as a pool that has no others."""
        view = self.shown(dataset)
        return view.pool if view.index is None else view.pool.part(view.index)

    def _found(self, dataset: Dataset) -> PoolView:
        if isinstance(dataset, Chosen):
            picked = self._choose(dataset)
            if not dataset.is_inner:
                return PoolView(self._pool, picked)
            among = self.view(dataset.of)
            free = among.positions[~among.pool.held_out[among.positions]]
            return PoolView(among.pool, free[picked])
        if isinstance(dataset, MadeRows):
            return self._made(dataset)
        if isinstance(dataset, FileSet):
            if self._open_file is None:
                raise PlanError(f"nothing here can open {dataset.source}")
            return PoolView(self._open_file(dataset))
        raise PlanError(f"{type(dataset).__name__} has no rows of its own")

    # Rows that are made from others

    def is_kept(self, dataset: MadeRows) -> bool:
        """Return whether rows that are made from others, which are known, have been made before."""
        return self._making(dataset)[0].exists()

    def _making(self, dataset: MadeRows) -> tuple[Path, Change]:
        """Return where rows that are made from others are kept, and what makes them."""
        change, also = dataset.making(self.shown, self._value_of)
        folder = self._runtime.cache / dataset.name / dataset.making_key
        return folder / f"{made_digest(self.view(dataset.of), also)}.parquet", change

    def _made(self, dataset: MadeRows) -> PoolView:
        parents = self.view(dataset.of)
        path, change = self._making(dataset)
        if path.exists():
            try:
                return PoolView(MadePool(path, parents))
            except DamagedError as error:
                warn(error)
        spec = path.with_name("spec.json")
        if not spec.exists():
            plain = dataset.model_copy(update={"of": Given()})
            write_json(spec, {"rows": plain.label(), "recipe": identity(plain), "key": plain.key})
        count = len(parents.unique[0])
        with self._runtime.stages.task(f"making rows ({dataset.name})", count) as task:
            write_made(path, parents, change, task)
        return PoolView(MadePool(path, parents))
