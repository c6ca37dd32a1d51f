"""The sidecar: what a person finds beside an export."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl

from assay.export.sidecar import write_sidecar
from assay.samples import Reason, Scores


def _write(output: Path) -> tuple[Path, Path]:
    return write_sidecar(
        output,
        ids=np.array([0x0A, 2**64 - 1, 7], dtype=np.uint64),
        rank=np.array([2, 0, 1]),
        gains=np.array([0.5, np.nan, np.nan]),
        scores={
            "ifd": Scores(
                np.array([0.25, np.nan, 1.0]),
                np.array([0, Reason.EMPTY_RESPONSE, 0], dtype=np.uint8),
            ),
            "length": np.array([3.0, np.nan, 5.0]),
        },
        reasons=np.array([0, Reason.NEAR_DUPLICATE, 0], dtype=np.uint8),
        manifest={"method": "ifd", "budget": {"b": 2, "a": "5%"}},
        origins=pl.DataFrame({"file": [0, 0, 1], "row": [4, 5, 0], "part": [0, 1, 0]}),
    )


def test_table_has_null_with_a_reason_where_there_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_bytes(b"[]")

    table, _ = _write(tmp_path / "out.json")

    assert table.name == "out.json.assay.parquet"
    assert pl.read_parquet(table).to_dict(as_series=False) == {
        "id": ["000000000000000a", "ffffffffffffffff", "0000000000000007"],
        "rank": [2, None, 1],
        "gain": [0.5, None, None],
        "reason": [None, "near_duplicate", None],
        "file": [0, 0, 1],
        "row": [4, 5, 0],
        "part": [0, 1, 0],
        "ifd": [0.25, None, 1.0],
        "ifd.reason": [None, "empty_response", None],
        "length": [3.0, None, 5.0],
    }


def test_note_holds_the_manifest_and_the_digest_of_the_output(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_bytes(b"[1]")

    _, note = _write(tmp_path / "out.json")

    assert json.loads(note.read_bytes()) == {
        "format": 2,
        "output": {
            "name": "out.json",
            "bytes": 3,
            "blake2b": hashlib.blake2b(b"[1]", digest_size=16).hexdigest(),
        },
        "manifest": {"method": "ifd", "budget": {"a": "5%", "b": 2}},
    }


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    found = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "out.json").write_bytes(b"[1]")
        found.append([path.read_bytes() for path in _write(tmp_path / folder / "out.json")])

    assert found[0] == found[1]


def test_folder_output_has_a_note_without_digest(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    _, note = _write(tmp_path / "out")

    assert json.loads(note.read_bytes())["output"] == {"name": "out"}
