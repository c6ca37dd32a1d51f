"""What a judge said of a row that is shown: its words, and what was read of them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.agreement.judge_replies import Replies, judged_scores, rows_in_view, told_of
from assay.cli.console import labelled
from assay.cli.printing.pilot_report import described_exchange, described_read, read_words
from assay.components.references import name_of, short_name
from assay.errors import AssayError
from assay.wording import one_line, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.workspace.workspace import Workspace

_LONG = 600


def judged_row(project: "Workspace", place: int) -> list[dict[str, Any]]:
    """Return what judges said of a row, for every score that rests on it; nobody is asked.

    Args:
        project: whose row it is.
        place: its position in the pool.
    """
    if not (project.runtime.cache / "judge").is_dir():
        return []
    found = []
    for name, feature in judged_scores(project):
        if not len(rows_in_view(project, feature, np.array([place]))):
            continue
        replies = Replies(project, feature)
        try:
            concluded = replies.about(place)
            exchanges = [each for one in concluded for each in replies.exchanges(one.keys)]
            told = [each for one in concluded for each in told_of(one.finding)]
        except AssayError:
            continue  # its prompt is not here any more, or it cannot be asked so now
        finally:
            replies.close()
        if exchanges:
            found.append(
                {
                    "score": name,
                    "judge": name_of(feature.judge),
                    "replies": [described_exchange(each) for each in exchanges],
                    "read": [described_read(each) for each in told],
                    "words": [read_words(each) for each in told],
                }
            )
    return found


def judged_row_parts(judged: Mapping[str, Any], *, full: bool) -> "Iterator[RenderableType]":
    """Yield what a judge said of a row, for a reader.

    Args:
        judged: one of `judged_row`.
        full: show a long reply to its end.
    """
    from rich.padding import Padding
    from rich.text import Text

    read = ", ".join(judged["words"])
    told = f"{short_name(judged['judge'])}, read as {read}" if read else short_name(judged["judge"])
    yield labelled(judged["score"], told)
    for reply in judged["replies"]:
        said = reply["said"] or reply["outcome"].replace("_", " ")
        yield Padding(Text(plain(said if full else one_line(said, _LONG))), (0, 0, 0, 2))
