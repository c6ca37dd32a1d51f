"""What all pages on rows share: their style, the head, the cost and the line that makes them."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from assay.html import Child, Html, element, section
from assay.reports.rows import cards
from assay.version import __version__
from assay.wording import seconds

STYLE = (
    cards.STYLE
    + """
h1, p { overflow-wrap: anywhere; }
.big { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
  margin: 18px 0 6px; }
.big div { background: var(--panel); border-radius: 10px; padding: 12px 16px; }
.big b { display: block; font-size: 24px; font-weight: 650; }
.big span { color: var(--soft); font-size: 13.5px; }
.legend { font-size: 13.5px; margin: 6px 0 12px; }
.legend .item { margin-right: 16px; white-space: nowrap; }
.make-up { margin: 0 0 16px; }
.warning { border-left: 4px solid var(--c1); padding: 2px 0 2px 12px; }
pre { background: var(--panel); border-radius: 8px; padding: 12px 14px; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13.5px; }
code { font-size: 13px; overflow-wrap: anywhere; }
"""
)


def figures(numbers: Sequence[tuple[str, str]]) -> Html:
    """Return a few numbers in large type, each with what it is."""
    return element(
        "div", *(element("div", element("b", n), element("span", what)) for n, what in numbers),
        class_="big",
    )  # fmt: skip


def warnings(sentences: Sequence[str]) -> Iterator[Html]:
    """Yield what a reader should know first."""
    for sentence in sentences:
        yield element("p", sentence, class_="warning")


def making(stages: Mapping[str, float], command: Sequence[str], *facts: Child) -> Html:
    """Return what it cost, and the line that makes it again.

    Args:
        stages: seconds by what was done.
        command: words as they were typed; of a path from the root only the name is shown.
        facts: what else is said, a paragraph each.
    """
    took = ", ".join(f"{name} {seconds(value)}" for name, value in stages.items())
    shown = " ".join(_word(word) for word in command)
    return section(
        "How it was made",
        *(element("p", fact) for fact in facts),
        element("p", f"Time: {took}. What was computed before is not computed again."),
        element("pre", shown),
        element("p", f"Assay {__version__}", class_="soft"),
    )


def _word(word: str) -> str:
    """Return a word as it is typed; where something lies on one machine is not for others."""
    name, equals, value = word.partition("=")
    if equals and value.startswith(("/", "~")):
        return f"{name}={shlex.quote(Path(value).name)}"
    return shlex.quote(Path(word).name if word.startswith(("/", "~")) else word)
