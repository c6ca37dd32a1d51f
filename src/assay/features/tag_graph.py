"""Which tags are alike, by what they mean."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature
from assay.components.references import EncoderRef
from assay.errors import ConfigError, UnfinishedError
from assay.features.passes import PoolFeature
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import TO_COME, Float32Array
from assay.solvers.nearest import Neighbors, neighbors_above
from assay.tags import Tags
from assay.wording import number_of


class TagGraph(PoolFeature):
    """The tags whose cosine with a tag is at least a threshold; a tag is not its own neighbour.

    Tags are numbered in the order of their names.
    """

    name = "tag_graph"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a data structure, not a method")

    tags: AnyFeature
    """What gives every row its tags, such as `tag_field` or `normalised_tags`."""
    encoder: EncoderRef = "assay:encoder"
    """Sentence encoder of the tags: the embedded one, a sentence-transformers folder, or
    org/name."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Smallest similarity of two tags that are alike."""

    def requires(self) -> dict[str, Component]:
        """Return the tags of the rows whose tags these are."""
        return {"tags": self.tags.at(self.dataset)}

    def compute(self, view: PoolView, runtime: Runtime, *, tags: object) -> Neighbors:
        """Return the graph of all tags that a row in view has."""
        names = checked_tags(self, tags).names
        vectors = tag_vectors(names, self.encoder, runtime)
        return neighbors_above(vectors, self.threshold, progress=runtime.stages)

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Neighbors:
        """Return the graph that was stored."""
        return Neighbors(*(arrays[field] for field in Neighbors._fields))


def tag_vectors(names: Sequence[str], encoder: str, runtime: Runtime) -> Float32Array:
    """Return a vector of length 1 for each tag, zeros for one without any token. Shape (n, d)."""
    opened = runtime.encoder(encoder)
    if not names:
        return np.empty((0, opened.dimension), np.float32)
    return opened.encode_and_flag(names).vectors


def checked_tags(component: Component, value: object) -> Tags:
    """Return what gives tags as tags, of which none is still to come.

    Args:
        component: what reads them, for errors.
        value: what it was handed.

    Raises:
        ConfigError: if these are no tags.
        UnfinishedError: if rows are to get their tags in another run.
    """
    if not isinstance(value, Tags):
        raise ConfigError(
            f"{component.name}: what its parameter tags names gives no tags",
            hint="name a feature that does, such as tag_field",
        )
    waiting = int(np.isin(value.reason, TO_COME).sum())
    if waiting:
        raise UnfinishedError(
            f"{number_of(waiting, 'row')} got no tags in this run", hint="run it again"
        )
    return value
