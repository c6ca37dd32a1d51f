"""What ``assay judge batch`` says: what was handed in, what came back, what is under way."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assay.cli.console import facts
from assay.components.money import NANO, amount_text
from assay.wording import number_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.engine.judged_batches import BatchedFeature


def describe_batches(found: "Sequence[BatchedFeature]") -> list[dict[str, Any]]:
    """Return what came of each thing that was asked for, as data."""
    return [
        {
            "name": each.name,
            "currency": each.currency,
            **each.outcome._asdict(),
            "spent": each.outcome.spent / NANO,
            "said": list(each.outcome.said),
        }
        for each in found
    ]


def batch_parts(found: "Sequence[BatchedFeature]") -> "Iterator[RenderableType]":
    """Yield what came of each thing that was asked for, for a reader."""
    for each in found:
        told = each.outcome
        lines: list[tuple[str, object]] = [("asked for", each.name)]
        for name, count in (
            ("handed in", told.handed_in),
            ("  held back by the cap", told.held_back),
            ("taken down", told.kept),
            ("under way", told.open),
            ("without an answer", told.unanswered),
        ):
            if count or not name.startswith((" ", "without")):
                lines.append((name, number_of(count, "request")))
        lines.append(("spent", amount_text(told.spent, each.currency)))
        lines += [("the service says", said) for said in told.said]
        yield facts(lines)


def next_after(found: "Sequence[BatchedFeature]", again: str, score: str) -> str:
    """Return the line that goes on: the same one while anything is open, else that of the score.

    Args:
        found: what came of the call.
        again: the line that was called.
        score: the line that computes from the replies.
    """
    is_open = any(each.outcome.open or each.outcome.held_back for each in found)
    return again if is_open else score
