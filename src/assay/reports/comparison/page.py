"""The report of a comparison: one HTML file, complete in itself, for screen, phone and paper."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from assay.compare.records import Comparison
from assay.compare.statistics import Row, summary
from assay.compare.verdict import verdicts
from assay.components.references import name_of, short_name
from assay.files import write_text
from assay.html import Html, document, element, joined
from assay.reports.comparison import sections
from assay.reports.comparison.chart_parts import Style, styles
from assay.reports.comparison.survey_questions import survey_questions
from assay.wording import without_folders


def write_report(path: Path, comparison: Comparison, *, rebuild: str) -> None:
    """Write the report of a comparison as one HTML file.

    Args:
        path: of the file.
        comparison: finished or not.
        rebuild: the command that makes the file again from the stored records.
    """
    write_text(path, render(comparison, rebuild=rebuild))


def render(comparison: Comparison, *, rebuild: str) -> str:
    """Return the report as HTML: equal records give equal bytes.

    It may be sent to anybody: it does not say where models and files lie.

    Args:
        comparison: finished or not.
        rebuild: the command that makes the file again from the stored records.
    """
    comparison = _for_others(comparison)
    rows = {part.name: summary(comparison, part.name) for part in comparison.sets}
    body = _body(comparison, rows, styles(comparison), without_folders(rebuild))
    title = f"{comparison.title} \N{MIDDLE DOT} assay compare"
    return document(title, body, style=_style_sheet())


def _for_others(comparison: Comparison) -> Comparison:
    """Return a comparison in which models and files go by their names, not by where they lie."""
    known = [name_of(base) for base in comparison.bases]

    def reported(text: str) -> str:
        return without_folders(text, known)

    return replace(
        comparison,
        title=reported(comparison.title),
        bases=tuple(map(reported, comparison.bases)),
        pool=reported(comparison.pool),
        recipe=reported(comparison.recipe),
        arms=tuple(replace(arm, words=reported(arm.words)) for arm in comparison.arms),
        trials=tuple(
            replace(
                trial,
                base=reported(trial.base),
                error=None if trial.error is None else reported(trial.error),
            )
            for trial in comparison.trials
        ),
        models={reported(name): reported(words) for name, words in comparison.models.items()},
    )


def _body(
    comparison: Comparison,
    rows: Mapping[str, list[Row]],
    chart_styles: Mapping[str, Style],
    rebuild: str,
) -> Html:
    several = len(comparison.bases) > 1
    found = verdicts(comparison, rows[comparison.primary])
    parts = [
        sections.header(comparison),
        *(
            sections.verdict_card(each, short_name(base) if several else "")
            for base, each in found.items()
        ),
        sections.failures(comparison),
        sections.arms(comparison, chart_styles),
        *survey_questions(comparison, rows[comparison.primary]),
    ]
    for base in comparison.base_axis:
        own = {
            name: [replace(row, base="") for row in of_set if row.base == base]
            for name, of_set in rows.items()
        }
        title = element("h2", f"With {short_name(base)}", class_="base") if several else None
        parts += [title, *_on_a_base(comparison.of_base(base), own, chart_styles)]
    parts += [
        sections.equal(comparison),
        sections.scores(comparison),
        sections.reading(comparison),
        sections.again(comparison, rebuild),
    ]
    return joined(joined(["\n", part]) for part in parts if part is not None)


def _on_a_base(
    comparison: Comparison, rows: Mapping[str, list[Row]], chart_styles: Mapping[str, Style]
) -> list[Html | None]:
    """Return the figures of one base model."""
    primary = rows[comparison.primary]
    return [
        sections.learning_curves(comparison, rows, chart_styles),
        sections.differences(comparison, primary, chart_styles),
        sections.other_sets(comparison, rows, chart_styles),
        sections.table(comparison, primary, chart_styles),
        sections.cost(primary, chart_styles),
        sections.power(comparison, primary),
    ]


@cache
def _style_sheet() -> str:
    return files("assay.reports.comparison").joinpath("report.css").read_text(encoding="utf-8")
