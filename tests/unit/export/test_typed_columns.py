"""Types and features of Parquet and Arrow files outlive a selection."""

import decimal
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError
from assay.export.original import export_original
from assay.formats.records import Container
from assay.samples import Origin
from tests.unit.export.helpers import source_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

COLUMNS: dict[str, Any] = {
    "text": pa.array(["a", None, "c", "d"]),
    "large": pa.array(["a", None, "c", "d"], pa.large_string()),
    "view": pa.array(["a", None, "c", "d"], pa.string_view()),
    "category": pa.array(["x", "y", None, "x"]).dictionary_encode(),
    "small_category": pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 0, 1], pa.int8()), pa.array(["u", "v"]), ordered=True
    ),
    "list_of_categories": pa.ListArray.from_arrays(
        pa.array([0, 1, 2, 3, 4], pa.int32()), pa.array(["x", "y", "x", "z"]).dictionary_encode()
    ),
    "pair": pa.array([[1, 2], [3, 4], None, [5, 6]], pa.list_(pa.float32(), 2)),
    "turns": pa.array(
        [[{"role": "user", "parts": ["p"], "data": b"\x00"}], [], None, [None]],
        pa.list_(
            pa.struct(
                [("role", pa.string()), ("parts", pa.list_(pa.string())), ("data", pa.binary())]
            )
        ),
    ),
    "map": pa.array([[("k", 1)], [], None, [("l", None)]], pa.map_(pa.string(), pa.int32())),
    "code": pa.array([b"ab", b"cd", None, b"ef"], pa.binary(2)),
    "price": pa.array([decimal.Decimal("1.20")] * 4, pa.decimal128(10, 2)),
    "seconds": pa.array([1, 2, 3, 4], pa.time32("s")),
    "zone": pa.array([1, 2, 3, 4], pa.timestamp("us", "Europe/Berlin")),
    "half": pa.array([1, 2, 3, 4], pa.float16()),
    "nothing": pa.nulls(4),
    "label": pa.array([0, 1, 0, 1]),
}  # fmt: skip
NOT_IN_PARQUET = {"small_category", "list_of_categories"}  # read back with other index types
FEATURES = '{"info": {"features": {"label": {"names": ["x", "y"], "_type": "ClassLabel"}}}}'
KINDS = ["parquet", "stream", "file"]


def _table(*, names: list[str] | None = None, features: str = FEATURES) -> Any:
    chosen = {name: COLUMNS[name] for name in (names or COLUMNS)}
    return pa.table(chosen).replace_schema_metadata({"huggingface": features, "own": "kept"})


def _write(path: Path, table: Any, kind: str, *, parts: list[Any] | None = None) -> None:
    with path.open("wb") as stream:
        if kind == "parquet":
            with pq.ParquetWriter(stream, table.schema) as writer:
                for part in parts or [table.slice(0, 1), table.slice(1)]:
                    writer.write_table(part)
            return
        new = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        with new(stream, table.schema) as writer:
            for part in parts or [table.slice(0, 1), table.slice(1)]:
                writer.write_table(part)


def _read(path: Path, kind: str) -> Any:
    with path.open("rb") as stream:
        if kind == "parquet":
            return pq.read_table(stream)
        reader = pa.ipc.open_stream if kind == "stream" else pa.ipc.open_file
        return reader(stream).read_all()


def _container(kind: str) -> Container:
    return "parquet" if kind == "parquet" else "arrow"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [1, 3], [3], []])
def test_chosen_rows_have_types_metadata_and_values_of_their_source(
    tmp_path: Path, kind: str, rows: list[int]
) -> None:
    container = _container(kind)
    source, output = tmp_path / f"in.{container}", tmp_path / f"out.{container}"
    names = [name for name in COLUMNS if kind != "parquet" or name not in NOT_IN_PARQUET]
    _write(source, _table(names=names), kind)

    export_original([source_file(source, container)], [Origin(0, row) for row in rows], output)

    before, after = _read(source, kind), _read(output, kind)
    assert after.schema.equals(before.schema, check_metadata=True)
    whole = before.to_pylist()
    assert after.to_pylist() == [whole[row] for row in rows]


@pytest.mark.parametrize(("kind", "output"), [("parquet", "arrow"), ("stream", "parquet")])
def test_types_are_kept_from_one_columnar_form_to_the_other(
    tmp_path: Path, kind: str, output: str
) -> None:
    source = tmp_path / f"in.{_container(kind)}"
    names = ["text", "category", "turns", "pair", "map", "label"]
    _write(source, _table(names=names), kind)

    written = tmp_path / f"out.{output}"
    export_original([source_file(source, _container(kind))], [Origin(0, 2), Origin(0, 0)], written)

    before, after = _read(source, kind), _read(written, "file" if output == "arrow" else output)
    # Parquet calls what a list holds "element"; Arrow does not count such a name.
    assert after.schema.equals(before.schema)
    assert after.schema.metadata == before.schema.metadata
    assert after.to_pylist() == [before.to_pylist()[row] for row in (0, 2)]


@pytest.mark.parametrize("kind", ["stream", "parquet"])
def test_parts_with_dictionaries_of_their_own_become_one_file(tmp_path: Path, kind: str) -> None:
    first = pa.table({"c": pa.array(["x", "y"]).dictionary_encode()})
    second = pa.table({"c": pa.array(["z", "x"]).dictionary_encode()})
    source = tmp_path / f"in.{_container(kind)}"
    _write(source, first, kind, parts=[first, second])
    file = source_file(source, _container(kind))

    for output in (f"same.{_container(kind)}", "folder/other.arrow"):
        export_original([file], [Origin(0, row) for row in (1, 2, 3)], tmp_path / output)

    same = _read(tmp_path / f"same.{_container(kind)}", kind)
    other = _read(tmp_path / "folder/other.arrow", "stream" if kind == "stream" else "file")
    assert same["c"].to_pylist() == other["c"].to_pylist() == ["y", "z", "x"]


def test_files_whose_labels_mean_different_things_are_not_merged(tmp_path: Path) -> None:
    for name, features in (("a", FEATURES), ("b", FEATURES.replace('"x", "y"', '"y", "x"'))):
        _write(tmp_path / f"{name}.parquet", _table(names=["label"], features=features), "parquet")
    sources = [source_file(tmp_path / f"{name}.parquet", "parquet") for name in "ab"]

    with pytest.raises(DataError, match="different columns or types"):
        export_original(sources, [Origin(0, 0), Origin(1, 0)], tmp_path / "out.parquet")


def test_a_type_that_parquet_has_not_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    table = pa.table({"span": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    _write(tmp_path / "in.arrow", table, "stream", parts=[table])
    file = source_file(tmp_path / "in.arrow", "arrow")

    with pytest.raises(DataError, match="Parquet cannot hold a column") as caught:
        export_original([file], [Origin(0, 0)], tmp_path / "out.parquet")

    assert caught.value.hint == "export to .arrow instead"


@pytest.mark.parametrize("output", ["out.parquet", "out.arrow"])
def test_json_records_become_columns_with_the_usual_types(tmp_path: Path, output: str) -> None:
    source = tmp_path / "in.jsonl"
    line = b'{"q": "a", "turns": [{"role": "user", "content": "b"}]}'
    source.write_bytes(line)

    export_original(
        [source_file(source, "jsonl")], [Origin(0, 0, 0, 0, len(line))], tmp_path / output
    )

    schema = _read(tmp_path / output, "parquet" if "parquet" in output else "file").schema
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    assert schema.field("q").type == pa.string()
    assert schema.field("turns").type.value_type == turn


@pytest.mark.parametrize("kind", ["parquet", "stream"])
def test_the_datasets_library_sees_the_same_features(tmp_path: Path, kind: str) -> None:
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=["no", "yes"])
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": label,
            "image": datasets.Image(),
            "words": datasets.List(datasets.Value("string")),
            "turns": datasets.List({"role": label, "grid": datasets.Array2D((1, 2), "int8")}),
        }
    )
    row = {"text": "a", "label": 1, "image": {"bytes": b"\x89PNG", "path": None}, "words": ["w"],
           "turns": [{"role": 0, "grid": [[1, 2]]}]}  # fmt: skip
    table = pa.table(
        {name: pa.array([row[name]] * 3, features.arrow_schema.field(name).type)
         for name in features if name != "turns"}
    )  # fmt: skip
    turns = datasets.Dataset.from_dict(
        {"turns": [row["turns"]] * 3}, features=datasets.Features(turns=features["turns"])
    )
    table = table.append_column("turns", turns.data.column("turns"))
    table = table.cast(features.arrow_schema)
    container = _container(kind)
    source, output = tmp_path / f"in.{container}", tmp_path / f"out.{container}"
    _write(source, table, kind)

    export_original([source_file(source, container)], [Origin(0, 1)], output)

    found = [
        datasets.Features.from_arrow_schema(_read(path, kind).schema) for path in (source, output)
    ]
    assert found[0] == found[1] == features
