"""What a GGUF file says of itself: its fields, and which tensors it holds.

Source: the format's description, github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import math
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from assay.errors import ModelLoadError

MAGIC = b"GGUF"
_VERSIONS = (2, 3)  # the first one counted in 32 bits, for a few weeks of 2023
_FORMATS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4
_ALIGNMENT = 32
AGAIN = "fetch the file again, or convert the model anew"
ANOTHER = "name a GGUF file of a whole language model"


class TensorHead(NamedTuple):
    """What a header says of a tensor: `kind` is the number of its type, `offset` is in bytes."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


class Header(NamedTuple):
    """What a GGUF file holds, without its tensors' values."""

    path: Path
    fields: Mapping[str, Any]
    tensors: tuple[TensorHead, ...]
    data_start: int
    size: int

    @property
    def architecture(self) -> str:
        """Name of the architecture; "" if none is named."""
        return str(self.fields.get("general.architecture", ""))

    @property
    def parameters(self) -> int:
        """How many weights the file holds."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file; each file is read once.

    Raises:
        ModelLoadError: if it is none, is cut off, or is of a version that nobody writes any more.
    """
    try:
        state = path.stat()
        return _read(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error.strerror or error}") from error


@lru_cache(maxsize=4)
def _read(path: Path, size: int, _moment: int) -> Header:
    with path.open("rb") as stream:
        values = _Values(stream, path, size)
        if stream.read(len(MAGIC)) != MAGIC:
            raise ModelLoadError(f"{path} is no GGUF file", hint=ANOTHER)
        _check_version(path, int(values.number("I")))
        tensor_count, field_count = int(values.number("Q")), int(values.number("Q"))
        fields: dict[str, Any] = {}
        for _ in range(field_count):
            name = values.text()
            fields[name] = values.value(int(values.number("I")))
        tensors = tuple(values.tensor() for _ in range(tensor_count))
        alignment = fields.get("general.alignment", _ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ModelLoadError(f"{path} is damaged: its alignment is {alignment!r}", hint=AGAIN)
        start = -(-stream.tell() // alignment) * alignment
    return Header(path, fields, tensors, start, size)


def _check_version(path: Path, version: int) -> None:
    if version in _VERSIONS:
        return
    swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
    if swapped in _VERSIONS:
        raise ModelLoadError(
            f"{path} is a big-endian GGUF file, which is not read",
            hint="convert it with gguf-convert-endian, or fetch the usual, little-endian one",
        )
    known = " and ".join(map(str, _VERSIONS))
    raise ModelLoadError(
        f"{path} is of version {version} of GGUF; {known} are read", hint="convert the model anew"
    )


class _Values:
    """Reads one value after the other, none of which may lie behind the end of the file."""

    def __init__(self, stream: BinaryIO, path: Path, size: int) -> None:
        self._stream, self._path, self._size = stream, path, size

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > self._size - self._stream.tell():
            raise cut_off(self._path)
        return self._stream.read(count)

    def number(self, form: str) -> int | float | bool:
        """Return a number of a form that `struct` knows."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(form)))[0]

    def text(self) -> str:
        """Return a text; bytes that are no UTF-8 come out as marks."""
        return self.take(int(self.number("Q"))).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        """Return a value of a kind that its number tells."""
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array()
        if kind not in _FORMATS:
            raise ModelLoadError(
                f"{self._path} is damaged: it has a field of the unknown kind {kind}", hint=AGAIN
            )
        return self.number(_FORMATS[kind])

    def _array(self) -> list[Any]:
        kind, count = int(self.number("I")), int(self.number("Q"))
        if kind in _FORMATS:
            width = struct.calcsize(_FORMATS[kind])
            content = self.take(count * width)
            return list(struct.unpack(f"<{count}{_FORMATS[kind]}", content))
        if kind == _ARRAY:
            raise ModelLoadError(f"{self._path} is damaged: it has nested lists", hint=AGAIN)
        return [self.value(kind) for _ in range(count)]

    def tensor(self) -> TensorHead:
        """Return what is said of a tensor, its longest stride first."""
        name, dimensions = self.text(), int(self.number("I"))
        if dimensions > _MOST_DIMENSIONS:
            raise ModelLoadError(
                f"{self._path} is damaged: {name!r} has {dimensions} dimensions", hint=AGAIN
            )
        shape = [int(self.number("Q")) for _ in range(dimensions)]
        kind, offset = int(self.number("I")), int(self.number("Q"))
        return TensorHead(name, tuple(reversed(shape)), kind, offset)


def cut_off(path: Path) -> ModelLoadError:
    """Return the error of a file that ends too early."""
    size = path.stat().st_size
    return ModelLoadError(
        f"{path} is cut off: it ends after {size:,} bytes, before its content does", hint=AGAIN
    )
