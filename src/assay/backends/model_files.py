"""What the small files of a model's folder must be before a library is handed them."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from assay.errors import ModelLoadError

_OBJECTS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "adapter_config.json",
)
_INDEX = "model.safetensors.index.json"
_AGAIN = "fetch or save the model again"


def check_model_files(folder: Path) -> None:
    """Refuse a folder whose settings are no objects, or whose index names no files.

    Raises:
        ModelLoadError: names the file and what is wrong with it.
    """
    for name in (*_OBJECTS, _INDEX):
        path = folder / name
        if path.is_file():
            state = path.stat()
            _check(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _check(path: Path, _size: int, _moment: int) -> None:
    try:
        content = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ModelLoadError(f"{path} is nested too deeply", hint=_AGAIN) from error
    except ValueError as error:
        raise ModelLoadError(f"{path} is not JSON: {error}", hint=_AGAIN) from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path} holds no object with fields", hint=_AGAIN)
    if path.name == _INDEX and not _is_index(content):
        raise ModelLoadError(f"{path} does not say which file holds which weight", hint=_AGAIN)


def _is_index(content: dict[str, Any]) -> bool:
    files = content.get("weight_map")
    return isinstance(files, dict) and all(isinstance(name, str) for name in files.values())


def unreadable() -> tuple[type[Exception], ...]:
    """Return what transformers raises for a model, or for settings, that it cannot read."""
    from huggingface_hub.errors import StrictDataclassError  # noqa: PLC0415  costs start-up time
    from safetensors import SafetensorError  # noqa: PLC0415  costs start-up time

    return (
        OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, ImportError,
        RuntimeError, SafetensorError, StrictDataclassError,
    )  # fmt: skip


def reason(error: Exception) -> str:
    """Return a library's words on a model, in one line and without advice of its own options."""
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return "it needs code of its own, which Assay does not run"
    return text
