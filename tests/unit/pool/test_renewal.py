"""Pools of earlier versions: opened where nothing is missing, else read again and said so."""

import json
import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.errors import EmptyPoolError
from assay.formats.records import SourceSpec
from assay.pool.loading import load_pool
from assay.pool.pool import MESSAGE_FIELDS, Pool

PAIR = {"instruction": "Q", "output": "A"}
TURNS = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
DAMAGED = {"instruction": 3, "output": None}


def _write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def _make_older(folder: Path, pool: Pool, meta: str = "") -> None:
    """Make a stored pool what an earlier version would have written."""
    metadata = pl.read_parquet_metadata(pool.path)
    metadata.pop("ARROW:schema", None)
    older = MESSAGE_FIELDS[:-1]
    pl.read_parquet(pool.path).with_columns(
        pl.col("messages").list.eval(pl.struct([pl.element().struct.field(f) for f in older])),
        meta=pl.lit(meta),
    ).write_parquet(pool.path, metadata=metadata)


def _messages(pool: Pool) -> list[str]:
    return [m.content for c in pool.conversations(np.arange(len(pool))) for m in c.messages]


@pytest.mark.parametrize(
    ("record", "meta", "is_renewed"),
    [
        (PAIR, "", False),
        (PAIR, '{"score": "the tools are fine"}', False),
        (PAIR, '{"images": ["a.png"]}', True),
        (PAIR, '{"Tools": "[]", "x": 1}', True),
        (PAIR, '{"objects": {"bbox": [[1, 2, 3, 4]]}}', True),
        (TURNS, "", True),
    ],
)
def test_an_earlier_pool_is_read_again_only_where_it_may_lack_something(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, record: object, meta: str, is_renewed: bool
) -> None:
    specs = [SourceSpec(str(_write(tmp_path / "data.jsonl", record)))]
    made, _ = load_pool(specs, tmp_path / "p")
    _make_older(tmp_path / "p", made, meta)

    with caplog.at_level(logging.WARNING):
        again, _ = load_pool(specs, tmp_path / "p")

    assert ("the data is read again" in caplog.text) == is_renewed
    assert _messages(again) == ["Q", "A"]
    assert again.digest == made.digest
    caplog.clear()
    load_pool(specs, tmp_path / "p")
    assert ("the data is read again" in caplog.text) is False


def test_where_no_row_can_be_used_the_file_of_rows_set_aside_is_there_and_named(
    tmp_path: Path,
) -> None:
    specs = [SourceSpec(str(_write(tmp_path / "data.jsonl", *[DAMAGED] * 3)), layout="alpaca")]

    with pytest.raises(EmptyPoolError) as caught:
        load_pool(specs, tmp_path / "p", max_set_aside=1.0)

    assert "no row of 3 can be used" in caught.value.message
    assert str(tmp_path / "p" / "set_aside.jsonl") in str(caught.value.hint)
    assert len((tmp_path / "p" / "set_aside.jsonl").read_text().splitlines()) == 3
