"""Sentence encoders and tokenizers by name: embedded, a folder, or on the Hub.

A pinned name ends in ``@`` and a digest: of the embedded assets, of a folder's files, or the Hub's
commit. Loading checks it, so a model that changed is never mixed with what it made before.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.backends.model_files import reason, unreadable
from assay.backends.pins import check_same, folder_digest, hub_file, is_pinned, pin_model, split_pin
from assay.backends.weights import misfit
from assay.components.references import BYTE_ESTIMATE, EMBEDDED_ENCODER, SPELLED_ENCODER
from assay.errors import MissingExtraError, ModelLoadError
from assay.samples import Float32Array, FloatArray, IndexArray
from assay.texts.measures import token_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers import Tokenizer

    from assay.backends.static_encoder import StaticEncoder
    from assay.models.encoder import EncodedTexts, Encoder, TokenCounter

_READ = "_is_hf_initialized"
"""Mark of transformers' on weights that were read from a file."""


def pin(kind: str, text: str, *, offline: bool) -> str:
    """Return `text` followed by the digest of what it names.

    Raises:
        ModelLoadError: if nothing of that name can be found.
    """
    if is_pinned(text) or (kind == "tokenizer" and text == BYTE_ESTIMATE):
        return text
    if kind == "encoder" and text in (EMBEDDED_ENCODER, SPELLED_ENCODER):
        return f"{text}@{_embedded(text).digest[:12]}"
    if text.startswith("assay:"):
        known = EMBEDDED_ENCODER if kind == "encoder" else BYTE_ESTIMATE
        raise ModelLoadError(f"no {kind} is called {text!r}", hint=f"use {known!r}")
    return pin_model(kind, text, offline=offline)


def load_encoder(pinned: str, *, offline: bool) -> "Encoder":
    """Return the encoder that a pinned name stands for.

    Raises:
        ModelLoadError: if it cannot be opened or no longer has that digest.
        MissingExtraError: if it needs sentence-transformers, and that is not installed.
    """
    name, digest = split_pin(pinned)
    if name in (EMBEDDED_ENCODER, SPELLED_ENCODER):
        encoder = _embedded(name)
        check_same(name, encoder.digest[:12], digest)
        return encoder
    path = Path(name)
    if path.exists():
        check_same(name, folder_digest(path), digest)
        return SentenceEncoder(name, revision=None)
    return SentenceEncoder(name, revision=digest, offline=offline)


@cache
def _embedded(name: str) -> "StaticEncoder":
    from assay.backends.static_encoder import StaticEncoder  # noqa: PLC0415  opens the model

    return StaticEncoder.from_assets(spelled=name == SPELLED_ENCODER)


def load_token_counter(pinned: str, *, offline: bool) -> "TokenCounter":
    """Return what counts tokens under a pinned name.

    Raises:
        ModelLoadError: if there is no ``tokenizer.json`` there.
    """
    if pinned == BYTE_ESTIMATE:
        return ByteEstimate()
    from tokenizers import Tokenizer  # noqa: PLC0415  costs start-up time

    name, digest = split_pin(pinned)
    path = Path(name)
    if path.exists():
        check_same(name, folder_digest(path), digest)
        file = path if path.is_file() else path / "tokenizer.json"
    else:
        file = hub_file(name, "tokenizer.json", revision=digest, offline=offline)
    try:
        return TokenizerCounter(Tokenizer.from_file(str(file)))
    except Exception as error:  # the Rust library raises bare Exception
        raise ModelLoadError(f"{file} is not a tokenizer: {error}") from error


class ByteEstimate:
    """Counts a token for every four bytes of UTF-8, begun or full: an estimate in any script."""

    def count(self, texts: "Sequence[str]") -> IndexArray:
        """Return the estimated number of tokens of each text. Shape (n,)."""
        lengths = np.fromiter((len(text.encode()) for text in texts), np.int64, len(texts))
        return -(-lengths // 4)


class TokenizerCounter:
    """Counts the tokens of a tokenizer, special ones left out."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer

    def count(self, texts: "Sequence[str]") -> IndexArray:
        """Return the number of tokens of each text. Shape (n,)."""
        return token_counts(texts, self._tokenizer)


class SentenceEncoder:
    """A sentence-transformers model.

    Args:
        name: folder or ``org/name``.
        revision: commit on the Hub; None for a folder.
        offline: never touch the network.
    """

    def __init__(self, name: str, *, revision: str | None, offline: bool = True) -> None:
        try:
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415  heavy
        except ImportError as error:
            raise MissingExtraError(f"the encoder {name}", "models") from error
        try:
            self._model = SentenceTransformer(
                name, revision=revision, local_files_only=offline, trust_remote_code=False
            )
        except unreadable() as error:
            raise ModelLoadError(f"the encoder {name} cannot be opened: {reason(error)}") from error
        fault = misfit(_drawn(self._model), ())
        if fault:
            raise ModelLoadError(
                f"the encoder {name} would give other vectors each time: {fault}",
                hint="config.json and all weights must be of one model: save or fetch it again",
            )
        self.dimension = int(self._model.get_embedding_dimension() or 0)

    def encode_and_flag(self, texts: "Sequence[str]") -> "EncodedTexts":
        """Return unit vectors, shape (n, d) float32, and which texts were cut."""
        from assay.models.encoder import EncodedTexts  # noqa: PLC0415

        vectors: Float32Array = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        truncated = np.zeros(len(texts), np.bool_)
        limit = self._model.max_seq_length
        if limit is not None and np.isfinite(limit):  # static models read texts of any length
            tokens = self._model.tokenizer(list(texts), truncation=False, verbose=False)
            truncated[:] = [len(ids) > limit for ids in tokens["input_ids"]]
        return EncodedTexts(vectors.astype(np.float32, copy=False), truncated)

    def coverage(self, texts: "Sequence[str]") -> FloatArray:
        """Return NaN for every text: only the model's card can tell what it covers."""
        return np.full(len(texts), np.nan)


def _drawn(model: Any) -> list[str]:
    """Return the weights of an encoder that its files lack, for which transformers drew lots.

    Poolers do not count: sentence-transformers has its own, and many files lack them. Nothing is
    told of adapters, nor by versions of transformers that do not mark what they have read.
    """
    import transformers  # noqa: PLC0415  heavy

    lacking: list[str] = []
    for part in model:
        inner = getattr(part, "model", None)
        if isinstance(inner, transformers.PreTrainedModel) and not hasattr(inner, "peft_config"):
            read = {name: hasattr(weight, _READ) for name, weight in inner.named_parameters()}
            drawn = [name for name, known in read.items() if not known and "pooler." not in name]
            lacking += drawn if any(read.values()) else []
    return lacking
