"""What a pass has read of a shard that is not written yet, so that a stopped run goes on there.

A shard is written whole, and which of its rows are read together decides the last digits of its
values. So what is kept before its end are the answers to whole batches, as they are: a run that
goes on forms the same batches, reads those that lack an answer, and writes the same bytes.

Answers lie in ``<cache>/unfinished/<pass>/<shard>/``, a file for every stretch of work, and go when
the shard is written. Each is kept under a key of all that was asked, so it never answers for
anything else. Where a batch takes long by itself, as replies do, a file holds how far it is.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from assay.errors import AssayError, CacheError, ConfigError, DamagedError
from assay.files import atomic_write
from assay.files.checksums import PLACE, check, damaged, seal, unreadable, warn
from assay.pool.pool import HashArray

INTERVAL_VARIABLE = "ASSAY_KEEP_SECONDS"
"""Environment variable: seconds of work after which what is done is kept."""
_INTERVAL_SECONDS = 30.0
_BOUGHT_SECONDS = 2.0
_FOLDER = "unfinished"
_ROWS = "rows"
_HELD = ".held"
_HOLDING_COSTS = 0.05  # of the time, at most: what is held may be large
_KEY_BYTES = 16

Answer = Mapping[str, NDArray[Any]]


def default_interval_seconds() -> float:
    """Return $ASSAY_KEEP_SECONDS, or half a minute.

    Raises:
        ConfigError: if it is no number of seconds.
    """
    text = os.environ.get(INTERVAL_VARIABLE, "")
    try:
        found = float(text or _INTERVAL_SECONDS)
    except ValueError:
        found = -1.0
    if not 0 <= found < threading.TIMEOUT_MAX:
        raise ConfigError(f"{INTERVAL_VARIABLE}={text} is no number of seconds")
    return found


def pass_folder(cache: Path, identity: str) -> Path:
    """Return where unfinished shards of a pass lie; `identity` is all that tells it from others."""
    return cache / _FOLDER / hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()


class KeptAnswers:
    """Answers for one shard: those that stopped runs have left, and those of this one.

    As a context it writes what it holds at the end, however that comes.

    Args:
        folder: what `pass_folder` returned; answers for other shards of the pass count as well.
        hashes: content hashes of the shard's rows.
        made_by: what else decides the answers' digits, such as versions of libraries.
        seconds: work that a kill may cost.
        bought: whether a service is asked: its answers are kept sooner.
    """

    def __init__(
        self, folder: Path, hashes: HashArray, *, made_by: str, seconds: float, bought: bool
    ) -> None:
        self._pass = folder
        self._hashes = hashes
        digest = hashlib.blake2b(hashes.tobytes(), digest_size=8).hexdigest()
        self._folder = folder / digest
        self._made_by = made_by
        self.seconds = min(seconds, _BOUGHT_SECONDS) if bought else seconds
        self._left = _load(folder)
        self._fresh: dict[str, Answer] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._fault: AssayError | None = None
        self._held_at = time.monotonic()
        self._held_seconds = 0.0

    def find(self, key: bytes) -> Answer | None:
        """Return what a stopped run was answered; None if it was not."""
        return self._left.get(self._name(key))

    def forget(self) -> None:
        """Drop what stopped runs have left: it does not hold any more."""
        self._left = {}

    def hold(self, key: bytes, state: Callable[[], Answer]) -> None:
        """Keep how far an answer is if the interval is over, until it is kept itself.

        Raises:
            DataError: if the disk is full, or the place cannot be written to.
        """
        started = time.monotonic()
        if started - self._held_at < max(self.seconds, self._held_seconds / _HOLDING_COSTS):
            return
        self._write_arrays(self._folder / f"{self._name(key)}{_HELD}", state())
        self._held_at = time.monotonic()
        self._held_seconds = self._held_at - started

    def held(self, key: bytes) -> Answer | None:
        """Return how far a stopped run was with an answer; None if that is not known."""
        for path in self._pass.glob(f"*/{self._name(key)}{_HELD}"):
            if (found := _read(path)) is not None:
                return found
        return None

    def keep(self, key: bytes, answer: Answer) -> None:
        """Keep an answer: on disk within the interval.

        Raises:
            DataError: if earlier ones could not be written.
        """
        with self._lock:
            if self._fault is not None:
                raise self._fault
            self._fresh[self._name(key)] = answer
            self._held_at = time.monotonic()
            if self._timer is None:
                self._timer = threading.Timer(self.seconds, self._flush_in_time)
                self._timer.daemon = True
                self._timer.start()

    def _name(self, key: bytes) -> str:
        return hashlib.blake2b(
            key, key=hashlib.blake2b(self._made_by.encode()).digest(), digest_size=_KEY_BYTES
        ).hexdigest()

    def _flush_in_time(self) -> None:
        try:
            self.flush()
        except AssayError as error:  # of another thread: told to the one that works
            with self._lock:
                self._fault = error

    def flush(self) -> None:
        """Write what is not on disk yet.

        Raises:
            DataError: if the disk is full, or the place cannot be written to.
        """
        with self._writing:
            with self._lock:
                fresh, self._fresh = self._fresh, {}
                timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
            if fresh:
                self._write(fresh)

    def _write(self, fresh: Mapping[str, Answer]) -> None:
        arrays = {
            f"{name} {part}": array
            for name, answer in fresh.items()
            for part, array in answer.items()
        }
        self._write_arrays(self._folder / f"{secrets.token_hex(8)}.safetensors", arrays)
        for name in fresh:
            (self._folder / f"{name}{_HELD}").unlink(missing_ok=True)

    def _write_arrays(self, path: Path, arrays: Answer) -> None:
        from safetensors.numpy import save_file  # noqa: PLC0415  import costs start-up time

        rows = self._folder / _ROWS
        if not rows.exists():
            with atomic_write(rows) as temporary:
                temporary.write_bytes(self._hashes.tobytes())
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        with atomic_write(path) as temporary:
            save_file(whole, temporary, {"checksum": PLACE})
            seal(temporary)

    def remove(self) -> None:
        """Remove what was kept for the shard: all of it is written."""
        with self._lock:
            self._fresh = {}
        self.flush()
        _remove(self._folder)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what it holds; an error that is under way is not hidden by another one."""
        if error is None:
            self.flush()
            return
        with contextlib.suppress(AssayError):
            self.flush()


def sweep(folder: Path, lacks: Callable[[HashArray], bool]) -> None:
    """Remove what is kept of shards that were written by now: a kill may have come in between.

    Args:
        folder: what `pass_folder` returned.
        lacks: says of ascending hashes whether one of them has no stored value yet.
    """
    for shard in sorted(folder.iterdir()) if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError, ValueError):
            rows = np.frombuffer((shard / _ROWS).read_bytes(), dtype="S16")
            if not lacks(rows):
                _remove(shard)


def _remove(shard: Path) -> None:
    shutil.rmtree(shard, ignore_errors=True)
    for folder in (shard.parent, shard.parent.parent):
        with contextlib.suppress(OSError):  # it holds what others keep
            folder.rmdir()


def _load(folder: Path) -> dict[str, Answer]:
    """Return the answers that are kept of a pass, by name."""
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for name, part, array in _arrays(folder):
        found.setdefault(name, {})[part] = array
    return dict(found)


def _arrays(folder: Path) -> Iterator[tuple[str, str, NDArray[Any]]]:
    for path in sorted(folder.glob("*/*.safetensors")) if folder.is_dir() else ():
        for name, array in (_read(path) or {}).items():
            key, _, part = name.partition(" ")
            yield key, part, array


def _read(path: Path) -> Answer | None:
    """Return the arrays of a file; None if it is damaged, or gone with its shard."""
    from safetensors import SafetensorError  # noqa: PLC0415  import costs start-up time
    from safetensors.numpy import load_file  # noqa: PLC0415

    try:
        if not check(path):
            raise damaged(path, "its checksum is missing")
        return dict(load_file(path))
    except DamagedError as error:
        warn(error, "what it held is read again")
    except (CacheError, OSError) as error:
        if path.exists():
            raise (unreadable(path, error) if isinstance(error, OSError) else error) from error
        # Another process has written its shard.
    except SafetensorError as error:
        warn(damaged(path, str(error)), "what it held is read again")
    return None
