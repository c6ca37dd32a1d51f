"""What `comparison.json` has to hold, as a JSON schema, and whether a file holds it.

The records of a comparison are plain files, so that anybody's runs can be written down in the same
form and compared as ours are. Files are read here without touching them.
"""

import json
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.compare.measure import Better
from assay.compare.records import ArmKind, BudgetAxis, SetKind
from assay.errors import DataError
from assay.wording import listed

FORMAT = 2
QUESTIONS = {"set": "text", "id": "integer", "tokens": "integer"}
VALUES = {"trial": "integer", "set": "text", "question": "integer", "value": "number"}
ANSWERS = {"trial": "integer", "set": "text", "question": "integer", "text": "text",
           "tokens": "integer", "finish": "text"}  # fmt: skip
FILES = {"questions.parquet": QUESTIONS, "values.parquet": VALUES}
"""Columns that the tables of a comparison have to have."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


class SetEntry(_Entry):
    """A set of questions, and what is measured of each."""

    name: str
    kind: SetKind
    measure: str
    """What a value is called: "loss", "accuracy", "win rate"."""
    better: Better
    """Which values are better."""
    unit: str
    """Of a value, such as "nats per token"; empty where it has none."""
    bounds: tuple[float, float] | None
    """The least and the most that a value can be; null without limits."""


class ArmEntry(_Entry):
    """A way to choose rows."""

    name: str
    kind: ArmKind
    words: str
    """How it chooses, for people."""


class TrialEntry(_Entry):
    """A model that was tuned and measured, or that failed; the untuned one is one, too."""

    arm: str
    budget: str
    """One of the budgets; empty for all rows and the base model."""
    rows: int
    tokens: int
    """Training tokens, over all epochs."""
    draw: int | None
    """Number of the random draw; null for arms that choose one subset."""
    seed: int
    """Of the training."""
    status: Literal["done", "failed"]
    error: str | None
    """Why it failed; null if it did not."""
    selection_seconds: float | None
    selection_flops: float | None
    training_seconds: float | None
    training_flops: float | None
    base: str = ""
    """Name of the base model; empty where there is one alone."""
    subset: str = ""
    """Digest of the chosen ids."""
    chosen_tokens: int = 0
    read_tokens: int = 0
    cut_rows: int = 0
    steps: int = 0


class ComparisonFile(_Entry):
    """Arms x budgets x seeds x base models on one pool: what was compared, and what it cost.

    What came out, question by question, lies in `values.parquet`, in the order of `trials` here and
    of `questions.parquet`.
    """

    format: Literal[2]
    title: str
    bases: list[str] = Field(min_length=1)
    """The base models, with their revisions."""
    pool: str
    """What the rows are, with their digest."""
    pool_rows: int
    budgets: list[str]
    """From the smallest to the largest."""
    budget_axis: BudgetAxis
    """What is equal between arms of one budget."""
    tune_seeds: int
    recipe: str
    """How models were tuned, in words; equal for all arms."""
    sets: list[SetEntry] = Field(min_length=1)
    primary: str
    """Name of the set that claims are made on."""
    arms: list[ArmEntry]
    trials: list[TrialEntry]
    models: dict[str, str]
    """What made the scores: the name of a model, and what it is."""
    assay_version: str
    powers: list[dict[str, Any]] = []
    """Power checks, one per base model, if there were any."""
    rebuild: str = ""
    """The command that makes the comparison again."""


def comparison_schema() -> dict[str, Any]:
    """Return the JSON schema of `comparison.json`."""
    return ComparisonFile.model_json_schema() | {"title": "Records of a comparison"}


def check_records(folder: Path) -> None:
    """Check that a folder holds records of a comparison, whoever wrote them.

    Raises:
        DataError: with the file and the place of the first thing that is wrong.
    """
    path = folder / "comparison.json"
    if not path.is_file():
        raise DataError(f"{folder} holds no comparison.json", hint="name the folder of the records")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if isinstance(data, dict) and data.get("format") == 1:
        return  # of an earlier version of Assay, which is read as it is
    try:
        ComparisonFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        problem = f"{path}: {place}: {first['msg']}"
        raise DataError(problem, hint="`assay schema comparison` has all of it") from error
    for name, columns in FILES.items():
        _check_table(folder / name, columns)
    if (folder / "answers.parquet").exists():
        _check_table(folder / "answers.parquet", ANSWERS)


def _check_table(path: Path, columns: dict[str, str]) -> None:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        found = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is no Parquet file: {error}") from error
    lacking = [name for name in columns if name not in found]
    if lacking:
        raise DataError(f"{path} has no column {listed(lacking)}; it has {', '.join(found)}")
    for name, kind in columns.items():
        known = {"text": found[name] == pl.String, "integer": found[name].is_integer(),
                 "number": found[name].is_numeric()}  # fmt: skip
        if not known[kind]:
            raise DataError(f"{path}: column {name} is {found[name]}, and has to be {kind}")
