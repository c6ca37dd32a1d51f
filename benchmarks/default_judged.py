"""How well candidates for the default agree with a judge, raw and among answers of equal length."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from default_candidates import CANDIDATES, NEIGHBOURS, QUALITIES
from default_pools import TrialPool, scratch
from numpy.typing import NDArray
from spoiling import Row

BUDGETS = ("2%", "5%", "10%", "20%")
_BINS = 20
_RANDOM_DRAWS = 50


def judged(rows_path: Path, scores_path: Path) -> dict[str, Any]:
    """Return what a judge's scores say of qualities and candidates.

    Args:
        rows_path: lines with id, instruction and output.
        scores_path: lines with id and scores; those of question and answer together are averaged.
    """
    scored = {entry["id"]: entry["scores"]["QA"]["All"] for entry in _lines(scores_path)}
    entries = [entry for entry in _lines(rows_path) if entry["id"] in scored]
    rows = [Row(entry["instruction"], entry["output"]) for entry in entries]
    rating = np.array([np.mean(list(scored[entry["id"]].values())) for entry in entries])
    lengths = np.array([len(row.answer) for row in rows])
    with scratch() as folder:
        pool = TrialPool(rows, folder / "judged")
        chosen = pool.choices(CANDIDATES | NEIGHBOURS, BUDGETS, _RANDOM_DRAWS)
        agreement = {
            name: _agreement(pool.values(quality), rating, lengths)
            for name, quality in QUALITIES.items()
        }
    above = {
        name: {budget: _above(rating, places) for budget, places in by_budget.items()}
        for name, by_budget in chosen.items()
    }
    sizes = {budget: len(places[0]) for budget, places in chosen["random"].items()}
    return {
        "file": rows_path.name,
        "rows": len(rows),
        "dimensions": len(next(iter(scored.values()))),
        "bins": _BINS,
        "mean": round(float(rating.mean()), 3),
        "sd": round(float(rating.std(ddof=1)), 3),
        "agreement_with_length": round(_spearman(lengths, rating), 3),
        "standard_error_of_random": {
            budget: round(_standard_error(rating, size), 3) for budget, size in sizes.items()
        },
        "agreement": agreement,
        "above_pool": {name: above[name] for name in CANDIDATES},
        "neighbours_above_pool": {name: above[name] for name in NEIGHBOURS},
    }


def _lines(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _above(rating: NDArray[np.float64], draws: list[NDArray[np.intp]]) -> float:
    return round(float(np.mean([rating[places].mean() for places in draws]) - rating.mean()), 3)


def _standard_error(rating: NDArray[np.float64], size: int) -> float:
    """Return the standard deviation of the mean of so many rows drawn without replacement."""
    return float(rating.std(ddof=1) * np.sqrt((1 / size) * (1 - size / len(rating))))


def _agreement(
    values: NDArray[np.float64], rating: NDArray[np.float64], lengths: NDArray[np.intp]
) -> dict[str, float | int]:
    """Return rank correlations with the rating, over all rows and within bins of equal length."""
    known = np.isfinite(values)
    order = np.argsort(lengths, kind="stable")
    within = []
    for members in np.array_split(order, _BINS):
        kept = members[known[members]]
        if len(kept) > 5 and np.ptp(values[kept]) > 0:
            within.append(_spearman(values[kept], rating[kept]))
    return {
        "rows": int(known.sum()),
        "raw": round(_spearman(values[known], rating[known]), 3),
        "at_equal_length": round(float(np.mean(within)), 3),
    }


def _spearman(left: NDArray[Any], right: NDArray[Any]) -> float:
    return float(np.corrcoef(_ranks(left), _ranks(right))[0, 1])


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return ranks; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
