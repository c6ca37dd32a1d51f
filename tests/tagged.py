"""Rows with tags, for tests."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.engine.engine import Engine
from assay.features.passes import RowFeature
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.runtime import Runtime
from assay.samples import Conversation, Origin, Sample
from assay.solvers.tag_sets import TagSets
from assay.tags import Tags
from assay.values import RowValue
from tests.rows import conversation
from tests.unit.methods.planted import engine_over


class PlantedTags(RowFeature):
    """The words of a prompt, each as a tag."""

    name = "planted_tags"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="planted for tests")
    value: ClassVar[type[RowValue]] = Tags

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        return Tags.of([list(dict.fromkeys(each.prompt.split())) for each in conversations])


def sets_of(tags: Sequence[Collection[int]], count: int) -> TagSets:
    """Return rows that have some of `count` tags, by number."""
    indptr = np.cumsum([0, *map(len, tags)])
    return TagSets(indptr, np.array([tag for row in tags for tag in sorted(row)], np.int64), count)


def tagged_engine(
    folder: Path, rows: Mapping[str, Any], *, answers: Mapping[str, str] | None = None
) -> Engine:
    """Return an engine over rows of these names, each with what its field "tags" holds.

    Their names are their prompts and the ids of the data; a row of None lacks the field.
    """
    samples = [
        Sample(
            conversation(name, (answers or {}).get(name, "1")),
            external_id=name,
            meta={"n": 1} if tags is None else {"n": 1, "tags": tags},
        )
        for name, tags in rows.items()
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    return engine_over(folder, build_pool([Block(samples, origins)], folder), max_unscored=1.0)
