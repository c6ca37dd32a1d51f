"""Tree-Instruct: of how many notions a request is made, as a judge takes it apart."""

from collections.abc import Mapping
from typing import Any, ClassVar

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import Comparison, Guide
from assay.components.references import JudgeRef
from assay.features.judged_trees import DEPTH, NODES, TREE_INSTRUCT, JudgedTrees
from assay.features.judging_pass import Answers
from assay.features.judgments import Judged, Reduction
from assay.judging.row_questions import Turns
from assay.samples import FloatArray

_PAIRS = "tests/parity/test_tree_instruct.py"


class TreeInstruct(Scorer):
    """Nodes of the tree of meaning that a judge takes a request apart into, and its depth.

    A statistic that describes a pool rather than a way to select: see below what it is worth.
    """

    name = "tree_instruct"
    columns: ClassVar[tuple[str, ...]] = (NODES, DEPTH)
    unit: ClassVar[str] = "nodes"
    paper: ClassVar[Paper | NoPaper] = TREE_INSTRUCT
    guide: ClassVar[Guide | None] = Guide(
        formula="score = number of nodes of the tree; depth = nodes on its longest way down",
        choose="To describe how demanding requests are, beside other measures of that.",
        avoid="To select by it alone: in the survey's comparison of 6,000 rows each, the rows of "
        "most nodes came out below random ones, and those of the longest instructions above. "
        "And to show that rows became more complex: of 184 published pairs of a request and the "
        "same with nodes added, 178 have more words after than before, so that counting words "
        "alone sees it, and a rise of anything that grows with length proves nothing. Demands "
        "that rules can count, such as of a number of words, rise by 0.35 in the mean, and by "
        "0.05 between requests of equal length. Whether nodes tell more, no judge tried here can "
        "say.",
        compared=(
            Comparison(
                against="replies written by hand, and a recursive count of 200 random trees",
                compared="nodes, depth and reason of each, and the selection, worked out beside "
                "them",
                tolerance="exact",
                test="tests/unit/methods/judged/test_tree_instruct.py",
            ),
            Comparison(
                against="184 published pairs",
                compared="words, and demands that rules count, before and after",
                tolerance="exact",
                test=_PAIRS,
            ),
        ),
        differences={
            "prompt": "Our own wording, which was not tried against the paper's judge.",
            "tree": "A list of nodes that is no tree is a failure; other implementations count the "
            "words of a syntactic parse, or take a number that the judge names.",
            "rows": "Rows are measured. The paper has a model add nodes to them.",
        },
    )

    judge: JudgeRef = ""
    """Model that is asked: an address such as http://host:8000/v1#model@label, a GGUF file, or
    package:NAME."""
    answers: Answers = "auto"
    """How the judge answers: by an object that its server holds to a schema, or in words; by
    default the first of these that it was found to be able to."""
    turns: Turns = "each"
    """Whether every question of a conversation is taken apart, or the last alone."""
    over_turns: Reduction = "max"
    """How the numbers of several turns become one."""

    def requires(self) -> dict[str, Any]:
        """Return the trees."""
        return {"trees": JudgedTrees(judge=self.judge, answers=self.answers, turns=self.turns)}

    def score(self, *, trees: Judged) -> Mapping[str, FloatArray]:
        """Return nodes and depth. Shape (n,) each."""
        return {name: trees.reduced(name, self.over_turns) for name in self.columns}
