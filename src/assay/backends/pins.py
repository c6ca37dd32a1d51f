"""Names of models outside, pinned to their content: a folder's files, or a commit on the Hub."""

import hashlib
import re
from pathlib import Path

from assay.backends.model_files import check_model_files
from assay.errors import ModelLoadError

_NAME_PART = r"\w[\w.-]*"  # a dot at the beginning makes it a path
_NAME = f"{_NAME_PART}/{_NAME_PART}"
_PIN = re.compile(r"^(?P<name>.+)@(?P<digest>[0-9a-f]{12,})$", re.DOTALL)
_WEIGHT_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")


def is_pinned(text: str) -> bool:
    """Return whether a name ends in ``@`` and a digest."""
    return _PIN.match(text) is not None


def pin_model(kind: str, text: str, *, offline: bool) -> str:
    """Return the name of a folder or of a model on the Hub, followed by ``@`` and its digest.

    Raises:
        ModelLoadError: if nothing of that name can be found.
    """
    path = Path(text)
    if path.exists():
        return f"{text}@{folder_digest(path)}"
    bare = kind == "language model"  # the oldest models of the Hub, such as gpt2, have no owner
    if re.fullmatch(_NAME + (rf"|{_NAME_PART}" if bare else ""), text):
        return f"{text}@{hub_commit(text, offline=offline)}"
    raise ModelLoadError(
        f"no {kind} is found at {text!r}",
        hint="name a folder, or org/name on the Hugging Face Hub",
    )


def split_pin(pinned: str) -> tuple[str, str]:
    """Return name and digest of a pinned name.

    Raises:
        ModelLoadError: if it is not pinned.
    """
    match = _PIN.match(pinned)
    if match is None:
        raise ModelLoadError(f"{pinned!r} is not pinned")
    return match["name"], match["digest"]


def check_same(name: str, found: str, wanted: str) -> None:
    """Check that what a name stands for has not changed.

    Raises:
        ModelLoadError: if it has.
    """
    if found != wanted:
        raise ModelLoadError(
            f"{name} has changed: it was {wanted}, now it is {found}",
            hint="run the line again without the old pin",
        )


def folder_digest(path: Path) -> str:
    """Return 12 hex digits over a file, or over the weights and settings in a folder.

    Raises:
        ModelLoadError: if the folder holds no model.
    """
    files = (
        [path]
        if path.is_file()
        else sorted(
            {file for pattern in _WEIGHT_FILES for file in path.rglob(pattern) if file.is_file()}
        )
    )
    if not files:
        raise ModelLoadError(f"{path} holds no model", hint="weights must be safetensors")
    if path.is_dir():
        check_model_files(path)
    state = hashlib.blake2b(digest_size=6)
    for file in files:
        name = "" if path.is_file() else file.relative_to(path).as_posix()
        with file.open("rb") as stream:
            inner = hashlib.file_digest(stream, hashlib.blake2b).digest()
        state.update(name.encode() + b"\0" + inner)
    return state.hexdigest()


def hub_commit(name: str, *, offline: bool) -> str:
    """Return the commit that a name on the Hub stands for at this moment."""
    file = hub_file(name, "config.json", revision=None, offline=offline)
    return file.parent.name  # <cache>/models--org--name/snapshots/<commit>/config.json


def hub_file(name: str, file: str, *, revision: str | None, offline: bool) -> Path:
    """Return the local copy of a file on the Hub, fetched if need be.

    Raises:
        ModelLoadError: if it cannot be had.
    """
    from huggingface_hub import hf_hub_download  # noqa: PLC0415  costs start-up time

    try:
        return Path(hf_hub_download(name, file, revision=revision, local_files_only=offline))
    except OSError as error:  # the Hub's own errors are among them
        first_line = str(error).strip().partition("\n")[0]
        raise ModelLoadError(
            f"{name} cannot be fetched from the Hub: {first_line}",
            hint="check the name, set HF_TOKEN for a private model, or name a local folder",
        ) from error
