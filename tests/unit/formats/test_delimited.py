import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.formats.delimited import BrokenTableError, delimiter_of, table_records
from assay.formats.faults import BadRecord, Fault

# A carriage return alone ends a line for some programs and not for others.
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=12)


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[begin : begin + size] for begin in range(0, len(content), size))


@given(
    st.lists(st.tuples(CELL, CELL), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.booleans(),
)
def test_rows_and_their_bytes_are_those_that_were_written(
    rows: list[tuple[str, str]], newline: str, size: int, bom: bool
) -> None:
    written = []
    for row in [("ask", "say"), *rows]:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator=newline).writerow(row)
        written.append(buffer.getvalue().removesuffix(newline).encode())
    content = b"\xef\xbb\xbf" * bom + newline.encode().join(written) + newline.encode()

    found = list(table_records(pieces(content, size), default_delimiter=","))

    assert [value for value, _, _ in found] == [{"ask": a, "say": b} for a, b in rows]
    assert [content[at : at + length] for _, at, length in found] == written[1:]


def test_a_quote_inside_a_bare_cell_is_text() -> None:
    content = b'size,name\n5" pipe,tube\n6,"a ""b"" c"\n'

    values = [value for value, _, _ in table_records([content], default_delimiter=",")]

    assert values == [{"size": '5" pipe', "name": "tube"}, {"size": "6", "name": 'a "b" c'}]


def test_a_cell_may_be_longer_than_the_csv_module_allows_by_default() -> None:
    content = b"a,b\n" + b"x" * 200_000 + b",y\n"

    ((value, _, length),) = table_records([content], default_delimiter=",")

    assert length == 200_002
    assert isinstance(value, dict)
    assert len(value["a"]) == 200_000


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [("a,b", ","), ("a\tb", "\t"), ("a;b;c", ";"), ("a|b", "|"), ("a", ",")],
)
def test_the_delimiter_is_the_one_the_header_uses(header: str, delimiter: str) -> None:
    assert delimiter_of(header, default=",") == delimiter


def test_blank_lines_are_not_records() -> None:
    content = b"a,b\n\n1,2\n\n"

    assert list(table_records([content], default_delimiter=",")) == [({"a": "1", "b": "2"}, 5, 3)]


def test_an_open_quote_is_reported_at_the_line_where_it_opens() -> None:
    content = b'a,b\n1,"x\ny"\n2,"z\n3,4\n5,6'

    with pytest.raises(BrokenTableError) as caught:
        list(table_records([content], default_delimiter=","))

    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("row", "fault"), [(b"1", Fault.RAGGED_ROW), (b"1,\xff", Fault.INVALID_UTF8)]
)
def test_a_bad_row_is_one_bad_record(row: bytes, fault: Fault) -> None:
    bad, good = table_records([b"a,b\n" + row + b"\n3,4\n"], default_delimiter=",")

    assert isinstance(bad[0], BadRecord)
    assert bad[0].fault is fault
    assert good[0] == {"a": "3", "b": "4"}
