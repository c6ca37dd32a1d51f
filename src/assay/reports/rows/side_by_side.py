"""Sections that show groups of rows beside each other: numbers, make-up, meaning."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from assay.assessment.wording import language_name
from assay.components.base import Component
from assay.components.walk import walk
from assay.features.embeddings import Embeddings
from assay.features.text import RowAttribute
from assay.html import Html, element, section
from assay.reports.rows.chart import embedding_map
from assay.reports.rows.groups import Groups
from assay.reports.rows.pictures import legend, length_pictures, make_ups, score_pictures
from assay.samples import Attribute, Scores
from assay.wording import number_text
from assay.workspace.workspace import Workspace

_ATTRIBUTES: tuple[Attribute, ...] = ("source", "task", "language")


def beside_each_other(
    title: str, project: Workspace, groups: Groups, scores: Mapping[str, Scores]
) -> Html:
    """Return lengths, turns and scores of the groups."""
    pictures = [*length_pictures(project.pool, groups), *score_pictures(scores, groups)]
    hint = "Each to its own height; the triangle marks the median."
    return section(
        title,
        legend(groups),
        element("p", hint, class_="soft"),
        element("div", *pictures, class_="grid"),
    )


def what_rows_are(project: Workspace, groups: Groups) -> Html | None:
    """Return the groups' sources, tasks and languages; None where all rows are of one kind."""
    drawn = list(make_ups(_attribute_words(project), groups))
    return section("What the rows are", element("div", *drawn, class_="grid")) if drawn else None


def by_meaning(project: Workspace, groups: Groups, components: Sequence[Component]) -> Html:
    """Return the map of the groups by the vectors that some components read."""
    read = [part for part in walk(components) if isinstance(part, Embeddings)]
    hint = (
        "Rows near each other say nearly the same: the first two principal components of sentence "
        "vectors. Hover over a row for its prompt."
    )
    return section(
        "By meaning",
        element("p", hint, class_="soft"),
        legend(groups),
        embedding_map(project, groups, read[0] if read else Embeddings()),
    )


def numbers_of(scores: Mapping[str, Scores], position: int) -> list[str]:
    """Return the numbers of a row, each after its name."""
    values = {name: float(score.values[position]) for name, score in scores.items()}
    return [f"{name} {number_text(v)}" for name, v in values.items() if not np.isnan(v)]


def _attribute_words(project: Workspace) -> dict[str, pl.Series]:
    """Return the words of every row of the pool, by attribute."""
    found: dict[str, pl.Series] = {}
    for name in _ATTRIBUTES:
        words = project.engine.value(RowAttribute(attribute=name)).values
        if len(words) < len(project.pool):  # of the rows that are not held out
            every = pl.Series([""] * len(project.pool), dtype=pl.String)
            words = every.scatter(np.flatnonzero(~project.pool.held_out), words)
        found[name] = words.cast(pl.String)
    languages = found["language"]
    found["language"] = languages.replace(
        {code: language_name(code) for code in languages.unique()}
    )
    return found
