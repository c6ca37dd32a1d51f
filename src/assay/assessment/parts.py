"""Projects as datasets: a whole one, or its parts by what its rows carry."""

import numpy as np

from assay.assessment.rows import Rows
from assay.assessment.wording import language_name
from assay.features.text import RowAttribute
from assay.pool.view import PoolView
from assay.samples import Attribute
from assay.values import Labels
from assay.workspace.workspace import Workspace

ATTRIBUTES: tuple[Attribute, ...] = ("source", "task", "language")
"""What rows can be divided by."""
MOST_PARTS = 12


def whole(project: Workspace, name: str, source: str) -> Rows:
    """Return all rows of a project as one dataset."""
    record = project.load_record
    return Rows(
        name=name,
        source=source,
        view=PoolView(project.pool),
        set_aside=dict(record.set_aside),
        notes=tuple(record.notes),
    )


def parts_of(
    project: Workspace, by: Attribute, *, most: int = MOST_PARTS
) -> tuple[list[Rows], str]:
    """Return the parts of a project by source, task or language, the largest first.

    Args:
        project: whose rows are divided.
        by: the word of a row that says where it belongs.
        most: how many parts; the smaller ones are left out.

    Returns:
        The parts, and what a person should know about those that are left out.
    """
    labels: Labels = project.engine.over_all_rows().value(RowAttribute(attribute=by))
    words = np.array(labels.values.to_list(), dtype=np.str_)
    distinct, counts = np.unique(words, return_counts=True)
    order = np.lexsort((distinct, -counts))
    found = []
    for place in order[:most].tolist():
        word = str(distinct[place])
        index = np.flatnonzero(words == word).astype(np.int64)
        shown = language_name(word) if by == "language" else word or f"(no {by})"
        found.append(Rows(shown, f"{by} {word!r}", PoolView(project.pool, index)))
    left = counts[order[most:]]
    note = ""
    if len(left):
        note = f"{len(left):,} smaller parts by {by}, {int(left.sum()):,} rows, are left out"
    return found, note
