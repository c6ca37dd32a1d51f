"""A map of rows: near each other where their texts mean nearly the same."""

from collections.abc import Sequence

import numpy as np

from assay.features.embeddings import Embeddings
from assay.features.text import part_of
from assay.html import Html, element, number
from assay.reports.rows.groups import GREY, Groups
from assay.reports.svg import colour, drawing
from assay.samples import Float32Array, FloatArray, IndexArray
from assay.wording import one_line
from assay.workspace.workspace import Workspace

MOST_GREY = 2000
MOST_COLOURED = 600
_WIDTH = 640.0
_HEIGHT = 420.0
_MARGIN = 10.0
_FAR = 0.01
_TITLE = 90


def embedding_map(project: Workspace, groups: Groups, embeddings: Embeddings) -> Html:
    """Return the first two principal components of the rows' vectors, groups in their colours.

    Of a grey group at most 2,000 rows are drawn, of another at most 600, at even distances in the
    order of ids, which is random. Rows farther out than 99 % of all stand at the border.

    Args:
        project: whose rows they are.
        groups: what is drawn, later ones above.
        embeddings: which text is embedded, and by which encoder.
    """
    drawn = [_spread(group.rows, MOST_GREY if group.colour == GREY else MOST_COLOURED)
             for group in groups]  # fmt: skip
    pool = project.pool
    wanted = np.unique(np.concatenate(drawn))
    resolved = project.engine.resolve(embeddings)
    conversations = pool.conversations(wanted)
    texts = [part_of(conversation, resolved.part) for conversation in conversations]
    vectors = project.runtime.encoder(resolved.model).encode_and_flag(texts).vectors
    places = _in_frame(_components(vectors))
    marks: list[Html] = []
    for group, rows in zip(groups, drawn, strict=True):
        own = np.searchsorted(wanted, rows)
        if group.colour == GREY:
            marks.append(_dots(places[own]))
            continue
        for place in own.tolist():
            tip = element("title", one_line(conversations[place].prompt, _TITLE))
            x, y = places[place].tolist()
            marks.append(
                element("circle", tip, cx=x, cy=y, r=2.6, fill=colour(group.colour),
                        fill_opacity=0.8)
            )  # fmt: skip
    label = "rows by meaning: " + ", ".join(group.name for group in groups)
    return drawing(_WIDTH, _HEIGHT, label, *marks)


def _spread(rows: IndexArray, most: int) -> IndexArray:
    ordered = np.sort(rows)
    if len(ordered) <= most:
        return ordered
    return ordered[np.linspace(0, len(ordered) - 1, most).astype(np.int64)]


def _components(vectors: Float32Array) -> FloatArray:
    """Return the first two principal components. Shape (n, 2)."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    if min(centred.shape) < 2:
        return np.zeros((len(vectors), 2))
    _, axes = np.linalg.eigh(centred.T @ centred)
    main = axes[:, :-3:-1]
    # An axis has no direction of its own; the largest part of each is made positive.
    signs = np.sign(main[np.abs(main).argmax(axis=0), [0, 1]])
    return centred @ (main * signs)


def _in_frame(points: FloatArray) -> FloatArray:
    low, high = np.quantile(points, [_FAR, 1 - _FAR], axis=0)
    wide = np.where(high > low, high - low, 1.0)
    shares = np.clip((points - low) / wide, -0.04, 1.04) * 0.92 + 0.04
    return shares * [_WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN] + _MARGIN


def _dots(points: Sequence[Sequence[float]] | FloatArray) -> Html:
    """Return many dots as one path, which takes a tenth of the room that circles do."""
    path = "".join(f"M{number(float(x))} {number(float(y))}h0" for x, y in points)
    return element(
        "path", d=path, stroke="var(--soft)", stroke_width=2.4, stroke_linecap="round",
        stroke_opacity=0.35, fill="none",
    )  # fmt: skip
