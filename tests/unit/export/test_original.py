"""Export in the form of the input: bytes, values, order, and what is refused."""

import gzip
import json
import mmap
from pathlib import Path

import polars as pl
import pytest
import zstandard

from assay.errors import DataError
from assay.export import sources
from assay.export.original import export_original
from assay.samples import Origin
from tests.unit.export.helpers import (
    WrittenFile,
    csv_table,
    exported,
    interleave,
    source_file,
    write_pieces,
)

ALPACA = (
    b'{\n        "instruction": "Add \\u00e9",\n        "output": "a, b]"\n    }',
    '{\n        "instruction": "Zähle {auf}",\n        "output": "1.50"\n    }'.encode(),
    b'{\n        "instruction": "Stop \\"now\\"",\n        "output": "}"\n    }',
)


def _alpaca(tmp_path: Path, name: str = "alpaca.json") -> WrittenFile:
    pieces = interleave(b"[\n    ", b",\n    ", b"\n]", ALPACA)
    return write_pieces(tmp_path / name, "json", pieces)


def _lines(tmp_path: Path, *, end: bytes = b"\n", last: bytes = b"\n") -> WrittenFile:
    records = [b'{"a": 1.50, "b":"x"}', b'{"a": 2, "b": "\\u00e9"}', b'{ "a":3,"b":null }']
    return write_pieces(tmp_path / "rows.jsonl", "jsonl", interleave(b"", end, last, records))


@pytest.mark.parametrize(
    ("prefix", "separator", "suffix"),
    [
        (b"[\n    ", b",\n    ", b"\n]"),
        (b"[", b",", b"]\n"),
        (b"\xef\xbb\xbf \r\n[ ", b" ,\r\n ", b" \r\n] \r\n"),
        (b'{"version": [1, 2], "data": [', b", ", b'], "next": {"list": [[]]}}\n'),
    ],
)
def test_all_rows_of_a_json_list_give_the_input_byte_for_byte(
    tmp_path: Path, prefix: bytes, separator: bytes, suffix: bytes
) -> None:
    pieces = interleave(prefix, separator, suffix, ALPACA)
    written = write_pieces(tmp_path / "in.json", "json", pieces)

    assert exported(written, [2, 0, 1], tmp_path / "out.json") == written.plain


@pytest.mark.parametrize("rows", [[0], [1], [2], [0, 2], [1, 2]])
def test_some_rows_of_a_json_list_stand_in_its_own_brackets_and_separators(
    tmp_path: Path, rows: list[int]
) -> None:
    written = _alpaca(tmp_path)

    found = exported(written, rows, tmp_path / "out.json")

    assert found == b"[\n    " + b",\n    ".join(ALPACA[row] for row in rows) + b"\n]"


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_memory_of_a_large_file_is_given_back_and_its_bytes_stay_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    records = [b'{"instruction": "%d", "output": "%s"}' % (n, b"x" * n) for n in range(400)]
    pieces = interleave(b"[\n", b",\n", b"\n]\n", records)
    written = write_pieces(tmp_path / "in.json", "json", pieces)
    choices = [list(range(400)), list(range(0, 400, 3)), [0, 399]]
    expected = [exported(written, rows, tmp_path / name) for rows in choices]
    given_back = []

    class Counted(mmap.mmap):
        def madvise(self, option: int, *place: int) -> None:
            given_back.append(place)
            super().madvise(option, *place)

    monkeypatch.setattr(mmap, "mmap", Counted)
    monkeypatch.setattr(sources, "_MAPPED_BYTES", 10_000)

    assert [exported(written, rows, tmp_path / name) for rows in choices] == expected
    assert len(given_back) > 10
    assert max(length for _, length in given_back) > len(written.plain) // 2


def test_wrapper_around_the_list_is_kept_around_a_subset(tmp_path: Path) -> None:
    pieces = interleave(b'{"v": [3], "data": [', b", ", b'], "tail": {"x": "]"}}', ALPACA)
    written = write_pieces(tmp_path / "in.json", "json", pieces)

    found = exported(written, [1], tmp_path / "out.json")

    assert found == b'{"v": [3], "data": [' + ALPACA[1] + b'], "tail": {"x": "]"}}'


def test_neighbours_keep_what_stands_between_them_however_irregular(tmp_path: Path) -> None:
    pieces = [b"[", ALPACA[0], b" ,", ALPACA[1], b",\n\n", ALPACA[2], b"]"]
    written = write_pieces(tmp_path / "in.json", "json", pieces)

    assert exported(written, [1, 2], tmp_path / "a.json") == b"".join([b"[", *pieces[3:]])
    assert (
        exported(written, [0, 2], tmp_path / "b.json")
        == b"[" + ALPACA[0] + b" ," + ALPACA[2] + b"]"
    )


@pytest.mark.parametrize(
    ("name", "content"), [("o.json", b"[]\n"), ("o.jsonl", b""), ("o.csv", b"")]
)
def test_nothing_chosen_gives_a_valid_empty_file(tmp_path: Path, name: str, content: bytes) -> None:
    assert exported(_alpaca(tmp_path), [], tmp_path / name).strip() == content.strip()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\r\n\r\n  \n"])
def test_all_json_lines_give_the_input_byte_for_byte(
    tmp_path: Path, end: bytes, last: bytes
) -> None:
    written = _lines(tmp_path, end=end, last=last)

    assert exported(written, [0, 1, 2], tmp_path / "out.jsonl") == written.plain


def test_chosen_lines_keep_their_line_ends(tmp_path: Path) -> None:
    written = _lines(tmp_path, end=b"\r\n", last=b"")

    first, last = (exported(written, [row], tmp_path / f"{row}.jsonl") for row in (0, 2))

    assert first == written.records[0] + b"\r\n"
    assert last == written.records[2]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_csv_keeps_header_quotes_line_ends_and_byte_order_mark(tmp_path: Path, bom: bytes) -> None:
    written = csv_table(tmp_path, bom=bom)
    header = bom + b"text,label\r\n"

    assert exported(written, [0, 1, 2], tmp_path / "all.csv") == written.plain
    assert exported(written, [1], tmp_path / "one.csv") == header + written.records[1] + b"\r\n"
    assert exported(written, [], tmp_path / "none.csv") == header


@pytest.mark.parametrize(("ending", "compression"), [(".gz", "gzip"), (".zst", "zstd")])
def test_packed_sources_and_outputs_hold_the_same_bytes_each_time(
    tmp_path: Path, ending: str, compression: str
) -> None:
    pieces = interleave(b"[\n    ", b",\n    ", b"\n]", ALPACA)
    written = write_pieces(
        tmp_path / f"in.json{ending}",
        "json",
        pieces,
        compression=compression,  # type: ignore[arg-type]
    )
    unpack = {
        ".gz": gzip.decompress,
        ".zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }[ending]

    first = exported(written, [0, 1, 2], tmp_path / f"a.json{ending}")
    second = exported(written, [0, 1, 2], tmp_path / f"b.json{ending}")

    assert unpack(first) == written.plain  # type: ignore[no-untyped-call]
    assert first == second
    assert exported(written, [0, 1, 2], tmp_path / "plain.json") == written.plain


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_columns_keep_values_types_and_order(tmp_path: Path, kind: str) -> None:
    frame = pl.DataFrame(
        {
            "z": [1, None, 3],
            "tags": [["a"], [], None],
            "nested": [{"x": 1.5, "y": None}, {"x": None, "y": "b"}, None],
            "kind": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
            "day": pl.Series([0, 1, 2], dtype=pl.Date),
            "small": pl.Series([1, 2, 3], dtype=pl.Int8),
            "image": [b"\x00", b"\x01", None],
        }
    )
    path = tmp_path / ("in.parquet" if kind == "parquet" else "in.arrow")
    if kind == "parquet":
        frame.write_parquet(path, metadata={"huggingface": '{"info": {}}'})
    elif kind == "arrow":
        frame.write_ipc(path)
    else:
        frame.write_ipc_stream(path)
    container = "parquet" if kind == "parquet" else "arrow"
    source = source_file(path, container)  # type: ignore[arg-type]
    output = tmp_path / f"out.{container}"

    export_original([source], [Origin(0, 2), Origin(0, 0)], output)

    read = {"parquet": pl.read_parquet, "arrow": pl.read_ipc, "stream": pl.read_ipc_stream}[kind]
    found = read(output)
    assert list(found.schema.items()) == list(frame.schema.items())
    assert found.equals(frame[[0, 2]])
    if kind == "parquet":
        assert pl.read_parquet_metadata(output)["huggingface"] == '{"info": {}}'


def test_equal_columns_give_equal_parquet_bytes(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pl.DataFrame({"text": [str(n) for n in range(5000)]}).write_parquet(path)
    origins = [Origin(0, row) for row in range(0, 5000, 7)]
    outputs = [tmp_path / "a.parquet", tmp_path / "b.parquet"]

    for output in outputs:
        export_original([source_file(path, "parquet")], origins, output)

    assert outputs[0].read_bytes() == outputs[1].read_bytes()


SELF_INSTRUCT = (
    b'{"instruction": "Name one", "instances": [{"input": "a", "output": "A"}, '
    b'{"input": "[b", "output": "B"}, {"input": "c", "output": "C"}], "x": 1.0}'
)


def _self_instruct(tmp_path: Path) -> WrittenFile:
    pieces = interleave(b"", b"\n", b"\n", [SELF_INSTRUCT, SELF_INSTRUCT])
    return write_pieces(tmp_path / "seed.jsonl", "jsonl", pieces, layout="self_instruct")


def test_record_with_all_its_instances_is_written_once_and_unchanged(tmp_path: Path) -> None:
    written = _self_instruct(tmp_path)
    origins = [written.origin(row, part=part) for row in (0, 1) for part in (2, 0, 1)]

    report = export_original([written.source], origins, tmp_path / "out.jsonl")

    assert (tmp_path / "out.jsonl").read_bytes() == written.plain
    assert (report.records, report.samples, report.notes) == (2, 6, ())


@pytest.mark.parametrize("name", ["out.jsonl", "out.json"])
def test_record_keeps_only_the_chosen_instances(tmp_path: Path, name: str) -> None:
    written = _self_instruct(tmp_path)
    origins = [written.origin(0, part=part) for part in (2, 0)]

    report = export_original([written.source], origins, tmp_path / name)

    text = (tmp_path / name).read_bytes().strip(b"[]\n")
    assert text == SELF_INSTRUCT.replace(b'{"input": "[b", "output": "B"}, ', b"")
    assert "1 records" in report.notes[0]


def test_parquet_record_keeps_only_the_chosen_instances(tmp_path: Path) -> None:
    path = tmp_path / "seed.parquet"
    pl.DataFrame([json.loads(SELF_INSTRUCT)] * 2).write_parquet(path)
    source = source_file(path, "parquet", layout="self_instruct")

    export_original([source], [Origin(0, 1, 1)], tmp_path / "out.parquet")

    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found["instances"].to_list() == [[{"input": "[b", "output": "B"}]]


def test_several_json_sources_become_one_list_in_source_order(tmp_path: Path) -> None:
    first = _alpaca(tmp_path)
    second = write_pieces(tmp_path / "b.json", "json", interleave(b"[", b",", b"]", [b'{"b": 1}']))
    origins = [second.origin(0, file=1), first.origin(2), first.origin(0)]

    export_original([first.source, second.source], origins, tmp_path / "out.json")

    found = (tmp_path / "out.json").read_bytes()
    assert found == b"[\n    " + b",\n    ".join([ALPACA[0], ALPACA[2], b'{"b": 1}']) + b"\n]"


def test_lines_of_a_file_without_final_line_end_do_not_run_into_the_next(tmp_path: Path) -> None:
    first = _lines(tmp_path, last=b"")
    second = write_pieces(tmp_path / "b.jsonl", "jsonl", [b"", b'{"b": 1}', b"\n"])
    origins = [first.origin(2), second.origin(0, file=1)]

    export_original([first.source, second.source], origins, tmp_path / "out.jsonl")

    assert (tmp_path / "out.jsonl").read_bytes() == first.records[2] + b'\n{"b": 1}\n'


def test_folder_output_gets_one_file_per_input(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    first = _alpaca(tmp_path / "in")
    second = _lines(tmp_path / "in" / "deep")

    report = export_original(
        [first.source, second.source],
        [first.origin(1), second.origin(1, file=1)],
        tmp_path / "out",
    )

    assert report.paths == (tmp_path / "out/alpaca.json", tmp_path / "out/deep/rows.jsonl")
    assert json.loads(report.paths[0].read_bytes()) == [json.loads(ALPACA[1])]
    assert report.paths[1].read_bytes() == second.records[1] + b"\n"


def test_source_that_changed_since_loading_is_refused(tmp_path: Path) -> None:
    written = _alpaca(tmp_path)
    written.source.path.write_bytes(written.plain.replace(b"now", b"own"))

    with pytest.raises(DataError, match="changed since it was loaded") as caught:
        exported(written, [0], tmp_path / "out.json")

    assert "load it again" in str(caught.value.hint)
    assert not (tmp_path / "out.json").exists()


def test_source_that_is_gone_is_named(tmp_path: Path) -> None:
    written = _alpaca(tmp_path)
    written.source.path.unlink()

    with pytest.raises(DataError, match=r"alpaca\.json again"):
        exported(written, [0], tmp_path / "out.json")


def test_sample_chosen_twice_is_refused(tmp_path: Path) -> None:
    written = _alpaca(tmp_path)

    with pytest.raises(DataError, match=r"row 1 of .* more than once"):
        exported(written, [1, 1], tmp_path / "out.json")


@pytest.mark.parametrize("name", ["alpaca.json", "link.json"])
def test_input_is_never_overwritten(tmp_path: Path, name: str) -> None:
    written = _alpaca(tmp_path)
    (tmp_path / "link.json").symlink_to(tmp_path / "alpaca.json")

    with pytest.raises(DataError, match="one of the files that were loaded"):
        exported(written, [0], tmp_path / name)

    assert written.source.path.read_bytes() == written.plain


def test_tables_with_different_columns_are_not_merged(tmp_path: Path) -> None:
    first = csv_table(tmp_path)
    second = write_pieces(tmp_path / "b.csv", "csv", [b"label,text\n", b"a,b", b"\n"])

    with pytest.raises(DataError, match="different columns") as caught:
        export_original(
            [first.source, second.source],
            [first.origin(0), second.origin(0, file=1)],
            tmp_path / "out.csv",
        )

    assert "folder" in str(caught.value.hint)


def test_parquet_files_with_different_types_are_not_merged(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"a": ["1"]}).write_parquet(tmp_path / "b.parquet")
    sources = [source_file(tmp_path / f"{name}.parquet", "parquet") for name in "ab"]

    with pytest.raises(DataError, match="different columns or types"):
        export_original(sources, [Origin(0, 0), Origin(1, 0)], tmp_path / "out.parquet")


def test_packed_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="packed inside"):
        exported(_alpaca(tmp_path), [0], tmp_path / "out.parquet.gz")


def test_mixed_layouts_are_noted(tmp_path: Path) -> None:
    first = _alpaca(tmp_path)
    second = write_pieces(
        tmp_path / "b.json", "json", [b"[", b'{"conversations": []}', b"]"], layout="sharegpt"
    )

    report = export_original(
        [first.source, second.source],
        [first.origin(0), second.origin(0, file=1)],
        tmp_path / "out.json",
    )

    assert any("mixes the layouts alpaca, sharegpt" in note for note in report.notes)
