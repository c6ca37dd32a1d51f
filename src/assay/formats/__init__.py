"""Reading every common layout of instruction data, and writing it back."""

from assay.formats.detection import LAYOUTS
from assay.formats.faults import Fault
from assay.formats.records import Block, ReadReport, SetAside, SourceFile, SourceSpec
from assay.formats.sources import DetectedFile, detect, read_sources

__all__ = [
    "LAYOUTS",
    "Block",
    "DetectedFile",
    "Fault",
    "ReadReport",
    "SetAside",
    "SourceFile",
    "SourceSpec",
    "detect",
    "read_sources",
]
