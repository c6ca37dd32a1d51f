"""Small pools for tests."""

from collections.abc import Sequence
from pathlib import Path

from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.pool.pool import Pool
from assay.samples import Conversation, Message, Origin, Sample


def conversation(prompt: str, response: str, context: str = "") -> Conversation:
    """Return one exchange."""
    return Conversation((Message("user", prompt, context), Message("assistant", response)))


def make_pool(folder: Path, pairs: Sequence[tuple[str, str]], *, hold_out: float = 0.0) -> Pool:
    """Return a pool of single exchanges, with their order as the task."""
    samples = [
        Sample(conversation(prompt, response), source="test", task=f"task{place % 3}")
        for place, (prompt, response) in enumerate(pairs)
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    return build_pool([Block(samples, origins)], folder, hold_out=hold_out)
