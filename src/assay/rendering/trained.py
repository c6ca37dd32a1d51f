"""Rows as a model is trained on them: which tokens, and which of them are learned."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from assay.components.rendering import Rendering
from assay.rendering.encoding import TextEncoding, TokenIds
from assay.rendering.token_rows import TokenRow, Window
from assay.samples import Flag, IndexArray


class TrainedSequence(NamedTuple):
    """One sequence of a row: its tokens, places of those that are learned, and if it is closed."""

    ids: TokenIds
    learned: IndexArray
    closed: bool


def trained_sequences(
    model: TextEncoding, rendering: Rendering, row: TokenRow
) -> Iterator[TrainedSequence]:
    """Yield what a row is trained on as: one sequence for every window that holds an answer."""
    room = min(rendering.max_tokens, model.window)
    for window in row.windows:
        if window.answers:
            yield TrainedSequence(*_closed(model, rendering, row, window, room))


def _closed(
    model: TextEncoding, rendering: Rendering, row: TokenRow, window: Window, room: int
) -> tuple[TokenIds, IndexArray, bool]:
    """Return a sequence up to the end of its last answer, what is learned, and if it is closed."""
    stop = window.answers[-1].stop
    positions = window.answer_positions()
    if row.flags & Flag.RESPONSE_TRUNCATED:
        return window.ids[:stop], positions, False
    if rendering.is_chat:
        # The format itself ends every turn: with the token that follows its words.
        ends = [end.stop for end in window.answers if end.stop < len(window.ids)]
        learned = np.unique(np.concatenate([positions, np.array(ends, np.int64)]))
        return window.ids[: stop + 1], learned, stop in ends
    if model.eos is None or stop >= room:
        return window.ids[:stop], positions, False
    ids = np.append(window.ids[:stop], np.int32(model.eos))
    return ids, np.append(positions, stop), True
