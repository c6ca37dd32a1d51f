"""Whether a pool that an earlier version wrote lacks what this one reads from the same data."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from assay.files.columnar import parquet_types, scan_parquet
from assay.formats.beside import HISTORY, LABEL, SYSTEM, TOOLS
from assay.formats.media import FIELDS, OBJECTS
from assay.pool.pool import holds_more

_NAMES = (
    *SYSTEM, *HISTORY, *TOOLS, *LABEL, OBJECTS,
    *(name for names in FIELDS.values() for name in names),
)  # fmt: skip
# Their turns are read more closely: media, and marks of what is not to be learned.
_OF_TURNS = frozenset({"messages", "sharegpt", "exchanges", "preference",
                       "prompt_completion_messages"})  # fmt: skip


def lacks_fields(path: Path, layouts: Iterable[str]) -> bool:
    """Tell whether rows of a stored pool may lack something that their records hold.

    Args:
        path: the pool's file.
        layouts: names of the layouts that its files were read in.
    """
    if holds_more(parquet_types(path)["messages"]):
        return False
    if not _OF_TURNS.isdisjoint(layouts):
        return True
    # What a layout did not read lies among the other values of a row, as JSON under its name.
    named = rf'(?i)"({"|".join(_NAMES)})": '
    found = scan_parquet(path).select(pl.col("meta").str.contains(named).any())
    return bool(found.collect(engine="streaming").item())
