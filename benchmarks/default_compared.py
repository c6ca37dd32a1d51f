"""What `assay compare` found out about candidates for the default."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from default_candidates import ARMS

from assay.compare.record_files import read_comparison
from assay.compare.statistics import Row, summary


def compared(path: Path) -> dict[str, Any]:
    """Return losses and differences to random of a comparison; `finished` tells whether there are.

    Args:
        path: folder of its records, or of a project that holds one comparison.
    """
    folder = _records(path)
    if folder is None:
        return {"finished": False}
    found = read_comparison(folder)
    return {
        "finished": True,
        "base": Path(found.bases[0]).name,
        "pool": Path(found.pool).name,
        "pool_rows": found.pool_rows,
        "axis": found.budget_axis,
        "budgets": list(found.budgets),
        "seeds": found.tune_seeds,
        "recipe": found.recipe,
        "failed": sum(trial.status == "failed" for trial in found.trials),
        "sets": {part.name: {"kind": part.kind, "questions": len(part)} for part in found.sets},
        "arms": {
            part.name: [_arm(row) for row in summary(found, part.name)] for part in found.sets
        },
    }


def _records(path: Path) -> Path | None:
    if (path / "comparison.json").exists():
        return path
    found = sorted(path.glob("comparisons/*/comparison.json"))
    if len(found) > 1:
        raise SystemExit(f"{path} holds {len(found)} comparisons: name the folder of one")
    return found[0].parent if found else None


def _arm(row: Row) -> dict[str, Any]:
    difference = asdict(row.difference) if row.difference else {}
    return {
        "candidate": ARMS.get(row.arm, row.arm),
        "budget": row.budget,
        "rows": _rounded(row.rows, 1),
        "tokens": _rounded(row.tokens, 0),
        "loss": _rounded(row.mean.value if row.mean else None, 4),
        "to_random": {key: _rounded(difference[key], 4) for key in ("value", "low", "high")}
        if difference
        else None,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or value != value else round(float(value), digits)  # noqa: PLR0124
