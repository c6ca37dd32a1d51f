"""What ``assay import-scores`` says of a judge: verdicts, leanings, and agreement."""

from typing import TYPE_CHECKING, Any

from assay.cli.console import facts

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.agreement.judges import Leanings
    from assay.formats.judged.tables import JudgedTable
    from assay.project import Project
    from assay.samples import FloatArray
    from assay.solvers.verdicts import Verdicts
    from assay.workspace.judged_import import JudgedColumn

_SHOWN_FAULTS = 3


def describe_judged(
    project: "Project",
    table: "JudgedTable",
    column: "JudgedColumn",
    values: "FloatArray",
    *,
    sign: float,
) -> dict[str, Any]:
    """Return what the records tell, as data.

    Args:
        project: whose rows they are about.
        table: the records.
        column: what was taken of them.
        values: numbers of the rows. Shape (n,), NaN for none.
        sign: 1 if large numbers are better, -1 if small ones are.
    """
    from assay.agreement.judges import leanings
    from assay.outcomes import reason_counts
    from assay.pool.view import PoolView

    found: dict[str, Any] = {
        "layout": table.layout,
        "column": column.column,
        "records": len(table.rows),
        "reasons": reason_counts(table.columns[column.column].reason),
        "unreadable": list(table.faults),
        "contradicted": column.contradicted,
        "unnamed": column.unnamed,
        "columns": list(table.columns),
    }
    verdicts = table.verdicts()
    if verdicts is not None:
        found["verdicts"] = _verdicts(verdicts, table)
    found["leanings"] = _leanings(leanings(PoolView(project.pool), values, sign=sign))
    return found | {"notes": _notes(found, column)}


def _verdicts(found: "Verdicts", table: "JudgedTable") -> dict[str, Any]:
    import numpy as np

    described: dict[str, Any] = {
        "wins": found.wins, "ties": found.ties, "losses": found.losses, "without": found.without,
        "win_score": found.win_score, "both_orders": found.both_orders,
        "consistency": found.consistency._asdict(), "first_place": found.first_place._asdict(),
        "for_first": found.for_first, "for_second": found.for_second,
    }  # fmt: skip
    if "other_score" in table.columns:
        for name in ("score", "other_score"):
            known = table.columns[name].values
            known = known[~np.isnan(known)]
            described[f"mean_{name}"] = float(known.mean()) if len(known) else float("nan")
    return described


def _leanings(found: "Leanings") -> dict[str, Any]:
    return {
        "answer_words": found.answer_words._asdict(),
        "prompt_words": found.prompt_words._asdict(),
        "budget": found.budget,
        "ties": found.ties._asdict(),
    }


def describe_agreement(name: str, values: "FloatArray", others: "FloatArray") -> dict[str, Any]:
    """Return how far numbers agree with those of another score.

    Args:
        name: of the other score.
        values: shape (n,), NaN for none.
        others: shape (n,).
    """
    from assay.agreement.judges import between_judges

    found = between_judges(values, others)
    measures = ("exact", "kappa", "quadratic_kappa", "spearman")
    shares = {measure: getattr(found, measure)._asdict() for measure in measures}
    return {"with": name, "rows": found.rows, "labels": found.labels, **shares}


def _notes(found: dict[str, Any], column: "JudgedColumn") -> list[str]:
    """Return what somebody who uses the numbers must know."""
    from assay.solvers.verdicts import CONSISTENT

    notes = []
    faults = found["unreadable"]
    if faults:
        shown = "; ".join(faults[:_SHOWN_FAULTS])
        more = f"; {len(faults) - _SHOWN_FAULTS:,} more" if len(faults) > _SHOWN_FAULTS else ""
        notes.append(f"{len(faults):,} records are not as they should be: {shown}{more}")
    if column.contradicted:
        notes.append(
            f"{column.contradicted:,} records carry the id of a row whose prompt is another; they "
            "were left out"
        )
    if column.key.column in ("prompt", "instruction"):
        notes.append(
            f"rows were found by their {column.key.column}: the answers that were judged may not "
            "be those of the rows"
        )
    verdicts = found.get("verdicts")
    if verdicts and verdicts["both_orders"]:
        share = verdicts["consistency"]["value"]
        if share < CONSISTENT:
            notes.append(
                f"the judge contradicts itself on {1 - share:.0%} of the pairs once the answers "
                "change places: a verdict of one order says more of the place than of the answer"
            )
    elif verdicts:
        notes.append(
            "every pair was judged in one order, so a lean to a place cannot be told from a verdict"
        )
    return notes


def judged_parts(found: dict[str, Any]) -> "RenderableType":
    """Return what the records tell, for a reader."""
    lines: list[tuple[str, object]] = [
        ("records", f"{found['records']:,} of {found['layout']}, column {found['column']}")
    ]
    lines += [(f"  {reason.lower().replace('_', ' ')}", count)
              for reason, count in found["reasons"].items()]  # fmt: skip
    others = [name for name in found["columns"] if name != found["column"]]
    if others:
        lines.append(("  further columns", ", ".join(others)))
    if "verdicts" in found:
        lines += _verdict_lines(found["verdicts"])
    lines += _leaning_lines(found["leanings"])
    if "agreement" in found:
        lines += _agreement_lines(found["agreement"])
    return facts(lines)


def _verdict_lines(found: dict[str, Any]) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [
        ("verdicts", f"{found['wins']:,} wins, {found['ties']:,} ties, {found['losses']:,} losses"),
        ("  win score", f"{found['win_score']:.4g} (1 is a draw)"),
    ]
    if "mean_score" in found:
        own, other = found["mean_score"], found["mean_other_score"]
        lines.append(("  mean score", f"{own:.4g} against {other:.4g}"))
    if found["both_orders"]:
        lines.append(("  alike in both orders", _share(found["consistency"])))
        against = f"{found['for_first']:,} for the first place, {found['for_second']:,} for the "
        lines.append(("  contradictions", f"{against}second"))
        lines.append(("  for the first place", _share(found["first_place"])))
    return lines


def _leaning_lines(found: dict[str, Any]) -> list[tuple[str, object]]:
    ties = found["ties"]
    if not found["budget"]:
        return []
    level = f"{ties['better']:,} better than {ties['value']:g}, {ties['taken']:,} of the "
    return [
        ("rank correlation", ""),
        ("  words of the answer", _correlation(found["answer_words"])),
        ("  words of the prompt", _correlation(found["prompt_words"])),
        (f"the best {found['budget']:,}", f"{level}{ties['tied']:,} that have it"),
    ]


def _agreement_lines(found: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        (f"agreement with {found['with']}", f"{found['rows']:,} rows have both"),
        ("  same number", _share(found["exact"])),
        ("  kappa", _correlation(found["kappa"])),
        ("  quadratic kappa", _correlation(found["quadratic_kappa"])),
        ("  rank correlation", _correlation(found["spearman"])),
    ]


def _share(share: dict[str, float]) -> str:
    if share["value"] != share["value"]:
        return "cannot be told"
    told = f"{share['value']:.0%}"
    known = share["low"] == share["low"]
    return f"{told}, 95 % from {share['low']:.0%} to {share['high']:.0%}" if known else told


def _correlation(share: dict[str, float]) -> str:
    if share["value"] != share["value"]:
        return "cannot be told"
    told = f"{share['value']:.2f}"
    known = share["low"] == share["low"]
    return f"{told}, 95 % from {share['low']:.2f} to {share['high']:.2f}" if known else told
