"""Scores without ids, laid beside the rows of the data set that they were made for."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from assay.errors import DataError
from assay.formats.judged.tables import Judged
from assay.formats.records import ReadReport, SourceSpec
from assay.formats.sources import read_sources
from assay.samples import Sample


def beside_rows(path: Path, scores: Sequence[Judged], data: Path) -> list[Judged]:
    """Return scores with the id and the texts of the row that each was made for.

    What is known by its place here is known by its id and its text from then on, so the scores
    can be given to any selection of those rows, in any order.

    Args:
        path: the file of the scores.
        scores: as they stand in it.
        data: the data set, in the order in which it was scored.

    Raises:
        DataError: if the scores have ids or texts of their own, or are not as many as the rows.
    """
    if any(score.key or score.prompt or score.response for score in scores):
        raise DataError(
            f"{path}: its records say themselves what they are about",
            hint="they are matched by id or text, whatever the order",
        )
    report = ReadReport()
    found: dict[int, Sample] = {}
    several: set[int] = set()
    for block in read_sources([SourceSpec(str(data))], report=report):
        for sample, origin in zip(block.samples, block.origins, strict=True):
            if origin.row in found:
                several.add(origin.row)
            found[origin.row] = sample
    if report.rows != len(scores):
        raise DataError(
            f"{path} holds {len(scores):,} scores, {data} has {report.rows:,} rows: which score "
            "belongs to which row is not known",
            hint="take the data set as it was when it was scored",
        )
    return [
        score if place in several or place not in found else _beside(score, found[place])
        for place, score in enumerate(scores)
    ]


def _beside(score: Judged, sample: Sample) -> Judged:
    conversation = sample.conversation
    return dataclasses.replace(
        score,
        key=sample.external_id or "",
        prompt=conversation.prompt,
        response=conversation.responses,
        text=conversation.text,
    )
