"""Records on disk: one file per trial while a comparison runs, and one folder when it is done.

The folder holds `comparison.json`, `questions.parquet` and `losses.parquet`: enough to make every
number and the report again, offline and without the package's own code.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.compare.records import Arm, Comparison, EvaluationSet, PowerCheck, Trial
from assay.errors import CacheError
from assay.files.checksums import damaged, read_json, write_json
from assay.files.frames import read_frame, read_metadata, write_frame
from assay.samples import FloatArray

_FORMAT = 1
_LOSS_SCHEMA = {"trial": pl.Int64, "set": pl.String, "question": pl.Int64, "loss": pl.Float64}
_ARRAYS = {"losses", "sets", "trials", "arms", "power"}


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Store a comparison in a folder, which is made; equal records give equal bytes."""
    questions = [
        pl.DataFrame({"id": part.ids, "tokens": part.tokens}).select(
            pl.lit(part.name).alias("set"), "id", "tokens"
        )
        for part in comparison.sets
    ]
    losses = [_loss_frame(place, trial) for place, trial in enumerate(comparison.trials)]
    write_frame(folder / "questions.parquet", pl.concat(questions))
    write_frame(folder / "losses.parquet", pl.concat([pl.DataFrame(schema=_LOSS_SCHEMA), *losses]))
    # Last, for a folder counts as a comparison once this file is there.
    write_json(folder / "comparison.json", to_json(comparison))


def read_comparison(folder: Path) -> Comparison:
    """Return the comparison of a folder.

    Raises:
        CacheError: if a file is missing, damaged, or of a later version.
    """
    data = read_json(folder / "comparison.json")
    questions = read_frame(folder / "questions.parquet")
    losses = read_frame(folder / "losses.parquet")
    if data.get("format") != _FORMAT:
        raise CacheError(
            f"{folder} was written by assay {data.get('assay_version')} in a form of its own",
            hint="read it with that version, or run the comparison again",
        )
    try:
        return from_json(data, questions, losses)
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise _damaged(folder, error) from error


def write_trial(path: Path, trial: Trial) -> None:
    """Store one trial as one Parquet file: its losses, and the rest as metadata."""
    facts = json.dumps(_plain(trial), ensure_ascii=False, allow_nan=False)
    write_frame(path, _loss_frame(0, trial), {"trial": facts})


def read_trial(path: Path) -> Trial:
    """Return the trial of a file.

    Raises:
        DamagedError: if it is damaged; it is set aside by then.
        CacheError: if it is missing.
    """
    try:
        facts = json.loads(read_metadata(path)["trial"])
        return _trial(facts, _losses(read_frame(path)))
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise damaged(path, str(error)) from error


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return all but the arrays as JSON: unknown numbers are null, arrays lie in the frames."""
    sets = [{"name": part.name, "kind": part.kind} for part in comparison.sets]
    power = asdict(comparison.power) if comparison.power else None
    return {
        "format": _FORMAT,
        **_plain(comparison),
        "power": power,
        "sets": sets,
        "arms": [asdict(arm) for arm in comparison.arms],
        "trials": [_plain(trial) for trial in comparison.trials],
    }


def from_json(data: Mapping[str, Any], questions: pl.DataFrame, losses: pl.DataFrame) -> Comparison:
    """Return the comparison that `to_json` made.

    Args:
        data: what `to_json` returned.
        questions: columns set, id (uint64) and tokens, in the order of the losses.
        losses: columns trial (its place), set, question (its place in the set) and loss.
    """
    plain = {field.name: data[field.name] for field in fields(Comparison) if field.name in data}
    parts = []
    for entry in data["sets"]:
        rows = questions.filter(pl.col("set") == entry["name"])
        ids, tokens = rows["id"].to_numpy(), rows["tokens"].to_numpy()
        parts.append(EvaluationSet(entry["name"], entry["kind"], ids, tokens))
    of_trial = {key[0]: frame for key, frame in losses.group_by("trial", maintain_order=True)}
    none = losses.clear()
    trials = [
        _trial(entry, _losses(of_trial.get(place, none)))
        for place, entry in enumerate(data["trials"])
    ]
    changed: dict[str, Any] = {
        "budgets": tuple(data["budgets"]),
        "sets": tuple(parts),
        "arms": tuple(Arm(**entry) for entry in data["arms"]),
        "trials": tuple(trials),
        "power": PowerCheck(**data["power"]) if data["power"] else None,
    }
    return Comparison(**{**plain, **changed})


def _plain(record: Comparison | Trial) -> dict[str, Any]:
    values = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in _ARRAYS}
    unknown = {n for n, v in values.items() if isinstance(v, float) and not math.isfinite(v)}
    plain = {name: None if name in unknown else value for name, value in values.items()}
    return {n: dict(v) if isinstance(v, Mapping) else v for n, v in plain.items()}


def _trial(facts: Mapping[str, Any], losses: Mapping[str, FloatArray]) -> Trial:
    numbers = {
        name: math.nan if facts[name] is None else float(facts[name])
        for name in facts
        if name.endswith(("_seconds", "_flops"))
    }
    return Trial(**{**facts, **numbers, "losses": losses})


def _loss_frame(place: int, trial: Trial) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {
                "trial": np.full(len(losses), place, np.int64),
                "set": [name] * len(losses),
                "question": np.arange(len(losses)),
                "loss": np.asarray(losses, np.float64),
            },
            schema=_LOSS_SCHEMA,
        )
        for name, losses in trial.losses.items()
    ]
    return pl.concat([pl.DataFrame(schema=_LOSS_SCHEMA), *parts])


def _losses(frame: pl.DataFrame) -> dict[str, FloatArray]:
    parts = frame.group_by("set", maintain_order=True)
    return {str(key[0]): part.sort("question")["loss"].to_numpy() for key, part in parts}


def _damaged(path: Path, error: Exception) -> CacheError:
    return CacheError(
        f"{path} holds no readable comparison: {error}", hint=f"delete {path} and run again"
    )
