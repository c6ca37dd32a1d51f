"""The report of a comparison: one HTML file, complete in itself, for screen, phone and paper."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from assay.compare.records import Comparison
from assay.compare.statistics import Row, summary
from assay.compare.verdict import verdict
from assay.files import write_text
from assay.html import Html, element, joined
from assay.reports.comparison import sections
from assay.reports.comparison.chart_parts import Style, styles


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

    Args:
        comparison: finished or not.
        rebuild: the command that makes the file again from the stored records.
    """
    rows = {part.name: summary(comparison, part.name) for part in comparison.sets}
    body = _body(comparison, rows, styles(comparison), rebuild)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{comparison.title} \N{MIDDLE DOT} assay compare"),
        element("style", _style_sheet()),
    )
    page = element("html", "\n", head, "\n", element("body", body), "\n", lang="en")
    return f"<!doctype html>\n{page}\n"


def _body(
    comparison: Comparison,
    rows: Mapping[str, list[Row]],
    chart_styles: Mapping[str, Style],
    rebuild: str,
) -> Html:
    primary = rows[comparison.primary]
    parts = [
        sections.header(comparison),
        sections.verdict_card(verdict(comparison, primary)),
        sections.failures(comparison),
        sections.arms(comparison, chart_styles),
        sections.learning_curves(comparison, rows, chart_styles),
        sections.differences(comparison, primary, chart_styles),
        sections.other_sets(comparison, rows, chart_styles),
        sections.table(comparison, primary, chart_styles),
        sections.cost(primary, chart_styles),
        sections.power(comparison, primary),
        sections.equal(comparison),
        sections.scores(comparison),
        sections.reading(comparison),
        sections.again(comparison, rebuild),
    ]
    return joined(joined(["\n", part]) for part in parts if part is not None)


@cache
def _style_sheet() -> Html:
    text = files("assay.reports.comparison").joinpath("report.css").read_text(encoding="utf-8")
    return Html(text)
