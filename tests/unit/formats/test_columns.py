"""Columns of a score file are read whole, or not at all and with the place."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from assay.errors import FormatError
from assay.formats.columns import column_names, read_columns

NESTED = b"[" * 200_000 + b"]" * 200_000

BROKEN = {
    "a cell too many": ("s.csv", b"id,score\na,1\nb,2,\n", "line 3, record 2: 3 cells", "quotes"),
    "a cell too few": ("s.tsv", b"id\tx\tscore\na\t1\t2\nb\t2\n", "line 3, record 2: 2 cells", ""),
    "a quote that never ends": ("s.csv", b'id,score\na,"1\nb,2\n', "line 2: a quoted", "close"),
    "a name twice": ("s.csv", b"score,id,score\n1,a,2\n", "same name, 'score'", "rename"),
    "no name twice": ("s.csv", b"id,score,,\na,1,,\n", "two columns have no name", "rename"),
    "a deep line": ("s.jsonl", b'{"id":1,"score":2,"m":' + NESTED + b"}\n", "record 1: nested", ""),
    "a deep list": ("s.json", b'[{"id":1,"score":2,"m":' + NESTED + b"}]", "nested", ""),
    "a field twice": ("s.jsonl", b'{"score":1,"id":1}\n\n{"score":1,"id":2,"score":3}\n',
                      "line 3, record 2: the field 'score' is given 2 times", "keep one"),
    "a field twice in a list": ("s.json", b'[{"id":1,\n"score":1,"score":1}]',
                                "'score' is given 2 times", "keep one"),
    "a field twice, once escaped": ("s.jsonl", b'{"id":1,"score":1,"\\u0073core":4}',
                                    "'score' is given 2 times", "keep one"),
    "a line that is no object": ("s.jsonl", b'{"id":1,"score":1}\n7\n',
                                 "line 2, record 2: a number, not an object", "mend"),
    "a line that is no JSON": ("s.jsonl", b'{"id":1,"score":1}\n{"id":1,\n', "record 2", ""),
    "Latin-1": ("s.csv", b"id,score\na,1\n\xe9,2\n", "line 3, record 2: byte 1", "UTF-8"),
    "nothing": ("s.csv", b"", "the file is empty", ""),
    "a header alone": ("s.csv", b"id,score\n", "no records", ""),
    "no Parquet": ("s.parquet", b"PAR1....", "damaged", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_clear_is_one_error_with_its_place_and_remedy(
    tmp_path: Path, case: str
) -> None:
    name, content, message, hint = BROKEN[case]
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(FormatError) as caught:
        read_columns(path, ["id", "score"])

    assert str(path) in caught.value.message
    assert message in caught.value.message
    assert caught.value.hint
    assert hint in caught.value.hint


def test_parquet_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "s.parquet"
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["score", "score"])
    pq.write_table(table, path)

    with pytest.raises(FormatError, match="same name"):
        column_names(path)


def test_a_name_twice_in_a_field_that_is_not_asked_for_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'{"id":"a","score":1,"why":{"score":2},"x":1,"x":2}\n')

    assert read_columns(path, ["id", "score"]) == {"id": ["a"], "score": [1]}


def test_packed_files_and_arrow_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "s.csv.gz").write_bytes(gzip.compress(b"id;score\na;1\n"))
    pl.DataFrame({"id": ["a"], "score": [1]}).write_ipc(tmp_path / "s.arrow")

    assert read_columns(tmp_path / "s.csv.gz", ["score", "id"]) == {"score": ["1"], "id": ["a"]}
    assert read_columns(tmp_path / "s.arrow", ["score"]) == {"score": [1]}
    assert column_names(tmp_path / "s.csv.gz") == ["id", "score"]
