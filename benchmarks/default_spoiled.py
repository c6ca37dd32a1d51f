"""What candidates for the default take of rows that a person sees to be spoiled, and how long."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from default_candidates import CANDIDATES, NEIGHBOURS, QUALITIES
from default_pools import TrialPool, drawn, foreign_answers, read_rows, scratch, spoiled_pool
from numpy.typing import NDArray
from spoiling import CHOOSING, IN_POOL, KINDS, Donors, Row

SPOILED_BUDGETS = ("5%", "20%")
SHAPE_BUDGETS = ("1%", "2%", "5%", "20%")
TINY = 20
VERY_LONG = 2_000
_SPOILED_SHARE = 0.1
_PAIRS_SHARE = 0.05


def spoiled(
    path: Path, rows: int, foreign: Sequence[Path], *, neighbours: bool = False
) -> dict[str, Any]:
    """Return how often whole rows rank above spoiled ones, and what is taken of spoiled ones.

    Args:
        path: of the pool.
        rows: most rows that are drawn of it.
        foreign: files in several languages; answers come from the one the least like the pool.
        neighbours: try the default with other numbers, too.
    """
    pool = drawn(read_rows(path), rows)
    donors = Donors(pool, foreign_answers(pool, [read_rows(other) for other in foreign]))
    wanted = CANDIDATES | (NEIGHBOURS if neighbours else {})
    taken: dict[str, dict[str, dict[str, float]]] = {name: {} for name in wanted}
    with scratch() as folder:
        whole_above = _pairs(pool, donors, folder / "pairs")
        for place, (kind, spoiler) in enumerate(IN_POOL.items()):
            mixed, bad = spoiled_pool(pool, spoiler, donors, _SPOILED_SHARE, seed=place)
            trial = TrialPool(mixed, folder / f"kind-{place}")
            chosen = trial.choices(wanted, SPOILED_BUDGETS)
            # A kind that not every row can be spoiled by is counted as if it could.
            scale = _SPOILED_SHARE / bad.mean()
            for name, by_budget in chosen.items():
                taken[name][kind] = {
                    budget: round(float(np.mean([bad[p].mean() for p in draws]) * scale), 4)
                    for budget, draws in by_budget.items()
                }
            print(f"{path.name}: {kind}", flush=True)
    return {
        "file": path.name,
        "rows": len(pool),
        "spoiled_share": _SPOILED_SHARE,
        "choosing": list(CHOOSING),
        "whole_above_spoiled": whole_above,
        "taken": {name: taken[name] for name in CANDIDATES},
        **({"neighbours_taken": {name: taken[name] for name in NEIGHBOURS}} if neighbours else {}),
    }


def _pairs(pool: Sequence[Row], donors: Donors, folder: Path) -> dict[str, dict[str, float]]:
    """Return, by quality and kind, the share of pairs whose whole row ranks above; ties are half.

    All lie in one pool with the rest of the rows, for the rank of a row depends on the others.
    """
    rng = np.random.default_rng(2)
    made = list(pool)
    pairs: dict[str, list[tuple[int, int]]] = {kind: [] for kind in KINDS}
    for kind, spoiler in KINDS.items():
        places = rng.permutation(len(pool))[: round(_PAIRS_SHARE * len(pool))]
        for place in places.tolist():
            worse = spoiler(pool[place], donors, rng)
            if worse is not None:
                pairs[kind].append((place, len(made)))
                made.append(worse)
    trial = TrialPool(made, folder)
    found = {}
    for name, quality in QUALITIES.items():
        values = trial.values(quality)
        found[name] = {kind: _whole_above(values, np.array(p)) for kind, p in pairs.items()}
    return found


def _whole_above(values: NDArray[np.float64], pairs: NDArray[np.intp]) -> float:
    whole, worse = values[pairs[:, 0]], values[pairs[:, 1]]
    return round(float(np.mean((whole > worse) + 0.5 * (whole == worse))), 3)


def shapes(path: Path, rows: int) -> dict[str, Any]:
    """Return how long the answers are that each candidate takes of a real pool, and the pool's."""
    pool = drawn(read_rows(path), rows)
    answers = np.array([len(row.answer) for row in pool])
    texts = np.array([len(row.question) + len(row.answer) for row in pool])
    with scratch() as folder:
        chosen = TrialPool(pool, folder / "shapes").choices(CANDIDATES, SHAPE_BUDGETS)
    return {
        "file": path.name,
        "rows": len(pool),
        "pool": _shape(answers, texts, [np.arange(len(pool))]),
        "chosen": {
            name: {budget: _shape(answers, texts, draws) for budget, draws in by_budget.items()}
            for name, by_budget in chosen.items()
        },
    }


def _shape(
    answers: NDArray[np.intp], texts: NDArray[np.intp], draws: Sequence[NDArray[np.intp]]
) -> Mapping[str, float]:
    """Return means over draws; `text` is the mean length of question and answer."""
    return {
        "median": float(np.mean([np.median(answers[places]) for places in draws])),
        "tiny": round(float(np.mean([(answers[places] < TINY).mean() for places in draws])), 4),
        "very_long": round(
            float(np.mean([(answers[places] > VERY_LONG).mean() for places in draws])), 4
        ),
        "text": round(float(np.mean([texts[places].mean() for places in draws])), 1),
    }
