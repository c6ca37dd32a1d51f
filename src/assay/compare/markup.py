"""HTML and SVG from values: whatever is not markup already is escaped."""

from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


Child = str | None | Iterable["Child"]

_VOID = {"meta", "br", "hr"}


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: text, which is escaped, markup, None, or iterables of these.
        attributes: None leaves one out; numbers are rounded to two digits. A trailing underscore is
            dropped and others become hyphens, as in `class_` and `text_anchor`.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{words}>")
    return Markup(f"<{name}{words}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Return children one after the other as markup."""
    parts = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(str(child))
        elif isinstance(child, str):
            parts.append(escape(child, quote=False))
        elif child is not None:
            parts.append(str(join(child)))
    return Markup("".join(parts))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
