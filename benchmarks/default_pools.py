"""Pools that candidates for the default are tried on: rows of a file, spoiled rows among them."""

import gzip
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from default_candidates import SEEDED, Description
from numpy.typing import NDArray
from spoiling import Donors, Row, Spoiler

from assay import Project

SEEDS = 5
_QUESTION = ("instruction", "question", "prompt")
_CONTEXT = ("input", "context")
_ANSWER = ("output", "response", "answer")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a JSON array or of JSON lines, perhaps packed, that have both texts."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        text = file.read()
    entries = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
    rows = []
    for entry in entries:
        question, context, answer = (_first(entry, n) for n in (_QUESTION, _CONTEXT, _ANSWER))
        if question and answer:
            rows.append(Row("\n".join(filter(None, (question, context))), answer))
    return rows


def _first(entry: Mapping[str, Any], names: Sequence[str]) -> str:
    found = next((entry[name] for name in names if isinstance(entry.get(name), str)), "")
    return str(found).strip()


def drawn(rows: Sequence[Row], count: int, seed: int = 0) -> list[Row]:
    """Return at most `count` rows in an order of chance."""
    order = np.random.default_rng(seed).permutation(len(rows))[:count]
    return [rows[place] for place in order.tolist()]


def ascii_share(rows: Sequence[Row]) -> float:
    """Return the share of characters of the answers that English is written with."""
    text = "".join(row.answer for row in rows[:500])
    return sum(character.isascii() for character in text) / max(len(text), 1)


def foreign_answers(rows: Sequence[Row], others: Sequence[Sequence[Row]]) -> list[str]:
    """Return the answers of the file whose script is the least like that of the rows."""
    own = ascii_share(rows)
    return [row.answer for row in max(others, key=lambda other: abs(ascii_share(other) - own))]


def spoiled_pool(
    rows: Sequence[Row], kind: Spoiler, donors: Donors, share: float, seed: int
) -> tuple[list[Row], NDArray[np.bool_]]:
    """Return the rows with a share of them spoiled, and which these are."""
    rng = np.random.default_rng(seed)
    hit = set(rng.permutation(len(rows))[: round(share * len(rows))].tolist())
    made: list[Row] = []
    bad = np.zeros(len(rows), bool)
    for place, row in enumerate(rows):
        spoiled = kind(row, donors, rng) if place in hit else None
        bad[place] = spoiled is not None
        made.append(spoiled or row)
    return made, bad


class TrialPool:
    """A project made of rows, which answers with their places."""

    def __init__(self, rows: Sequence[Row], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        data = folder / "rows.jsonl"
        with data.open("w", encoding="utf-8") as file:
            for row in rows:
                line = {"instruction": row.question, "output": row.answer}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.project = Project(folder / "rows.assay", data=data)
        self._places = np.asarray(self.project.pool.row).astype(np.intp)
        if len(self._places) != len(rows):
            raise SystemExit(f"of {len(rows)} rows only {len(self._places)} were loaded")

    def choices(
        self, candidates: Mapping[str, Description], budgets: Sequence[str], seeds: int = SEEDS
    ) -> dict[str, dict[str, list[NDArray[np.intp]]]]:
        """Return the places chosen, by candidate and budget: one array for each seed."""
        wanted = {
            (name, budget, seed): self.project.selector(_seeded(described, seed), budget=budget)
            for name, described in candidates.items()
            for budget in budgets
            for seed in range(seeds if name in SEEDED else 1)
        }
        records = self.project.engine.compute(list(wanted.values()))
        found: dict[str, dict[str, list[NDArray[np.intp]]]] = {}
        for (name, budget, _), record in zip(wanted, records, strict=True):
            places = self._places[record.selection.indices]
            found.setdefault(name, {}).setdefault(budget, []).append(places)
        return found

    def values(self, quality: str | Description) -> NDArray[np.float64]:
        """Return a score so that more is better, by place; minus infinity where its rule says no.

        Minus infinity, too, where a row has no value: a selection takes neither.
        """
        described = {"method": quality} if isinstance(quality, str) else dict(quality)
        rule = {"rule": described.pop("rule")} if "rule" in described else {}
        selector = self.project.selector(
            {"method": "top_score", "by": described, **rule}, budget="100%"
        )
        scorer = self.project.scorer(described)
        (table,) = self.project.score(scorer)
        (record,) = self.project.engine.compute([selector])
        taken = record.selection.indices
        found = np.full(len(self._places), -np.inf)
        found[self._places[taken]] = scorer.sign * table.main.values[taken]
        return found


def _seeded(described: Description, seed: int) -> dict[str, Any]:
    return dict(described) if seed == 0 else {**described, "seed": seed}


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder for projects, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="assay-default-") as folder:
        yield Path(folder)
