"""Rows as a person reads them: turns, provenance, scores, and what selections did with them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.cli.console import facts, table
from assay.cli.printing.judged_rows import judged_row, judged_row_parts
from assay.cli.printing.selection_report import why_row
from assay.engine.model_fit import model_fit
from assay.pool.pool import format_id
from assay.samples import MEDIA_KINDS, Message, Reason
from assay.stores.results import read_selection_file
from assay.wording import number_text, one_line, plain
from assay.workspace.stored import (
    StoredResult,
    find_result,
    shown_models,
    stored_columns,
    stored_results,
    stored_values,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.workspace.workspace import Workspace

    Answers = Mapping[int, Sequence[RenderableType]]

_LONG = 1200
_PROMPT, _RESPONSE = 60, 60


def models_shown(project: "Workspace") -> list[str]:
    """Return the language models with a card at hand whose numbers stand beside a row."""
    results = stored_results(project.results, project.pool.context)
    return shown_models(result for result in results if result.current and not result.inner)


def describe_row(project: "Workspace", row_id: int, models: Sequence[str]) -> dict[str, Any]:
    """Return all that a project knows about a row.

    Args:
        project: whose row it is.
        row_id: its id.
        models: language models of which is told how they fit it.
    """
    place = project.position(row_id)
    sample = project.sample(row_id)
    origin = project.pool.origins(np.array([place]))[0]
    results = stored_results(project.results, project.pool.context)
    current = [result for result in results if result.current and not result.inner]
    return {
        "id": format_id(row_id),
        "source": sample.source,
        "split": sample.split,
        "task": sample.task,
        "language": sample.language,
        "external_id": sample.external_id,
        "file": str(project.load_record.files[origin.file].path),
        "row": origin.row,
        "held_out": bool(project.pool.held_out[place]),
        "messages": [
            {
                "role": message.role,
                "content": message.content,
                "context": message.context,
                "reasoning": message.reasoning,
                "tool_calls": [f"{call.name}({call.arguments})" for call in message.tool_calls],
                **_beside(message),
            }
            for message in sample.conversation.messages
        ],
        "scores": {r.name: _score(r, place) for r in current if r.kind == "score"},
        "selections": {r.name: _fate(r, place) for r in current if r.kind == "selection"},
        "judged": judged_row(project, place),
        "models": [model_fit(name, [sample]).facts() for name in models],
    }


def _beside(message: Message) -> dict[str, Any]:
    """Return what only few messages have: media, boxes in pictures, a weight in training."""
    found: dict[str, Any] = {
        f"{kind}s": [ref.path or "in the data itself" for ref in message.media(kind)]
        for kind in MEDIA_KINDS
        if message.media(kind)
    }
    found |= {"boxes": message.boxes} if message.boxes else {}
    return found if message.weight is None else found | {"weight": message.weight}


def _score(result: StoredResult, place: int) -> dict[str, Any]:
    columns = stored_columns(result)
    values = next(iter(columns.values()))
    value = float(values[place])
    known = values[~np.isnan(values)]
    share = float(np.mean(known <= value)) if len(known) and not np.isnan(value) else None
    found: dict[str, Any] = {"value": value, "share_not_above": share, "of": result.label}
    if len(columns) > 1:
        found["columns"] = {name: float(column[place]) for name, column in columns.items()}
    return found


def _fate(result: StoredResult, place: int) -> dict[str, Any]:
    _, record = read_selection_file(result.path)
    ranks = np.flatnonzero(record.selection.indices == place)
    code = int(record.reason[place])
    return {
        "chosen": bool(len(ranks)),
        "rank": int(ranks[0]) + 1 if len(ranks) else None,
        "of": len(record.selection.indices),
        "why": None if len(ranks) else why_row(record, place),
        "reason": None if len(ranks) else Reason(code).name.lower(),
    }


def row_parts(
    row: Mapping[str, Any], *, full: bool, answers: "Answers | None" = None
) -> "Iterator[RenderableType]":
    """Yield what a person reads about a row.

    Args:
        row: from `describe_row`.
        full: show long texts to their end.
        answers: what is shown in place of the text of some assistant turns, by their number.
    """
    from rich.padding import Padding
    from rich.text import Text

    where = [f"row {row['row']:,} of {row['file'].rpartition('/')[2]}"]
    for name in ("source", "split", "task", "language"):
        if row[name] and row[name] not in where[0]:
            where.append(f"{name} {row[name]}")
    if row["held_out"]:
        where.append("held out")
    yield Text.assemble((row["id"], "bold"), "  ", (plain(", ".join(where)), "dim"))
    turn = 0
    for message in row["messages"]:
        yield Text(
            plain(message["role"]), style="bold cyan" if message["role"] == "user" else "bold green"
        )
        if "weight" in message:
            mark = "not learned" if message["weight"] == 0 else f"weight {message['weight']:g}"
            yield Text(f"  {mark}", style="dim")
        for kind in MEDIA_KINDS:
            for where_from in message.get(f"{kind}s", ()):
                yield Text(plain(f"  {kind}: {one_line(where_from, _RESPONSE)}"), style="dim")
        if "boxes" in message:
            yield Text(plain(f"  boxes: {one_line(message['boxes'], _RESPONSE)}"), style="dim")
        parts: list[Any] = [message["reasoning"], message["content"], message["context"]]
        if message["role"] == "assistant":
            parts[1] = (answers or {}).get(turn, message["content"])
            turn += 1
        for part in (part for part in parts + message["tool_calls"] if part):
            for shown in _shortened(part, full=full) if isinstance(part, str) else part:
                yield Padding(shown, (0, 0, 0, 2))
    yield from _standing(row, full=full)


def _standing(row: Mapping[str, Any], *, full: bool) -> "Iterator[RenderableType]":
    """Yield scores and selections of a row, and what judges said of it."""
    reported = [*_score_lines(row["scores"]), *_fate_lines(row["selections"])]
    if reported:
        yield facts(reported)
    for judged in row.get("judged", ()):
        yield from judged_row_parts(judged, full=full)


def _shortened(text: str, *, full: bool) -> "Iterator[RenderableType]":
    from rich.text import Text

    shown = text if full or len(text) <= _LONG else text[:_LONG]
    yield Text(plain(shown))
    if len(shown) < len(text):
        yield Text(f"... {len(text) - len(shown):,} more characters (--full)", style="dim")


def _score_lines(scores: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, score in scores.items():
        share = score["share_not_above"]
        beside = "" if share is None else f"  (not below {share:.0%} of the rows)"
        yield name, number_text(score["value"]) + beside
        for column, value in list(score.get("columns", {}).items())[1:]:
            yield f"{name}.{column}", number_text(value)


def _fate_lines(fates: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, fate in fates.items():
        if fate["chosen"]:
            yield name, f"chosen as number {fate['rank']:,} of {fate['of']:,}"
        else:
            yield name, f"left out: {fate['why']}"


def listed_rows(
    project: "Workspace", name: str, kind: str, limit: int
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the first rows of a selection, or the highest and lowest of a score."""
    result = find_result(project, name)
    if kind == "selection":
        _, record = read_selection_file(result.path)
        places = record.selection.indices[:limit].tolist()
        numbers = record.selection.gains[:limit].tolist()
    else:
        values = stored_values(result)
        order = np.argsort(-values, kind="stable")[: int(np.count_nonzero(~np.isnan(values)))]
        if len(order) > limit:
            low = limit // 2
            order = np.append(order[: limit - low], order[len(order) - low :])
        ends = order
        places = ends.tolist()
        numbers = values[ends].tolist()
    return [
        _listed(project, place, number) for place, number in zip(places, numbers, strict=True)
    ]  # fmt: skip


def _listed(project: "Workspace", place: int, number: float) -> dict[str, Any]:
    row_id = int(project.pool.ids[place])
    conversation = project.sample(row_id).conversation
    return {
        "id": format_id(row_id),
        "number": number,
        "prompt": conversation.prompt,
        "response": conversation.response,
    }


def listing(name: str, kind: str, rows: Sequence[Mapping[str, Any]]) -> "RenderableType":
    """Return a table of rows."""
    has_numbers = any(not np.isnan(row["number"]) for row in rows)
    heading = "score" if kind == "score" else "gain"
    columns: list[Any] = ["id", *([(heading, "right")] if has_numbers else []), "asked", "answered"]
    cells = [
        [
            row["id"][:8],
            *([row["number"]] if has_numbers else []),
            one_line(row["prompt"], _PROMPT),
            one_line(row["response"], _RESPONSE),
        ]
        for row in rows
    ]
    ends = "highest and lowest of" if kind == "score" else "first rows of"
    return table(columns, cells, title=f"{ends} {name}", wrap=False)
