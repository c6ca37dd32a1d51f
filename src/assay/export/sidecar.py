"""The file beside an export that says what was chosen, why, and by which run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from assay.files import atomic_stream
from assay.files.frames import stream_blocks
from assay.formats.streams import digest_of
from assay.samples import FloatArray, IdArray, IndexArray, Reason, ReasonArray, Scores
from assay.wording import all_without_folders

FORMAT_VERSION = 2
"""Ranks count from 1; in format 1 they counted from 0."""
_GROUP_ROWS = 1 << 18
Texts = Sequence[str | None]


def write_sidecar(
    output: str | Path,
    *,
    ids: IdArray,
    rank: IndexArray,
    gains: FloatArray,
    scores: Mapping[str, FloatArray | Scores | Texts],
    reasons: ReasonArray,
    manifest: Mapping[str, object],
    origins: pl.DataFrame | None = None,
) -> tuple[Path, Path]:
    """Write ``<output>.assay.parquet`` and ``<output>.assay.json``; equal input gives equal bytes.

    The table has one row per id: ``id`` (16 hex digits), ``rank``, ``gain``, ``reason`` (null for
    a chosen row, else its name), ``file``, ``row`` and ``part`` where origins are given, and for
    each score a column of its name with ``<name>.reason`` where there is no number. The JSON holds
    the manifest, and of the output its name, size and blake2b digest.

    Args:
        output: the exported file; a folder has no size and digest.
        ids: shape (n,), in the order of the exported rows or any other.
        rank: shape (n,), place in the selection from 1; 0 where a row was not chosen.
        gains: shape (n,), NaN where there is none.
        scores: one array of shape (n,) each, NaN where there is no number; or texts, such as why a
            row could not be written, None where there is none.
        reasons: shape (n,), why a row was not chosen; 0 where it was.
        manifest: what made the selection; anything that JSON holds, keys as text.
        origins: where the rows lie in the input, in the order of `ids`: integers in the columns
            ``file``, ``row`` and ``part``.

    Raises:
        DataError: if the files cannot be written.
    """

    def block(rows: slice) -> pl.DataFrame:
        columns = [
            pl.Series("id", [f"{number:016x}" for number in ids[rows].tolist()], dtype=pl.String),
            _null_where(pl.Series("rank", rank[rows], dtype=pl.Int64), rank[rows] < 1),
            _numbers("gain", gains[rows]),
            reason_column("reason", reasons[rows]),
        ]
        if origins is not None:
            columns += [origins[name][rows].cast(pl.Int64) for name in ("file", "row", "part")]
        for name, score in scores.items():
            columns += _score_columns(name, score, rows)
        return pl.DataFrame(columns)

    target = Path(output)
    table, note = (target.with_name(f"{target.name}.assay.{kind}") for kind in ("parquet", "json"))
    with atomic_stream(table) as stream:
        starts = range(0, len(ids), _GROUP_ROWS)
        blocks = (block(slice(start, start + _GROUP_ROWS)) for start in starts)
        stream_blocks(stream, blocks, block(slice(0)).schema, row_group_size=_GROUP_ROWS)
    # Last, so that a manifest never lies beside the table of an earlier export.
    _write_manifest(note, target, manifest)
    return table, note


def _score_columns(name: str, score: FloatArray | Scores | Texts, rows: slice) -> list[pl.Series]:
    if isinstance(score, Scores):
        reasons = reason_column(f"{name}.reason", score.reason[rows])
        return [_numbers(name, score.values[rows]), reasons]
    if isinstance(score, np.ndarray):
        return [_numbers(name, score[rows])]
    return [pl.Series(name, list(score[rows]), dtype=pl.String)]


def _numbers(name: str, values: FloatArray) -> pl.Series:
    return pl.Series(name, np.asarray(values, dtype=np.float64), nan_to_null=True)


def reason_column(name: str, reasons: ReasonArray) -> pl.Series:
    """Return the names of reasons as a column; null where there is none."""
    names = {int(number): Reason(number).name.lower() for number in np.unique(reasons)}
    return pl.Series(
        name, [names[number] if number else None for number in reasons.tolist()], dtype=pl.String
    )


def _null_where(series: pl.Series, missing: np.ndarray) -> pl.Series:
    return series.set(pl.Series(missing), None)


def _write_manifest(path: Path, output: Path, manifest: Mapping[str, object]) -> None:
    described: dict[str, object] = {"name": output.name}
    if output.is_file():
        described |= {"bytes": output.stat().st_size, "blake2b": digest_of(output)}
    # It lies beside what is handed on: where models and files lie here is left out.
    shared = all_without_folders(manifest)
    content = {"format": FORMAT_VERSION, "output": described, "manifest": shared}
    text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True)
    with atomic_stream(path) as stream:
        stream.write(text.encode("utf-8", "backslashreplace") + b"\n")
