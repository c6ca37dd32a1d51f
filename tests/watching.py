"""What goes through a model of transformers, seen at its token embedding."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest


@contextlib.contextmanager
def forwards(vocabulary: int, *, most_rows: int | None = None) -> Iterator[list[tuple[int, int]]]:
    """Yield a list that gets rows and length of every forward of models with a vocabulary.

    Args:
        vocabulary: tokens of the model.
        most_rows: more rows than this do not fit into memory.
    """
    torch = pytest.importorskip("torch")
    seen: list[tuple[int, int]] = []

    def look(module: Any, given: Any) -> None:
        if not isinstance(module, torch.nn.Embedding) or module.num_embeddings != vocabulary:
            return
        rows, length = given[0].shape
        if most_rows is not None and rows > most_rows:
            raise torch.OutOfMemoryError("made up")
        seen.append((rows, length))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(look)
    try:
        yield seen
    finally:
        handle.remove()
