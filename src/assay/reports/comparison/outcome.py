"""What a comparison leaves: its conclusion, its report, and the subset to train on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.compare.contrasts import against_usual, more_data
from assay.compare.record_files import read_comparison, to_json
from assay.compare.record_schema import check_records
from assay.compare.records import Comparison, Trial
from assay.compare.runner import Runner, Step
from assay.compare.statistics import Row, summary
from assay.compare.study import Study
from assay.compare.verdict import Verdict, verdicts
from assay.components.result_names import derived_name
from assay.echo import Brief
from assay.reports.comparison.page import write_report
from assay.stores.written import remember
from assay.wording import jsonable
from assay.workspace.named_selection import NamedSelection


@dataclass(frozen=True, repr=False)
class Outcome(Brief):
    """A comparison that was carried out.

    Attributes:
        comparison: its records.
        rows: its summary on every set of questions, by the set's name.
        verdicts: its conclusions, by the base model.
        records: folder of the records.
        report: the report.
        best: files of the recommended rows; empty where they were not asked for, or there are none.
        notes: what a person should know about what it read.
    """

    comparison: Comparison
    rows: Mapping[str, Sequence[Row]]
    verdicts: Mapping[str, Verdict]
    records: Path
    report: Path
    best: Sequence[Path] = ()
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> Verdict:
        """The conclusion on the base model that was named first."""
        return next(iter(self.verdicts.values()))

    @property
    def failed(self) -> list[Trial]:
        """Return the trials that failed."""
        return [trial for trial in self.comparison.trials if trial.status == "failed"]

    def brief(self) -> dict[str, Any]:
        """Return the conclusion and where everything lies, as plain values."""
        return {
            "verdict": asdict(self.verdict),
            "verdicts": {base: asdict(found) for base, found in self.verdicts.items()},
            "failed": len(self.failed),
            "records": str(self.records),
            "report": str(self.report),
            "best": [str(path) for path in self.best],
            "notes": list(self.notes),
        }

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values, but for the values, which lie with the records."""
        rows = {name: [asdict(row) for row in rows] for name, rows in self.rows.items()}
        contrasts = {
            "against_usual": [asdict(each) for each in against_usual(self.comparison)],
            "more_data": [asdict(each) for each in more_data(self.comparison)],
        }
        reported: dict[str, Any] = jsonable(
            {"rows": rows, "contrasts": contrasts, "comparison": to_json(self.comparison)}
        )
        return self.brief() | reported


def outcome_of(records: Path, report: Path) -> Outcome:
    """Return what records say, whoever wrote them, and write their report.

    Args:
        records: folder of the records.
        report: where the report is written: the same bytes as when the comparison was carried out.

    Raises:
        DataError: if the folder holds no records, with the file and the place.
    """
    check_records(records)
    comparison = read_comparison(records)
    write_report(report, comparison, rebuild=comparison.rebuild)
    rows = {part.name: summary(comparison, part.name) for part in comparison.sets}
    found = verdicts(comparison, rows[comparison.primary])
    return Outcome(comparison, rows, found, records, report)


def carry_out(
    study: Study,
    *,
    rebuild: str,
    report: Path | None = None,
    best: Path | None = None,
    tell: Callable[[Step], None] | None = None,
) -> Outcome:
    """Run a comparison, write its report, and export the rows that it recommends.

    A comparison that is interrupted leaves a report of what it has. Whoever calls has asked
    whether files may be replaced.

    Args:
        study: the comparison.
        rebuild: the command that makes the report again.
        report: where it is written; beside the records by default.
        best: where the recommended rows are written; nowhere by default. Of several
            base models, it is the conclusion on the first that counts.
        tell: called after every trial.

    Raises:
        AssayError: whatever stops the work as a whole; an arm that fails does not.
    """
    study.rebuild = rebuild
    try:
        comparison = study.run(tell)
    except KeyboardInterrupt:
        if study.has_trials():
            _write_report(study, report, study.write())
        raise
    place = _write_report(study, report, comparison)
    rows = {part.name: summary(comparison, part.name) for part in comparison.sets}
    found = verdicts(comparison, rows[comparison.primary])
    first = found[comparison.bases[0]]
    written = [] if best is None else _export(study.first, first, study.records, best)
    return Outcome(
        comparison, rows, found, study.records, place, written, [str(note) for note in study.notes]
    )


def _write_report(study: Study, report: Path | None, comparison: Comparison) -> Path:
    place = report or study.records / "report.html"
    write_report(place, comparison, rebuild=comparison.rebuild)
    if report is not None:
        remember(study.project.runtime.cache, [report])
    return place


@dataclass(frozen=True)
class Winner(NamedSelection):
    """The selection that a comparison recommends; what is exported beside it says why.

    Attributes:
        verdict: the conclusion.
        records: folder of the comparison's records.
    """

    verdict: Verdict
    records: Path

    def manifest(self) -> dict[str, Any]:
        """Return what made the selection, and the claim of the comparison."""
        found = self.verdict
        reported = {
            "outcome": found.outcome,
            "arm": found.arm,
            "budget": found.budget,
            "claim": found.claim,
            "caveats": list(found.caveats),
            "records": self.records.name,
        }
        return super().manifest() | {"comparison": reported}


def winner(runner: Runner, found: Verdict, records: Path) -> Winner | None:
    """Return the selection of the verdict: its arm at its budget, by the first seed or draw.

    None where a comparison has no result.
    """
    jobs = [j for j in runner.plan.jobs if j.arm.name == found.arm and j.budget == found.budget]
    if not jobs:
        return None
    choice = runner.choices.of(jobs[0])
    return Winner(
        runner.project, choice.selector, choice.record, choice.cost.seconds, found, records,
        label=derived_name(choice.selector),
    )  # fmt: skip


def _export(runner: Runner, found: Verdict, records: Path, path: Path) -> list[Path]:
    best = winner(runner, found, records)
    if best is None:
        return []
    beside = [path.with_name(f"{path.name}.assay.{ending}") for ending in ("parquet", "json")]
    return [*best.export(path, replace=True).paths, *beside]
