"""Scores as a table that can be joined to the data they are of."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from assay.components.result_names import free_name
from assay.errors import UsageError
from assay.export.sidecar import reason_column
from assay.files import atomic_stream
from assay.formats.forms import output_form
from assay.pool.pool import Pool, format_id
from assay.samples import IndexArray
from assay.stores.score_columns import beside, columns_in, stored_name
from assay.wording import readable_name

FrameOrder: TypeAlias = Literal["id", "source"]
FRAME_ENDINGS = (".parquet", ".csv", ".jsonl")


def score_frame(
    pool: Pool, files: Sequence[Path], scores: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return ids, places of origin, and scores with their reasons, ascending by id.

    A score goes by its name, each of its further columns by that and its own after a dot.

    Args:
        pool: the rows.
        files: that were loaded, in the order in which origins count them.
        scores: stored results of the pool's rows by name.
    """
    names = pl.Series(_short_names(files), dtype=pl.String)
    columns = {
        "id": pl.Series([format_id(row_id) for row_id in pool.ids.tolist()], dtype=pl.String),
        "file": names[pool.column("file")],
        "record": pool.column("row").cast(pl.Int64),
        "sample": pool.column("part").cast(pl.Int64),
    }
    for name, stored in scores.items():
        main = free_name(name, columns)
        for column in columns_in(stored):
            own = main if main not in columns else free_name(f"{main}.{column}", columns)
            columns[own] = stored[stored_name(column)].fill_nan(None)
            reasons = stored[beside(column, "reason")].to_numpy()
            columns[free_name(f"{own}.reason", columns)] = reason_column("reason", reasons)
    return pl.DataFrame(columns)


def _short_names(files: Sequence[Path]) -> list[str]:
    """Return the paths from the folder on that holds all of them."""
    absolute = [path.absolute() for path in files]
    folder = os.path.commonpath([path.parent for path in absolute]) if files else ""
    return [readable_name(path.relative_to(folder).as_posix()) for path in absolute]


def in_source_order(pool: Pool) -> IndexArray:
    """Return the rows' positions as they lie in the source: by file, record and sample."""
    places = [pool.column(name).to_numpy() for name in ("part", "row", "file")]
    return np.lexsort(places)


def check_frame_path(path: Path) -> None:
    """Refuse a name that asks for no kind of table.

    Raises:
        UsageError: if its ending is none of `FRAME_ENDINGS`.
    """
    form = output_form(path)
    if form is None or form.compression != "none" or form.ending not in FRAME_ENDINGS:
        raise UsageError(
            f"{path} does not say what kind of table it is to be",
            hint=f"a name that ends in {', '.join(FRAME_ENDINGS[:-1])} or {FRAME_ENDINGS[-1]}",
        )


def write_frame_file(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as its name's ending says, whole or not at all.

    Raises:
        UsageError: if it says nothing that is known.
        DataError: if the file cannot be written.
    """
    check_frame_path(path)
    form = output_form(path)
    with atomic_stream(path) as stream:
        match form and form.container:
            case "csv":
                frame.write_csv(stream)
            case "jsonl":
                frame.write_ndjson(stream)
            case _:
                frame.write_parquet(stream)
