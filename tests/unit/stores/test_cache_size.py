"""What the cache holds, and how room is made."""

import os
from pathlib import Path

from assay.stores.cache_size import cache_entries, clear, prune


def _write(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_entries_are_told_by_feature_largest_first(tmp_path: Path) -> None:
    _write(tmp_path / "lengths" / "k1" / "rows-a.parquet", 10)
    _write(tmp_path / "embeddings" / "k1" / "rows-a.npy", 100)
    _write(tmp_path / "embeddings" / "k2" / "rows-a.npy", 200)

    assert [tuple(entry) for entry in cache_entries(tmp_path)] == [
        ("embeddings", 2, 2, 300),
        ("lengths", 1, 1, 10),
    ]


def test_a_missing_cache_is_empty(tmp_path: Path) -> None:
    assert cache_entries(tmp_path / "none") == []
    assert prune(tmp_path / "none") == (0, 0)


def test_pruning_removes_copies_and_leftovers_and_keeps_values(tmp_path: Path) -> None:
    kept = _write(tmp_path / "embeddings" / "k" / "rows-a.npy", 100)
    _write(tmp_path / "embeddings" / "k" / "canonical-a.npy", 70)
    leftover = _write(tmp_path / "embeddings" / "k" / ".rows-b.npy.1-2-3.tmp", 30)
    os.utime(leftover, (0, 0))

    assert prune(tmp_path) == (2, 100)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]


def test_clearing_a_feature_leaves_the_others(tmp_path: Path) -> None:
    _write(tmp_path / "lengths" / "k1" / "rows-a.parquet", 10)
    _write(tmp_path / "embeddings" / "k1" / "rows-a.npy", 100)

    clear(tmp_path, "embeddings")

    assert [entry.feature for entry in cache_entries(tmp_path)] == ["lengths"]
