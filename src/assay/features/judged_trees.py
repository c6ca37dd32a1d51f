"""Trees of meaning that a judge takes the questions of a row apart into: their size and depth."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from assay.components.base import NoPaper, Paper
from assay.components.references import PromptRef
from assay.features.judgments import Judged, judged_of
from assay.features.prompted import Prompted
from assay.judging.questioning import Concluded
from assay.judging.replies import Reply
from assay.judging.row_questions import Found
from assay.judging.verdicts import Verdict
from assay.samples import Reason
from assay.solvers.trees import depth_of_tree
from assay.values import RowValue

TREE_INSTRUCT = Paper(
    title="Tree-Instruct: A Preliminary Study of the Intrinsic Relationship between Complexity and "
    "Alignment",
    authors="Zhao et al.",
    year=2024,
    arxiv="2308.05696",
)
NODES, DEPTH = "nodes", "depth"


class JudgedTrees(Prompted):
    """Nodes and depth of the tree that a judge takes each question of a row apart into.

    A list of nodes counts if it is a tree: numbers occur once, the first node is the only root, and
    every other belongs to one before it. What is none is asked for once more, and is a failure
    then. A tree of more than 200 nodes is out of range.
    """

    name = "judged_trees"
    paper: ClassVar[Paper | NoPaper] = TREE_INSTRUCT
    value: ClassVar[type[RowValue]] = Judged

    prompt: PromptRef = "tree_instruct"
    """What is asked: the name of a prompt, or the path of a .toml file of your own that asks for an
    object with a list called "nodes", of objects with the numbers "number" and "parent"."""

    def refined(self, found: Verdict, reply: Reply, slots: Sequence[str]) -> Verdict:
        """Return how large the tree is, if it is one."""
        if found.values is None:
            return found
        nodes: Sequence[Mapping[str, Any]] = found.values[NODES]
        depth = depth_of_tree([(int(node["number"]), int(node["parent"])) for node in nodes])
        if not depth:
            return Verdict(None, Reason.PARSE_FAILED)
        return Verdict({NODES: len(nodes), DEPTH: depth}, Reason.OK)

    def collect(self, rows: Sequence[Concluded[Found]]) -> Judged:
        """Return nodes and depth of each question."""
        return judged_of(rows, (NODES, DEPTH))
