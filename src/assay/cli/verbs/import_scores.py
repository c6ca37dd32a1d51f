"""``assay import-scores``: anybody's column as a score."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import KEEP, verb
from assay.cli.console import facts, terminal
from assay.cli.options.groups import Everywhere, Loading
from assay.cli.options.opening import open_project

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.features.imported_column import ImportedNumbers
    from assay.project import Project


@verb(
    "import-scores",
    panel=KEEP,
    examples=(
        "assay import-scores alpaca_data.json quality.csv --column reward --id id",
        "assay import-scores alpaca_data.json loss.parquet --column loss --prefer low",
        "assay import-scores alpaca_data.json judged.jsonl --column score --text response",
    ),
)
def import_scores(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[SOURCE]... FILE",
                       help="The data or its project, then the file that holds the numbers."),
    ],
    everywhere: Everywhere,
    reading: Loading,
    column: Annotated[
        str, typer.Option(help="Column of the numbers.", show_default=False)
    ] = "",
    by_id: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", show_default=False,
                     help="Match by this column: ids of Assay, or of the data."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="PART[=COLUMN]", show_default=False,
                     help="Match by text: response, prompt, instruction or conversation."),
    ] = None,
    prefer: Annotated[
        str, typer.Option(metavar="high|low", help="Which numbers are better.")
    ] = "high",
    name: Annotated[
        str | None,
        typer.Option(help="Name of the score; the column's by default.", show_default=False),
    ] = None,
) -> None:  # fmt: skip
    """Take the numbers of a file as a score, matched to the rows by id, text or place.

    The numbers are copied into the project; from then on the name works like any method.
    """
    from assay.cli.options.grammar import find_source
    from assay.errors import UsageError
    from assay.formats.streams import can_be_read_once, spool

    if prefer not in ("high", "low"):
        raise UsageError(f"--prefer {prefer!r}", hint="high or low")
    *data, file = [find_source(word) for word in words]
    if file is None or file.name:
        raise UsageError(f"{words[-1]!r} is not a file", hint="the file with the numbers is last")
    pipe = can_be_read_once(file.location)
    path = spool(file.location) if pipe else Path(file.location)
    if not path.is_file():
        raise UsageError(f"{words[-1]!r} is not a file", hint="the file with the numbers is last")
    description = _description(path, column, by_id, text) | {"better": prefer}
    project = open_project([source for source in data if source], everywhere, reading)
    _import(project, path, description, name)


def _description(path: Path, column: str, by_id: str | None, text: str | None) -> dict[str, Any]:
    """Return what says how the file is read."""
    from assay.errors import UsageError, did_you_mean
    from assay.formats.columns import column_names

    known = column_names(path)
    if not column:
        raise UsageError("which column?", hint=f"--column, one of {', '.join(known)}")
    if by_id is not None and text is not None:
        raise UsageError("--id and --text exclude each other")
    if text is not None:
        part, _, key = text.partition("=")
        parts = ("response", "prompt", "instruction", "conversation")
        if part not in parts:
            hint = did_you_mean(part, parts) or f"one of {', '.join(parts)}"
            raise UsageError(f"--text: {part!r} is not a part of a row", hint=hint)
        return {"column": column, "match": "text", "key": key or part, "part": part}
    if by_id is None and "id" not in known:
        return {"column": column, "match": "row", "key": "id", "part": "response"}
    return {"column": column, "match": "id", "key": by_id or "id", "part": "response"}


def _import(project: "Project", path: Path, description: dict[str, Any], name: str | None) -> None:
    """Copy the columns, register the score, compute it, and say how the matching went."""
    import re

    from assay.cli.recording import recorded
    from assay.methods.judged.imported import Imported
    from assay.workspace.imports import check_name

    method_name = check_name(name or re.sub(r"\W+", "_", description["column"]).strip("_").lower())
    numbers = _matched(project, path, description)
    store_columns(project.folder, method_name, path, description)
    scorer = project.scorer(method_name)
    assert isinstance(scorer, Imported)  # noqa: S101  narrows what the registry returns
    with recorded(project, "import-scores", sys.argv[2:], [scorer]):
        project.score(scorer)
    _report(project, method_name, path, description, numbers)


def _matched(project: "Project", path: Path, description: dict[str, Any]) -> "ImportedNumbers":
    """Return the numbers that the rows get; nothing is stored yet.

    Raises:
        DataError: if no row gets one.
    """
    from assay.errors import DataError
    from assay.features.imported_column import match_column
    from assay.formats.columns import column_names
    from assay.pool.view import PoolView

    numbers = match_column(
        PoolView(project.pool),
        path,
        column=description["column"],
        match=description["match"],
        key=description["key"],
        part=description["part"],
    )
    if (numbers.reason == 0).any():
        return numbers
    keys = {
        "row": "the cells at the places of the data's rows are empty",
        "id": f"nothing in its column {description['key']!r} is the id of a row",
        "text": f"nothing in its column {description['key']!r} is the {description['part']} of a "
        "row",
    }[description["match"]]
    if numbers.ambiguous:
        keys = f"{numbers.ambiguous:,} keys have several numbers or mean several rows, the others "
        keys += "no row"
    elif numbers.unused < numbers.file_rows:
        keys = "the rows that it names have no number in it"
    raise DataError(
        f"no row gets a number from {path}: {keys}; nothing was imported",
        hint=f"match by --id COLUMN or by --text PART=COLUMN, PART being response, prompt, "
        f"instruction or conversation; columns of the file: {', '.join(column_names(path))}",
    )


def store_columns(folder: Path, name: str, path: Path, description: dict[str, Any]) -> None:
    """Copy the columns that count into the project, and write how they are read."""
    import polars as pl

    from assay.components.registry import components
    from assay.components.table import METHOD_KINDS
    from assay.errors import ConfigError
    from assay.files import atomic_stream, file_digest, write_text
    from assay.formats.columns import read_columns
    from assay.methods.judged.imported import Imported
    from assay.workspace.import_files import description_digest

    others = {m.name for m in components() if m.kind in METHOD_KINDS
              and not issubclass(m, Imported)}  # fmt: skip
    if name in others | {"imported"}:
        raise ConfigError(f"{name!r} is a method of Assay already", hint="choose another: --name")
    wanted = [description["column"]]
    if description["match"] != "row":
        wanted = list(dict.fromkeys([*wanted, description["key"]]))
    columns = {
        column: pl.Series(column, [None if v is None else str(v) for v in cells], dtype=pl.String)
        for column, cells in read_columns(path, wanted).items()
    }
    copy = folder / "imports" / f"{name}.parquet"
    with atomic_stream(copy) as stream:
        pl.DataFrame(columns).write_parquet(stream)
    content = description | {
        "file": copy.name,
        "file_digest": file_digest(copy),
        "original": path.name,
    }
    content["digest"] = description_digest(content)
    write_text(folder / "imports" / f"{name}.json", json.dumps(content, indent=1) + "\n")


def _report(
    project: "Project",
    name: str,
    path: Path,
    description: dict[str, Any],
    numbers: "ImportedNumbers",
) -> None:
    from assay.cli.printing.next_lines import first_selection

    scored = int((numbers.reason == 0).sum())
    reported = {
        "score": name,
        "file": str(path),
        "match": description["match"],
        "rows_with_a_number": scored,
        "rows_without": len(project) - scored,
        "file_rows": numbers.file_rows,
        "file_rows_without_number": numbers.without_number,
        "file_rows_unused": numbers.unused,
        "ambiguous_keys": numbers.ambiguous,
    }
    page = terminal()
    if page.settings.as_json:
        page.document(reported)
    else:
        page.result(_matching(reported, description, len(project)))
    page.next(first_selection(project, name))


def _matching(reported: dict[str, Any], description: dict[str, Any], rows: int) -> "RenderableType":
    by = {
        "row": "their place in the data",
        "id": f"the id in {description['key']!r}",
        "text": f"their {description['part']}",
    }
    return facts(
        [
            ("score", f"{reported['score']}, matched by {by[reported['match']]}"),
            ("with a number", f"{reported['rows_with_a_number']:,} of {rows:,} rows"),
            ("rows of the file", reported["file_rows"]),
            ("  without a number", reported["file_rows_without_number"]),
            ("  not in the data", reported["file_rows_unused"]),
            ("ambiguous keys", reported["ambiguous_keys"]),
        ]
    )
