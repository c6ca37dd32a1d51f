"""Small pieces of Markdown that the generated pages share."""

import re
from collections.abc import Iterable, Sequence

GENERATED = "<!-- Written by `python -m scripts.make_docs`; edit what it is made from instead. -->"


def cell(text: object) -> str:
    """Return text as the content of one cell of a table."""
    plain = " ".join(str(text).split()).replace("|", "\\|")
    # Inside code an angle bracket stands for itself, elsewhere it would begin a tag.
    return re.sub(r"`[^`]*`|<", lambda found: found[0].replace("<", "&lt;", found[0] == "<"), plain)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join('--' for _ in heads)}|"]
    return lines + [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]


def page(*blocks: Sequence[str] | str) -> str:
    """Return blocks of lines, separated by an empty line, as a whole file."""
    texts = ["\n".join([block] if isinstance(block, str) else block) for block in blocks]
    return "\n\n".join([GENERATED, *(text.strip("\n") for text in texts if text)]) + "\n"
