"""Any subset of any text file: its records are exported as they came, and nothing else is."""

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from assay.export.original import export_original
from assay.formats.records import Container
from tests.unit.export.helpers import WrittenFile, interleave, write_pieces

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['a "quoted" ]},[{ b', "back\\slash \\", "über\u2028 雨 🎲", "two\nlines", "cr\r\nlf", ",", ""]
)
_values = st.recursive(
    _texts | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_objects = st.dictionaries(_texts, _values, min_size=1, max_size=4)
_space = st.text(" \t\r\n", max_size=3).map(str.encode)
_bom = st.sampled_from([b"", b"\xef\xbb\xbf"])
_line_ends = st.sampled_from([b"\n", b"\r\n"])


def _exported(
    pieces: Sequence[bytes], container: Container, chosen: list[int]
) -> tuple[WrittenFile, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        written = write_pieces(path / f"in.{container}", container, pieces)
        output = path / f"out.{container}"
        origins = [written.origin(row) for row in chosen]
        export_original([written.source], origins, output)
        return written, output.read_bytes()


def _in_order(found: bytes, records: Sequence[bytes]) -> bool:
    position = 0
    for record in records:
        position = found.find(record, position)
        if position < 0:
            return False
        position += len(record)
    return True


def _subset(data: st.DataObject, count: int) -> list[int]:
    rows = st.sampled_from(range(count))
    return data.draw(st.lists(rows, unique=True, min_size=1), label="chosen")


@given(
    rows=st.lists(_objects, min_size=1, max_size=6),
    indent=st.sampled_from([None, 0, 2, "\t"]),
    ascii_only=st.booleans(),
    around=st.tuples(_bom, _space, _space, _space, _space, _space),
    wrapper=st.none() | _objects,
    data=st.data(),
)
def test_json_subset_holds_exactly_the_chosen_bytes(
    rows: list[dict[str, object]],
    indent: int | str | None,
    ascii_only: bool,
    around: tuple[bytes, ...],
    wrapper: dict[str, object] | None,
    data: st.DataObject,
) -> None:
    records = [json.dumps(row, indent=indent, ensure_ascii=ascii_only).encode() for row in rows]
    bom, before, opening, between, closing, after = around
    prefix, suffix = bom + before + b"[" + opening, closing + b"]" + after
    if wrapper is not None:
        inner = json.dumps(wrapper).encode()
        prefix = bom + before + b'{"left": ' + inner + b', "data": [' + opening
        suffix = closing + b'], "right": ' + inner + b"}" + after
    pieces = interleave(prefix, between + b"," + before, suffix, records)
    chosen = _subset(data, len(rows))

    written, found = _exported(pieces, "json", chosen)

    read = json.loads(found.decode("utf-8-sig"))
    assert (read if wrapper is None else read["data"]) == [rows[row] for row in sorted(chosen)]
    assert _in_order(found, [records[row] for row in sorted(chosen)])
    assert (found == written.plain) == (len(chosen) == len(rows))


@given(
    rows=st.lists(_objects, min_size=1, max_size=6),
    ends=st.lists(_line_ends, min_size=6, max_size=6),
    bom=_bom,
    final=st.sampled_from([b"", b"\n", b"\r\n", b"\n\n \n"]),
    data=st.data(),
)
def test_json_lines_subset_holds_exactly_the_chosen_lines(
    rows: list[dict[str, object]],
    ends: list[bytes],
    bom: bytes,
    final: bytes,
    data: st.DataObject,
) -> None:
    records = [json.dumps(row).encode() for row in rows]
    pieces = [bom]
    for record, end in zip(records, ends, strict=False):
        pieces += [record, end]
    pieces[-1] = final
    chosen = _subset(data, len(rows))

    written, found = _exported(pieces, "jsonl", chosen)

    lines = b"".join(pieces[2 * row + 1] + pieces[2 * row + 2] for row in sorted(chosen))
    assert found == bom + lines
    assert (found == written.plain) == (len(chosen) == len(rows))


@given(
    rows=st.lists(st.tuples(_texts, _texts), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=_line_ends,
    bom=_bom,
    has_final_end=st.booleans(),
    container=st.sampled_from(["csv", "tsv"]),
    data=st.data(),
)
def test_table_subset_holds_the_header_and_exactly_the_chosen_lines(
    rows: list[tuple[str, str]],
    quoting: Literal[1, 2],
    end: bytes,
    bom: bytes,
    has_final_end: bool,
    container: Container,
    data: st.DataObject,
) -> None:
    delimiter = "," if container == "csv" else "\t"
    lines = []
    for row in [("first, column\nof two", "label"), *rows]:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="").writerow(row)
        lines.append(buffer.getvalue().encode())
    pieces = interleave(bom + lines[0] + end, end, end if has_final_end else b"", lines[1:])
    chosen = _subset(data, len(rows))

    written, found = _exported(pieces, container, chosen)

    read = csv.reader(io.StringIO(found.decode("utf-8-sig"), newline=""), delimiter=delimiter)
    header, *cells = read
    assert header == ["first, column\nof two", "label"]
    assert cells == [list(rows[row]) for row in sorted(chosen)]
    assert _in_order(found, [lines[row + 1] for row in sorted(chosen)])
    assert (found == written.plain) == (len(chosen) == len(rows))
