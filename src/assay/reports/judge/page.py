"""The page: what stands out, ties, leanings, agreement, calibration, and what it has cost."""

import math
import re
from collections.abc import Iterator, Sequence

from assay.agreement.judge_report import Against, Asked, JudgeReport
from assay.agreement.judge_wording import (
    conclusions,
    correlation_text,
    place_text,
    share_text,
    spending_lines,
    step_text,
)
from assay.agreement.label_coverage import Coverage
from assay.agreement.retest import Retest
from assay.components.references import short_name
from assay.html import Child, Html, element, page, section, table
from assay.reports.judge.chart import calibration_chart, number_chart
from assay.version import __version__
from assay.wording import number_text, percent, seconds, without_folders

Line = tuple[str, str]
_ADDRESS = re.compile(r"https?://[^\s#,)]*#")
"""Where a judge answers, before its name."""

_STYLE = """
.lead li { font-size: 17px; margin: 0 0 6px; }
.lead { padding-left: 1.1em; max-width: 75ch; }
.figures th { min-width: 12em; color: var(--ink); }
.figures td { overflow-wrap: anywhere; }
@media (max-width: 640px) {
  .figures td[data-label] { justify-content: flex-start; text-align: left; }
  .figures td[data-label]::before { display: none; }
}
"""


def judge_page(found: JudgeReport) -> str:
    """Return a report on a judge's score as one HTML page, which needs nothing else.

    Names are shown as text: no markup in them counts, and no script runs. It may be sent to
    anybody: it does not say where models and files lie.
    """
    parts: list[Child] = [
        element("h1", f"{found.name}: what this score is worth"),
        element("p", _subtitle(found), class_="soft"),
        section(
            "What stands out",
            element("ul", *(element("li", line) for line in conclusions(found)), class_="lead"),
        ),
        section("Numbers and ties", number_chart(found), _figures(_numbers(found))),
        section("Length and place", _figures(_leanings(found))),
    ]
    if found.against is not None:
        parts.append(section(f"Against {found.against.name}", *_against(found, found.against)))
    if found.asked:
        parts.append(section("What was asked", *_asked(found.asked)))
    parts.append(section("How it was measured", *_method(found)))
    return page(f"{found.name}, a judge's score", *parts, style=_STYLE)


def _subtitle(found: JudgeReport) -> str:
    judges = ", ".join(dict.fromkeys(short_name(each.judge) for each in found.asked))
    by = f"judged by {judges}" if judges else "imported"
    method = _ADDRESS.sub("", without_folders(found.method))
    return (
        f"{method}, {by}; {found.scored:,} of {found.rows:,} rows have a number; {found.prefer} is "
        f"better; Assay {__version__}"
    )


def _figures(lines: Sequence[Line]) -> Html:
    return table(["", ""], lines, class_="figures stacked")


def _numbers(found: JudgeReport) -> list[Line]:
    cut = found.cut
    asked = [("read, of the rows that were asked about", share_text(found.parsed))]
    lines = asked if found.asked else []
    lines += [
        (f"without: {reason.lower().replace('_', ' ')}", f"{count:,}")
        for reason, count in found.outcomes.items()
    ]
    if found.suspect:
        lines.append(("rows that speak to a judge", f"{found.suspect:,}"))
    common = f"; {cut.commonest:,} rows share the commonest" if cut.commonest > 1 else ""
    lines.append(("different numbers", f"{cut.distinct:,}{common}"))
    for border in cut.borders:
        side = "inside" if border.inside else "outside"
        lines.append(
            (border.words, f"{border.passing:,} rows pass; {border.at:,} are just there, {side}")
        )
    if cut.count:
        ties = cut.ties
        told = f"{ties.better:,} better than {number_text(ties.value)}, and {ties.taken:,} of the "
        lines.append(
            (f"the best {cut.count:,} ({cut.budget})", f"{told}{ties.tied:,} that have it")
        )
    return lines


def _leanings(found: JudgeReport) -> list[Line]:
    lengths = found.lengths
    lines = [
        ("rank correlation with the words of the answer", correlation_text(lengths.answer)),
        ("with the words of the prompt", correlation_text(lengths.prompt)),
        ("with what a judge would say that sees lengths alone",
         correlation_text(lengths.control.told)),
    ]  # fmt: skip
    told = found.verdicts
    if told is None:
        lines.append(("place", place_text(found)))
        return lines
    lines.append(("preferences for what was shown first", share_text(told.first_place)))
    if told.both_orders:
        lines.append(
            ("alike in both orders", f"{share_text(told.consistency)}; {told.both_orders:,} pairs")
        )
    return lines


def _against(found: JudgeReport, against: Against) -> Iterator[Html]:
    agreement = against.agreement
    lines = [
        ("rows that have both", f"{agreement.rows:,}"),
        ("same number", share_text(agreement.exact)),
        ("kappa", correlation_text(agreement.kappa)),
        ("quadratic kappa", correlation_text(agreement.quadratic_kappa)),
        ("rank correlation", correlation_text(agreement.spearman)),
        ("at equal length of the answer", correlation_text(_alone(against.at_equal_length))),
        (f"what lengths alone tell of {against.name}", correlation_text(against.control.told)),
    ]
    if against.alike:
        lines.append(("mean difference", f"{against.difference:+.2f}"))
    yield _figures(lines)
    if against.steps:
        yield element("h3", f"Mean of {against.name}, number by number of {found.name}")
        yield calibration_chart(found.name, against)
        yield table(
            [found.name, ("rows", "right"), (f"mean {against.name}", "right"), ("from", "right"),
             ("to", "right")],
            [
                [step_text(step.low, step.high), f"{step.rows:,}", f"{step.label.value:.2f}",
                 f"{step.label.low:.2f}", f"{step.label.high:.2f}"]
                for step in against.steps
            ],
        )  # fmt: skip


def _alone(value: float) -> tuple[float, float, float]:
    return value, math.nan, math.nan


def _asked(asked: Sequence[Asked]) -> Iterator[Html]:
    for each in asked:
        by = f", by {without_folders(each.prompt)}" if each.prompt else ""
        lines = [("asked for", f"{each.feature}{by}")]
        lines += _coverage(each.coverage) if each.coverage else []
        lines += _retest(each.retest) if each.retest else []
        lines += [(name.strip(), str(told)) for name, told in spending_lines(each.spending)]
        if not math.isnan(each.spending.median_seconds):
            lines.append(("a reply took, in the middle", seconds(each.spending.median_seconds)))
        yield element("h3", short_name(each.judge))
        yield _figures(lines)


def _coverage(found: Coverage) -> list[Line]:
    return [
        ("probability on labels, on average", percent(found.mean)),
        ("a twentieth of the replies is below", percent(found.low)),
        (f"replies that reach {found.least:.0%}", f"{percent(found.enough)} of {found.replies:,}"),
    ]


def _retest(found: Retest) -> list[Line]:
    return [
        ("the same number when asked again", f"{share_text(found.equal)}; {found.answers:,} twice"),
        ("rank correlation of both", correlation_text(found.spearman)),
        ("mean difference of both", number_text(found.difference)),
    ]


def _method(found: JudgeReport) -> Iterator[Html]:
    text = f"""
    Shares have the 95 % interval of Wilson (1927). Those of correlations and kappas are the middle
    95 % of the same over rows drawn anew; there is none below 30 rows.

    Lengths: words of {found.lengths.rows:,} rows. What lengths alone tell is a plane over their
    logarithms, squares and product, fitted on four fifths of the rows and told of the last, five
    times.
    """
    if found.against is not None:
        text += """

    Bounds of a mean label hold it in at least 95 of 100 samples, whatever the distribution of the
    labels (Waudby-Smith and Ramdas 2024, hedged capital). Labels count as from the range that all
    of them have, and every line has bounds of its own.
    """
    if found.asked:
        text += """

    Tokens are those that the server counts. Money counts replies, failed tries, and what runs that
    were killed may have spent.
    """
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    yield element("ul", *(element("li", part) for part in parts if part))
