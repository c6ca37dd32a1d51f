"""Who the rows are, for methods whose number depends on nothing else."""

from dataclasses import dataclass
from typing import ClassVar

from assay.components.base import NoPaper, Paper
from assay.echo import Brief
from assay.features.passes import PoolFeature
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import IdArray


@dataclass(frozen=True, repr=False)
class Identities(Brief):
    """Ids of all rows, ascending. Shape (n,), uint64."""

    ids: IdArray


class Identity(PoolFeature):
    """The ids of the rows."""

    name = "identity"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="names the rows")
    stored: ClassVar[bool] = False

    def compute(self, view: PoolView, runtime: Runtime) -> Identities:
        """Return the ids of the rows in view."""
        return Identities(view.ids)
