"""Tables that are written block by block."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataError
from assay.files.frames import (
    Late,
    read_blocks,
    read_frame,
    read_metadata,
    row_count,
    write_blocks,
    write_frame,
)
from tests.patience import run

_GROUP = 1000
_LATE = Late("digest", 16, lambda path: f"{row_count_unchecked(path):016x}")

_KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
import polars as pl
from assay.files.frames import Late, write_blocks

def killed(path):
    os.kill(os.getpid(), signal.SIGKILL)

blocks = [pl.DataFrame({"x": [1, 2]})]
late = Late("digest", 16, killed)
write_blocks(Path(sys.argv[1]), blocks, blocks[0].schema, row_group_size=10, late=late)
"""


def row_count_unchecked(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _table(rows: int = 2500) -> pl.DataFrame:
    texts = [f"row {row} " + "and so on, " * (row % 30) for row in range(rows)]
    talks = [[{"role": "user", "content": text}] * (row % 3) for row, text in enumerate(texts)]
    schema = {"role": pl.String, "content": pl.String}
    return pl.DataFrame(
        {"id": range(rows), "text": texts, "talk": talks},
        schema_overrides={"talk": pl.List(pl.Struct(schema))},
    )


def _write(path: Path, blocks: Iterator[pl.DataFrame] | list[pl.DataFrame]) -> bytes:
    write_blocks(path, blocks, _table(1).schema, row_group_size=_GROUP, late=_LATE)
    return path.read_bytes()


@pytest.mark.parametrize("size", [1, 7, 999, 1000, 2500])
def test_a_table_has_the_same_bytes_whatever_its_blocks(tmp_path: Path, size: int) -> None:
    table = _table()
    whole = _write(tmp_path / "whole.parquet", [table])

    blocks = [table[start : start + size] for start in range(0, len(table), size)]

    assert _write(tmp_path / "blocks.parquet", blocks) == whole
    assert read_frame(tmp_path / "blocks.parquet").equals(table)
    assert read_metadata(tmp_path / "blocks.parquet")["digest"] == f"{2500:016x}"


def test_a_table_of_one_group_has_the_bytes_of_one_that_is_written_whole(tmp_path: Path) -> None:
    table = _table(_GROUP - 1)
    metadata = {"digest": f"{len(table):016x}"}
    write_frame(tmp_path / "whole.parquet", table, metadata, row_group_size=_GROUP)

    made = _write(tmp_path / "blocks.parquet", [table[:10], table[10:]])

    assert made == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize(
    ("count", "heights"), [(2500, [600, 600, 600, 600, 100]), (1200, [600, 600]), (0, [0])]
)
def test_blocks_are_read_in_order_and_rows_are_counted(
    tmp_path: Path, count: int, heights: list[int]
) -> None:
    path = tmp_path / "table.parquet"
    write_frame(path, _table(count), {}, row_group_size=_GROUP)

    blocks = list(read_blocks(path, ["id"], rows=600))

    assert [len(block) for block in blocks] == heights
    assert pl.concat(blocks)["id"].to_list() == list(range(count))
    assert row_count(path) == count


def test_an_error_of_the_blocks_is_told_as_it_is_and_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterator[pl.DataFrame]:
        yield _table(1200)
        raise DataError("the rows are gone", hint="fetch them")

    with pytest.raises(DataError, match="the rows are gone"):
        _write(tmp_path / "table.parquet", breaking())

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    killed = run([sys.executable, "-c", _KILLED_WHILE_WRITING, path])
    assert killed.returncode == -signal.SIGKILL
    assert [each.suffix for each in tmp_path.iterdir()] == [".tmp"]

    _write(path, [_table(3)])

    assert [each.name for each in tmp_path.iterdir()] == ["table.parquet"]
