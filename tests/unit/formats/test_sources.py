import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest
import zstandard

from assay.errors import FormatError
from assay.formats import ReadReport, SourceSpec, detect, read_sources
from assay.formats.places import default_names, is_hub_name, split_of
from assay.samples import Origin, Sample

ROWS = [
    {"instruction": f"Frage {n} «é»", "input": "" if n % 2 else "雪", "output": f"Antwort\n{n}"}
    for n in range(23)
]


def load(
    *specs: SourceSpec, report: ReadReport | None = None, block_rows: int = 8192
) -> tuple[list[Sample], list[Origin]]:
    report = ReadReport() if report is None else report
    blocks = list(read_sources(specs, report=report, block_rows=block_rows))
    samples = [sample for block in blocks for sample in block.samples]
    return samples, [origin for block in blocks for origin in block.origins]


def as_json_lines(rows: Sequence[Mapping[str, str]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def as_list(rows: Sequence[Mapping[str, str]]) -> bytes:
    return json.dumps(rows, indent=4).encode()


def as_object(rows: Sequence[Mapping[str, str]]) -> bytes:
    return json.dumps({"version": "1", "data": rows}).encode()


def as_frame(method: str, **options: object) -> Callable[[Sequence[Mapping[str, str]]], bytes]:
    def write(rows: Sequence[Mapping[str, str]]) -> bytes:
        buffer = io.BytesIO()
        getattr(pl.DataFrame(list(rows)), method)(buffer, **options)
        return buffer.getvalue()

    return write


WRITERS: dict[str, Callable[[Sequence[Mapping[str, str]]], bytes]] = {
    "a.jsonl": as_json_lines,
    "a.json": as_list,
    "wrapped.json": as_object,
    "lines.json": as_json_lines,
    "list.jsonl": as_list,
    "a.csv": as_frame("write_csv"),
    "a.tsv": as_frame("write_csv", separator="\t"),
    "semicolon.csv": as_frame("write_csv", separator=";"),
    "a.parquet": as_frame("write_parquet"),
    "a.arrow": as_frame("write_ipc"),
    "stream.arrow": as_frame("write_ipc_stream"),
    "a.jsonl.gz": lambda rows: gzip.compress(as_json_lines(rows)),
    "a.json.zst": lambda rows: zstandard.compress(as_list(rows)),
    "a.csv.gz": lambda rows: gzip.compress(as_frame("write_csv")(rows)),
    "two-frames.jsonl.zst": lambda rows: (
        zstandard.compress(as_json_lines(rows[:9])) + zstandard.compress(as_json_lines(rows[9:]))
    ),
    "no-ending": as_json_lines,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_container_gives_the_same_samples(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(WRITERS[name](ROWS))
    report = ReadReport()

    samples, origins = load(SourceSpec(str(path), name="s"), report=report)

    messages = [sample.conversation.messages for sample in samples]
    assert [(m[0].content, m[0].context, m[1].content) for m in messages] == [
        (row["instruction"], row["input"], row["output"]) for row in ROWS
    ]
    assert [origin[:3] for origin in origins] == [(0, row, 0) for row in range(23)]
    assert (report.rows, report.samples, report.set_aside) == (23, 23, [])


@pytest.mark.parametrize(
    ("name", "parse"),
    [
        ("a.jsonl", json.loads),
        ("a.json", json.loads),
        ("wrapped.json", json.loads),
        ("a.jsonl.gz", json.loads),
        ("a.json.zst", json.loads),
    ],
)
def test_places_in_bytes_delimit_each_record_in_the_unpacked_file(
    name: str, parse: Callable[[bytes], object], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(WRITERS[name](ROWS))
    unpacked = WRITERS[name.removesuffix(".gz").removesuffix(".zst")](ROWS)

    _, origins = load(SourceSpec(str(tmp_path / name)))

    spans = [unpacked[o.byte_offset : o.byte_offset + o.byte_length] for o in origins]
    assert [parse(span) for span in spans] == ROWS
    assert all(span[:1] == b"{" and span[-1:] == b"}" for span in spans)


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.parquet", "a.jsonl"])
def test_blocks_of_any_size_give_the_same_samples(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(WRITERS[name](ROWS))

    assert load(SourceSpec(str(path)), block_rows=1) == load(SourceSpec(str(path)), block_rows=7)


def test_the_file_that_was_read_is_described(tmp_path: Path) -> None:
    path = tmp_path / "gsm_train.json"
    path.write_bytes(b"\xef\xbb\xbf" + as_list(ROWS))
    report = ReadReport()

    load(SourceSpec(str(path)), report=report)

    (file,) = report.files
    assert (file.container, file.compression, file.layout) == ("json", "none", "alpaca")
    assert (file.source, file.split, file.encoding_bom) == ("gsm_train", "train", True)
    assert file.size == path.stat().st_size


def test_the_digest_is_that_of_the_bytes_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(
        bytes.fromhex("1f8b08000000000000ff") + gzip.compress(as_json_lines(ROWS))[10:]
    )
    report = ReadReport()

    load(SourceSpec(str(path)), report=report)

    import hashlib  # noqa: PLC0415

    assert report.files[0].digest == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def test_a_folder_is_read_in_order_of_names_without_hidden_files(tmp_path: Path) -> None:
    for place, name in enumerate(["b/a.jsonl", "a.jsonl", "b/.x.jsonl", ".git/c.jsonl", "README"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(as_json_lines(ROWS[place : place + 1]))
    (tmp_path / "dataset_info.json").write_text("{}")

    samples, origins = load(SourceSpec(str(tmp_path)))

    assert [s.conversation.instruction for s in samples] == [
        ROWS[1]["instruction"],
        ROWS[0]["instruction"],
    ]
    assert [origin.file for origin in origins] == [0, 1]
    assert {sample.source for sample in samples} == {tmp_path.name}


def test_a_named_folder_may_mix_formats(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(as_json_lines(ROWS))
    (tmp_path / "b.csv").write_bytes(b"question,answer\n1+1?,2\n")

    samples, _ = load(SourceSpec(str(tmp_path), name="mixture"))

    assert len(samples) == 24
    assert {sample.source for sample in samples} == {"mixture"}


def test_sources_keep_their_names_and_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(as_json_lines(ROWS[:2]))
    (tmp_path / "b.csv").write_bytes(b"question,answer\n1+1?,2\n")

    samples, origins = load(
        SourceSpec(str(tmp_path / "b.csv"), name="maths"), SourceSpec(str(tmp_path / "a.jsonl"))
    )

    assert [sample.source for sample in samples] == ["maths", "a", "a"]
    assert [origin.file for origin in origins] == [0, 1, 1]


def test_default_names_that_agree_are_made_longer() -> None:
    specs = [SourceSpec("x/train.json"), SourceSpec("y/train.json"), SourceSpec("y/other.json")]

    assert default_names(specs) == ["x/train", "y/train", "other"]


def test_only_the_split_that_was_asked_for_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(as_json_lines(ROWS[:3]))
    (tmp_path / "test.jsonl").write_bytes(as_json_lines(ROWS[3:5]))

    samples, _ = load(SourceSpec(str(tmp_path), split="test"))

    assert [sample.split for sample in samples] == ["test", "test"]
    with pytest.raises(FormatError) as caught:
        load(SourceSpec(str(tmp_path), split="dev"))
    assert caught.value.hint == "splits found: test, train"


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("gsm8k_train.jsonl", "train"),
        ("lima_test.jsonl.gz", "test"),
        ("dev.json", "validation"),
        ("train-00000-of-00002.parquet", "train"),
        ("train/part-0.jsonl", "train"),
        ("trainings.json", ""),
        ("alpaca.json", ""),
    ],
)
def test_the_split_is_read_from_names(path: str, split: str) -> None:
    assert split_of(Path(path)) == split


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("tatsu-lab/alpaca", True),
        ("org/data.v1", True),
        ("data/alpaca.json", False),
        ("./alpaca/x", False),
        ("a/b/c", False),
        ("../x", False),
        ("alpaca", False),
    ],
)
def test_names_on_the_hub_have_two_parts_and_no_data_ending(location: str, expected: bool) -> None:
    assert is_hub_name(location) is expected


class _Input:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a.json.zst"])
def test_standard_input_is_recognised(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = WRITERS[name](ROWS)
    monkeypatch.setattr("sys.stdin", _Input(content))
    report = ReadReport()

    blocks = list(read_sources([SourceSpec("-")], report=report))

    assert sum(len(block.samples) for block in blocks) == 23
    assert blocks[0].samples[0].source == "standard-input"
    assert report.files[0].path.read_bytes() == content


def test_a_given_container_goes_before_the_name(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(b"question;answer\n1+1?;2\n")

    samples, _ = load(SourceSpec(str(path), container="csv"))

    assert samples[0].conversation.response == "2"


def test_a_given_layout_goes_before_detection(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"instruction": "Q", "response": "A", "output": "B"}\n')
    spec = SourceSpec(str(path), layout="instruction_response")

    assert load(spec)[0][0].conversation.response == "A"


def test_a_mapping_replaces_the_layout_and_is_kept_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\ngood,1\nbad,0\n")
    mapping = {"instruction": "Classify: {text}", "response": "{label}"}
    report = ReadReport()

    samples, _ = load(SourceSpec(str(path), mapping=mapping), report=report)

    assert [sample.conversation.response for sample in samples] == ["1", "0"]
    assert (report.files[0].layout, report.files[0].mapping) == ("mapping", mapping)


def test_counts_add_up_where_records_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = b'{"instruction": "Q"}\n'
    path.write_bytes(as_json_lines(ROWS) + bad + as_json_lines(ROWS))
    report = ReadReport()

    samples, origins = load(SourceSpec(str(path)), report=report, block_rows=10)

    assert (report.rows, report.samples, len(report.set_aside)) == (47, 46, 1)
    assert len(samples) == len(origins) == 46
    assert {origin.row for origin in origins} | {report.set_aside[0].row} == set(range(47))


def test_parts_of_a_record_are_numbered_and_lost_ones_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    instances = [{"input": "", "output": "a"}, {"input": "x"}, {"input": "", "output": "c"}]
    path.write_bytes(json.dumps({"instruction": "Q", "instances": instances}).encode())
    report = ReadReport()

    _, origins = load(SourceSpec(str(path)), report=report)

    assert [(origin.row, origin.part) for origin in origins] == [(0, 0), (0, 2)]
    assert (report.rows, report.samples, report.set_aside) == (1, 2, [])
    assert report.notes == [f"{path}: 1 unusable instances left out of records that were kept"]


def test_nested_columns_are_read_as_turns(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "Ä"}]
    pl.DataFrame({"messages": [turns] * 3, "id": [1, 2, 3]}).write_parquet(tmp_path / "a.parquet")

    samples, origins = load(SourceSpec(str(tmp_path / "a.parquet")))

    assert [sample.conversation.response for sample in samples] == ["Ä"] * 3
    assert [sample.external_id for sample in samples] == ["1", "2", "3"]
    assert origins[2] == Origin(0, 2, 0, -1, -1)


def test_detection_reads_no_record_into_the_report(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(as_json_lines(ROWS))

    (file,) = detect([SourceSpec(str(tmp_path / "a.jsonl"))])

    assert (file.layout.name, file.packed.container) == ("alpaca", "jsonl")


def test_a_file_in_a_folder_that_cannot_be_used_stops_before_anything_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.jsonl").write_bytes(as_json_lines(ROWS))
    (tmp_path / "b.jsonl").write_bytes(b"")
    report = ReadReport()

    with pytest.raises(FormatError, match=r"b\.jsonl: the file is empty"):
        load(SourceSpec(str(tmp_path)), report=report)

    assert report == ReadReport()


@pytest.mark.parametrize("length", [70_000, 3_000_000])
def test_a_first_record_longer_than_a_chunk_is_read(length: int, tmp_path: Path) -> None:
    rows = [{"instruction": "Q", "output": "é" * (length // 2)}, *ROWS]
    for name, write in (("a.json", as_json_lines), ("b.json", as_list)):
        (tmp_path / name).write_bytes(write(rows))
        report = ReadReport()
        blocks = read_sources(
            [SourceSpec(str(tmp_path / name))], report=report, max_characters=10_000_000
        )
        assert sum(len(block.samples) for block in blocks) == 24
