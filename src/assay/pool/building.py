"""How the rows of some blocks become a pool, whether or not they fit into memory."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.errors import EmptyPoolError
from assay.files.frames import Late, read_blocks, write_blocks
from assay.formats.records import Block
from assay.pool.numbering import numbered
from assay.pool.pool import (
    MESSAGE_FIELDS,
    ORIGIN_FIELDS,
    READ_ROWS,
    Pool,
    digest_of,
    hash_array,
    leading_words,
)
from assay.pool.spill import Spill, without_others
from assay.random_numbers import row_uniform
from assay.samples import Conversation, IdArray, MediaRef, Message, Sample

_CONTEXT_FIELDS = ("source", "split", "task", "language")
_DIGITS = 16


def build_pool(
    blocks: Iterable[Block],
    folder: Path,
    *,
    hold_out: float = 0.0,
    seed: int = 0,
    expected_bytes: int | None = None,
) -> Pool:
    """Write the rows of `blocks` to `folder` as a pool.

    Ids come from the content hash and, among rows of equal text, an ordinal in the order of
    their provenance, so that they do not depend on the order of rows or files.

    Rows are divided by the first bits of their hash and go to the disk where they are many, so that
    one part at a time is put in order and written. In memory stay 16 bytes a row, and the texts of
    about two groups of `READ_ROWS` rows.

    Args:
        blocks: samples and where they lie; read once.
        folder: where pool-<digest>.parquet is written.
        hold_out: share of rows that no method sees beside others; a row's fate depends on its text
            alone, so duplicates share it and a growing pool keeps it.
        seed: seed of the hold-out.
        expected_bytes: about how much text there is, if that is known; changes the speed alone.

    Raises:
        EmptyPoolError: if there is no row at all.
    """
    with Spill(folder, expected_bytes) as rows, Spill(folder, expected_bytes) as moved:
        _read(blocks, rows)
        if not rows.schema:
            raise EmptyPoolError("no usable row was found")
        ids = numbered(rows.take_keys(), rows.read)
        _move(rows, ids, moved)
        path = _write(rows, moved, ids, folder, held_out=(hold_out, seed))
        ids.clear()  # they are read again, and once is enough
    return Pool(path)


def _read(blocks: Iterable[Block], rows: Spill) -> None:
    """Give the rows of all blocks to `rows` by their hash."""
    for block in blocks:
        if block.samples:
            frame = frame_of(block)
            rows.add(frame, leading_words(hash_array(frame["content_hash"].to_list())))
    rows.settle()


def _move(rows: Spill, ids: Sequence[IdArray], moved: Spill) -> None:
    """Give rows whose id lies in another part than their hash to `moved`: repeated texts."""
    for part, numbers in enumerate(ids):
        away = rows.part_of(numbers) != part
        if away.any():
            frame = _numbered_frame(rows, ids, part).filter(pl.Series(away))
            moved.add(without_others(frame), numbers[away])
    moved.settle(rows.bits)


def _numbered_frame(rows: Spill, ids: Sequence[IdArray], part: int) -> pl.DataFrame:
    frame = pl.concat(rows.read(part), rechunk=True)
    return frame.select(pl.Series("id", ids[part]), pl.all())


def _write(
    rows: Spill, moved: Spill, ids: Sequence[IdArray], folder: Path, *, held_out: tuple[float, int]
) -> Path:
    """Write all rows as a pool and return its path."""
    in_order = np.concatenate(ids)
    in_order.sort()
    path = folder / f"pool-{digest_of(in_order)}.parquet"
    write_blocks(
        path,
        _in_order(rows, moved, ids, held_out=held_out),
        {"id": pl.UInt64, **rows.schema, "held_out": pl.Boolean},
        row_group_size=READ_ROWS,
        late=Late("context", _DIGITS, lambda written: _context(written, in_order)),
    )
    return path


def _in_order(
    rows: Spill, moved: Spill, ids: Sequence[IdArray], *, held_out: tuple[float, int]
) -> Iterator[pl.DataFrame]:
    """Yield all rows with their ids, ascending, and whether they are held out."""
    share, seed = held_out
    for part in range(rows.parts):
        frames = moved.read(part)
        if len(ids[part]):
            staying = rows.part_of(ids[part]) == part
            frame = _numbered_frame(rows, ids, part)
            frames.insert(0, frame if staying.all() else frame.filter(pl.Series(staying)))
        if frames:
            frame = pl.concat(frames, rechunk=True).sort("id")
            leading = leading_words(hash_array(frame["content_hash"].to_list()))
            fate = row_uniform(leading, seed=seed, purpose="hold-out") < share
            yield frame.with_columns(held_out=pl.Series(fate))


def _context(path: Path, ids: IdArray) -> str:
    """Return 16 hex digits over all that a selection may read of a written pool but its text."""
    state = hashlib.blake2b(ids.data, digest_size=8)
    for column in _column(path, "held_out"):
        state.update(column.to_numpy().tobytes())
    for name in _CONTEXT_FIELDS:
        between = ""
        for column in _column(path, name):
            state.update((between + "\0".join(column.to_list())).encode())
            between = "\0"
        state.update(b"\1")
    return state.hexdigest()


def _column(path: Path, name: str) -> Iterator[pl.Series]:
    for frame in read_blocks(path, [name], rows=READ_ROWS, checked=False):
        yield frame.to_series()


def frame_of(block: Block) -> pl.DataFrame:
    """Return the samples of a block as rows of a pool, without ids."""
    samples = block.samples
    talks = [sample.conversation for sample in samples]
    columns: dict[str, list[Any]] = {
        "content_hash": [talk.content_hash for talk in talks],
        "tools": [_tools_text(talk) if talk.tools else "" for talk in talks],
        "source": [sample.source for sample in samples],
        "split": [sample.split for sample in samples],
        "task": [sample.task for sample in samples],
        "language": [sample.language for sample in samples],
        "external_id": [sample.external_id for sample in samples],
        "meta": [_meta_text(sample) if sample.meta else "" for sample in samples],
    }
    schema = dict.fromkeys(columns, pl.String) | {"content_hash": pl.Binary}
    # An array of tuples takes three times as long to make.
    places = itertools.chain.from_iterable(block.origins)
    origins = np.fromiter(places, np.int64).reshape(-1, len(ORIGIN_FIELDS))
    return pl.DataFrame(columns, schema=schema).with_columns(
        _messages(talks),
        *(pl.Series(name, origins[:, place]) for place, name in enumerate(ORIGIN_FIELDS)),
    )


def _messages(talks: Sequence[Conversation]) -> pl.Series:
    """Return the messages of each conversation, as a list of structs."""
    messages = [message for talk in talks for message in talk.messages]
    columns: dict[str, list[str]] = {
        "role": [message.role for message in messages],
        "content": [message.content for message in messages],
        "context": [message.context for message in messages],
        "reasoning": [message.reasoning for message in messages],
        "tool_calls": [_calls_text(message) if message.tool_calls else "" for message in messages],
        "images": [json.dumps(_media(m.images)) if m.images else "" for m in messages],
        "more": [_more_text(message) for message in messages],
    }
    counts = [len(talk.messages) for talk in talks]
    place = pl.Series("place", np.repeat(np.arange(len(talks)), counts)).set_sorted()
    grouped = (
        pl.DataFrame(columns, schema=dict.fromkeys(MESSAGE_FIELDS, pl.String))
        .group_by(place, maintain_order=True)
        .agg(pl.struct(MESSAGE_FIELDS).alias("messages"))
    )
    return grouped["messages"]


def _meta_text(sample: Sample) -> str:
    return json.dumps(sample.meta, ensure_ascii=False, sort_keys=True, default=str)


def _calls_text(message: Message) -> str:
    calls = [[call.name, call.arguments, call.call_id] for call in message.tool_calls]
    return json.dumps(calls, ensure_ascii=False)


def _media(refs: Iterable[MediaRef]) -> list[list[object]]:
    return [[ref.path, ref.digest.hex(), *([1] if ref.apart else [])] for ref in refs]


def _more_text(message: Message) -> str:
    """Return what few messages have as JSON, "" for all others."""
    plain = not message.videos and not message.audios and message.weight is None
    if plain and not message.boxes:
        return ""
    found: dict[str, object] = {
        "videos": _media(message.videos), "audios": _media(message.audios), "weight": message.weight
    }  # fmt: skip
    return json.dumps(found | ({"boxes": message.boxes} if message.boxes else {}))


def _tools_text(conversation: Conversation) -> str:
    tools = [[tool.name, tool.description, tool.parameters] for tool in conversation.tools]
    return json.dumps(tools, ensure_ascii=False)
