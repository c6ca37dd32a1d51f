"""Features and scores of any rows of a pool, computed once and kept by content."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assessment.rows import content_digest
from assay.components.component import Scorer
from assay.engine.engine import Engine
from assay.engine.row_work import RowWork
from assay.engine.settling import evaluate, settle
from assay.errors import DamagedError
from assay.features.duplicates import DuplicateGroups
from assay.features.embeddings import Embeddings
from assay.features.passes import RowFeature
from assay.files.checksums import warn
from assay.pool.pool import HashArray
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Scores
from assay.stores.cache import PoolStore
from assay.values import Groups, Matrix, RowValue

ENCODER = "assay:encoder"


class RowReader:
    """Reads rows of several pools with one set of models.

    All datasets are read by the same encoder in the same form: vectors of two forms cannot be
    compared, and what one dataset gets must not depend on the others.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.encoder = runtime.pin("encoder", ENCODER)
        self._rows = RowWork(runtime)

    def values(self, view: PoolView, features: Sequence[RowFeature]) -> list[Any]:
        """Return the value of each feature; those that share a pass are filled by one."""
        engine = Engine(view.pool, self.runtime)
        resolved = [engine.resolve(feature) for feature in features]
        passes: dict[str, list[RowFeature]] = {}
        for feature in resolved:
            passes.setdefault(repr(feature.reading()), []).append(feature)
        for group in passes.values():
            self._rows.fill(view, group)
        return [self._rows.read(view, feature) for feature in resolved]

    def scores(self, view: PoolView, scorers: Sequence[Scorer]) -> list[Scores]:
        """Return the number or the reason that each score gives each row in view."""
        engine = Engine(view.pool, self.runtime)
        resolved = [engine.resolve(scorer) for scorer in scorers]
        needs = [dict(scorer.requires()) for scorer in resolved]
        features = [need for each in needs for need in each.values()]
        for feature in features:
            if not isinstance(feature, RowFeature):
                raise TypeError("only scores of rows by themselves are read")
        read: list[RowValue] = self.values(view, features)  # type: ignore[arg-type]
        at_hand = iter(read)
        found = []
        for scorer, each in zip(resolved, needs, strict=True):
            values: dict[str, Any] = {name: next(at_hand) for name in each}
            columns = evaluate(scorer, values, len(view))
            found.append(settle(scorer, next(iter(columns.values())), values, len(view)))
        return found

    def vectors(self, view: PoolView) -> Matrix:
        """Return the vector of every row in view."""
        wanted = [Embeddings(model=self.encoder)]
        matrix: Matrix = self.values(view, wanted)[0]
        try:
            whole = matrix.array
        except DamagedError as error:
            warn(error)
            whole = self.values(view, wanted)[0].array
        return Matrix(matrix.reason, matrix.flags, whole)

    def learned(self, texts: Sequence[str]) -> float | None:
        """Return the mean share of the letters that lie in words the encoder has learned."""
        shares = self.runtime.encoder(self.encoder).coverage(texts)
        known = np.sort(shares[~np.isnan(shares)])
        return float(known.mean()) if len(known) else None

    def has_near_groups(self, view: PoolView) -> bool:
        """Return whether `near_groups` are at hand."""
        return self._near_store(view).holds()

    def _near_store(self, view: PoolView) -> PoolStore:
        feature = DuplicateGroups(match="near")
        return PoolStore(self.runtime.cache / feature.name / feature.row_key, view.digest)

    def near_groups(self, view: PoolView) -> Groups:
        """Return the groups of near-duplicates, those that ``--dedup near`` knows, too."""
        feature, store = DuplicateGroups(match="near"), self._near_store(view)
        arrays = store.read()
        if arrays is not None:
            return feature.unpack(arrays)
        groups = feature.compute(view, self.runtime)
        store.write(feature.pack(groups))
        return groups


class Kept:
    """Small arrays that are kept by the texts they were made of.

    Args:
        runtime: whose cache holds them.
        recipe: what they are, with every parameter; another recipe is another folder.
    """

    def __init__(self, runtime: Runtime, recipe: str) -> None:
        self._folder = runtime.cache / "assessment" / recipe

    def read(self, *rows: HashArray) -> Mapping[str, NDArray[Any]] | None:
        """Return the arrays made of some sets of rows, None if there are none."""
        return self._store(rows).read()

    def write(self, arrays: Mapping[str, NDArray[Any]], *rows: HashArray) -> None:
        """Keep arrays made of some sets of rows."""
        self._store(rows).write(arrays)

    def _store(self, rows: Sequence[HashArray]) -> PoolStore:
        return PoolStore(self._folder, "-".join(content_digest(part) for part in rows))
