"""``assay import-scores``: anybody's column as a score, and what judges said."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import KEEP, verb
from assay.cli.console import facts, terminal
from assay.cli.options.groups import Everywhere, Loading
from assay.cli.options.judged import Judging, judged_file
from assay.cli.options.opening import open_project

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.cli.options.judged import JudgedFile
    from assay.features.imported_column import ImportedNumbers
    from assay.project import Project
    from assay.samples import FloatArray


@dataclass(frozen=True)
class Taking:
    """Options that say which numbers are taken, and whose they are."""

    column: Annotated[
        str, typer.Option(help="Column of the numbers; of judge records, one that follows from "
                          "them.", show_default=False)
    ] = ""  # fmt: skip
    by_id: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", show_default=False,
                     help="Match by this column: ids of Assay, or of the data."),
    ] = None  # fmt: skip
    text: Annotated[
        str | None,
        typer.Option(metavar="PART[=COLUMN]", show_default=False,
                     help="Match by text: response, prompt, instruction or conversation."),
    ] = None  # fmt: skip
    prefer: Annotated[str, typer.Option(metavar="high|low", help="Which numbers are better.")] = (
        "high"
    )
    name: Annotated[
        str | None,
        typer.Option(help="Name of the score; the column's by default.", show_default=False),
    ] = None


@verb(
    "import-scores",
    panel=KEEP,
    examples=(
        "assay import-scores alpaca_data.json quality.csv --column reward --id id",
        "assay import-scores alpaca_data.json loss.parquet --column loss --prefer low",
        "assay import-scores alpaca_data.json judged.jsonl --column score --text response",
        "assay import-scores answers.json vicuna_wrap_reviews_gpt4.json --name gpt4",
        "assay import-scores tulu.jsonl output_scores.pt --rows tulu.jsonl --name judge",
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
    taking: Taking,
    judging: Judging,
) -> None:  # fmt: skip
    """Take the numbers of a file as a score, matched to the rows by id, text or place.

    The numbers are copied into the project; from then on the name works like any method. Files in
    which judges' replies are published are known by their fields.
    """
    from assay.cli.options.grammar import find_source
    from assay.errors import UsageError
    from assay.formats.streams import can_be_read_once, spool

    if taking.prefer not in ("high", "low"):
        raise UsageError(f"--prefer {taking.prefer!r}", hint="high or low")
    *data, file = [find_source(word) for word in words]
    if file is None or file.name:
        raise UsageError(f"{words[-1]!r} is not a file", hint="the file with the numbers is last")
    pipe = can_be_read_once(file.location)
    path = spool(file.location) if pipe else Path(file.location)
    if not path.is_file():
        raise UsageError(f"{words[-1]!r} is not a file", hint="the file with the numbers is last")
    sources = [source for source in data if source]
    judged = judged_file(path, taking.column, judging)
    if judged is not None:
        _import_judged(open_project(sources, everywhere, reading), judged, taking, judging)
        return
    description = _description(path, taking) | {"better": taking.prefer}
    project = open_project(sources, everywhere, reading)
    name, numbers = _import(project, path, description, taking.name)
    _report(project, name, path, description, numbers)


def _import_judged(
    project: "Project", judged: "JudgedFile", taking: Taking, judging: Judging
) -> None:
    """Take one column of judge records, and say what they tell of the judge."""
    import tempfile

    from assay.cli.printing.judged_report import describe_agreement, describe_judged

    # Asked for first: where there is no such score, nothing is imported.
    other = None if judging.beside is None else _numbers_of(project, judging.beside)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "records.parquet"
        description, column = judged.written(project, copy, _key(taking))
        description["better"] = taking.prefer
        name, numbers = _import(
            project, copy, description, taking.name or column.column, original=judged.path
        )
    sign = -1.0 if taking.prefer == "low" else 1.0
    described = describe_judged(project, judged.table, column, numbers.values, sign=sign)
    if judging.beside is not None and other is not None:
        described["agreement"] = describe_agreement(judging.beside, numbers.values, other)
    if column.key.match == "text" or column.key.paired:
        described["matched_by"] = column.key.words
    _report(project, name, judged.path, description, numbers, judged=described)


def _numbers_of(project: "Project", name: str) -> "FloatArray":
    """Return the numbers of a score; of an imported one, however many rows it lacks."""
    from assay.methods.judged.imported import Imported

    scorer = project.scorer(name)
    if not isinstance(scorer, Imported):
        return project.score(scorer)[0].main.values
    feature = project.engine.resolve(scorer.column_feature())
    numbers: ImportedNumbers = project.engine.value(feature)
    return numbers.values


def _key(taking: Taking) -> tuple[str, str] | None:
    """Return what judge records are matched by, if that is said."""
    from assay.errors import UsageError

    if taking.by_id is not None and taking.text is not None:
        raise UsageError("--id and --text exclude each other")
    if taking.by_id is not None:
        return "id", "response"
    return None if taking.text is None else ("text", _part(taking.text)[0])


def _part(text: str) -> tuple[str, str]:
    """Return the part that ``--text`` names, and its column."""
    from assay.errors import UsageError, did_you_mean

    part, _, key = text.partition("=")
    parts = ("response", "prompt", "instruction", "conversation")
    if part not in parts:
        hint = did_you_mean(part, parts) or f"one of {', '.join(parts)}"
        raise UsageError(f"--text: {part!r} is not a part of a row", hint=hint)
    return part, key or part


def _description(path: Path, taking: Taking) -> dict[str, Any]:
    """Return what says how the file is read."""
    from assay.errors import UsageError
    from assay.formats.columns import column_names

    known = column_names(path)
    column = taking.column
    if not column:
        raise UsageError("which column?", hint=f"--column, one of {', '.join(known)}")
    if taking.by_id is not None and taking.text is not None:
        raise UsageError("--id and --text exclude each other")
    if taking.text is not None:
        part, key = _part(taking.text)
        return {"column": column, "match": "text", "key": key, "part": part}
    if taking.by_id is None and "id" not in known:
        return {"column": column, "match": "row", "key": "id", "part": "response"}
    return {"column": column, "match": "id", "key": taking.by_id or "id", "part": "response"}


def _import(
    project: "Project",
    path: Path,
    description: dict[str, Any],
    name: str | None,
    original: Path | None = None,
) -> "tuple[str, ImportedNumbers]":
    """Copy the columns, register the score and compute it; return its name, and what matched."""
    import re

    from assay.cli.recording import recorded
    from assay.errors import TooManyUnscoredError
    from assay.methods.judged.imported import Imported
    from assay.workspace.imports import check_name

    method_name = check_name(name or re.sub(r"\W+", "_", description["column"]).strip("_").lower())
    numbers = _matched(project, path, description)
    store_columns(project.folder, method_name, path, description, original=original)
    scorer = project.scorer(method_name)
    assert isinstance(scorer, Imported)  # noqa: S101  narrows what the registry returns
    with recorded(project, "import-scores", sys.argv[2:], [scorer]):
        try:
            project.score(scorer)
        except TooManyUnscoredError as error:
            # The numbers are the project's by now; who uses them says what may be missing.
            terminal().warn(f"{error.message}; --max-unscored allows it where they are used")
    return method_name, numbers


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
        reasons=description.get("reason_column", ""),
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


def store_columns(
    folder: Path,
    name: str,
    path: Path,
    description: dict[str, Any],
    *,
    original: Path | None = None,
) -> None:
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
    wanted += [column for column in [description.get("reason_column")] if column]
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
        "original": (original or path).name,
    }
    content["digest"] = description_digest(content)
    write_text(folder / "imports" / f"{name}.json", json.dumps(content, indent=1) + "\n")


def _report(
    project: "Project",
    name: str,
    path: Path,
    description: dict[str, Any],
    numbers: "ImportedNumbers",
    *,
    judged: dict[str, Any] | None = None,
) -> None:
    from assay.cli.printing.judged_report import judged_parts
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
        page.document(reported if judged is None else reported | {"judged": judged})
    else:
        page.result(_matching(reported, description, len(project), judged))
        if judged is not None:
            page.result(judged_parts(judged))
    for note in [] if judged is None else judged["notes"]:
        page.warn(note)
    page.next(first_selection(project, name))


def _matching(
    reported: dict[str, Any],
    description: dict[str, Any],
    rows: int,
    judged: dict[str, Any] | None,
) -> "RenderableType":
    by = {
        "row": "their place in the data",
        "id": f"the id in {description['key']!r}",
        "text": f"their {description['part']}",
    }[reported["match"]]
    if judged is not None:
        by = judged.get("matched_by", by)
    return facts(
        [
            ("score", f"{reported['score']}, matched by {by}"),
            ("with a number", f"{reported['rows_with_a_number']:,} of {rows:,} rows"),
            ("rows of the file", reported["file_rows"]),
            ("  without a number", reported["file_rows_without_number"]),
            ("  not in the data", reported["file_rows_unused"]),
            ("ambiguous keys", reported["ambiguous_keys"]),
        ]
    )
