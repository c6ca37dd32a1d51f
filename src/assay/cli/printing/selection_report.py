"""What a selection is, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.cli.console import Column, facts, labelled, table, terminal
from assay.cli.naming import shown_path
from assay.components.descriptions import describe, method_text
from assay.components.references import shown_names
from assay.engine.read_files import file_notes
from assay.errors import DataError
from assay.folding import shortened
from assay.outcomes import reason_counts
from assay.progress import format_seconds
from assay.samples import Flag, Reason
from assay.wording import number_text, one_line, percent, times
from assay.workspace.emptiness import why_empty
from assay.workspace.shapes import TINY, VERY_LONG, lopsided, word_shares

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.outcomes import SelectionRecord
    from assay.workspace.composition import Composition, TrainingCost
    from assay.workspace.named_selection import NamedSelection
    from assay.workspace.workspace import Workspace

EXAMPLES = 3
_LISTED = 6
_LABEL_WIDTH = 14
_LONGEST_TEXT = 100

WHY = {
    Reason.NOT_CHOSEN: "the budget went to others",
    Reason.BELOW_RULE: "outside the method's own cut-off",
    Reason.NEAR_DUPLICATE: "says the same as a row that is kept",
    Reason.CONTAMINATED: "repeats an evaluation question",
    Reason.HELD_OUT: "held out",
    Reason.QUOTA: "its group has no share",
    Reason.FILTERED: "a condition on it does not hold",
    Reason.OFF_TARGET: "far from the task that is aimed at",
    Reason.FLAGGED: "flagged",
}


def why_text(code: int, stop: str = "") -> str:
    """Return why a row was not chosen, as a person says it.

    Args:
        code: the reason.
        stop: why the selection ended.
    """
    reason = Reason(code)
    if reason == Reason.NOT_CHOSEN and stop == "no_gain":
        return "it would have added nothing"
    return WHY.get(reason, f"no score: {reason.name.lower().replace('_', ' ')}")


def why_row(record: "SelectionRecord", place: int) -> str:
    """Return why a row was not chosen, as a person says it, and for which flags.

    Args:
        record: of the selection.
        place: the row's, in canonical order.
    """
    reported = why_text(int(record.reason[place]), record.selection.stop)
    flags = 0 if record.flags is None else int(record.flags[place])
    return f"{reported}: {Flag(flags).words}" if flags else reported


def describe_selection(selection: "NamedSelection") -> dict[str, Any]:
    """Return all that is told about a selection.

    Raises:
        DataError: if it is empty.
    """
    project, record = selection.project, selection.record
    if not len(selection):
        raise empty_error(selection)
    composition = selection.composition()
    found = selection.shapes()
    return {
        **selection.manifest(),
        "project": str(project.folder),
        "method_text": method_text(describe(selection.selector)),
        "reasons": reason_counts(record.reason),
        "tokens": composition.tokens,
        "longer_than": {str(limit): count for limit, count in composition.longer_than.items()},
        "composition": {name: dict(words) for name, words in composition.by.items()},
        "shape": found.facts(),
        "lopsided": lopsided(found, composition.shares, _all_shares(project, composition)),
        "training_cost": _cost(composition.cost),
        "examples": _examples(selection),
        "models": [fit.facts() for fit in project.model_fits([selection.selector])],
        "written": [],
    }


def empty_error(selection: "NamedSelection") -> DataError:
    """Return what to say of a selection without rows."""
    record = selection.record
    return why_empty(selection, _left_out(reason_counts(record.reason), record.facts, ""))


def warn_of_files(selections: "Sequence[NamedSelection]") -> None:
    """Say which files that the selections depend on could be read in part only."""
    files = [file for chosen in selections for file in chosen.record.facts.get("files", ())]
    for note in file_notes(files):
        terminal().warn(note)


def _cost(cost: "TrainingCost") -> dict[str, float]:
    return {
        "parameters": cost.parameters,
        "epochs": cost.epochs,
        "operations": cost.operations,
        "hours": cost.hours,
        "operations_per_second": cost.throughput,
    }


def _examples(selection: "NamedSelection") -> dict[str, list[dict[str, Any]]]:
    chosen, rejected = selection.examples(EXAMPLES)
    project, record = selection.project, selection.record
    columns = selection.score_columns(only_read=True)
    place_of = {
        int(place): rank for rank, place in enumerate(record.selection.indices[:EXAMPLES].tolist())
    }

    def example(row_id: str) -> dict[str, Any]:
        place = project.position(row_id)
        conversation = project.sample(row_id).conversation
        rank = place_of.get(place)
        gain = None if rank is None else float(record.selection.gains[rank])
        return {
            "id": row_id,
            "prompt": conversation.prompt,
            "response": conversation.response,
            "why": None if rank is not None else why_row(record, place),
            "gain": gain if gain is not None and not np.isnan(gain) else None,
            "scores": {name: float(found.values[place]) for name, found in columns.items()},
        }

    return {"chosen": [example(i) for i in chosen], "rejected": [example(i) for i in rejected]}


def print_selection(
    selection: "NamedSelection", described: Mapping[str, Any], stages: Mapping[str, float]
) -> None:
    """Tell a person about one selection."""
    page = terminal()
    if page.settings.quiet:
        return
    page.note(facts(_summary(selection, described)))
    for sentence in described["lopsided"]:
        page.warn(sentence)
    for part in _compositions(selection, described):
        page.note()
        page.note(part)
    for heading, key in (("chosen first", "chosen"), ("left out", "rejected")):
        if described["examples"][key]:
            page.note()
            page.note(heading, style="bold")
            for entry in described["examples"][key]:
                page.note(_example(entry, selection))
    page.note()
    _end(described, stages)


def print_selections(
    project: "Workspace", described: Sequence[Mapping[str, Any]], stages: Mapping[str, float]
) -> None:
    """Tell a person about several selections of one command."""
    page = terminal()
    page.note(facts(_loaded(project)))
    page.note()
    rows = [
        (entry["selection"], shown_names(entry["method_text"]), entry["chosen"], entry["tokens"],
         *(shown_path(Path(path)) for path in entry["written"][:1]))
        for entry in described
    ]  # fmt: skip
    columns: list[Column] = ["selection", "method", ("samples", "right"), ("tokens", "right")]
    if described[0]["written"]:
        columns.append("written")
    page.note(table(columns, rows))
    page.note()
    _end(described[0], stages)


def _loaded(project: "Workspace") -> Iterator[tuple[str, object]]:
    record = project.load_record
    layouts = ", ".join(dict.fromkeys(file.layout for file in record.files))
    files = ", ".join(dict.fromkeys(shown_path(file.path) for file in record.files[:3]))
    more = f" and {len(record.files) - 3:,} more" if len(record.files) > 3 else ""
    yield "loaded", f"{record.samples:,} rows from {files}{more} ({layouts})"
    if record.set_aside:
        reasons = ", ".join(f"{k.replace('_', ' ')} {n:,}" for k, n in record.set_aside.items())
        yield "set aside", f"{sum(record.set_aside.values()):,} ({reasons})"
    if record.duplicates:
        yield "duplicates", f"{record.duplicates:,}, kept unless --dedup is given"
    if record.held_out:
        yield "held out", f"{record.held_out:,}"


def _summary(
    selection: "NamedSelection", described: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    yield from _loaded(selection.project)
    selector, rows = selection.selector, len(selection.project.engine.shown)
    yield "method", shown_names(described["method_text"])
    share = len(selection) / max(rows, 1)
    yield (
        "chosen",
        f"{len(selection):,} samples ({share:.1%} of the pool), {described['tokens']:,} tokens",
    )
    record = selection.record
    left = _left_out(described["reasons"], record.facts, record.selection.stop)
    yield "left out", left or "none"
    if record.ties:
        yield "ties", record.ties
    yield from _shape(described["shape"])
    for name, words in described["composition"].items():
        if len(words) == 1:
            yield name, next(iter(words))
    longer = [(int(limit) // 1024, n) for limit, n in described["longer_than"].items()]
    yield "long rows", ", ".join(f"{count:,} over {limit}k" for limit, count in longer) + " tokens"
    yield "training", _training(described["training_cost"])
    for remark in selection.record.facts.get("remarks", ()):
        yield "learned", remark
    if selection.record.selection.stop == "exhausted" and selector.budget is not None:
        yield "note", "fewer rows were eligible than the budget allows: all of them were taken"
    elif selection.record.selection.stop == "no_gain":
        yield "note", "stopped early: no further row would have added anything"


def _shape(shape: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, str]]:
    """Yield what was chosen beside the pool, in brackets."""
    chosen, pool = shape["chosen"], shape["pool"]
    middle, usual = chosen["median_characters"], pool["median_characters"]
    reported = [
        f"median {middle:,.0f} characters ({usual:,.0f} in the pool)",
        f"fewer than {TINY}: {percent(chosen['tiny'])} ({percent(pool['tiny'])})",
        f"more than {VERY_LONG:,}: {percent(chosen['very_long'])} ({percent(pool['very_long'])})",
    ]
    yield "answers", "; ".join(reported)
    ratio = chosen["text_bytes"] / max(pool["text_bytes"], 1)
    text = f"{times(ratio)} times the text of the pool's"
    turns = f", {chosen['turns']:.1f} answers ({pool['turns']:.1f})" if pool["turns"] > 1 else ""
    yield "per row", text + turns


def _left_out(reasons: Mapping[str, int], record_facts: Mapping[str, Any], stop: str) -> str:
    """Return how many rows were left out for each reason, and for which flags."""
    flagged = record_facts.get("flagged", {})
    listed = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in flagged.items())
    beside = {Reason.FLAGGED.name: f" ({listed})"} if listed else {}
    return ", ".join(
        f"{why_text(Reason[name], stop)} {count:,}{beside.get(name, '')}"
        for name, count in reasons.items()
    )


def _training(cost: Mapping[str, float]) -> str:
    return (
        f"about {format_seconds(cost['hours'] * 3600)} for {cost['parameters'] / 1e9:g}B "
        f"parameters and {cost['epochs']:g} epochs at a sustained "
        f"{cost['operations_per_second'] / 1e12:g} TFLOP/s ({cost['operations']:.1e} FLOP, "
        "6 per parameter and token)"
    )


def _compositions(
    selection: "NamedSelection", described: Mapping[str, Any]
) -> "Iterator[RenderableType]":
    for name, words in described["composition"].items():
        if len(words) < 2:
            continue
        pool = _pool_shares(selection.project, name)
        total = sum(words.values())
        rows: list[tuple[object, ...]] = []
        for word, count in list(words.items())[:_LISTED]:
            share = f"{count / total:.1%}"
            before = "" if pool is None else f"{pool.get(word, 0.0):.1%}"
            rows.append((word or "(none)", count, share, before))
        rest = list(words.items())[_LISTED:]
        if rest:
            count = sum(n for _, n in rest)
            rows.append((f"{len(rest)} more", count, f"{count / total:.1%}", ""))
        columns: list[Column] = [name, ("samples", "right"), ("share", "right")]
        if pool is None:
            rows = [row[:3] for row in rows]
        else:
            columns.append(("in the pool", "right"))
        yield table(columns, rows)


def _all_shares(project: "Workspace", composition: "Composition") -> dict[str, dict[str, float]]:
    """Return the pool's shares of the words of each attribute for which they are at hand."""
    found = {name: _pool_shares(project, name) for name in composition.shares}
    return {name: shares for name, shares in found.items() if shares is not None}


def _pool_shares(project: "Workspace", attribute: str) -> dict[str, float] | None:
    """Return the share of each word in the pool; None where it would have to be computed."""
    if attribute == "language":
        return _language_shares(project)
    return word_shares(project.engine.shown.column(attribute))


def _language_shares(project: "Workspace") -> dict[str, float] | None:
    from assay.features.text import DetectedLanguage, RowAttribute

    engine = project.engine
    if engine.missing_rows(engine.resolve(DetectedLanguage())):
        return None
    words = engine.value(RowAttribute(attribute="language")).values
    return word_shares(
        words
        if len(words) == len(engine.shown)
        else words.gather(np.flatnonzero(~engine.pool.held_out))
    )


def _example(entry: Mapping[str, Any], selection: "NamedSelection") -> "RenderableType":
    width = max(20, min(terminal().err.width, _LONGEST_TEXT) - _LABEL_WIDTH)
    numbers = [f"{name} {number_text(value)}" for name, value in entry["scores"].items()]
    if entry["gain"] is not None and selection.record.selection.gain_unit not in ("", "score"):
        numbers.insert(0, f"gain {number_text(entry['gain'])}")
    reported = [entry["why"]] if entry["why"] else []
    return facts(
        [
            (f"  {entry['id'][:8]}", "; ".join([*reported, *numbers])),
            ("    asked", shortened(one_line(entry["prompt"], width), width)),
            ("    answered", shortened(one_line(entry["response"], width), width)),
        ]
    )


def _end(described: Mapping[str, Any], stages: Mapping[str, float]) -> None:
    page = terminal()
    reported = [f"{name} {format_seconds(seconds)}" for name, seconds in stages.items()]
    page.note(labelled("time:", ", ".join(reported), "dim"))
    for path in described["written"]:
        page.note(labelled("wrote:", shown_path(Path(path))))
    if "pushed" in described:
        page.note(labelled("pushed:", described["pushed"]))
