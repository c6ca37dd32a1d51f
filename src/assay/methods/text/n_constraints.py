"""Number of constraints: how much at once an instruction demands."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.example_rows import CAPITAL
from assay.components.guide import Absent, Comparison, Example, Guide
from assay.components.references import FileRef
from assay.features.constraint_counts import ConstraintCounts
from assay.features.recorded_fields import CARRIED
from assay.features.rule_marks import RuleMarks
from assay.samples import Scores


class ConstraintCount(Scorer):
    """How many constraints an instruction has: a measure of its complexity, without a model.

    Where a record lists its constraints these are counted: CELLO's criteria, FollowBench's level, a
    list `constraints` or `instruction_id_list`. Otherwise it is what the words show: clauses that
    name an amount, a bound, a form, a duty, what to hold or avoid, manner, reader or order, in
    English or Chinese. Columns `recorded` and `read` have the two counts.
    """

    name = "n_constraints"
    rowwise: ClassVar[bool] = False
    prefer: ClassVar[Literal["high", "low"]] = "high"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="complexity as FollowBench has it, the number of constraints, counted by our rules"
    )
    columns: ClassVar[tuple[str, ...]] = ("n_constraints", "recorded", "read")
    guide: ClassVar[Guide | None] = Guide(
        formula="n_constraints = recorded constraints, else demands in the instruction",
        choose="To prefer instructions that demand several things at once, or to see whether a "
        "selection does.",
        avoid="Where some rows list their constraints and others do not: the two counts are not "
        "on one scale, so set `counted=read` or `counted=recorded`. Other languages than English "
        "and Chinese read as demanding nothing. On conversations of many turns, whose demands add "
        "up: 5 % of 999 of ShareGPT in Chinese have 14.4 answers each, the pool 4.4, and "
        "among them are prompts that tell a model to forget its rules, which demand much.",
        compared=(
            Comparison(
                against="FollowBench's levels, each of which adds one constraint",
                compared="what is read off the hardest level of a question against its plain form",
                tolerance="more for nine questions of ten at least, less for none in twenty",
                test="tests/parity/test_followbench.py",
            ),
        ),
        differences=Absent(reason="no paper counts by rules; those that ask a model are others"),
        example=Example(
            rows=(
                CAPITAL,
                (
                    "Write a poem about rain. Use at most 40 words, and do not rhyme.",
                    "Rain on the roof, a slow grey drum.",
                ),
                (
                    "List five rivers in alphabetical order as a table, without their lengths.",
                    "| river |\n|--|\n| Amazon |",
                ),
            ),
            parameters={"counted": "read"},
            reading="Every clause that restricts the answer counts once for each kind of demand.",
        ),
    )

    counted: Literal["either", "recorded", "read"] = "either"
    """What counts: what the record sets, what the words show, or the former where there is one."""
    criteria: FileRef = ""
    """File of questions whose records set constraints; empty if the rows have them."""
    key_field: str = ""
    """Field of rows and file that says which question is whose; empty for the text of the
    instruction."""

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text is read."""
        return CARRIED

    def requires(self) -> dict[str, Any]:
        """Return the counts."""
        return {"counts": ConstraintCounts(criteria=self.criteria, key_field=self.key_field)}

    def score(self, *, counts: RuleMarks) -> Mapping[str, Scores]:
        """Return the count that is asked for, and both. Shape (n,) each, 0 or more."""
        recorded, read = counts.columns["recorded"], counts.columns["read"]
        if self.counted == "recorded":
            main = recorded
        elif self.counted == "read":
            main = read
        else:
            has = recorded.reason == 0
            main = Scores(
                np.where(has, recorded.values, read.values),
                np.where(has, recorded.reason, read.reason),
            )
        return {"n_constraints": main, "recorded": recorded, "read": read}
