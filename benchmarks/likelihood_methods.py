"""How long do all methods of likelihoods and shapes take on one file, and what has no score?

    python benchmarks/likelihood_methods.py alpaca_data.json --model path/to/model

One process does all of it, cold: every score that reads a language model, and every selection of
5 % by likelihoods, clusters and embeddings. It prints each pass over the rows with its seconds and
rate, each selection's seconds, and the rows without a score by reason.
"""

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import Comparison, argument_parser, report

from assay import Project
from assay.components.defaults import with_defaults
from assay.features.hidden_states import HiddenStates
from assay.outcomes import reason_counts
from assay.progress import Task
from assay.runtime import Runtime

SCORES: tuple[dict[str, Any], ...] = (
    {"method": "perplexity"},
    {"method": "perplexity", "target": "all"},
    {"method": "ifd"},
    {"method": "superfiltering"},
    {"method": "token_entropy"},
    {"method": "token_rank"},
)
SELECTIONS: tuple[dict[str, Any], ...] = (
    {"method": "ifd", "budget": "5%"},
    {"method": "superfiltering", "budget": "5%"},
    {"method": "perplexity_pruning", "keep": "low", "budget": "5%"},
    {"method": "perplexity_pruning", "keep": "mid", "budget": "5%"},
    {"method": "perplexity_pruning", "keep": "high", "budget": "5%"},
    {"method": "superfiltering_diversity", "budget": "5%"},
    {"method": "deita_filter", "by": "superfiltering", "budget": "5%"},
    {
        "method": "deita_filter",
        "by": "superfiltering",
        "vectors": {"method": "hidden_states", "pooling": "last"},
        "budget": "5%",
    },
    {"method": "coreset", "budget": "0.5%"},
    {"method": "dataset_quantization", "budget": "5%"},
    {"method": "semdedup"},
    {"method": "graph_cut", "budget": "5%"},
    {"method": "log_det", "budget": "1000"},
    {"method": "coverage", "budget": "5%"},
)


class _Recorder:
    """Notes every stretch of work: its rows and its seconds."""

    def __init__(self) -> None:
        self.passes: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        begin = time.perf_counter()
        yield _Uncounted()
        seconds = time.perf_counter() - begin
        if total and unit == "rows":
            rate = round(total / max(seconds, 1e-9))
            self.passes.append(
                {
                    "pass": label,
                    "rows": int(total),
                    "seconds": round(seconds, 1),
                    "per_second": rate,
                }
            )


class _Uncounted:
    def advance(self, amount: float) -> None:
        """Count nothing."""


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path, help="an instruction file")
    parser.add_argument("--model", required=True, help="a causal language model")
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    recorder = _Recorder()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        runtime = Runtime(cache=Path(folder) / "cache", progress=recorder)
        project = Project(Path(folder) / "project", data=arguments.data, runtime=runtime)
        named = {"language_model": arguments.model, "dtype": arguments.dtype}
        scorers = [with_defaults(project.scorer(score), **named) for score in SCORES]
        states = with_defaults(HiddenStates(pooling="last"), **named)
        tables = project.engine.compute([*scorers, states])[:-1]  # from the same forward
        scored = time.perf_counter() - begin
        nulls = {
            scorer.label().replace(arguments.model, Path(arguments.model).name): dict(
                reason_counts(table.main.reason)
            )
            for scorer, table in zip(scorers, tables, strict=True)
        }
        selections = []
        for description in SELECTIONS:
            selector = with_defaults(project.selector(description), **named)
            started = time.perf_counter()
            chosen = project.select(selector)
            selections.append(
                {
                    "selection": chosen.name,
                    "vectors": description.get("vectors", {}).get("method", ""),
                    "keep": description.get("keep", ""),
                    "rows": len(chosen),
                    "seconds": round(time.perf_counter() - started, 1),
                }
            )
        seconds = time.perf_counter() - begin
    for kind, entries in (("pass", recorder.passes), ("selection", selections)):
        print(f"\n{kind}")
        for entry in entries:
            print("  ", *(f"{name}={value}" for name, value in entry.items()))
    facts = {
        "rows": len(project),
        "dtype": arguments.dtype,
        "scores": len(SCORES),
        "selections_made": len(SELECTIONS),
        "seconds_of_scores": round(scored, 1),
        "passes": recorder.passes,
        "selections": selections,
        "without_a_score": {name: Counter(counts) for name, counts in nulls.items()},
    }
    report("likelihood_methods", facts, Comparison([seconds]), arguments.json)


if __name__ == "__main__":
    main()
