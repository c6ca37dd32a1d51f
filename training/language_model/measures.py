"""Figures about a language model, all read through the tool's own causal pass."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpus import Pair
from numpy.typing import NDArray

import assay
from assay.components.rendering import COMMON, Rendering
from assay.features.log_probs import ResponseLogProbs
from assay.methods.text.compression_ifd import CompressionIFD
from assay.values import LogProbs

Numbers = NDArray[np.float64]

DRAWS = 2000


def project_of(rows: Sequence[Pair], folder: Path) -> assay.Project:
    """Return a project with some rows."""
    texts = [json.dumps({"instruction": row.question, "output": row.answer}) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return assay.Project(folder / "project", data=folder / "rows.jsonl")


def compression(rows: Sequence[Pair]) -> Numbers:
    """Return the tool's own compression IFD of some rows, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        project = project_of(rows, Path(folder))
        (table,) = project.engine.compute([CompressionIFD()])
        held = list(project.pool.conversations(np.arange(len(project.pool))))
    found = {
        (one.prompt.strip(), one.response.strip()): value
        for one, value in zip(held, table.main.values.tolist(), strict=True)
    }
    return np.array([found[row.question.strip(), row.answer.strip()] for row in rows])


class Read:
    """Log-probabilities of some answers under one model, after the questions and alone.

    Args:
        rows: what is read.
        model: by name.
        dtype: number format of its products.
        rendering: template and window.
    """

    def __init__(
        self,
        rows: Sequence[Pair],
        model: str,
        *,
        dtype: str = "float32",
        rendering: Rendering = COMMON,
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            project = project_of(rows, Path(folder))
            given, alone = project.engine.compute(
                [
                    ResponseLogProbs(model=model, dtype=dtype, rendering=rendering, given=before)
                    for before in ("prompt", "nothing")
                ]
            )
            held = list(project.pool.conversations(np.arange(len(project.pool))))
            answers = [one.response for one in held]
            prompts = [one.prompt for one in held]
        self.place = {
            (prompt.strip(), answer.strip()): number
            for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
        }
        self.given, self.alone = given, alone
        self.bytes = np.array([len(text.encode()) for text in answers], np.float64)

    def order(self, rows: Sequence[Pair]) -> NDArray[np.int64]:
        """Return where the rows are, in the order that they are given in. -1 for none."""
        return np.array([self.place.get((r.question.strip(), r.answer.strip()), -1) for r in rows])

    def bits_per_byte(self, *, asked: bool) -> float:
        """Return how many bits a byte of the answers costs, all rows together."""
        read: LogProbs = self.given if asked else self.alone
        known = read.reason == 0
        return float(-read.sum[known].sum() / np.log(2) / self.bytes[known].sum())

    def superfiltering(self) -> Numbers:
        """Return the ratio of perplexities. NaN where there is none."""
        return np.exp(self.alone.mean() - self.given.mean())


def ranks(values: Numbers) -> Numbers:
    """Return mid-ranks."""
    order = np.argsort(values, kind="stable")
    found = np.empty(len(values))
    found[order] = np.arange(len(values))
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, found)
    return (sums / counts)[inverse]


def spearman(left: Numbers, right: Numbers) -> float:
    """Return the rank correlation."""
    return float(np.corrcoef(ranks(left), ranks(right))[0, 1])


def partial(left: Numbers, right: Numbers, fixed: Numbers) -> float:
    """Return the rank correlation at a fixed third quantity; 0 where one of them is just that."""
    a, b, c = spearman(left, right), spearman(left, fixed), spearman(right, fixed)
    rest = (1 - b * b) * (1 - c * c)
    return (a - b * c) / float(np.sqrt(rest)) if rest > 1e-9 else 0.0


def interval(left: Numbers, right: Numbers) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the rank correlation."""
    chance = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        some = chance.integers(0, len(left), len(left))
        found.append(spearman(left[some], right[some]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def overlap(left: Numbers, right: Numbers, share: float) -> float:
    """Return the share of the largest of one that is among the largest of the other."""
    count = int(len(left) * share)
    ours, theirs = np.argsort(-left)[:count], np.argsort(-right)[:count]
    return len(np.intersect1d(ours, theirs)) / count
