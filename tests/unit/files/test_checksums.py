"""Checksums in files: what they find, what they leave alone, and what becomes of the file."""

import json
import zlib
from pathlib import Path

import polars as pl
import pytest

from assay.errors import CacheError, DamagedError
from assay.files.checksums import (
    PLACE,
    check,
    check_folder,
    is_as_written,
    is_set_aside,
    read_json,
    read_sealed_text,
    seal,
    sealed,
    write_json,
    write_sealed_text,
    write_sums,
)
from assay.files.frames import read_frame, read_metadata, write_frame


def _flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_the_sum_is_the_crc_of_the_file_with_dashes_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before " + PLACE.encode() + b" after")

    seal(path)

    expected = zlib.crc32(b"before assay-crc32:-------- after")
    assert path.read_bytes() == f"before assay-crc32:{expected:08x} after".encode()
    assert check(path)


def test_no_bit_of_a_json_file_changes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    content = {"name": "é", "share": 0.1, "list": [1, 2, None]}
    write_json(path, content)
    sound = path.read_bytes()
    assert json.loads(sound).keys() == {*content, "checksum"}

    for bit in range(len(sound) * 8):
        path.write_bytes(sound)
        _flip(path, bit)
        try:
            assert read_json(path) == content, bit  # a bit of the word before the sum
        except DamagedError:
            assert not path.exists()
        for kept in tmp_path.glob("*.damaged*"):
            assert is_set_aside(kept)
            kept.unlink()


def test_no_bit_of_a_line_of_text_changes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "name"
    write_sealed_text(path, "scores/mtld-6ba91199.parquet")
    sound = path.read_bytes()

    for bit in range(len(sound) * 8):
        path.write_bytes(sound)
        _flip(path, bit)
        with pytest.raises(DamagedError):
            read_sealed_text(path)
        for kept in tmp_path.glob("*.damaged*"):
            kept.unlink()


def test_no_bit_of_a_table_changes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"x": [1.0, 2.5, float("nan")], "word": ["a", "", "c"]})
    write_frame(path, frame, {"key": "0123"})
    sound = path.read_bytes()
    assert read_metadata(path)["key"] == "0123"

    found = 0
    for bit in range(0, len(sound) * 8, 7):
        path.write_bytes(sound)
        _flip(path, bit)
        try:
            assert read_frame(path).equals(frame, null_equal=True), bit
            assert read_metadata(path)["key"] == "0123"
        except DamagedError:
            found += 1
        for kept in tmp_path.glob("*.damaged*"):
            kept.unlink()
    assert found > len(sound)  # of eight sevenths as many; the rest are bits of the word before


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1, 2]})
    for name in ("a", "b"):
        write_frame(tmp_path / name, frame, {"m": "n"})

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_programs_read_a_sealed_table(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_frame(tmp_path / "a.parquet", pl.DataFrame({"x": [1, 2]}))

    assert parquet.read_table(tmp_path / "a.parquet")["x"].to_pylist() == [1, 2]


def test_words_that_look_like_a_sum_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    content = {"a": "assay-crc32:00000000", "z": PLACE}

    write_json(path, content)
    write_frame(tmp_path / "a.parquet", pl.DataFrame(content))

    assert read_json(path) == content
    assert read_frame(tmp_path / "a.parquet").to_dicts() == [content]


def test_what_an_earlier_version_wrote_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}\n')
    (tmp_path / "name").write_text("scores/a.parquet\n")
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "a.parquet", metadata={"k": "v"})

    assert read_json(tmp_path / "a.json") == {"a": 1}
    assert read_sealed_text(tmp_path / "name") == "scores/a.parquet"
    assert read_frame(tmp_path / "a.parquet")["x"].to_list() == [1]
    assert not check(tmp_path / "a.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1", bytes(100)])
def test_what_cannot_be_read_at_all_is_damaged_with_or_without_a_sum(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)

    with pytest.raises(
        DamagedError, match=r"a\.parquet is damaged .*; kept as a\.parquet\.damaged"
    ):
        read_frame(path)

    assert (tmp_path / "a.parquet.damaged").read_bytes() == content


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\x00"])
def test_json_that_is_no_object_is_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)

    with pytest.raises(DamagedError):
        read_json(tmp_path / "a.json")


def test_a_second_damaged_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for content in ("one", "two"):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(DamagedError):
            read_json(tmp_path / "a.json")

    assert (tmp_path / "a.json.damaged").read_text() == "one"
    assert (tmp_path / "a.json.damaged-2").read_text() == "two"


def test_a_file_that_is_not_there_is_not_damaged(tmp_path: Path) -> None:
    for read in (read_frame, read_json):
        with pytest.raises(CacheError, match="cannot be read") as error:
            read(tmp_path / "none")
        assert not isinstance(error.value, DamagedError)


def test_damage_comes_with_what_counts_only_together(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no")
    (tmp_path / "a.npy").write_bytes(b"sound")

    with pytest.raises(DamagedError):
        read_frame(tmp_path / "a.parquet", beside=[tmp_path / "a.npy"])

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.npy.damaged",
        "a.parquet.damaged",
    ]


def test_a_text_a_person_edits_is_told_from_one_as_written() -> None:
    text = sealed(f"budget: 5%\n# as written: {PLACE}\n")

    assert is_as_written(text)
    assert not is_as_written(text.replace("5%", "6%"))
    assert is_as_written("budget: 5%\n")


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "weights").write_bytes(bytes(1000))
    write_sums(folder)
    return folder


def test_a_folder_is_damaged_when_a_file_of_it_is_or_is_gone(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    check_folder(folder)
    _flip(folder / "weights", 4321)

    with pytest.raises(DamagedError, match="weights differs"):
        check_folder(folder)

    folder = _folder(tmp_path)
    (folder / "weights").unlink()
    with pytest.raises(DamagedError, match="weights differs"):
        check_folder(folder)


def test_a_folder_whose_sums_are_damaged_is_still_of_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _folder(tmp_path)
    _flip(folder / "checksums.json", 30)

    check_folder(folder)

    assert (folder / "weights").exists()
    assert "what lies beside it is used unchecked" in caplog.text
