"""Values of rows on disk, kept by content hash, written a shard at a time.

A shard is named by what it holds, so two processes that do the same work write the same file, and
a killed run loses at most the shard at hand; of one that a model reads, `unfinished` keeps the
answers meanwhile. Nothing is pickled. Every file holds its checksum; one that is damaged is set
aside, and what it held counts as missing.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.errors import CacheError, DamagedError
from assay.files import atomic_folder, atomic_write, remove_leftovers
from assay.files.checksums import (
    PLACE,
    check,
    check_folder,
    damaged,
    read_json,
    seal,
    unreadable,
    warn,
    write_json,
    write_sums,
)
from assay.files.frames import read_frame, read_metadata, write_frame
from assay.files.stored_vectors import StoredVectors, append_sums, write_vectors
from assay.pool.pool import HashArray, hash_array
from assay.samples import UNFINISHED, IndexArray
from assay.values import Matrix, RowValue

FORMAT_VERSION = 1
_RESERVED = ("content_hash", "reason", "flags")
_LIKE_RESERVED = re.compile(f"%*({'|'.join(_RESERVED)})")
"""A value's column of such a name, as a class of a model may have, is kept with one % more."""


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

    @property
    def vectors(self) -> Path:
        """Where the shard's vectors lie, if its values are vectors."""
        return self.path.with_suffix(".npy")

    def open_vectors(self) -> StoredVectors:
        """Return its vectors; damaged ones are set aside together with the shard."""
        return StoredVectors(self.vectors, self.path)


class RowStore:
    """The stored values of one row-scope feature.

    Args:
        folder: ``<cache>/<feature>/<key>``.
        kind: class of the values.
        spec: what describes the feature, written beside the shards for people and tools.
        bought: whether values were given by a service, so that nothing is asked of it again
            without a word.
    """

    def __init__(
        self,
        folder: Path,
        kind: type[RowValue],
        spec: Mapping[str, Any],
        *,
        bought: bool = False,
    ) -> None:
        self.folder = folder
        self.kind = kind
        self._spec = dict(spec) | {"format": FORMAT_VERSION}
        self._bought = bought
        self._known: dict[Path, Shard] = {}

    def shards(self) -> list[Shard]:
        """Return the sound shards on disk, by name; those that another process wrote included.

        Raises:
            CacheError: if one is damaged that a service would have to be asked for again.
        """
        paths = sorted(self.folder.glob("rows-*.parquet")) if self.folder.is_dir() else []
        for path in paths:
            if path not in self._known:
                try:
                    self._known[path] = self._open(path)
                except DamagedError as error:
                    if self._bought:
                        raise _lost(error) from error
                    warn(error)
        return [self._known[path] for path in paths if path in self._known]

    def _open(self, path: Path) -> Shard:
        vectors = [path.with_suffix(".npy")] if issubclass(self.kind, Matrix) else []
        # Without a checksum only reading all of it tells whether it can be read.
        columns = ["content_hash"] if check(path, *vectors) else None
        hashes = read_frame(path, columns, beside=vectors)["content_hash"].to_list()
        shard = Shard(path, hash_array(hashes), read_metadata(path).get("producer", ""))
        if vectors:
            if not vectors[0].exists():
                raise damaged(path, f"{vectors[0].name} is missing")
            if shard.open_vectors().shape[0] != len(shard.hashes):
                raise damaged(path, f"{vectors[0].name} has other rows", *vectors)
        return shard

    def missing(self, hashes: HashArray) -> NDArray[np.bool_]:
        """Return which of some ascending hashes have no stored value. Shape (n,), bool."""
        return _place(hashes, self.shards())[0] < 0

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
            with atomic_write(path.with_suffix(".npy")) as temporary:
                with temporary.open("wb") as file:
                    write_vectors(file, np.ascontiguousarray(value.array))
                append_sums(temporary)
        frame = pl.DataFrame(
            {
                "content_hash": pl.Series(_as_bytes(hashes), dtype=pl.Binary),
                "reason": value.reason,
                "flags": value.flags,
            }
        )
        columns = value.frame()
        if columns.width:
            alike = [name for name in columns.columns if _LIKE_RESERVED.fullmatch(name)]
            columns = columns.rename({name: f"%{name}" for name in alike})
            frame = pl.concat([frame, columns], how="horizontal")
        write_frame(path, frame, {"producer": json.dumps(producer, sort_keys=True)})

    def _describe(self) -> None:
        path = self.folder / "spec.json"
        try:
            if path.exists() and read_json(path):
                return
        except DamagedError as error:
            warn(error)
        remove_leftovers(self.folder)
        write_json(path, self._spec, sort_keys=True, ascii_only=True)

    def read(self, hashes: HashArray, *, keep: bool = True) -> RowValue:
        """Return the values of some ascending hashes, in that order.

        Args:
            hashes: shape (n,), S16.
            keep: write vectors that lie in several shards once more, in this order, to be
                memory-mapped; False holds them in memory, for a few rows that are looked at once.

        Raises:
            CacheError: if one is missing.
            DamagedError: if vectors are damaged; their rows count as missing by then.
        """
        shards = self.shards()  # once: another process may add to them at any time
        shard_of, position = _place(hashes, shards)
        if (shard_of < 0).any():
            raise CacheError(f"{self.folder} lacks {int((shard_of < 0).sum())} rows")
        used = [number for number in range(len(shards)) if (shard_of == number).any()]
        frames = [
            read_frame(shards[number].path).select(pl.exclude("content_hash")) for number in used
        ]
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
        own = {name: name[1:] for name in columns.columns if _LIKE_RESERVED.fullmatch(name)}
        return self.kind.from_frame(columns.rename(own), reason, flags)

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema={"reason": pl.UInt8, "flags": pl.UInt16})

    def _matrix(
        self, hashes: HashArray, rows: "_Gathered", *, keep: bool
    ) -> NDArray[np.floating] | StoredVectors:
        """Return the vectors, memory-mapped unless they are not to be kept in this order."""
        if not rows.shards:
            return np.empty((0, 1), np.float16)
        if len(rows.shards) == 1 and len(rows.shards[0].hashes) == len(hashes):
            return rows.shards[0].open_vectors()
        if not keep:
            whole = np.empty((len(hashes), rows.width), rows.dtype)
            rows.fill(whole)
            return whole
        path = self.folder / f"canonical-{_range_name(hashes)}.npy"
        if path.exists():
            try:
                stored = StoredVectors(path)
                if stored.shape != (len(hashes), rows.width):
                    raise damaged(path, "it has another shape")
                return stored
            except DamagedError as error:
                warn(error)
        with atomic_write(path) as temporary:
            rows.write(temporary, len(hashes))
            append_sums(temporary)
        return StoredVectors(path)


def _place(hashes: HashArray, shards: Sequence[Shard]) -> tuple[IndexArray, IndexArray]:
    """Return each hash's place among some shards (-1: in none), and its position there."""
    shard_of = np.full(len(hashes), -1, np.int64)
    position = np.zeros(len(hashes), np.int64)
    for number, shard in enumerate(shards):
        found = np.searchsorted(shard.hashes, hashes)
        inside = found < len(shard.hashes)
        equal = np.zeros(len(hashes), np.bool_)
        equal[inside] = shard.hashes[found[inside]] == hashes[inside]
        equal &= shard_of < 0
        shard_of[equal] = number
        position[equal] = found[equal]
    return shard_of, position


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
        self._parts = [shard.open_vectors() for shard in shards]

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
        """Return the arrays by name, or None if nothing sound is stored."""
        from safetensors import SafetensorError  # noqa: PLC0415  import costs start-up time
        from safetensors.numpy import load_file  # noqa: PLC0415

        if not self.holds():
            return None
        try:
            return dict(load_file(self.path))
        except OSError as error:
            raise unreadable(self.path, error) from error
        except SafetensorError as error:
            warn(damaged(self.path, str(error)))
            return None

    def exists(self) -> bool:
        """Return whether something is stored, be it sound or not."""
        return self.path.exists()

    def holds(self) -> bool:
        """Return whether something is stored; what is damaged is set aside and does not count."""
        if not self.exists():
            return False
        try:
            check(self.path)
        except DamagedError as error:
            warn(error)
            return False
        return True

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store arrays, whole or not at all."""
        from safetensors.numpy import save_file  # noqa: PLC0415

        plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        with atomic_write(self.path) as temporary:
            save_file(plain, temporary, {"checksum": PLACE})
            seal(temporary)


class FolderStore:
    """A stored value that is a folder of files: ``<cache>/<feature>/<key>/<digest>``."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.path = folder / digest

    def read(self) -> Path | None:
        """Return the folder, or None if nothing sound is stored."""
        return self.path if self.holds() else None

    def exists(self) -> bool:
        """Return whether something is stored, be it sound or not."""
        return self.path.is_dir()

    def holds(self) -> bool:
        """Return whether something is stored; what is damaged is set aside and does not count."""
        if not self.exists():
            return False
        try:
            check_folder(self.path)
        except DamagedError as error:
            warn(error)
            return False
        return True

    @contextlib.contextmanager
    def filling(self) -> Iterator[Path]:
        """Yield a folder to fill, which becomes the stored one, with the sums of its files."""
        with atomic_folder(self.path) as work:
            yield work
            write_sums(work)

    def write(self, folder: Path) -> None:
        """Check that a value was stored while it was made: it is too large to be moved about."""
        if folder != self.path:
            raise TypeError(f"{folder} is not where this value is kept")


def _lost(error: DamagedError) -> CacheError:
    return CacheError(
        f"{error.message}, and a service gave what it held",
        hint="run the same line again to ask it anew for these rows, which may cost money",
    )


def _as_bytes(hashes: HashArray) -> list[bytes]:
    packed = np.ascontiguousarray(hashes).tobytes()
    return [packed[start : start + 16] for start in range(0, len(packed), 16)]


def _range_name(hashes: HashArray) -> str:
    packed = np.ascontiguousarray(hashes).tobytes()
    whole = hashlib.blake2b(packed, digest_size=8).hexdigest()
    return f"{packed[:4].hex()}-{packed[-16:-12].hex()}-{whole}"
