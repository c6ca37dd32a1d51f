"""Tags of the turns of rows, together."""

from collections.abc import Sequence

import numpy as np

from assay.samples import Flag, FlagArray, ReasonArray
from assay.tags import Tags
from assay.texts.tag_lists import TagList


def tags_of_turns(
    turns: Sequence[Sequence[TagList]], reason: ReasonArray, flags: FlagArray
) -> Tags:
    """Return the tags of rows, each once, in the order of turns.

    A turn without tags leaves its row without any, and with its reason. A list that broke off flags
    its row.

    Args:
        turns: of each row what was read of each turn. Length n.
        reason: why a row was not asked about, 0 where it was. Shape (n,).
        flags: of the rows besides. Shape (n,).
    """
    lists: list[list[str]] = []
    reasons, raised = reason.copy(), flags.copy()
    for place, read in enumerate(turns):
        failed = next((each.reason for each in read if each.reason), reasons[place])
        reasons[place] = reasons[place] or failed
        known = () if reasons[place] else read
        if any(each.is_cut for each in known):
            raised[place] |= np.uint16(Flag.TEXT_TRUNCATED)
        lists.append(list(dict.fromkeys(tag for each in known for tag in each.tags)))
    return Tags.of(lists, reasons, raised)
