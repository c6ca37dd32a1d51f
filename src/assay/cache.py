"""Values of rows on disk, kept by content hash, written a shard at a time.

A shard is named by what it holds, so two processes that do the same work write the same file, and
a killed run loses at most the shard at hand. Nothing is pickled.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.errors import CacheError
from assay.files import atomic_folder, atomic_write, remove_leftovers, write_text
from assay.pool import HashArray, hash_array
from assay.samples import UNFINISHED, IndexArray
from assay.values import Matrix, RowValue

FORMAT_VERSION = 1
_RESERVED = ("content_hash", "reason", "flags")


def default_cache_folder() -> Path:
    """Return $ASSAY_CACHE, or the platform's user cache folder."""
    named = os.environ.get("ASSAY_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "assay"


@dataclass(frozen=True)
class Shard:
    """Part of a store: some rows' values, and who made them."""

    path: Path
    hashes: HashArray
    producer: str


class RowStore:
    """The stored values of one row-scope feature.

    Args:
        folder: ``<cache>/<feature>/<key>``.
        kind: class of the values.
        spec: what describes the feature, written beside the shards for people and tools.
    """

    def __init__(self, folder: Path, kind: type[RowValue], spec: Mapping[str, Any]) -> None:
        self.folder = folder
        self.kind = kind
        self._spec = dict(spec) | {"format": FORMAT_VERSION}
        self._known: dict[Path, Shard] = {}

    def shards(self) -> list[Shard]:
        """Return the shards on disk, by name; those that another process wrote included."""
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("rows-*.parquet")):
                if path not in self._known:
                    self._known[path] = self._open(path)
        return [self._known[path] for path in sorted(self._known)]

    def _open(self, path: Path) -> Shard:
        try:
            hashes = pl.read_parquet(path, columns=["content_hash"])["content_hash"].to_list()
            producer = pl.read_parquet_metadata(path).get("producer", "")
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _damaged(path, error) from error
        return Shard(path, hash_array(hashes), producer)

    def missing(self, hashes: HashArray) -> NDArray[np.bool_]:
        """Return which of some ascending hashes have no stored value. Shape (n,), bool."""
        return self._place(hashes)[0] < 0

    def _place(self, hashes: HashArray) -> tuple[IndexArray, IndexArray]:
        """Return each hash's shard (-1: none) and position in it."""
        shard_of = np.full(len(hashes), -1, np.int64)
        position = np.zeros(len(hashes), np.int64)
        for number, shard in enumerate(self.shards()):
            found = np.searchsorted(shard.hashes, hashes)
            inside = found < len(shard.hashes)
            equal = np.zeros(len(hashes), np.bool_)
            equal[inside] = shard.hashes[found[inside]] == hashes[inside]
            equal &= shard_of < 0
            shard_of[equal] = number
            position[equal] = found[equal]
        return shard_of, position

    def write(self, hashes: HashArray, value: RowValue, producer: Mapping[str, Any]) -> None:
        """Store the values of some ascending hashes as one shard, whole or not at all.

        Unfinished rows are left out, so that the next run goes on with them.
        """
        done = ~np.isin(value.reason, UNFINISHED)
        if not done.all():
            kept = np.flatnonzero(done).astype(np.int64)
            hashes, value = hashes[kept], value.take(kept)
        if not len(hashes):
            return
        self._describe()
        path = self.folder / f"rows-{_range_name(hashes)}.parquet"
        if isinstance(value, Matrix):
            with atomic_write(path.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
                _save(file, np.ascontiguousarray(value.array))
        frame = pl.DataFrame(
            {
                "content_hash": pl.Series(_as_bytes(hashes), dtype=pl.Binary),
                "reason": value.reason,
                "flags": value.flags,
            }
        )
        columns = value.frame()
        if columns.width:
            frame = pl.concat([frame, columns], how="horizontal")
        with atomic_write(path) as temporary:
            frame.write_parquet(
                temporary,
                compression="zstd",
                metadata={"producer": json.dumps(producer, sort_keys=True)},
            )

    def _describe(self) -> None:
        path = self.folder / "spec.json"
        if not path.exists():
            remove_leftovers(self.folder)
            write_text(path, json.dumps(self._spec, indent=1, sort_keys=True) + "\n")

    def read(self, hashes: HashArray, *, keep: bool = True) -> RowValue:
        """Return the values of some ascending hashes, in that order.

        Args:
            hashes: shape (n,), S16.
            keep: write vectors that lie in several shards once more, in this order, to be
                memory-mapped; False holds them in memory, for a few rows that are looked at once.

        Raises:
            CacheError: if one is missing, or a shard is damaged.
        """
        shard_of, position = self._place(hashes)
        if (shard_of < 0).any():
            raise CacheError(f"{self.folder} lacks {int((shard_of < 0).sum())} rows")
        shards = self.shards()
        used = [number for number in range(len(shards)) if (shard_of == number).any()]
        frames = [self._frame(shards[number]) for number in used]
        order = np.empty(len(hashes), np.int64)
        start = 0
        for number, frame in zip(used, frames, strict=True):
            mine = shard_of == number
            order[mine] = position[mine] + start
            start += len(frame)
        frame = pl.concat(frames)[order] if frames else self._empty()
        reason, flags = frame["reason"].to_numpy(), frame["flags"].to_numpy()
        if issubclass(self.kind, Matrix):
            rows = _Gathered([shards[number] for number in used], shard_of, position, used)
            return self.kind(reason, flags, self._matrix(hashes, rows, keep=keep))
        columns = frame.select(pl.exclude(_RESERVED))
        return self.kind.from_frame(columns, reason, flags)

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema={"reason": pl.UInt8, "flags": pl.UInt16})

    def _frame(self, shard: Shard) -> pl.DataFrame:
        try:
            return pl.read_parquet(shard.path).select(pl.exclude("content_hash"))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _damaged(shard.path, error) from error

    def _matrix(self, hashes: HashArray, rows: "_Gathered", *, keep: bool) -> NDArray[np.floating]:
        """Return the vectors, memory-mapped unless they are not to be kept in this order."""
        if not rows.shards:
            return np.empty((0, 1), np.float16)
        if len(rows.shards) == 1 and len(rows.shards[0].hashes) == len(hashes):
            return _map(rows.shards[0].path.with_suffix(".npy"))
        if not keep:
            whole = np.empty((len(hashes), rows.width), rows.dtype)
            rows.fill(whole)
            return whole
        path = self.folder / f"canonical-{_range_name(hashes)}.npy"
        if not path.exists():
            with atomic_write(path) as temporary:
                rows.write(temporary, len(hashes))
        return _map(path)


class _Gathered:
    """Vectors of several shards, to be put in one order."""

    def __init__(
        self,
        shards: Sequence[Shard],
        shard_of: IndexArray,
        position: IndexArray,
        numbers: Sequence[int],
    ) -> None:
        self.shards = shards
        self._shard_of, self._position, self._numbers = shard_of, position, numbers
        self._parts = [_map(shard.path.with_suffix(".npy")) for shard in shards]

    @property
    def width(self) -> int:
        return int(self._parts[0].shape[1])

    @property
    def dtype(self) -> np.dtype[np.floating]:
        return self._parts[0].dtype

    def fill(self, whole: NDArray[np.floating]) -> None:
        """Put every row in its place in `whole`."""
        for number, part in zip(self._numbers, self._parts, strict=True):
            mine = np.flatnonzero(self._shard_of == number)
            whole[mine] = part[self._position[mine]]

    def write(self, path: Path, count: int) -> None:
        """Write `count` rows in order."""
        whole = np.lib.format.open_memmap(
            path, mode="w+", dtype=self.dtype, shape=(count, self.width)
        )
        # Space is taken before it is mapped: on a full disk a store into a hole kills the process.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        self.fill(whole)
        whole.flush()


class PoolStore:
    """The stored arrays of one pool-scope value: ``<cache>/<feature>/<key>/<digest>``."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.path = folder / f"{digest}.safetensors"

    def read(self) -> dict[str, NDArray[Any]] | None:
        """Return the arrays by name, or None if nothing is stored."""
        from safetensors import SafetensorError  # noqa: PLC0415  import costs start-up time
        from safetensors.numpy import load_file  # noqa: PLC0415

        if not self.path.exists():
            return None
        try:
            return dict(load_file(self.path))
        except (OSError, SafetensorError) as error:
            raise _damaged(self.path, error) from error

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store arrays, whole or not at all."""
        from safetensors.numpy import save_file  # noqa: PLC0415

        with atomic_write(self.path) as temporary:
            save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, temporary)


class FolderStore:
    """A stored value that is a folder of files: ``<cache>/<feature>/<key>/<digest>``."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.path = folder / digest

    def read(self) -> Path | None:
        """Return the folder, or None if nothing is stored."""
        return self.path if self.path.is_dir() else None

    def filling(self) -> contextlib.AbstractContextManager[Path]:
        """Return a context that yields a folder to fill, which becomes the stored one."""
        return atomic_folder(self.path)

    def write(self, folder: Path) -> None:
        """Check that a value was stored while it was made: it is too large to be moved about."""
        if folder != self.path:
            raise TypeError(f"{folder} is not where this value is kept")


def _save(file: BinaryIO, array: NDArray[np.floating]) -> None:
    """Write an array as .npy; numpy's own does not tell why the disk refused it."""
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(array.data)


def _map(path: Path) -> NDArray[np.floating]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CacheError:
    return CacheError(
        f"{path} is damaged: {error}",
        hint=f"delete {path.parent} and run again; the values are computed anew",
    )


def _as_bytes(hashes: HashArray) -> list[bytes]:
    packed = np.ascontiguousarray(hashes).tobytes()
    return [packed[start : start + 16] for start in range(0, len(packed), 16)]


def _range_name(hashes: HashArray) -> str:
    packed = np.ascontiguousarray(hashes).tobytes()
    whole = hashlib.blake2b(packed, digest_size=8).hexdigest()
    return f"{packed[:4].hex()}-{packed[-16:-12].hex()}-{whole}"
