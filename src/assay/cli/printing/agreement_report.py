"""What ``assay agree`` prints: agreement with the reference, cost, and what it comes to."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.cli.console import Column, facts, table
from assay.wording import number_text, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.agreement.agreement import Agreement, Report
    from assay.agreement.sample_reading import SampleReader
    from assay.workspace.workspace import Workspace


def describe_agreement(found: "Report", sizes: Mapping[str, int | None]) -> dict[str, Any]:
    """Return everything that was measured.

    Args:
        found: the measurement.
        sizes: number of weights of each model, None where it is not known.
    """
    from assay.agreement.agreement import verdict
    from assay.solvers.rank_interval import FEWEST

    said = verdict(found)
    return {
        "method": found.reference.scorer.name,
        "label": found.reference.scorer.label(),
        "reference": found.reference.name,
        "rows": found.rows,
        "sample": len(found.sample),
        "fewest_rows": FEWEST,
        "models": [_reader(reader, sizes.get(reader.name)) for reader in found.readers],
        "floors": [_reader(reader, None) for reader in found.floors],
        "agreement": [_agreement(each) for each in found.agreements],
        "conclusion": said.sentence,
        "score_with": said.model,
        "needs_more_rows": said.more,
    }


def _reader(reader: "SampleReader", size: int | None) -> dict[str, Any]:
    import numpy as np

    from assay.outcomes import reason_counts

    scores = reader.scores
    described: dict[str, Any] = {
        "name": reader.name,
        "label": reader.scorer.label(),
        "scored": int(np.count_nonzero(scores.reason == 0)),
        "reasons": reason_counts(scores.reason),
    }
    if reader.cost is not None:
        described |= {"parameters": size, **reader.cost.__dict__}
    return described


def _agreement(each: "Agreement") -> dict[str, Any]:
    return {
        "name": each.name,
        "rows_with_both": each.both,
        "rank_correlation": each.correlation,
        "interval": list(each.interval),
        "at_equal_length": each.at_equal_length,
        "best_in_common": [
            {"share": overlap.share, "in_common": overlap.in_common, "by_chance": overlap.by_chance}
            for overlap in each.overlaps
        ],
    }


def agreement_parts(described: Mapping[str, Any]) -> "Iterator[RenderableType]":
    """Yield what a person reads."""
    from rich.text import Text

    yield facts(
        [
            ("method", described["method"]),
            ("reference", _short(described["reference"])),
            ("sample", f"{described['sample']:,} of {described['rows']:,} rows"),
        ]
    )
    yield Text()
    yield _agreement_table(described)
    yield Text()
    yield _cost_table(described["models"])
    yield Text()
    yield Text(plain(f"{_shortened(described)}."))


def _agreement_table(described: Mapping[str, Any]) -> "RenderableType":
    floors = {floor["name"] for floor in described["floors"]}
    shares = [f"top {each['share']:.0%}" for each in described["agreement"][0]["best_in_common"]]
    columns: list[Column] = ["agrees with the reference"]
    columns += [(name, "right") for name in ("rank corr.", "95 %", "at equal length", *shares)]
    rows = [
        (
            f"{each['name']} (floor)" if each["name"] in floors else _short(each["name"]),
            _two(each["rank_correlation"]),
            _bounds(each["interval"]),
            _two(each["at_equal_length"]),
            *(_share(overlap["in_common"]) for overlap in each["best_in_common"]),
        )
        for each in described["agreement"]
    ]
    chance = described["agreement"][0]["best_in_common"]
    rows.append(("by chance", "0", "", "", *(_share(each["by_chance"]) for each in chance)))
    return table(columns, rows)


def _cost_table(models: Sequence[Mapping[str, Any]]) -> "RenderableType":
    columns: list[Column] = ["model", ("weights", "right"), ("tokens/s", "right"),
                             ("sample", "right"), ("all rows", "right"), ("without", "right"),
                             "why without"]  # fmt: skip
    rows = [
        (
            _short(each["name"]),
            _weights(each["parameters"]),
            number_text(round(each["tokens_per_second"], 0)),
            _seconds(each["sample_seconds"]),
            _seconds(each["all_seconds"]),
            sum(each["reasons"].values()),
            ", ".join(f"{name.lower().replace('_', ' ')} {n:,}"
                      for name, n in each["reasons"].items()),
        )
        for each in models
    ]  # fmt: skip
    return table(columns, rows)


def _short(name: str) -> str:
    from assay.components.references import UNPINNED, is_endpoint, short_name

    short = short_name(name)
    return f"{short}@{UNPINNED}" if is_endpoint(name) and "@" not in short else short


def _shortened(described: Mapping[str, Any]) -> str:
    """Return the conclusion with the models' short names."""
    sentence = str(described["conclusion"])
    for model in sorted(described["models"], key=lambda each: -len(each["name"])):
        sentence = sentence.replace(model["name"], _short(model["name"]))
    return sentence


def _two(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _bounds(interval: Sequence[float]) -> str:
    low, high = interval
    return "-" if math.isnan(low) else f"{low:.2f} to {high:.2f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def _seconds(value: float) -> str:
    from assay.progress import format_seconds

    return "-" if math.isnan(value) else format_seconds(value)


def _weights(count: int | None) -> str:
    if not count:
        return "" if count is None else "small"
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def next_line(
    project: "Workspace",
    found: "Report",
    described: Mapping[str, Any],
    options: Sequence[str],
    *,
    reference: str | None = None,
) -> str:
    """Return the command that follows from what was measured.

    Args:
        project: whose rows were read.
        found: what was measured.
        described: the same, told.
        options: words that the next line repeats.
        reference: the model that was named as the reference, if one was.
    """
    from assay.cli.naming import shown_source
    from assay.cli.printing.next_lines import joined, words
    from assay.cli.shell import quoted

    source, method = shown_source(project), described["method"]
    if described["needs_more_rows"]:
        names = [quoted(reader.name) for reader in found.readers]
        more = max(500, 4 * described["sample"])
        return joined(
            "agree", source, method, "--models", names, words("--reference", reference),
            "--sample", str(more), options,
        )  # fmt: skip
    return joined("score", source, method, words("--model", described["score_with"]), options)
