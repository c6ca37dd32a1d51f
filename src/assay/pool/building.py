"""How the rows of some blocks become a pool, whether or not they fit into memory."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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
from assay.pool.spill import Spill
from assay.random_numbers import row_uniform
from assay.samples import Conversation, IdArray, Message

_CONTEXT_FIELDS = ("source", "split", "task", "language")
_DIGITS = 16


def build_pool(
    blocks: Iterable[Block], folder: Path, *, hold_out: float = 0.0, seed: int = 0
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

    Raises:
        EmptyPoolError: if there is no row at all.
    """
    with Spill(folder) as rows, Spill(folder) as moved:
        schema = _read(blocks, rows)
        if schema is None:
            raise EmptyPoolError("no usable row was found", hint="see the rows set aside and why")
        ids = numbered(rows.take_keys(), rows.read)
        _move(rows, ids, moved)
        in_order = np.concatenate(ids)
        in_order.sort()
        path = folder / f"pool-{digest_of(in_order)}.parquet"
        write_blocks(
            path,
            _in_order(rows, moved, ids, held_out=(hold_out, seed)),
            {"id": pl.UInt64, **schema, "held_out": pl.Boolean},
            row_group_size=READ_ROWS,
            late=Late("context", _DIGITS, lambda written: _context(written, in_order)),
        )
    return Pool(path)


def _read(blocks: Iterable[Block], rows: Spill) -> pl.Schema | None:
    """Give the rows of all blocks to `rows` by their hash and return their columns."""
    schema = None
    for block in blocks:
        if block.samples:
            frame = _frame(block)
            schema = frame.schema
            rows.add(frame, leading_words(hash_array(frame["content_hash"].to_list())))
    rows.settle()
    return schema


def _move(rows: Spill, ids: Sequence[IdArray], moved: Spill) -> None:
    """Give rows whose id lies in another part than their hash to `moved`: repeated texts."""
    for part, numbers in enumerate(ids):
        away = rows.part_of(numbers) != part
        if away.any():
            frame = _numbered_frame(rows, ids, part).filter(pl.Series(away))
            moved.add(frame, numbers[away])
    moved.settle(rows.bits)


def _numbered_frame(rows: Spill, ids: Sequence[IdArray], part: int) -> pl.DataFrame:
    frame = pl.concat(rows.read(part))
    return frame.select(pl.Series("id", ids[part]), pl.all())


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
            frame = pl.concat(frames).sort("id")
            leading = leading_words(hash_array(frame["content_hash"].to_list()))
            fate = row_uniform(leading, seed=seed, purpose="hold-out") < share
            yield frame.with_columns(held_out=pl.Series(fate))


def _context(path: Path, ids: IdArray) -> str:
    """Return 16 hex digits over all that a selection may read of a written pool but its text."""
    state = hashlib.blake2b(ids.tobytes(), digest_size=8)
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


def _frame(block: Block) -> pl.DataFrame:
    flat: dict[str, list[object]] = {name: [] for name in ("place", *MESSAGE_FIELDS)}
    columns: dict[str, list[object]] = {
        name: []
        for name in ("content_hash", "tools", "source", "split", "task", "language",
                     "external_id", "meta")
    }  # fmt: skip
    place, role, content, context, reasoning, calls, images = flat.values()
    for position, sample in enumerate(block.samples):
        conversation = sample.conversation
        for message in conversation.messages:
            place.append(position)
            role.append(message.role)
            content.append(message.content)
            context.append(message.context)
            reasoning.append(message.reasoning)
            calls.append(_calls_text(message) if message.tool_calls else "")
            images.append(_images_text(message) if message.images else "")
        columns["content_hash"].append(conversation.content_hash)
        columns["tools"].append(_tools_text(conversation) if conversation.tools else "")
        columns["source"].append(sample.source)
        columns["split"].append(sample.split)
        columns["task"].append(sample.task)
        columns["language"].append(sample.language)
        columns["external_id"].append(sample.external_id)
        columns["meta"].append(
            json.dumps(sample.meta, ensure_ascii=False, sort_keys=True, default=str)
            if sample.meta
            else ""
        )
    messages = (
        pl.DataFrame(flat, schema={"place": pl.Int64} | dict.fromkeys(MESSAGE_FIELDS, pl.String))
        .with_columns(pl.col("place").set_sorted())
        .group_by("place", maintain_order=True)
        .agg(pl.struct(MESSAGE_FIELDS).alias("messages"))
    )
    schema = dict.fromkeys(columns, pl.String) | {"content_hash": pl.Binary}
    origins = np.array(block.origins, dtype=np.int64).reshape(-1, len(ORIGIN_FIELDS))
    return pl.DataFrame(columns, schema=schema).with_columns(
        messages["messages"],
        *(pl.Series(name, origins[:, place]) for place, name in enumerate(ORIGIN_FIELDS)),
    )


def _calls_text(message: Message) -> str:
    calls = [[call.name, call.arguments, call.call_id] for call in message.tool_calls]
    return json.dumps(calls, ensure_ascii=False)


def _images_text(message: Message) -> str:
    return json.dumps([[image.path, image.digest.hex()] for image in message.images])


def _tools_text(conversation: Conversation) -> str:
    tools = [[tool.name, tool.description, tool.parameters] for tool in conversation.tools]
    return json.dumps(tools, ensure_ascii=False)
