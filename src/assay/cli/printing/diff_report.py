"""Two results side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.cli.console import Column, facts, table
from assay.components.descriptions import describe, method_text
from assay.components.references import shown_names
from assay.solvers.ranks import jaccard, spearman
from assay.wording import number_text, one_line
from assay.workspace.stored import StoredResult, stored_selection, stored_values

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.workspace.composition import Composition
    from assay.workspace.named_selection import NamedSelection
    from assay.workspace.workspace import Workspace

_BEST_SHARES = (0.01, 0.05, 0.1)
_LISTED = 8
_TEXT = 60


def describe_scores(
    project: "Workspace", first: StoredResult, second: StoredResult
) -> dict[str, Any]:  # fmt: skip
    """Return how far two scores agree."""
    values = [stored_values(result) for result in (first, second)]
    return {
        "names": [first.name, second.name],
        "rows_with_both": int((~np.isnan(values[0]) & ~np.isnan(values[1])).sum()),
        "rank_correlation": spearman(values[0], values[1]),
        "highest_in_common": {
            f"{share:.0%}": _in_common(values, max(1, int(share * len(project))))
            for share in _BEST_SHARES
        },
    }


def _in_common(values: Sequence[Any], count: int) -> float:
    """Return the share of the `count` highest of one score that is among those of the other."""
    best = [np.argsort(-v, kind="stable")[: min(count, int((~np.isnan(v)).sum()))] for v in values]
    return len(np.intersect1d(best[0], best[1])) / max(count, 1)


def score_parts(described: Mapping[str, Any]) -> "Iterator[RenderableType]":
    """Yield what a person reads about two scores."""
    yield facts(
        [
            ("scores", " and ".join(described["names"])),
            ("rows with both", described["rows_with_both"]),
            ("rank correlation", number_text(described["rank_correlation"]) + " (Spearman)"),
            *(
                (f"highest {share}", f"{part:.0%} of the rows are the same")
                for share, part in described["highest_in_common"].items()
            ),
        ]
    )


def describe_selections(
    project: "Workspace", first: str, second: str, limit: int
) -> dict[str, Any]:  # fmt: skip
    """Return what two selections have in common, and what tells them apart."""
    pair = [stored_selection(project, name) for name in (first, second)]
    ids = [selection.ids.tolist() for selection in pair]
    both = set(ids[0]) & set(ids[1])
    alone = [[row_id for row_id in own if row_id not in both] for own in ids]
    compositions = [selection.composition() for selection in pair]
    return {
        "names": [first, second],
        "methods": [method_text(describe(selection.selector)) for selection in pair],
        "samples": [len(own) for own in ids],
        "tokens": [composition.tokens for composition in compositions],
        "in_both": len(both),
        "alone": [len(own) for own in alone],
        "jaccard": jaccard(ids[0], ids[1]),
        "expected_by_chance": _by_chance(len(ids[0]), len(ids[1]), len(project)),
        "rank_correlation": _agreement(project, pair),
        "composition": _side_by_side(compositions),
        "examples": [[_example(project, i) for i in own[:limit]] for own in alone],
    }


def _by_chance(first: int, second: int, rows: int) -> float:
    """Return how many rows two random selections of these sizes share on average."""
    return first * second / max(rows, 1)


def _agreement(project: "Workspace", pair: "Sequence[NamedSelection]") -> dict[str, float]:
    """Return the rank correlation of every score of one selection with every one of the other."""
    found: dict[str, float] = {}
    for first in pair[0].scorers():
        for second in pair[1].scorers():
            if first != second:
                tables = [project.engine.value(scorer).main.values for scorer in (first, second)]
                found[f"{first.label()} and {second.label()}"] = spearman(tables[0], tables[1])
    return found


def _side_by_side(compositions: "Sequence[Composition]") -> dict[str, dict[str, list[int]]]:
    found: dict[str, dict[str, list[int]]] = {}
    for name in dict.fromkeys(name for each in compositions for name in each.by):
        words = dict.fromkeys(word for each in compositions for word in each.by.get(name, {}))
        found[name] = {
            word: [each.by.get(name, {}).get(word, 0) for each in compositions] for word in words
        }
    found["length"] = {
        f"over {limit // 1024}k tokens": [each.longer_than[limit] for each in compositions]
        for limit in compositions[0].longer_than
    }
    return found


def _example(project: "Workspace", row_id: str) -> dict[str, str]:
    conversation = project.sample(row_id).conversation
    return {
        "id": row_id,
        "prompt": conversation.prompt,
        "response": conversation.response,
    }


def selection_parts(described: Mapping[str, Any]) -> "Iterator[RenderableType]":
    """Yield what a person reads about two selections."""
    from rich.text import Text

    names = described["names"]
    yield table(
        ["", ("samples", "right"), ("tokens", "right"), ("alone", "right"), "method"],
        [
            (names[i], described["samples"][i], described["tokens"][i], described["alone"][i],
             shown_names(described["methods"][i]))
            for i in range(2)
        ],
    )  # fmt: skip
    yield Text()
    chance = described["expected_by_chance"]
    pairs: list[tuple[str, object]] = [
        ("in both", f"{described['in_both']:,} (by chance about {chance:,.0f})"),
        ("Jaccard", number_text(described["jaccard"])),
    ]
    for label, value in described["rank_correlation"].items():
        pairs.append(("rank correlation", f"{number_text(value)} of {shown_names(label)}"))
    yield facts(pairs)
    for name, words in described["composition"].items():
        if len(words) > 1:
            yield Text()
            yield _table(name, words, names, described["samples"])
    for name, examples in zip(names, described["examples"], strict=True):
        if examples:
            yield Text()
            rows = [
                (e["id"][:8], one_line(e["prompt"], _TEXT), one_line(e["response"], _TEXT))
                for e in examples
            ]
            yield table(["id", "asked", "answered"], rows, title=f"only in {name}", wrap=False)


def _table(
    name: str, words: Mapping[str, Sequence[int]], names: Sequence[str], samples: Sequence[int]
) -> "RenderableType":
    rows = []
    for word, counts in list(words.items())[:_LISTED]:
        cells = [f"{count:,} ({count / max(total, 1):.1%})"
                 for count, total in zip(counts, samples, strict=True)]  # fmt: skip
        rows.append((word or "(none)", *cells))
    columns: list[Column] = [name, *((n, "right") for n in names)]
    return table(columns, rows)
