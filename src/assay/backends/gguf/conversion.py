"""A GGUF file becomes a folder with safetensors under the cache, once.

After that all goes on as with any folder. The folder is kept under the digest of the file and the
version of what is below, and is renamed into place when it is whole; a killed run leaves nothing
that another would read.
"""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from assay.backends.gguf.checks import check_file
from assay.backends.gguf.header import Header, read_header
from assay.backends.gguf.settings import stretch_rotations
from assay.backends.gguf.tokenizer import write_tokenizer
from assay.errors import DataError, MissingExtraError
from assay.files import file_digest, write_error
from assay.stores.cache import FolderStore
from assay.wording import size_text

if TYPE_CHECKING:
    from assay.models.workplace import Workplace

VERSION = 1
"""Part of the digest of every model that comes from a GGUF file: raised where the same file would
become other weights or other tokens."""
FOLDER = "gguf"
_BYTES_PER_WEIGHT = 4
_ROOM = 64 << 20  # the tokenizer and what else is small


def gguf_digest(path: Path) -> str:
    """Return 12 hex digits of a GGUF file's content followed by the converter's version.

    Raises:
        ModelLoadError: if it is not one whole language model whose parts are all known.
        MissingExtraError: if what reads such files is not installed.
    """
    check_file(read_header(path))
    state = path.stat()
    return f"{_digest(path, state.st_size, state.st_mtime_ns)}{VERSION:02x}"


@lru_cache(maxsize=16)
def _digest(path: Path, _size: int, _moment: int) -> str:
    return file_digest(path)


def gguf_folder(path: Path, digest: str, runtime: "Workplace") -> Path:
    """Return the folder that a GGUF file became; it is made if it is not there.

    Of several processes on a machine that need it at once one makes it and the others wait.

    Raises:
        ModelLoadError: if the file is not one that can be read.
        MissingExtraError: if transformers, torch or gguf is not installed.
        DataError: if there is no room for it.
    """
    store = FolderStore(runtime.cache / FOLDER / f"v{VERSION}", digest)
    if store.holds():
        return store.path
    with _alone(store.path, runtime):
        if not store.holds():
            header = read_header(path)
            _check_room(header, store.path)
            with store.filling() as work:
                _empty(work)
                _convert(header, work, runtime)
    return store.path


@contextlib.contextmanager
def _alone(path: Path, runtime: "Workplace") -> Iterator[None]:
    """Wait until no other process of this machine makes the same folder, and keep them off."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        stream = lock.open("a")
    except OSError as error:
        raise write_error(path, error) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with runtime.progress.task("waits for another process that reads the model", None):
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _check_room(header: Header, path: Path) -> None:
    needed = header.parameters * _BYTES_PER_WEIGHT + _ROOM
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise DataError(
            f"{header.path} needs {size_text(needed)} as a folder under {path.parent}, and "
            f"{size_text(free)} are free",
            hint="free some space, or set ASSAY_CACHE to a place on another disk",
        )


def _empty(work: Path) -> None:
    """Remove what a killed run left: half a model is not gone on with."""
    for entry in work.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif not entry.name.startswith("."):
            entry.unlink()


def _convert(header: Header, folder: Path, runtime: "Workplace") -> None:
    try:
        import torch  # noqa: PLC0415  heavy
        import transformers  # noqa: PLC0415  heavy

        from assay.backends.gguf.weights import read_model  # noqa: PLC0415  imports both
    except ImportError as error:
        raise MissingExtraError(f"the language model {header.path}", "models") from error
    label = f"reads {header.path.name}"
    with runtime.progress.task(label, len(header.tensors), unit="tensors") as task:
        read = read_model(header, task.advance)
    config = read.config
    if getattr(config, "quantization_config", None) is not None:
        del config.quantization_config
    if header.architecture == "llama":
        stretch_rotations(header, config)
    config.name_or_path = ""
    with torch.device("meta"):
        plain = transformers.AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(read.state_dict(), assign=True)
    plain.tie_weights()
    write_tokenizer(header, folder)
    plain.save_pretrained(folder)
