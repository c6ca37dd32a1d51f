"""Trees that are given as a list of nodes, each with the one that it belongs to."""

from collections.abc import Sequence

ROOT = 0
"""What the root belongs to."""


def depth_of_tree(nodes: Sequence[tuple[int, int]]) -> int:
    """Return how many nodes lie on the longest way down, the root included; 0 for what is no tree.

    It is one if the first node belongs to `ROOT` and no other does, numbers occur once, and every
    node belongs to one before it. So there is one root, and no circle.

    Args:
        nodes: number of each, which is not `ROOT`, and of the node that it belongs to.
    """
    depth: dict[int, int] = {}
    for number, parent in nodes:
        is_first = not depth
        if number == ROOT or number in depth or is_first != (parent == ROOT):
            return 0
        if not is_first and parent not in depth:
            return 0
        depth[number] = 1 if is_first else depth[parent] + 1
    return max(depth.values(), default=0)
