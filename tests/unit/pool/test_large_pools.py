"""Pools of more rows than fit into memory at once: as small ones, whatever the pieces."""

import hashlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from assay.errors import DataError, FormatError
from assay.formats.records import Block, ReadReport, SourceSpec
from assay.formats.sources import read_sources
from assay.pool import building, loading, spill
from assay.pool import pool as pool_module
from assay.pool.building import build_pool
from assay.pool.loading import load_pool
from assay.pool.numbering import PROVENANCE, numbered
from assay.pool.pool import distinct_hashes, hash_array, leading_words
from assay.pool.spill import Spill, bits_for
from assay.samples import IdArray, Origin, Sample
from tests.patience import run
from tests.rows import conversation

_ROWS = 1200
_SMALL_PIECES = 20_000


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rows go to the disk after a few, and be written in groups of some hundred."""
    _spill_early(monkeypatch)
    _small_groups(monkeypatch)


def _spill_early(monkeypatch: pytest.MonkeyPatch, size: int = _SMALL_PIECES) -> None:
    monkeypatch.setattr(spill, "SPILL_BYTES", size)
    monkeypatch.setattr(spill, "BITS", 3)


def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pool_module, building):
        monkeypatch.setattr(module, "READ_ROWS", 250)


def _records() -> list[dict[str, object]]:
    """Return rows of which every fifth repeats the text of an earlier one, and some have none."""
    records: list[dict[str, object]] = []
    for place in range(_ROWS):
        text = place if place % 5 else place // 3
        records.append(
            {
                "instruction": f"What is {text} times {text % 7}?",
                "input": "in words, please — 数" if text % 3 else "",
                "output": f"It is {text * (text % 7)}. " * (1 + text % 4),
                "id": place % 11 or None,
                "note": "x" * (place % 3),
            }
        )
        if place % 400 == 17:
            records[-1]["output"] = None
    return records


def _write(path: Path, records: Sequence[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def _blocks(path: Path, rows: int) -> Iterator[Block]:
    return read_sources([SourceSpec(str(path))], report=ReadReport(), block_rows=rows)


@pytest.mark.parametrize(
    ("block_rows", "spill_bytes", "expected_bytes"),
    [
        (1, _SMALL_PIECES, None),
        (7, _SMALL_PIECES, 1),
        (1000, _SMALL_PIECES, 40_000),
        (7, spill.SPILL_BYTES, None),
        (1000, spill.SPILL_BYTES, None),
    ],
)
def test_a_pool_has_the_same_bytes_however_its_rows_come_and_wherever_they_wait(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block_rows: int,
    spill_bytes: int,
    expected_bytes: int | None,
) -> None:
    data = _write(tmp_path / "data.jsonl", _records())
    _small_groups(monkeypatch)
    whole = build_pool(_blocks(data, 10 * _ROWS), tmp_path / "whole", hold_out=0.1)
    _spill_early(monkeypatch, spill_bytes)

    pool = build_pool(
        _blocks(data, block_rows), tmp_path / "parts", hold_out=0.1, expected_bytes=expected_bytes
    )

    assert len(pool) > 4 * pool_module.READ_ROWS
    assert pool.path.name == whole.path.name
    assert pool.path.read_bytes() == whole.path.read_bytes()


@pytest.mark.usefixtures("small_pieces")
def test_the_rows_of_a_divided_pool_are_those_of_the_blocks(tmp_path: Path) -> None:
    data = _write(tmp_path / "data.jsonl", _records())
    expected = {
        origin: sample
        for block in _blocks(data, 100)
        for origin, sample in zip(block.origins, block.samples, strict=True)
    }

    pool = build_pool(_blocks(data, 100), tmp_path / "pool")

    places = np.arange(len(pool))
    found = dict(zip(pool.origins(places), pool.samples(places), strict=True))
    assert found == expected
    assert (np.diff(pool.ids.astype(object)) > 0).all()
    assert [hashes.tobytes() for hashes in np.split(pool.content_hashes, len(pool))] == [
        sample.conversation.content_hash for sample in pool.samples(places)
    ]


def test_ids_do_not_depend_on_the_order_of_files_or_their_division(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = _records()
    whole = build_pool(_blocks(_write(tmp_path / "whole.jsonl", records), 64), tmp_path / "a")
    _spill_early(monkeypatch)
    for number, (low, high) in enumerate(pairwise([0, 200, 201, 850, _ROWS])):
        _write(tmp_path / "parts" / f"part-{9 - number}.jsonl", records[low:high])

    divided = build_pool(_blocks(tmp_path / "parts", 64), tmp_path / "b")

    assert divided.ids.tolist() == whole.ids.tolist()
    assert divided.content_hashes.tolist() == whole.content_hashes.tolist()
    for mine, theirs in zip(divided.unique, whole.unique, strict=True):
        assert mine.tolist() == theirs.tolist()
    assert divided.duplicates == whole.duplicates > 50


def _one_by_one(hashes: Sequence[bytes], provenance: Sequence[tuple[object, ...]]) -> list[int]:
    """Return the ids of rows by walking through them, as the rule says."""
    by_word = defaultdict(list)
    for place, content_hash in enumerate(hashes):
        by_word[content_hash[:8]].append(place)
    alone = {word for word, places in by_word.items() if len(places) == 1}
    taken = {int.from_bytes(word, "big") for word in alone}
    ids = {by_word[word][0]: int.from_bytes(word, "big") for word in alone}
    several = [place for places in by_word.values() if len(places) > 1 for place in places]
    several.sort(key=lambda place: (hashes[place], tuple(map(str, provenance[place]))))
    last, ordinal = b"", 0
    for place in several:
        ordinal = ordinal + 1 if hashes[place] == last else 0
        last = hashes[place]
        while (row_id := _numbered(last, ordinal)) in taken:
            ordinal += 1
        taken.add(row_id)
        ids[place] = row_id
    return [ids[place] for place in range(len(hashes))]


def _numbered(content_hash: bytes, ordinal: int) -> int:
    if not ordinal:
        return int.from_bytes(content_hash[:8], "big")
    text = content_hash + ordinal.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def _ids_of(frame: pl.DataFrame, parts: int) -> list[int]:
    """Return the ids that `numbered` gives to rows that are divided into so many parts."""
    leading = leading_words(hash_array(frame["content_hash"].to_list()))
    bits = np.uint64(parts.bit_length() - 1)
    part_of = leading >> (np.uint64(64) - bits) if bits else np.zeros(len(frame), np.uint64)
    places = [np.flatnonzero(part_of == part) for part in range(parts)]
    found = numbered(
        [leading[rows] for rows in places],
        lambda part, columns: [frame.select(columns)[places[part]]],
    )
    ids: IdArray = np.empty(len(frame), np.uint64)
    for rows, numbers in zip(places, found, strict=True):
        ids[rows] = numbers
    return [int(number) for number in ids]


def _rows_of(hashes: Sequence[bytes], seed: int) -> pl.DataFrame:
    """Return rows of these hashes with made-up places, some of which differ in one thing only."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[object]] = {"content_hash": list(hashes)}
    for name in ("source", "split", "task", "language", "meta"):
        columns[name] = [
            ("", "a", "ab", "é", "猫")[pick] for pick in rng.integers(0, 5, len(hashes))
        ]
    columns["external_id"] = [
        None if pick == 3 else str(pick) for pick in rng.integers(0, 5, len(hashes))
    ]
    columns["file"] = rng.integers(0, 12, len(hashes)).tolist()
    columns["row"] = rng.permutation(len(hashes)).tolist()
    columns["part"] = [0] * len(hashes)
    return pl.DataFrame(
        columns, schema_overrides={"content_hash": pl.Binary, "external_id": pl.String}
    )


@pytest.mark.parametrize("parts", [1, 8])
@pytest.mark.parametrize("seed", range(4))
def test_ids_are_those_of_walking_through_the_rows(seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    distinct = [rng.bytes(16) for _ in range(60)]
    frame = _rows_of([distinct[pick] for pick in rng.integers(0, 60, 150)], seed)

    ids = _ids_of(frame, parts)

    assert ids == _one_by_one(frame["content_hash"].to_list(), frame.select(PROVENANCE).rows())
    assert len(set(ids)) == 150


@pytest.mark.parametrize("parts", [1, 8])
def test_an_id_that_is_taken_by_chance_is_passed_over(parts: int) -> None:
    first, second = bytes(range(16)), bytes(range(8)) + b"same begin"[:8]
    # What the second row of equal text would be called is how another text's hash begins.
    others = [_numbered(first, ordinal).to_bytes(8, "big") + b"others.." for ordinal in (1, 3)]
    frame = _rows_of([second, first, second, *others, first, first, second, others[1]], seed=1)

    ids = _ids_of(frame, parts)

    assert ids == _one_by_one(frame["content_hash"].to_list(), frame.select(PROVENANCE).rows())
    assert len(set(ids)) == len(ids)
    assert _numbered(first, 2) in ids


def test_distinct_hashes_are_those_that_numpy_finds() -> None:
    rng = np.random.default_rng(3)
    words = [rng.bytes(8) for _ in range(20)]
    many = hash_array([words[pick] + bytes(8) for pick in rng.integers(0, 20, 200)])
    colliding = hash_array([words[pick] + rng.bytes(1) * 8 for pick in rng.integers(0, 3, 300)])

    for hashes in (many, colliding, many[:1], many[:0]):
        assert _as_lists(distinct_hashes(hashes)) == _as_lists(
            np.unique(hashes, return_index=True, return_inverse=True)
        )


def _as_lists(arrays: Sequence[NDArray[Any]]) -> list[list[object]]:
    return [array.tolist() for array in arrays]


def test_duplicates_are_counted_as_all_but_one_of_each_text(tmp_path: Path) -> None:
    texts = [1, 2, 2, 3, 3, 3, 4]
    samples = [Sample(conversation(f"q{text}", "a")) for text in texts]
    pool = build_pool([Block(samples, [Origin(0, row) for row in range(7)])], tmp_path)

    assert pool.duplicates == 3 == len(pool) - len(pool.unique[0])


def test_rows_are_divided_into_as_many_parts_as_their_size_needs() -> None:
    sizes = [0, 10, spill.SPILL_BYTES, 4 * spill.SPILL_BYTES, 10**12, None]

    assert [bits_for(size) for size in sizes] == [1, 1, 2, 4, spill.BITS, spill.BITS]


def test_rows_come_back_from_a_spill_in_their_order_with_the_columns_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "SPILL_BYTES", 200)
    keys = np.random.default_rng(0).integers(0, 1 << 63, 90).astype(np.uint64) * np.uint64(2)
    with Spill(tmp_path) as rows:
        for low in range(0, 90, 9):
            part = keys[low : low + 9]
            rows.add(pl.DataFrame({"key": part, "text": [f"row {key}" for key in part]}), part)
        rows.settle()

        for number, expected in enumerate(rows.take_keys()):
            frames = rows.read(number, ["key"])
            found = pl.concat(frames)["key"].to_list() if frames else []
            assert (
                found
                == expected.tolist()
                == [k for k in keys.tolist() if k >> (64 - spill.BITS) == number]
            )
        assert rows.bits == spill.BITS
        assert list(tmp_path.iterdir()) == []  # the file has no name


@pytest.mark.usefixtures("small_pieces")
def test_a_load_that_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    data = _write(tmp_path / "data.jsonl", _records())

    def breaking() -> Iterator[Block]:
        yield from _blocks(data, 50)
        raise FormatError("the disk is gone")

    with pytest.raises(FormatError, match="the disk is gone"):
        build_pool(breaking(), tmp_path / "pool")

    assert list((tmp_path / "pool").iterdir()) == []


def test_rows_set_aside_are_the_same_whatever_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = _records()
    for place in range(0, _ROWS, 3):
        records[place] = {"instruction": f"no answer {place}", "output": None}
    data = _write(tmp_path / "data.jsonl", records)
    lists, counts = [], []
    for rows in (1, 7, 100_000):
        monkeypatch.setattr(loading, "read_sources", _reading_in_blocks_of(rows))
        folder = tmp_path / f"blocks-of-{rows}"
        _, record = load_pool([SourceSpec(str(data))], folder, max_set_aside=1.0)
        lists.append((folder / "set_aside.jsonl").read_text(encoding="utf-8"))
        counts.append((record.rows, record.samples, record.set_aside, record.set_aside_sum))

    assert lists[0] == lists[1] == lists[2]
    assert counts[0] == counts[1] == counts[2]
    entries = [json.loads(line) for line in lists[0].splitlines()]
    assert len(entries) == counts[0][0] - counts[0][1] > _ROWS / 3
    assert [entry["row"] for entry in entries] == sorted(entry["row"] for entry in entries)


def _reading_in_blocks_of(rows: int) -> object:
    def read(*arguments: object, **named: object) -> Iterator[Block]:
        return read_sources(*arguments, block_rows=rows, **named)  # type: ignore[arg-type]

    return read


def test_a_load_of_which_nearly_nothing_is_usable_says_why_without_holding_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[dict[str, object]] = [{"instruction": "q", "output": None}] * 500
    data = _write(tmp_path / "data.jsonl", [*_records()[:300], *records])
    most = 0

    class Report(ReadReport):
        def __setattr__(self, name: str, value: object) -> None:
            nonlocal most
            most = max(most, len(getattr(self, "set_aside", ())))
            super().__setattr__(name, value)

    monkeypatch.setattr(loading, "ReadReport", Report)
    monkeypatch.setattr(loading, "read_sources", _reading_in_blocks_of(10))
    with pytest.raises(DataError, match=r"501 of 800 rows .* first: .*data.jsonl row 17"):
        load_pool([SourceSpec(str(data))], tmp_path / "pool")

    assert 10 < most < 60
    assert (tmp_path / "pool/set_aside.jsonl").read_text().count("\n") == 501


_LOAD = """
import functools, sys
from pathlib import Path
from assay.formats.records import SourceSpec
from assay.pool import building, loading, pool, spill
spill.SPILL_BYTES, spill.BITS = 1 << 21, 4
loading.read_sources = functools.partial(loading.read_sources, block_rows=256)
building.READ_ROWS = pool.READ_ROWS = 1024
made, record = loading.load_pool([SourceSpec(sys.argv[1])], Path(sys.argv[2]))
status = Path("/proc/self/status").read_text()
peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
print(len(made), record.duplicates, int(peak.split()[1]) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell memory")
def test_four_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    peaks = {}
    for count in (10, 5000, 20_000):
        data = tmp_path / f"{count}.jsonl"
        with data.open("w", encoding="utf-8") as file:
            for row in range(count):
                text = f"{row % (count - count // 10)} and so on; " * 200
                file.write(json.dumps({"instruction": text[:200], "output": text}) + "\n")
        done = run(
            [sys.executable, "-c", _LOAD, data, tmp_path / f"pool-{count}"],
            environment=os.environ | {"POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        )
        assert done.returncode == 0, done.stderr
        rows, duplicates, megabytes = done.stdout.split()
        assert (int(rows), int(duplicates)) == (count, count // 10)
        peaks[count] = float(megabytes)

    # The texts of the larger one are 55 MB more, and were more than that in memory.
    once, four_times = peaks[5000] - peaks[10], peaks[20_000] - peaks[10]
    assert four_times < 1.3 * once + 25, peaks
