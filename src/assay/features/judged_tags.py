"""Tags that a judge gives the questions of a row."""

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.references import PromptRef
from assay.features.normalised_tags import INSTAG
from assay.features.prompted import Prompted
from assay.features.turn_tags import tags_of_turns
from assay.judging.answer_places import answered
from assay.judging.questioning import Concluded
from assay.judging.replies import Reply
from assay.judging.row_questions import Found
from assay.judging.verdicts import Verdict
from assay.samples import Reason
from assay.tags import Tags
from assay.texts.tag_lists import TagList, is_echo, read_tags
from assay.values import RowValue

_LIST = "tags"
_CUT = "is_cut"
_AROUND = re.compile(r"\{\s*\"tags\"\s*:\s*")


class JudgedTags(Prompted):
    """The tags that a judge gives all that a row's user asks, of all turns together.

    It is asked for a list of tags with an explanation each. A list without explanations, or of
    texts alone, is read as well. A reply that holds none is asked for once more, and so is one that
    broke off, with more room; where that breaks off, too, the tags before the break count, and the
    row is flagged TEXT_TRUNCATED. A list of more than 50, and one that the row itself holds, are
    none. A turn without tags leaves the row without any, and with a reason; an empty list is a
    value.
    """

    name = "judged_tags"
    paper: ClassVar[Paper | NoPaper] = INSTAG
    value: ClassVar[type[RowValue]] = Tags

    prompt: PromptRef = "instag"
    """What is asked: the name of a prompt, or the path of a .toml file of your own that asks for an
    object with a list called "tags"."""

    def refined(self, found: Verdict, reply: Reply, slots: Sequence[str]) -> Verdict:
        """Return the tags of a reply, of one that broke off those before the break."""
        if reply.outcome is not Reason.OK or found.reason is Reason.OUT_OF_RANGE:
            return found
        whole = found.values is not None
        read = read_tags(found.values[_LIST]) if found.values else _of_text(reply)
        if read.reason or (not whole and is_echo(read, slots)):
            return Verdict(None, found.reason or read.reason)
        content = {_LIST: read.tags, _CUT: read.is_cut}
        return Verdict(content, Reason.REPLY_TRUNCATED if read.is_cut else Reason.OK)

    def collect(self, rows: Sequence[Concluded[Found]]) -> Tags:
        """Return the tags of rows, each once, in the order of turns."""
        return tags_of_turns(
            [
                [_read(verdict) for group in row.finding.verdicts for verdict in group]
                for row in rows
            ],
            np.array([row.finding.reason for row in rows], np.uint8),
            np.array([int(row.finding.flags) for row in rows], np.uint16),
        )


def _read(verdict: Verdict) -> TagList:
    if verdict.values is None:
        return TagList((), verdict.reason)
    return TagList(verdict.values[_LIST], is_cut=verdict.values[_CUT])


def _of_text(reply: Reply) -> TagList:
    """Return the tags of a reply that is not of the form; of one that was cut those it came to."""
    text = answered(reply.text)
    if reply.finish != "length":
        return read_tags(text)
    # The object around the list was to be closed as well.
    *_, inner = _AROUND.split(text)
    return read_tags(inner)._replace(is_cut=True)
