"""Which rows the embedded language model was trained on, by the hashes that travel with it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.components.references import EMBEDDED_MODEL, name_of
from assay.rendering.prompts import Prompt
from assay.rendering.token_rows import TokenRow
from assay.samples import Conversation, Flag

RowType = TypeVar("RowType", TokenRow, Prompt)

HASHES = Path(__file__).parents[1] / "assets" / "language_model" / "training_rows.safetensors"
"""Ascending hashes of its training rows."""


def row_hash(prompt: str, response: str) -> int:
    """Return a number of 64 bits for a row, the same whatever its white space and capitals."""
    plain = "".join(f"{prompt}\n{response}".split()).lower()
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def seen(conversations: Sequence[Conversation]) -> NDArray[np.bool_]:
    """Return which rows the embedded language model was trained on. Shape (n,)."""
    known = _known()
    hashes = np.array([row_hash(one.prompt, one.response) for one in conversations], np.uint64)
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return known[places] == hashes


def flag_seen(
    model: str, rows: list[RowType], conversations: Sequence[Conversation]
) -> list[RowType]:
    """Return rows as a model reads them, those flagged that the embedded one was trained on.

    Args:
        model: whose rows they are; of any but the embedded one nothing is known.
        rows: as they are read.
        conversations: the same as they are in the data.
    """
    if name_of(model) != EMBEDDED_MODEL:
        return rows
    return [
        replace(row, flags=row.flags | Flag.SEEN_IN_TRAINING) if known else row
        for row, known in zip(rows, seen(conversations), strict=True)
    ]


@cache
def _known() -> NDArray[np.uint64]:
    from safetensors.numpy import load_file  # noqa: PLC0415  costs start-up time

    return load_file(HASHES)["hashes"]
