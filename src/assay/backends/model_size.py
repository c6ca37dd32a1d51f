"""How large a language model is, read off the heads of its files without opening it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.backends.embedded.embedded_lm import ASSETS
from assay.backends.gguf.header import read_header
from assay.backends.packages import model_file
from assay.backends.pins import hub_file, split_pin
from assay.backends.weights import adapter_base, is_adapter
from assay.components.references import EMBEDDED_MODEL, is_endpoint
from assay.errors import ModelLoadError

_HEADER_BYTES = 8


def count_parameters(pinned: str, *, offline: bool) -> int:
    """Return the number of a model's weights from the heads of its files; 0 if they are not here.

    Nothing is fetched but these heads.
    """
    if is_endpoint(pinned):
        return 0
    name, digest = split_pin(pinned)
    file = model_file(name)
    if file is not None:
        return read_header(file).parameters
    folder = ASSETS if name == EMBEDDED_MODEL else Path(name)
    if folder.is_dir():
        if is_adapter(folder):
            base, revision = adapter_base(folder)
            return count_parameters(f"{base}@{revision or digest}", offline=offline)
        files = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("*.safetensors"))
        return sum(map(_count, files))
    try:
        return _count(hub_file(name, "model.safetensors", revision=digest, offline=True))
    except ModelLoadError:
        return 0 if offline else _count_on_hub(name, digest)


def _count_on_hub(name: str, revision: str) -> int:
    from huggingface_hub import get_safetensors_metadata  # noqa: PLC0415  costs start-up time
    from huggingface_hub.errors import (  # noqa: PLC0415
        HfHubHTTPError,
        NotASafetensorsRepoError,
        SafetensorsParsingError,
    )

    try:
        found = get_safetensors_metadata(name, revision=revision)
    except (HfHubHTTPError, NotASafetensorsRepoError, SafetensorsParsingError, OSError):
        return 0
    return sum(found.parameter_count.values())


def _count(file: Path) -> int:
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(_HEADER_BYTES), "little")
        header: Mapping[str, Any] = json.loads(stream.read(length))
    return sum(
        math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__"
    )
