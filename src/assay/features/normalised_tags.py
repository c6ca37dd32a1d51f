"""Tags of an open vocabulary, of which those that mean one thing are one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature, Feature
from assay.components.references import EncoderRef
from assay.errors import DataError, Parameter, Phrase
from assay.features.passes import PoolFeature
from assay.features.tag_graph import checked_tags, tag_vectors
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Float32Array, IndexArray
from assay.solvers.tag_merging import MergeOptions, merge_tags
from assay.solvers.tag_sets import renamed
from assay.tags import Tags
from assay.texts.tag_forms import tag_form
from assay.wording import number_of

# Operations of a matrix product that take as long as what is done for a row.
_PER_ROW = 5e5

INSTAG = Paper(
    title="#InsTag: Instruction Tagging for Analyzing Supervised Fine-tuning of Large Language "
    "Models",
    authors="Lu et al.",
    year=2024,
    arxiv="2308.07074",
)


@dataclass(frozen=True, repr=False)
class FewerTags(Tags):
    """Tags after they were made fewer.

    `sizes` shape (5,), int64: how many different ones there were, and how many each step left.
    """

    sizes: IndexArray = field(default_factory=lambda: np.zeros(5, np.int64))


class NormalisedTags(PoolFeature):
    """Tags in four steps: rare ones left out, then those of one form, meaning or implication one.

    1. A tag that fewer than `alpha` rows have is left out.
    2. Tags that differ in case, signs, blanks or English endings alone are one.
    3. Tags whose cosine distance is at most `eps` are one, and so are chains of them.
    4. A tag becomes another where at least `support` rows have both, and these are at least
       `confidence` of the rows of the first; this is repeated until nothing changes.

    Of tags that become one the most frequent stands for all, ties to the first name. Normalising
    what came of it changes nothing. All rows take part, so a tag's lot depends on the pool; a row
    of which no tag is left has none, which is a value.
    """

    name = "normalised_tags"
    paper: ClassVar[Paper | NoPaper] = INSTAG
    tells: ClassVar[bool] = True

    tags: AnyFeature
    """What gives every row its tags, such as `tag_field`, `judged_tags` or
    `written_tags`."""
    alpha: Annotated[int, Field(ge=1)] = 20
    """Rows that a tag must be in to stay; fewer suit a pool of a few thousand rows."""
    eps: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Largest cosine distance of two tags that are one."""
    support: Annotated[int, Field(ge=1)] = 40
    """Rows that two tags must share for one to become the other."""
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.99
    """Share of a tag's rows that must have the other for it to become that one."""
    encoder: EncoderRef = "assay:encoder"
    """Sentence encoder of the tags: the embedded one, a sentence-transformers folder, or org/name,
    such as whaleloops/phrase-bert."""

    def requires(self) -> dict[str, Component]:
        """Return the tags of the rows that are normalised together."""
        return {"tags": self.tags.at(self.dataset)}

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of counting; that of reading the tags by the encoder depends on them."""
        return _PER_ROW * rows

    def compute(self, view: PoolView, runtime: Runtime, *, tags: object) -> FewerTags:
        """Return the tags of every row in view, in alphabetical order.

        Raises:
            DataError: if no tag is in enough rows.
            ConfigError: if it is handed no tags.
        """
        raw = checked_tags(self, tags)

        def vectors_of(places: IndexArray) -> Float32Array:
            names = [raw.names[place] for place in places.tolist()]
            return tag_vectors(names, self.encoder, runtime)

        merged = merge_tags(
            raw.sets,
            [tag_form(name) for name in raw.names],
            vectors_of,
            MergeOptions(self.alpha, self.eps, self.support, self.confidence),
        )
        if raw.names and not merged.sizes[-1]:
            most = int(raw.sets.frequencies.max())
            raise DataError(
                f"no tag is in {self.alpha} rows, so none is left; the most frequent is in {most}",
                hint=Phrase(
                    "as {} name normalised_tags with a smaller alpha, such as "
                    f"{max(most // 10, 1)}",
                    Parameter("tags"),
                ),
            )
        left = raw.renamed(renamed(raw.sets, merged.target))
        return FewerTags(left.reason, left.flags, left.values, merged.sizes)

    def told(self, value: FewerTags) -> str:
        """Return how many tags became how many, and which rows are left without."""
        before, frequent, of_form, close, after = value.sizes.tolist()
        bare = int(np.count_nonzero((value.sets.sizes == 0) & (value.reason == 0)))
        return (
            f"{number_of(before, 'tag')} became {after:,}: {before - frequent:,} are in fewer than "
            f"{self.alpha} rows, {frequent - of_form:,} have the form of another, "
            f"{of_form - close:,} its meaning, {close - after:,} imply another; "
            f"{number_of(bare, 'row')} of {len(value):,} have none"
        )

    def pack(self, value: FewerTags) -> dict[str, NDArray[Any]]:
        """Return the arrays that are stored."""
        return value.pack() | {"sizes": value.sizes}

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> FewerTags:
        """Return the tags that were stored."""
        tags = Tags.unpack(arrays)
        return FewerTags(tags.reason, tags.flags, tags.values, arrays["sizes"])


def normalised(tags: Feature) -> Feature:
    """Return what gives normalised tags: itself, or the normalisation by default of raw ones."""
    return tags if isinstance(tags, NormalisedTags) else NormalisedTags(tags=tags)
