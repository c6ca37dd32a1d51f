"""The smallest GGUF files: a header alone, which says what the file is. Needs nothing."""

import struct
from pathlib import Path
from typing import Any


def header_only(path: Path, *, tensors: int = 1, **fields: Any) -> Path:
    """Write a file of version 3 with some fields, and tensors whose values are not there.

    Args:
        path: where it goes.
        tensors: how many it says that it has, of one number each.
        fields: texts and whole numbers by name; a double underscore stands for a dot.
    """
    named = {"general.architecture": "llama"}
    named |= {name.replace("__", "."): value for name, value in fields.items()}
    content = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(named))
    for name, value in named.items():
        kind = 8 if isinstance(value, str) else 4
        content += _text(name) + struct.pack("<I", kind)
        content += _text(value) if isinstance(value, str) else struct.pack("<I", value)
    for number in range(tensors):
        content += _text(f"t{number}") + struct.pack("<IQIQ", 1, 1, 0, 0)
    path.write_bytes(content)
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
