"""Deduplication: one row of every group that says the same."""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyScorer, Chosen, Selector
from assay.components.example_rows import MOON, SOUP
from assay.components.guide import Comparison, Example, Guide
from assay.features.duplicates import DuplicateGroups, with_encoder
from assay.features.embeddings import Embeddings
from assay.methods.filters.attributes import Everything
from assay.methods.filters.cuts import Threshold
from assay.methods.filters.passing import passing_rows
from assay.pool.view import PoolView
from assay.samples import FloatArray, Part, Reason, Scores, Selection
from assay.solvers.duplicates import representatives
from assay.values import Groups


class Deduplicate(Selector):
    """One row of every group of duplicates: exact, near (MinHash) or semantic (embeddings).

    The row of lowest id is kept, or the one that a score prefers. Groups are chains of similar
    rows, so of a chain one row stays; SemDeDup's clusters are another method. A chain runs through
    rows that may be chosen alone: what a filter or a score's rule leaves out joins no others.
    Rows to which other pictures, films or sounds are attached are never duplicates.

    Near pairs are looked for by MinHash, which finds one at the threshold with a chance of 99 % and
    closer ones more surely; what it finds is confirmed. Semantic pairs are all compared up to
    200,000 rows, and looked for approximately above.
    """

    name = "deduplicate"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Deduplicating Training Data Makes Language Models Better",
        authors="Lee et al.",
        year=2022,
        arxiv="2107.06499",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="groups: chains of pairs with J(x, y) >= 0.8 or cos(x, y) >= 0.95, or equal\n"
        "J: shared over all distinct runs of 5 characters; of a group one row stays",
        choose="Before every selection and every comparison: copies waste the budget, and near "
        "ones reach into what is held out.",
        avoid="Near and semantic groups for several questions on one long passage: the passage is "
        "most of each row, so that they are alike whatever is asked and answered. Semantic groups "
        "for rows that are alike by design, such as exercises of one template: chains take nearly "
        "all of them.",
        compared=(
            Comparison(
                against="all pairs, one step at a time",
                compared="rows that stay, near and semantic, of chains of near copies",
                tolerance="exact",
                test="tests/property/test_deduplicate.py",
            ),
            Comparison(
                against="datasketch",
                compared="Jaccard similarities, and the error of their estimates",
                tolerance="exact; as good",
                test="tests/unit/texts/test_minhash.py",
            ),
        ),
        differences={
            "passages": "Rows go or stay whole, where the paper also removes repeated passages "
            "from inside documents.",
            "runs": "They are of characters and not of words, so that short rows and scripts "
            "without spaces are compared alike; pairs that MinHash finds are confirmed by "
            "the exact similarity.",
            "encoder": "Semantic groups, by the embedded one unless another is named, are ours, "
            "and so is a score that says which row stays.",
        },
        example=Example(
            rows=(
                MOON,
                ("why do we always see the same side of the moon??", MOON[1]),
                SOUP,
            ),
            parameters={"match": "near"},
            shows={"group of": "groups"},
            reading="A and B share nearly all runs of five characters, so they are one group, "
            "named by its lowest id, and one of them stays.",
        ),
    )
    needs_budget: ClassVar[bool] = False

    match: Literal["exact", "near", "semantic"] = "exact"
    """Equal conversations; Jaccard similarity of character 5-grams; cosine of embeddings."""
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Similarity from which rows belong together; 0.8 for near, 0.95 for semantic."""
    part: Part = "conversation"
    """Text that is compared, unless rows must be equal."""
    encoder: Embeddings | None = None
    """Vectors that are compared, for semantic duplicates; the embedded encoder's if none."""
    prefer: AnyScorer | None = None
    """Score by which the row that stays is chosen."""

    @model_validator(mode="before")
    @classmethod
    def _encoder(cls, fields: Any) -> Any:
        return with_encoder(fields)

    def requires(self) -> dict[str, Component]:
        """Return the rows that may be chosen, their groups, and the score if there is one."""
        rows = Chosen(by=self._candidates())
        groups = DuplicateGroups(
            match=self.match,
            threshold=self.threshold,
            part=self.part,
            encoder=self.encoder,
            dataset=rows,
        )
        needs: dict[str, Component] = {"rows": rows, "groups": groups}
        return needs | ({"prefer": self.prefer} if self.prefer else {})

    def _candidates(self) -> Selector:
        if self.prefer is None:
            return Everything(within=self.within)
        return Threshold(
            by=self.prefer,
            within=self.within,
            rule=self.rule,
            without_flags=self.without_flags,
        )

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        rows: PoolView,
        groups: Groups,
        prefer: Scores | None = None,
    ) -> Selection:
        """Return one row per group, in order of id."""
        eligible = np.flatnonzero(allowance.eligible)
        preference: FloatArray | None = None
        if self.prefer is not None and prefer is not None:
            preference = self.prefer.sign * prefer.values[eligible]
        labels = np.arange(len(allowance.eligible))
        labels[rows.positions] = rows.positions[groups.labels]
        stays = np.zeros(len(allowance.eligible), np.bool_)
        stays[eligible[representatives(labels[eligible], preference)]] = True
        return passing_rows(allowance, stays, Reason.NEAR_DUPLICATE)
