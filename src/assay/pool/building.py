"""How the rows of some blocks become a pool."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from assay.errors import EmptyPoolError
from assay.files.frames import write_frame
from assay.formats.records import Block
from assay.pool.pool import (
    MESSAGE_FIELDS,
    ORIGIN_FIELDS,
    READ_ROWS,
    HashArray,
    Pool,
    digest_of,
    hash_array,
)
from assay.random_numbers import row_uniform
from assay.samples import Conversation, IdArray, MediaRef, Message

_PROVENANCE = ("source", "split", "task", "language", "external_id", "meta", "file", "row", "part")


def build_pool(
    blocks: Iterable[Block], folder: Path, *, hold_out: float = 0.0, seed: int = 0
) -> Pool:
    """Write the rows of `blocks` to `folder` as a pool.

    Ids come from the content hash and, among rows of equal text, an ordinal in the order of
    their provenance, so that they do not depend on the order of rows or files.

    Args:
        blocks: samples and where they lie; read once.
        folder: where pool-<digest>.parquet is written.
        hold_out: share of rows that no method sees beside others; a row's fate depends on its text
            alone, so duplicates share it and a growing pool keeps it.
        seed: seed of the hold-out.

    Raises:
        EmptyPoolError: if there is no row at all.
    """
    frames = [_frame(block) for block in blocks if block.samples]
    if not frames:
        raise EmptyPoolError("no usable row was found")
    frame = pl.concat(frames)
    frames.clear()
    hashes = hash_array(frame["content_hash"].to_list())
    ids = _ids(hashes, frame)
    leading = hashes.view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)
    held_out = row_uniform(leading, seed=seed, purpose="hold-out") < hold_out
    order = np.argsort(ids, kind="stable")
    frame = frame.with_columns(id=pl.Series(ids), held_out=pl.Series(held_out))[order]
    frame = frame.select("id", pl.exclude("id"))
    path = folder / f"pool-{digest_of(ids[order])}.parquet"
    write_frame(path, frame, {"context": _context(frame)}, row_group_size=READ_ROWS)
    return Pool(path)


def _context(frame: pl.DataFrame) -> str:
    state = hashlib.blake2b(frame["id"].to_numpy().tobytes(), digest_size=8)
    state.update(frame["held_out"].to_numpy().tobytes())
    for name in ("source", "split", "task", "language"):
        state.update("\0".join(frame[name].to_list()).encode())
        state.update(b"\1")
    return state.hexdigest()


def _ids(hashes: HashArray, frame: pl.DataFrame) -> IdArray:
    words = hashes.view(">u8").reshape(-1, 2).astype(np.uint64)
    ids = words[:, 0].copy()
    order = np.lexsort((words[:, 1], words[:, 0]))
    # Equal leading words put equal hashes, and the rare collision of 64 bits, side by side.
    repeated = np.zeros(len(ids), np.bool_)
    repeated[1:] = ids[order][1:] == ids[order][:-1]
    if not repeated.any():
        return ids
    touched = repeated.copy()
    touched[:-1] |= repeated[1:]
    positions = order[touched]
    provenance = frame[positions].select(_PROVENANCE).rows()
    by_text: dict[bytes, list[tuple[tuple[object, ...], int]]] = defaultdict(list)
    padded = frame["content_hash"]
    for position, place in zip(positions.tolist(), provenance, strict=True):
        by_text[padded[position]].append((tuple(str(part) for part in place), position))
    taken = set(ids[order[~touched]].tolist())
    for content_hash in sorted(by_text):
        ordinal = 0
        for _, position in sorted(by_text[content_hash]):
            row_id = _numbered(content_hash, ordinal)
            while row_id in taken:
                ordinal += 1
                row_id = _numbered(content_hash, ordinal)
            taken.add(row_id)
            ids[position] = row_id
            ordinal += 1
    return ids


def _numbered(content_hash: bytes, ordinal: int) -> int:
    if ordinal == 0:
        return int.from_bytes(content_hash[:8], "big")
    source = content_hash + ordinal.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(source, digest_size=8).digest(), "big")


def _frame(block: Block) -> pl.DataFrame:
    flat: dict[str, list[object]] = {name: [] for name in ("place", *MESSAGE_FIELDS)}
    columns: dict[str, list[object]] = {
        name: []
        for name in ("content_hash", "tools", "source", "split", "task", "language",
                     "external_id", "meta")
    }  # fmt: skip
    place, role, content, context, reasoning, calls, images, more = flat.values()
    for position, sample in enumerate(block.samples):
        conversation = sample.conversation
        for message in conversation.messages:
            place.append(position)
            role.append(message.role)
            content.append(message.content)
            context.append(message.context)
            reasoning.append(message.reasoning)
            calls.append(_calls_text(message) if message.tool_calls else "")
            images.append(json.dumps(_media(message.images)) if message.images else "")
            more.append(_more_text(message))
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


def _media(refs: Iterable[MediaRef]) -> list[list[object]]:
    return [[ref.path, ref.digest.hex(), *([1] if ref.apart else [])] for ref in refs]


def _more_text(message: Message) -> str:
    """Return what few messages have as JSON, "" for all others."""
    if not message.videos and not message.audios and message.weight is None:
        return ""
    found: dict[str, object] = {
        "videos": _media(message.videos), "audios": _media(message.audios), "weight": message.weight
    }  # fmt: skip
    return json.dumps(found)


def _tools_text(conversation: Conversation) -> str:
    tools = [[tool.name, tool.description, tool.parameters] for tool in conversation.tools]
    return json.dumps(tools, ensure_ascii=False)
