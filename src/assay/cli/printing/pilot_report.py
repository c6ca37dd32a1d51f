"""What ``assay judge DATA METHOD`` says: replies to look at, and what all rows would take."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from assay.agreement.judge_wording import coverage_text, share_text, spending_lines
from assay.cli.console import facts, table
from assay.cli.printing.judge_report import described_spending
from assay.samples import Reason
from assay.wording import number_text, one_line, plain, short_count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.agreement.judge_replies import Exchange
    from assay.agreement.pilot import Estimate, Pilot, PilotRow

_SHOWN_WHOLE = 3
_LISTED = 12
_LONG = 900
_PART = 48


def describe_pilot(found: "Pilot") -> dict[str, Any]:
    """Return what came of a pilot, as data; every row with what was shown, said and read."""
    return {
        "method": found.method,
        "rows": found.rows,
        "sample": found.sample,
        "passing_rule": found.passing,
        "judges": [
            {
                "judge": part.judge,
                "feature": part.feature,
                "parsed": part.parsed._asdict(),
                "reasons": dict(part.reasons),
                "coverage": None if part.coverage is None else part.coverage._asdict(),
                "spending": described_spending(part.spending),
                "rest": _described_rest(part.rest),
            }
            for part in found.parts
        ],
        "replies": [_described_row(row) for row in found.shown],
    }


def _described_rest(rest: "Estimate") -> dict[str, Any]:
    from assay.components.money import NANO

    return {
        "rows": rest.rows,
        "requests": rest.requests,
        "tokens_in": rest.tokens_in,
        "tokens_out": rest.tokens_out,
        "cost": {
            "expected": rest.cost / NANO,
            "low": rest.low / NANO,
            "high": rest.high / NANO,
            "currency": rest.currency,
        },
        "seconds": rest.seconds,
    }


def _described_row(row: "PilotRow") -> dict[str, Any]:
    return {
        "id": row.id,
        "asked": row.asked,
        "answered": row.answered,
        "value": row.value,
        "reason": row.reason.name.lower(),
        "replies": [described_exchange(each) for each in row.exchanges],
        "read": [described_read(each) for each in row.read],
    }


def described_exchange(exchange: "Exchange") -> dict[str, Any]:
    """Return a request with its reply, as data."""
    return {
        "shown": [{"role": role, "text": text} for role, text in exchange.asked],
        "said": exchange.said,
        "outcome": exchange.outcome.name.lower(),
        "repeat": exchange.repeat,
        "key": exchange.stored.key.hex(),
    }


def described_read(told: Mapping[str, Any] | Reason) -> Any:
    """Return what was read of a reply, as data: numbers by name, or why there are none."""
    return told.name.lower() if isinstance(told, Reason) else dict(told)


def pilot_parts(found: "Pilot", *, full: bool) -> "Iterator[RenderableType]":
    """Yield what came of a pilot, for a reader.

    Args:
        found: a pilot.
        full: show what was shown to the judge to its end.
    """
    from rich.text import Text

    for row in found.shown[:_SHOWN_WHOLE]:
        yield from _row_whole(row, full=full)
    rest = found.shown[_SHOWN_WHOLE : _SHOWN_WHOLE + _LISTED]
    if rest:
        yield table(
            ["id", "asked", "answered", "said", "read"],
            [
                (row.id[:8], one_line(row.asked, _PART), one_line(row.answered, _PART),
                 one_line(_said(row), _PART), _worth(row))
                for row in rest
            ],
            wrap=False,
        )  # fmt: skip
        yield Text()
    yield facts(_lines(found))


def _row_whole(row: "PilotRow", *, full: bool) -> "Iterator[RenderableType]":
    from rich.padding import Padding
    from rich.text import Text

    yield Text(row.id[:8], style="bold")
    for exchange in row.exchanges[:1]:
        for role, text in exchange.asked:
            shown = text if full or len(text) <= _LONG else f"{text[:_LONG]}... (--full)"
            yield Text(f"shown as {role}", style="bold cyan")
            yield Padding(Text(plain(shown)), (0, 0, 0, 2))
    for exchange in row.exchanges:
        yield Text("said", style="bold green")
        said = exchange.said or exchange.outcome.name.lower().replace("_", " ")
        yield Padding(Text(plain(said if full else one_line(said, _LONG))), (0, 0, 0, 2))
    yield facts([("read", _worth(row))])
    yield Text()


def _said(row: "PilotRow") -> str:
    return " / ".join(
        each.said or each.outcome.name.lower().replace("_", " ") for each in row.exchanges
    )


def _worth(row: "PilotRow") -> str:
    """Return what was read of a row, in words."""
    told = [read_words(each) for each in row.read]
    if not math.isnan(row.value):
        return (
            number_text(row.value)
            if len(told) < 2
            else (f"{number_text(row.value)} of {', '.join(told)}")
        )
    if told:
        return ", ".join(told)
    return row.reason.name.lower().replace("_", " ")


def read_words(told: Mapping[str, Any] | Reason) -> str:
    """Return what was read of a reply, in words."""
    if isinstance(told, Reason):
        return told.name.lower().replace("_", " ")
    if len(told) == 1:
        return _value_text(next(iter(told.values())))
    return ", ".join(f"{name} {_value_text(value)}" for name, value in told.items())


def _value_text(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_text(float(value))
    return one_line(str(value), _PART)


def _lines(found: "Pilot") -> Iterator[tuple[str, object]]:
    from assay.progress import format_seconds

    yield "method", found.method
    yield "sample", f"{found.sample:,} of {found.rows:,} rows, at random"
    if found.passing is not None:
        yield "pass the rule", f"{found.passing:,} of these"
    for part in found.parts:
        yield "judge", part.judge
        yield "  parsed", f"{share_text(part.parsed)} of the rows it was asked about"
        for reason, count in part.reasons.items():
            yield f"  {reason.lower().replace('_', ' ')}", count
        if part.coverage is not None:
            yield "  on labels", coverage_text(part.coverage)
        yield from spending_lines(part.spending)
        rest = part.rest
        if not rest.rows:
            yield "still to ask", "nothing: every row has its judgment"
            continue
        told = f"{short_count(rest.tokens_in)} tokens in, {short_count(rest.tokens_out)} out"
        yield "still to ask", f"{rest.rows:,} rows, about {rest.requests:,.0f} requests, {told}"
        yield "  cost", rest.money()
        known = rest.seconds == rest.seconds
        yield (
            "  time",
            format_seconds(rest.seconds) if known else "not known: nothing was asked now",
        )
