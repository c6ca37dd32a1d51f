"""What passes between readers, layouts, the pool and exporters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from assay.samples import Origin, Sample

Container = Literal["json", "jsonl", "csv", "tsv", "parquet", "arrow", "text"]
MayLack = Literal["nothing", "answers", "instructions"]
"""What rows need not have: questions no answer, documents no instruction."""
Compression = Literal["none", "gzip", "zstd"]


@dataclass(frozen=True)
class SourceSpec:
    """What the user named as data.

    Attributes:
        location: a path, a folder, "-" for standard input, or "org/name" on the Hub.
        name: how the source is called in quotas and reports; the file's stem if None.
        config: Hub configuration (a sub-dataset), None for the default one.
        split: "train", "test" ...: which split to read; None reads all that are found.
        revision: Hub branch, tag or commit.
        layout: name of a layout of `layouts.py` to use without detection.
        mapping: canonical field -> template over the record's fields, such as
            {"instruction": "Classify: {text}", "response": "{label}"}; replaces the layout.
        container: container to read it as when the name does not tell (standard input).
    """

    location: str
    name: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None
    layout: str | None = None
    mapping: Mapping[str, str] | None = None
    container: Container | None = None


@dataclass(frozen=True)
class SourceFile:
    """One file that was read, as export needs to find it again.

    `digest` is blake2b (16 bytes, hex) of the file as it lies on disk; `size` its bytes;
    `encoding_bom` says whether a UTF-8 byte order mark opens it; `commit` is the revision of the
    Hub repository it came from, "" for a local file.
    """

    path: Path
    source: str
    split: str
    container: Container
    compression: Compression
    layout: str
    size: int
    digest: str
    mapping: Mapping[str, str] | None = None
    encoding_bom: bool = False
    commit: str = ""


class SetAside(NamedTuple):
    """A record that could not be used, with the place and the reason a person can act on."""

    file: str
    row: int
    byte_offset: int
    reason: str
    detail: str
    excerpt: str


@dataclass(frozen=True)
class Block:
    """Some samples in source order; `samples[i]` lies at `origins[i]`."""

    samples: list[Sample]
    origins: list[Origin]


@dataclass
class ReadReport:
    """Grows while blocks are read; complete once the last block was taken.

    `rows` counts records met, `samples` what they gave (Self-Instruct gives several per record);
    every record either gave a sample or lies in `set_aside`.
    """

    files: list[SourceFile] = field(default_factory=list)
    rows: int = 0
    samples: int = 0
    set_aside: list[SetAside] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
