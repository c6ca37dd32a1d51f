"""What the ending of a file's name says: container and compression."""

from pathlib import PurePath
from typing import NamedTuple

from assay.errors import DataError
from assay.formats.records import Compression, Container

_CONTAINERS: dict[str, Container] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}


_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}


_ENDINGS: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}


class OutputForm(NamedTuple):
    """Container and compression of an output file."""

    container: Container
    compression: Compression = "none"

    @property
    def ending(self) -> str:
        """The ending of a file name that asks for this form, such as ".jsonl.gz"."""
        return f".{self.container}{_ENDINGS[self.compression]}"


def output_form(path: PurePath) -> OutputForm | None:
    """Return what the ending of a name asks for, or None if it names no container.

    Raises:
        DataError: if it asks for a packed Parquet or Arrow file.
    """
    endings = [ending.lower() for ending in path.suffixes]
    compression = _COMPRESSIONS.get(endings[-1], "none") if endings else "none"
    if compression != "none":
        endings.pop()
    container = _CONTAINERS.get(endings[-1]) if endings else None
    if container is None:
        return None
    if container in ("parquet", "arrow") and compression != "none":
        raise DataError(
            f"cannot write {path}: {container} files are packed inside",
            hint=f"leave out the ending {path.suffixes[-1]!r}",
        )
    return OutputForm(container, compression)
