"""Causal language models by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from assay.backends.pins import check_same, folder_digest, is_pinned, pin_model, split_pin
from assay.errors import ModelLoadError
from assay.references import LANGUAGE_MODELS

if TYPE_CHECKING:
    from assay.language_models import DType, LanguageModel
    from assay.runtime import Runtime

_KINDS = f"--model gpt2, {LANGUAGE_MODELS}"


def pin_language_model(text: str, *, offline: bool) -> str:
    """Return a language model's name followed by the digest of what it names.

    Raises:
        ModelLoadError: if none is named, or nothing of that name can be found.
    """
    if not text:
        raise ModelLoadError("this reads a causal language model, and none is named", hint=_KINDS)
    if is_pinned(text):
        return text
    if text.startswith("assay:"):
        raise ModelLoadError(f"no language model is called {text!r}", hint=_KINDS)
    return pin_model("language model", text, offline=offline)


def load_language_model(pinned: str, dtype: "DType", runtime: "Runtime") -> "LanguageModel":
    """Return the model that a pinned name stands for, on the runtime's first device.

    Raises:
        ModelLoadError: if it cannot be opened or no longer has that digest.
        MissingExtraError: if torch or transformers is not installed.
    """
    from assay.backends.causal_lm import TransformersModel  # noqa: PLC0415  opens models

    name, digest = split_pin(pinned)
    local = Path(name).exists()
    if local:
        check_same(name, folder_digest(Path(name)), digest)
    return TransformersModel(
        name,
        revision=None if local else digest,
        dtype=dtype,
        device=runtime.devices()[0],
        budgets=runtime.cache / "token_budgets",
        identity=digest,
        offline=runtime.offline,
    )
