"""What a method's guide says, as parts that the terminal prints and the pages show."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assay.components.base import Component
from assay.components.guide import Absent, Comparison, Guide

if TYPE_CHECKING:
    from rich.console import RenderableType

_INDENT = 2


def describe_guide(method: type[Component]) -> dict[str, Any] | None:
    """Return what a method's guide says, for programs; None if it has none.

    The rows of its example are left out: `assay.cli.printing.worked_example` computes them.
    """
    if method.guide is None:
        return None
    return method.guide.model_dump(exclude={"example"}) | {"example": has_example(method)}


def has_example(method: type[Component]) -> bool:
    """Return whether three rows are worked out for a method."""
    return method.guide is not None and method.guide.example is not None


def formula_part(guide: Guide) -> Iterator["RenderableType"]:
    """Yield the formula, line by line as it stands."""
    from rich.padding import Padding
    from rich.text import Text

    if not isinstance(guide.formula, Absent):
        yield Padding(Text(guide.formula, overflow="fold"), (0, 0, 1, _INDENT))


def advice(guide: Guide) -> Iterator[tuple[str, str]]:
    """Yield when to choose a method and when not to, with labels."""
    yield "choose it", plain_words(guide.choose)
    yield "avoid it", plain_words(guide.avoid)


def trust(guide: Guide) -> Iterator[tuple[str, str]]:
    """Yield what a method was compared with, and where it differs, with a label each."""
    if isinstance(guide.compared, Absent):
        yield "compared", f"with nothing: {plain_words(guide.compared.reason)}"
    else:
        for place, comparison in enumerate(guide.compared):
            yield "" if place else "compared", comparison_text(comparison)
    if isinstance(guide.differences, Absent):
        yield "differs", f"from nothing: {plain_words(guide.differences.reason)}"
    else:
        for place, (subject, text) in enumerate(guide.differences.items()):
            yield "" if place else "differs", f"{subject}: {plain_words(text)}"


def comparison_text(comparison: Comparison) -> str:
    """Return one comparison as a sentence."""
    return plain_words(f"with {comparison.against}: {comparison.compared} ({comparison.tolerance})")


def plain_words(text: str) -> str:
    """Return text without the back ticks around names, which only a page can show as code."""
    return text.replace("`", "")
