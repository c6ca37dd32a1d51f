"""Does a head that learned from some judged rows tell the others, and does choosing rows help?

The rows carry an id, and so do the marks that a judge gave them, nested as
`{"id": 1, "scores": {"QA": {"All": {"Clarity": 8}}}}`. Rows fall into five parts. Of four of them
some rows are judged: drawn at random, spread over kinds and lengths as by `rows_to_judge`, the same
in three rounds, or by k-center. A linear head on embeddings and lengths learns these, and what it
says of the fifth part is held against its marks by Spearman's correlation. Beside it stand the same
head on lengths alone, of the random rows, and the length of the answer without any head, turned as
the judged rows say. Times are not measured.

Run: python benchmarks/distilled.py ROWS.jsonl MARKS.jsonl --json benchmarks/results/distilled.json
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from harness import argument_parser, hardware

from assay import Project, Runtime
from assay.engine.engine import Engine
from assay.features.embeddings import Embeddings
from assay.features.head_fitting import Fitting, labelled
from assay.features.text import Lengths
from assay.models.head import Shape
from assay.pool.pool import HashArray, hash_array
from assay.samples import FloatArray, IndexArray
from assay.solvers.arrays import Candidates
from assay.solvers.k_center import k_center
from assay.solvers.k_means import k_means, usual_count
from assay.solvers.ranks import spearman
from assay.solvers.spread_rows import spread_rows

COUNTS = (50, 100, 200, 400)
FOLDS = 5
SEEDS = 2
ROUNDS = 3
DOUBTED = 4
"""Rows among which one is picked in later rounds, as in `rows_to_judge`."""
_NO_HASHES = hash_array([])


class Rows(NamedTuple):
    """What is known of all rows. Shape (n, ...) each."""

    vectors: FloatArray
    lengths: FloatArray
    answers: FloatArray
    hashes: HashArray
    marks: dict[str, FloatArray]


def read(rows: Path, marks: Path) -> Rows:
    """Return embeddings, lengths, and marks by name; a row without a mark has NaN."""
    given = {record["id"]: record["scores"] for record in _lines(marks)}
    ids = [record["id"] for record in _lines(rows)]
    names = sorted({f"{a}.{b}" for s in given.values() for a in s for b in s[a]["All"]})
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(cache=Path(folder) / "cache")
        project = Project(Path(folder) / "project", data=rows, runtime=runtime)
        pool = project.pool
        engine = Engine(pool, runtime)
        vectors = engine.value(Embeddings())
        lengths = engine.value(Lengths())
        order = [ids[record] for record in pool.row.tolist()]
        return Rows(
            np.array(vectors.rows(np.arange(len(pool))), np.float64),
            np.log1p(np.column_stack(list(lengths.columns.values()))),
            np.array(lengths["response_characters"]),
            np.array(pool.content_hashes),
            {
                name: np.array([_mark(given.get(each, {}), name) for each in order])
                for name in names
            },
        )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _mark(scores: dict[str, Any], name: str) -> float:
    about, _, quality = name.partition(".")
    found = scores.get(about, {}).get("All", {}).get(quality)
    return float("nan") if found is None else float(found)


class Bench:
    """Chooses, learns and tells.

    Args:
        rows: all of them.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._both = np.concatenate([rows.vectors, rows.lengths], axis=1)
        self._head = Runtime(workers=1).head("linear")

    def fitting(self, taught: IndexArray, marks: FloatArray, *, lengths_only: bool) -> Fitting:
        """Return what heads are fitted from."""
        inputs = self.rows.lengths if lengths_only else self._both
        scaled = np.arange(inputs.shape[1]) >= inputs.shape[1] - self.rows.lengths.shape[1]
        taught = taught[np.argsort(self.rows.hashes[taught], kind="stable")]
        none = np.full(len(taught), -1, np.int64)
        return Fitting(
            head=self._head,
            rows=inputs[taught],
            scaled=scaled,
            widths=(inputs.shape[1],),
            taught=labelled(self.rows.hashes[taught], none, marks[taught], ()),
            folds=5,
            seed=0,
        )

    def chosen(
        self, way: str, open_rows: IndexArray, count: int, seed: int, marks: FloatArray
    ) -> IndexArray:
        """Return the rows that are judged, of those that are open."""
        if way == "random":
            return np.random.default_rng(seed).choice(open_rows, count, replace=False)
        if way == "k_center":
            vectors = self.rows.vectors[open_rows].astype(np.float32)
            allowed = np.ones(len(open_rows), np.bool_)
            return open_rows[k_center(vectors, Candidates(count, allowed)).indices]
        kinds = np.full(len(self.rows.answers), -1, np.int64)
        rng = np.random.default_rng(seed)
        vectors = self.rows.vectors[open_rows].astype(np.float32)
        kinds[open_rows] = k_means(vectors, usual_count(len(open_rows)), rng=rng).labels
        shift, rounds = float(rng.random()), ROUNDS if way == "rounds" else 1
        even, over = divmod(count, rounds)
        found = spread_rows(kinds, self.rows.answers, open_rows, even + over, shift=shift)
        for _ in range(rounds - 1):
            left = np.setdiff1d(open_rows, found)
            doubt = self._doubt(found, left, marks)
            left = np.sort(left[np.argsort(-doubt, kind="stable")[: DOUBTED * even]])
            more = spread_rows(kinds, self.rows.answers, left, even, shift=shift)
            found = np.concatenate([found, more])
        return found

    def _doubt(self, taught: IndexArray, left: IndexArray, marks: FloatArray) -> FloatArray:
        heads = self.fitting(taught, marks, lengths_only=False).parts()
        told = [
            self._head.predict(one.arrays, scale.of_rows(self._both[left]), Shape((0,)))[:, 0]
            for scale, one in heads
        ]
        return np.std(told, axis=0)

    def told(
        self, taught: IndexArray, left: IndexArray, marks: FloatArray, *, lengths_only: bool = False
    ) -> tuple[float, float]:
        """Return the correlation with marks of rows that are left, and the held-out one."""
        fit = self.fitting(taught, marks, lengths_only=lengths_only).whole(_NO_HASHES, _silent)
        inputs = self.rows.lengths if lengths_only else self._both
        found = self._head.predict(fit.arrays, fit.scale.of_rows(inputs[left]), Shape((0,)))[:, 0]
        return _correlation(found, marks[left]), _correlation(fit.held_out[:, 0], fit.targets)


def _silent(count: float) -> None:
    """Take no notice."""


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Return Spearman's; 0 where one of both does not vary, which tells nothing."""
    found = spearman(first, second)
    return 0.0 if np.isnan(found) else found


def measured(rows: Rows, counts: tuple[int, ...]) -> dict[str, Any]:
    """Return correlations by number of rows judged, mark and way, and what they come to."""
    bench = Bench(rows)
    parts = np.random.default_rng(0).permutation(len(rows.answers)) % FOLDS
    by_count: dict[str, Any] = {}
    for count in counts:
        every: dict[str, dict[str, list[float]]] = {}
        optimism: defaultdict[str, list[float]] = defaultdict(list)
        for name, marks in rows.marks.items():
            own: defaultdict[str, list[float]] = defaultdict(list)
            known = np.isfinite(marks)
            for fold in range(FOLDS):
                open_rows = np.flatnonzero((parts != fold) & known)
                left = np.flatnonzero((parts == fold) & known)
                for seed in range(SEEDS):
                    drawn = bench.chosen("random", open_rows, count, seed, marks)
                    side = np.sign(_correlation(rows.answers[drawn], marks[drawn]))
                    own["answer's length"].append(
                        float(side) * _correlation(rows.answers[left], marks[left])
                    )
                    own["lengths"].append(bench.told(drawn, left, marks, lengths_only=True)[0])
                    for way in ("random", "spread", "rounds", "k_center"):
                        chosen = bench.chosen(way, open_rows, count, seed, marks)
                        there, held_out = bench.told(chosen, left, marks)
                        own[way].append(there)
                        optimism[way].append(held_out - there)
            every[name] = own
            print(count, name, {way: round(float(np.mean(own[way])), 3) for way in own}, flush=True)
        by_count[str(count)] = {
            "marks": {
                name: {way: round(float(np.mean(found)), 3) for way, found in own.items()}
                for name, own in every.items()
            },
            "mean": _means(every),
            "more_than_random": _against(every, "random"),
            "more_than_lengths": _against(every, "lengths"),
            "held_out_minus_true": {
                way: round(float(np.mean(found)), 3) for way, found in optimism.items()
            },
        }
    return by_count


def _means(every: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    ways = next(iter(every.values()))
    return {
        way: round(float(np.mean([np.mean(own[way]) for own in every.values()])), 3) for way in ways
    }


def _against(every: dict[str, dict[str, list[float]]], base: str) -> dict[str, list[float]]:
    """Return by how much each way is better than one, and twice its error over the marks."""
    found = {}
    for way in next(iter(every.values())):
        gaps = np.array([np.mean(own[way]) - np.mean(own[base]) for own in every.values()])
        error = 2.0 * float(gaps.std(ddof=1)) / len(gaps) ** 0.5
        found[way] = [round(float(gaps.mean()), 3), round(error, 3)]
    return found


def main() -> None:
    """Measure, print, and write the result."""
    parser = argument_parser(__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("marks", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    arguments = parser.parse_args()
    rows = read(arguments.rows, arguments.marks)
    result = {
        "name": "distilled",
        "hardware": hardware(),
        "rows": len(rows.answers),
        "parts": FOLDS,
        "seeds": SEEDS,
        "rounds": ROUNDS,
        "rows_judged": measured(rows, tuple(arguments.counts)),
    }
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
