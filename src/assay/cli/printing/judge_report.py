"""What ``assay judge report`` says: ties, leanings, agreement, calibration, and the cost."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from assay.agreement.judge_wording import (
    conclusions,
    correlation_text,
    coverage_text,
    place_text,
    share_text,
    spending_lines,
    step_text,
)
from assay.cli.console import facts, table
from assay.wording import number_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.agreement.judge_report import Against, Asked, Cut, JudgeReport
    from assay.agreement.judge_spending import Money, Spending

Line = tuple[str, object]


def plain_data(value: Any) -> Any:
    """Return records as dictionaries and lists, for JSON."""
    import dataclasses

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain_data(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if hasattr(value, "_asdict"):
        return {name: plain_data(each) for name, each in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(name): plain_data(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(each) for each in value]
    return value


def describe_report(found: "JudgeReport") -> dict[str, Any]:
    """Return a report as data, amounts in units of their currency."""
    described: dict[str, Any] = plain_data(found)
    for asked, each in zip(described["asked"], found.asked, strict=True):
        asked["spending"] = described_spending(each.spending)
    described["conclusions"] = conclusions(found)
    return described


def described_spending(spending: "Spending") -> dict[str, Any]:
    """Return what replies have taken as data, amounts in units of their currency."""
    from assay.components.money import NANO

    described: dict[str, Any] = plain_data(spending)
    described["cost"], described["beside"] = spending.cost / NANO, spending.beside / NANO
    described["money"] = described_money(spending.money)
    return described


def described_money(money: "Money") -> dict[str, Any]:
    """Return money as data, amounts in units of its currency."""
    from assay.components.money import NANO

    amounts = {name: getattr(money, name) / NANO for name in ("settled", "lost", "open", "overrun")}
    return {"currency": money.currency, **amounts}


def report_parts(found: "JudgeReport") -> "Iterator[RenderableType]":
    """Yield a report, for a reader."""
    from rich.text import Text

    for line in conclusions(found):
        yield Text(f"- {line}")
    yield Text()
    yield facts([*_head(found), *_cut_lines(found.cut), *_length_lines(found)])
    if found.against is not None:
        yield Text()
        yield facts(_against_lines(found.against))
        if found.against.steps:
            yield Text()
            yield _steps(found.name, found.against)
    for asked in found.asked:
        yield Text()
        yield facts(_asked_lines(asked))


def _head(found: "JudgeReport") -> Iterator[Line]:
    by = f"by {found.method}" if found.asked else "imported"
    yield "score", f"{found.name}, {by}; {found.prefer} is better"
    yield "rows", f"{found.scored:,} of {found.rows:,} have a number"
    for reason, count in found.outcomes.items():
        yield f"  {reason.lower().replace('_', ' ')}", count
    if found.suspect:
        yield "  speak to a judge", found.suspect
    if found.asked:
        yield "read", f"{share_text(found.parsed)} of the rows that were asked about"
    middle = [number_text(found.quantiles[share]) for share in ("0.1", "0.5", "0.9")]
    yield "numbers", f"{middle[0]}, {middle[1]}, {middle[2]} at 10, 50 and 90 %"


def _cut_lines(cut: "Cut") -> Iterator[Line]:
    share = f", the commonest on {cut.commonest:,} rows" if cut.commonest > 1 else ""
    yield "ties", f"{cut.distinct:,} different numbers{share}"
    for border in cut.borders:
        side = "inside" if border.inside else "outside"
        yield (
            f"  {border.words}",
            f"{border.passing:,} pass; {border.at:,} rows are just there, {side}",
        )
    if cut.count:
        ties = cut.ties
        told = f"{ties.better:,} better than {number_text(ties.value)}, {ties.taken:,} of the "
        yield f"  the best {cut.count:,}", f"{told}{ties.tied:,} that have it ({cut.budget})"


def _length_lines(found: "JudgeReport") -> Iterator[Line]:
    lengths = found.lengths
    yield "length", "rank correlation with"
    yield "  words of the answer", correlation_text(lengths.answer)
    yield "  words of the prompt", correlation_text(lengths.prompt)
    yield "  what lengths alone tell", correlation_text(lengths.control.told)
    if found.verdicts is None:
        yield "place", place_text(found)
        return
    told = found.verdicts
    yield "place", f"{share_text(told.first_place)} of the preferences are for the first"
    if told.both_orders:
        yield (
            "  alike in both orders",
            f"{share_text(told.consistency)} of {told.both_orders:,} pairs",
        )


def _against_lines(against: "Against") -> Iterator[Line]:
    agreement = against.agreement
    yield f"against {against.name}", f"{agreement.rows:,} rows have both"
    yield "  same number", share_text(agreement.exact)
    yield "  kappa", correlation_text(agreement.kappa)
    yield "  quadratic kappa", correlation_text(agreement.quadratic_kappa)
    yield "  rank correlation", correlation_text(agreement.spearman)
    yield "  at equal length", correlation_text((against.at_equal_length,) + (math.nan,) * 2)
    yield "  what lengths alone tell", correlation_text(against.control.told)
    if against.alike:
        yield "  mean difference", f"{against.difference:+.2f}"


def _steps(name: str, against: "Against") -> "RenderableType":
    return table(
        [name, ("rows", "right"), (f"mean {against.name}", "right"), "95 % at least"],
        [
            (step_text(step.low, step.high), step.rows, f"{step.label.value:.2f}",
             f"{step.label.low:.2f} to {step.label.high:.2f}")
            for step in against.steps
        ],
    )  # fmt: skip


def _asked_lines(asked: "Asked") -> Iterator[Line]:
    from assay.progress import format_seconds

    by = f" by {asked.prompt}" if asked.prompt else ""
    yield "judge", f"{asked.judge}, asked for {asked.feature}{by}"
    if asked.coverage is not None:
        yield "  on labels", coverage_text(asked.coverage)
    if asked.retest is not None:
        again = asked.retest
        yield "  asked again", f"{share_text(again.equal)} of {again.answers:,} got the same number"
        yield "    rank correlation", correlation_text(again.spearman)
        yield "    mean difference", number_text(again.difference)
    yield from spending_lines(asked.spending)
    if not math.isnan(asked.spending.median_seconds):
        yield "  a reply took", f"{format_seconds(asked.spending.median_seconds)} in the middle"
