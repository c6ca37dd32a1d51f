"""What may be named as a judge: a model behind HTTP, a GGUF file, or a package that holds one.

``http://host:8000/v1#model@label`` is asked where it is. ``model.gguf`` and ``package:NAME`` are
served by a child of this process, wherever that listens this time. So an address counts as it is
written, its label being the user's word for the version, and a file by its content alone.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from assay.backends.endpoint.endpoint_address import Address, parse_address
from assay.backends.gguf.header import read_header
from assay.backends.packages import model_file
from assay.backends.pins import check_same, is_pinned, split_pin
from assay.components.references import JUDGES, is_endpoint
from assay.errors import ModelLoadError, Parameter, Phrase
from assay.files import absence, file_digest

_FORMS = Phrase("{}, " + JUDGES, Parameter("judge", "http://host:8000/v1#model@label"))
_SUFFIX = ".gguf"


class JudgeAddress(NamedTuple):
    """A judge as it is named: behind an address, or in a file.

    Attributes:
        pinned: the name with its label, or with the digest of its file.
        identity: what is part of the key of each of its replies. Of a file that is the digest: not
            its path, not the port on which it is served, nor with how many threads.
        address: where it answers; None for one that is served from here.
        file: what is served from here; None for one behind an address.
    """

    pinned: str
    identity: str
    address: Address | None = None
    file: Path | None = None

    @property
    def name(self) -> str:
        """Return what a person calls it: the model's name with its label, or the file's."""
        if self.address is not None:
            return f"{self.address.model}@{self.address.label}"
        return "" if self.file is None else self.file.name.removesuffix(_SUFFIX)


def find_judge(text: str) -> JudgeAddress:
    """Return the judge of a name, pinned or not. No network is touched.

    Raises:
        ModelLoadError: if it is none, or a file that has changed since it was pinned.
    """
    if not text:
        raise ModelLoadError("this asks a judge, and none is named", hint=_FORMS)
    if is_endpoint(text):
        return _behind(text)
    name, digest = split_pin(text) if is_pinned(text) and not Path(text).exists() else (text, "")
    file = model_file(name)
    if file is None:
        if name.endswith(_SUFFIX) or Path(name).exists():
            raise ModelLoadError(_no_file(Path(name)), hint=_FORMS)
        raise ModelLoadError(f"{text!r} names no judge", hint=_FORMS)
    read_header(file)
    found = content_digest(file)
    if digest:
        check_same(name, found, digest)
    return JudgeAddress(f"{name}@{found}", file_identity(found), file=file)


def file_identity(digest: str) -> str:
    """Return what is part of the key of each reply of a judge in a file, from its digest."""
    return f"gguf@{digest}"


def pin_judge(text: str) -> str:
    """Return a judge's name with its label, or with the digest of its file; raises as `find_judge`.

    Raises:
        ModelLoadError: if it names no judge, or a file that has changed since it was pinned.
    """
    return find_judge(text).pinned


def content_digest(file: Path) -> str:
    """Return 12 hex digits of a file's content, which is read once as long as it stays."""
    state = file.stat()
    return _digest(file, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _digest(file: Path, _size: int, _moment: int) -> str:
    return file_digest(file)


def _behind(text: str) -> JudgeAddress:
    address = parse_address(text)
    if address.tokenizer or address.window:
        option = "tokenizer" if address.tokenizer else "window"
        raise ModelLoadError(
            f"{text}: {option}= is for models whose tokens are counted, and no option of a judge",
            hint=str(address._replace(tokenizer="", window=0)),
        )
    return JudgeAddress(str(address), str(address), address=address)


def _no_file(path: Path) -> str:
    return f"{path} is a folder, and no GGUF file" if path.is_dir() else absence(path)
