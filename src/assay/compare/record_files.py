"""Records on disk: one file per trial while a comparison runs, and one folder when it is done.

The folder holds `comparison.json`, `questions.parquet` and `values.parquet`, and `answers.parquet`
where models wrote answers: enough to make every number and the report again, offline and without
the package's own code. In what an earlier version wrote, all values are losses, and lie in a column
and a file of that name.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.compare.record_schema import FORMAT
from assay.compare.records import Arm, Comparison, EvaluationSet, PowerCheck, Trial
from assay.errors import CacheError
from assay.files.checksums import damaged, read_json, write_json
from assay.files.frames import read_frame, read_metadata, write_frame
from assay.samples import FloatArray

_OF_LOSSES = 1
_ANSWERS, _LOSSES = "answers.parquet", "losses.parquet"
_SCHEMA = {"trial": pl.Int64, "set": pl.String, "question": pl.Int64, "value": pl.Float64}
_ARRAYS = {"values", "answers", "sets", "trials", "arms", "powers"}
_OF_A_SET = ("name", "kind", "measure", "better", "unit", "bounds")


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Store a comparison in a folder, which is made; equal records give equal bytes."""
    questions = [
        pl.DataFrame({"id": part.ids, "tokens": part.tokens}).select(
            pl.lit(part.name).alias("set"), "id", "tokens"
        )
        for part in comparison.sets
    ]
    values = [_frame(place, trial) for place, trial in enumerate(comparison.trials)]
    write_frame(folder / "questions.parquet", pl.concat(questions))
    write_frame(folder / "values.parquet", pl.concat([pl.DataFrame(schema=_SCHEMA), *values]))
    answers = [
        frame.select(
            pl.lit(place, pl.Int64).alias("trial"),
            pl.lit(name).alias("set"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("question"),
            pl.all(),
        )
        for place, trial in enumerate(comparison.trials)
        for name, frame in trial.answers.items()
    ]
    if answers:
        write_frame(folder / _ANSWERS, pl.concat(answers))
    # Last, for a folder counts as a comparison once this file is there.
    write_json(folder / "comparison.json", to_json(comparison))
    (folder / _LOSSES).unlink(missing_ok=True)  # of an earlier version


def read_comparison(folder: Path) -> Comparison:
    """Return the comparison of a folder.

    Raises:
        CacheError: if a file is missing, damaged, or of a later version.
    """
    data = read_json(folder / "comparison.json")
    questions = read_frame(folder / "questions.parquet")
    form = data.get("format")
    if form not in (FORMAT, _OF_LOSSES):
        raise CacheError(
            f"{folder} was written by assay {data.get('assay_version')} in a form of its own",
            hint="read it with that version, or run the comparison again",
        )
    values = read_frame(folder / ("values.parquet" if form == FORMAT else _LOSSES))
    try:
        found = from_json(_of_now(data), questions, _renamed(values))
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise _damaged(folder, error) from error
    return _with_answers(found, folder / _ANSWERS)


def write_trial(path: Path, trial: Trial) -> None:
    """Store one trial as one Parquet file: its values, and the rest as metadata."""
    facts = json.dumps(_plain(trial), ensure_ascii=False, allow_nan=False)
    write_frame(path, _frame(0, trial), {"trial": facts})


def read_trial(path: Path) -> Trial:
    """Return the trial of a file.

    Raises:
        DamagedError: if it is damaged; it is set aside by then.
        CacheError: if it is missing.
    """
    try:
        facts = json.loads(read_metadata(path)["trial"])
        return _trial(facts, _values(_renamed(read_frame(path))))
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise damaged(path, str(error)) from error


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return all but the arrays as JSON: unknown numbers are null, arrays lie in the frames."""
    sets = [{name: getattr(part, name) for name in _OF_A_SET} for part in comparison.sets]
    return {
        "format": FORMAT,
        **_plain(comparison),
        "powers": [asdict(check) for check in comparison.powers],
        "sets": sets,
        "arms": [asdict(arm) for arm in comparison.arms],
        "trials": [_plain(trial) for trial in comparison.trials],
    }


def from_json(data: Mapping[str, Any], questions: pl.DataFrame, values: pl.DataFrame) -> Comparison:
    """Return the comparison that `to_json` made.

    Args:
        data: what `to_json` returned.
        questions: columns set, id (uint64) and tokens, in the order of the values.
        values: columns trial (its place), set, question (its place in the set) and value.
    """
    plain = {field.name: data[field.name] for field in fields(Comparison) if field.name in data}
    parts = []
    for entry in data["sets"]:
        rows = questions.filter(pl.col("set") == entry["name"])
        ids, tokens = rows["id"].to_numpy(), rows["tokens"].to_numpy()
        parts.append(EvaluationSet(ids=ids, tokens=tokens, **_of_a_set(entry)))
    of_trial = {key[0]: frame for key, frame in values.group_by("trial", maintain_order=True)}
    none, sizes = values.clear(), {part.name: len(part) for part in parts}
    trials = [
        _trial(entry, _laid_out(of_trial.get(place, none), sizes))
        for place, entry in enumerate(data["trials"])
    ]
    changed: dict[str, Any] = {
        "budgets": tuple(data["budgets"]),
        "sets": tuple(parts),
        "arms": tuple(Arm(**entry) for entry in data["arms"]),
        "trials": tuple(trials),
        "powers": tuple(PowerCheck(**_paired(entry)) for entry in data.get("powers", ())),
        "bases": tuple(data["bases"]),
    }
    return Comparison(**{**plain, **changed})


def _with_answers(comparison: Comparison, path: Path) -> Comparison:
    """Return a comparison with what its models wrote, if they did."""
    if not path.is_file():
        return comparison
    of_trial: dict[int, dict[str, pl.DataFrame]] = {}
    for (trial, name), part in read_frame(path).group_by("trial", "set", maintain_order=True):
        frame = part.sort("question").drop("trial", "set", "question")
        of_trial.setdefault(int(str(trial)), {})[str(name)] = frame
    trials = [
        replace(trial, answers=of_trial.get(place, {}))
        for place, trial in enumerate(comparison.trials)
    ]
    return replace(comparison, trials=tuple(trials))


def _of_a_set(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a set's entry tells; an earlier version did not say that it is of losses."""
    return _paired({name: entry[name] for name in _OF_A_SET if name in entry})


def _paired(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry whose bounds are a pair again; JSON has lists."""
    bounds = entry.get("bounds")
    return {**entry, "bounds": None if bounds is None else (bounds[0], bounds[1])}


def _of_now(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a comparison's entry as it is written now; there was one base model before."""
    if data["format"] == FORMAT:
        return data
    power = data.get("power")
    return {**data, "bases": [data["base"]], "powers": [power] if power else []}


def _renamed(values: pl.DataFrame) -> pl.DataFrame:
    return values.rename({"loss": "value"}, strict=False)


def _plain(record: Comparison | Trial) -> dict[str, Any]:
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in _ARRAYS}
    unknown = {n for n, v in values.items() if isinstance(v, float) and not math.isfinite(v)}
    plain = {name: None if name in unknown else value for name, value in values.items()}
    return {n: dict(v) if isinstance(v, Mapping) else v for n, v in plain.items()}


def _trial(facts: Mapping[str, Any], values: Mapping[str, FloatArray]) -> Trial:
    numbers = {
        name: math.nan if facts[name] is None else float(facts[name])
        for name in facts
        if name.endswith(("_seconds", "_flops"))
    }
    known = {field.name for field in fields(Trial)}
    told = {name: value for name, value in facts.items() if name in known}
    return Trial(**{**told, **numbers, "values": values})


def _frame(place: int, trial: Trial) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {
                "trial": np.full(len(values), place, np.int64),
                "set": [name] * len(values),
                "question": np.arange(len(values)),
                "value": np.asarray(values, np.float64),
            },
            schema=_SCHEMA,
        )
        for name, values in trial.values.items()
    ]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])


def _values(frame: pl.DataFrame) -> dict[str, FloatArray]:
    parts = frame.group_by("set", maintain_order=True)
    return {str(key[0]): part.sort("question")["value"].to_numpy() for key, part in parts}


def _laid_out(frame: pl.DataFrame, sizes: Mapping[str, int]) -> dict[str, FloatArray]:
    """Return the values of a trial at their questions; NaN where a question has none."""
    found = {}
    for (name,), part in frame.group_by(["set"], maintain_order=True):
        values = np.full(sizes[str(name)], np.nan)
        values[part["question"].to_numpy()] = part["value"].cast(pl.Float64).to_numpy()
        found[str(name)] = values
    return found


def _damaged(path: Path, error: Exception) -> CacheError:
    return CacheError(
        f"{path} holds no readable comparison: {error}", hint=f"delete {path} and run again"
    )
